"""The template is valid, in every combination of parameters that makes other resources of it."""

import json
import os
import re
import subprocess
import tempfile
import tomllib
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import botocore.session
import combinations
from combinations import ROOT, TEMPLATE

# In seconds.
LINT_LIMIT = 10 * 60

# Neither tool asks AWS anything, but both want to know where.
ENVIRONMENT = {
    **os.environ,
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nothing",
    "SAM_CLI_TELEMETRY": "0",
}

# Of a parameter or a table that a combination has no use for.
UNUSED = ["W2001", "W7001"]


def run(*command):
    """Runs a tool; gives back its status and what it said."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LINT_LIMIT,
    )
    return done.returncode, done.stdout


class Lint(unittest.TestCase):
    def test_sam_validates_it(self):
        status, said = run("sam", "validate", "--lint", "--template", str(TEMPLATE))
        self.assertEqual(status, 0, said)
        self.assertIn("is a valid SAM Template", said)

    def test_cfn_lint_finds_nothing(self):
        self.assertEqual(run("cfn-lint", str(TEMPLATE)), (0, ""))

    def test_cfn_lint_finds_what_is_wrong(self):
        broken = TEMPLATE.read_text().replace("!GetAtt Ledger.Arn", "!GetAtt Leger.Arn")
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory, "template.yaml")
            file.write_text(broken)
            status, said = run("cfn-lint", str(file))
        self.assertNotEqual(status, 0)
        self.assertIn("Leger", said)


class Combinations(unittest.TestCase):
    def setUp(self):
        self.template = combinations.load()
        self.base = combinations.defaults(self.template)

    def test_every_set_of_resources_lints(self):
        whole, parts = combinations.switches(self.template)
        self.assertIn("UserPoolId", whole)
        self.assertIn("SignIn", parts)
        sets = {}
        count = 0
        for given in combinations.combinations(self.template, whole, self.base):
            count += 1
            made = combinations.made(self.template, given)
            sets.setdefault(frozenset(made["Resources"]), given)
        others = [
            {name: each[0] for name, each in self.of(parts).items()},
            {name: each[-1] for name, each in self.of(parts).items()},
        ]
        print(f"{count} combinations make {len(sets)} sets of resources", flush=True)
        self.assertGreater(len(sets), 100)
        with tempfile.TemporaryDirectory() as directory:
            files = []
            for number, given in enumerate(sets.values()):
                # Parts of resources are switched from one set to the next.
                with_parts = {**given, **others[number % 2]}
                if combinations.refusal(self.template, with_parts):
                    with_parts = {**given, **others[0]}
                self.assertIsNone(combinations.refusal(self.template, with_parts), with_parts)
                file = Path(directory, f"{number}.json")
                file.write_text(json.dumps(combinations.made(self.template, with_parts)))
                files.append(str(file))
            processors = os.cpu_count() or 1
            shares = [files[n::processors] for n in range(processors)]
            lint = ["cfn-lint", "--ignore-checks", *UNUSED, "--"]
            with ThreadPoolExecutor(processors) as pool:
                for status, said in pool.map(lambda share: run(*lint, *share), shares):
                    self.assertEqual(status, 0, said[:2000])

    def of(self, names):
        return {name: combinations.values(self.template, name) for name in names}

    def test_the_rules_refuse_what_cannot_work(self):
        for change, words in [
            ({"EmailFrom": ""}, "E-mails need EmailFrom"),
            ({"EmailIdentity": ""}, "E-mails need EmailIdentity"),
            ({"Media": "SMS", "CreateEmailIdentity": "true"}, "of no use while Media is SMS"),
            ({"Media": "SMS", "SignUpEmail": "DEVELOPER"}, "needs EMAIL among Media"),
            ({"SmsEntityId": "1101456789012345678"}, "go together"),
            ({"Metrics": "false"}, "need Metrics"),
            ({"UserPoolId": "us-east-1_abcDEF123", "WebAcl": "true"}, "that this stack makes"),
        ]:
            with self.subTest(change=change):
                refusal = combinations.refusal(self.template, {**self.base, **change})
                self.assertIn(words, refusal or "")
        for change in [
            {},
            {"Media": "SMS", "EmailFrom": "", "EmailIdentity": ""},
            {"Metrics": "false", "Alarms": "false", "Dashboard": "false"},
            {"UserPoolId": "us-east-1_abcDEF123"},
        ]:
            with self.subTest(change=change):
                self.assertIsNone(combinations.refusal(self.template, {**self.base, **change}))

    def test_an_existing_pool_gets_the_functions_alone(self):
        given = {**self.base, "UserPoolId": "us-east-1_abcDEF123", "Alarms": "false"}
        made = combinations.made(self.template, {**given, "Dashboard": "false"})
        types = sorted({resource["Type"] for resource in made["Resources"].values()})
        self.assertEqual(
            types,
            [
                "AWS::DynamoDB::Table",
                "AWS::IAM::Role",
                "AWS::Lambda::Permission",
                "AWS::Logs::LogGroup",
                "AWS::SecretsManager::Secret",
                "AWS::Serverless::Function",
            ],
        )


class Sessions(unittest.TestCase):
    def test_a_session_outlives_its_code(self):
        template = combinations.load()
        sessions = template["Mappings"]["AuthSessions"]
        lifetimes = combinations.values(template, "CodeLifetimeSeconds")
        self.assertEqual(list(sessions), [str(lifetime) for lifetime in lifetimes])
        for lifetime in lifetimes:
            minutes = sessions[str(lifetime)]["Minutes"]
            self.assertTrue(3 <= minutes <= 15, minutes)
            self.assertEqual(60 * minutes - lifetime, 120)


class Rights(unittest.TestCase):
    """Who may do what, in every combination of the parameters that decide it."""

    def policies(self, **change):
        template = combinations.load()
        given = {**combinations.defaults(template), **change}
        resources = combinations.made(template, given)["Resources"]
        return {
            name: {
                action: statement.get("Resource", {"not": statement.get("NotResource")})
                for policy in resource["Properties"].get("Policies", [])
                for statement in policy["PolicyDocument"]["Statement"]
                for action in (
                    statement["Action"]
                    if isinstance(statement["Action"], list)
                    else [statement["Action"]]
                )
            }
            for name, resource in resources.items()
            if resource["Type"] == "AWS::IAM::Role"
        }

    LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
    LEDGER = {"dynamodb:GetItem", "dynamodb:PutItem"}

    def test_define_and_verify_have_their_logs_alone(self):
        for media in ["SMS,EMAIL", "SMS", "EMAIL"]:
            policies = self.policies(Media=media)
            for name in ["DefineAuthChallengeRole", "VerifyAuthChallengeRole"]:
                self.assertEqual(set(policies[name]), self.LOGS)
            create = set(policies["CreateAuthChallengeRole"])
            sends = {"sns:Publish"} if "SMS" in media else set()
            sends |= {"ses:SendEmail"} if "EMAIL" in media else set()
            self.assertEqual(create, self.LOGS | self.LEDGER | sends)

    def test_texts_go_to_numbers_and_not_to_topics(self):
        of_topics = {"not": {"Fn::Sub": "arn:${AWS::Partition}:sns:*:*:*"}}
        policies = self.policies()
        self.assertEqual(policies["CreateAuthChallengeRole"]["sns:Publish"], of_topics)
        self.assertEqual(policies["UserPoolSmsRole"], {"sns:Publish": of_topics})

    def test_e_mail_is_sent_from_one_identity(self):
        arn = "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:"
        identity = {"Fn::Sub": f"{arn}identity/${{EmailIdentity}}"}
        create = self.policies()["CreateAuthChallengeRole"]
        self.assertEqual(create["ses:SendEmail"], [identity])
        create = self.policies(EmailTemplate="T", EmailConfigurationSet="C")
        create = create["CreateAuthChallengeRole"]
        sent_with = [
            identity,
            {"Fn::Sub": f"{arn}configuration-set/${{EmailConfigurationSet}}"},
            {"Fn::Sub": f"{arn}template/${{EmailTemplate}}"},
        ]
        self.assertEqual(create["ses:SendEmail"], sent_with)
        self.assertEqual(create["ses:SendTemplatedEmail"], sent_with)

    def test_nothing_but_tracing_has_a_star(self):
        tracing = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
        for traced in ["false", "true"]:
            policies = self.policies(Tracing=traced, IdentityPool="with-guests")
            stars = {
                action
                for rights in policies.values()
                for action, resource in rights.items()
                if "*" in action or resource == "*" or "*" in resource
            }
            self.assertEqual(stars, tracing if traced == "true" else set())
            self.assertEqual(policies["GuestRole"], {})
            self.assertEqual(policies["SignedInRole"], {})

    def test_what_is_allowed_is_what_the_code_calls(self):
        roles = {"define": "DefineAuthChallengeRole", "verify": "VerifyAuthChallengeRole"}
        roles["create"] = "CreateAuthChallengeRole"
        policies = self.policies(EmailTemplate="T", EmailConfigurationSet="C")
        # Rights without a call of that name: the runtime logs, and SES asks for a right of another
        # name when a mail is made from a template.
        besides = self.LOGS | {"ses:SendTemplatedEmail"}
        for function, role in roles.items():
            self.assertEqual(set(policies[role]) - besides, self.calls(f"{function}-auth-challenge"))

    def calls(self, package):
        """The operations of AWS that a package calls, as IAM's actions.

        A call is a method without arguments, named like an operation of a service whose SDK the
        package depends on.
        """
        manifest = tomllib.loads((ROOT / package / "Cargo.toml").read_text())
        source = "".join(file.read_text() for file in (ROOT / package / "src").rglob("*.rs"))
        methods = set(re.findall(r"\.(\w+)\(\)", source))
        services = [
            name.removeprefix("aws-sdk-")
            for name in manifest["dependencies"]
            if name.startswith("aws-sdk-")
        ]
        session = botocore.session.get_session()
        return {
            f"{'ses' if service == 'sesv2' else service}:{operation}"
            for service in services
            for operation in session.get_service_model(service).operation_names
            if re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower() in methods
        }

    def test_only_the_pool_may_call(self):
        resources = combinations.load()["Resources"].values()
        permissions = [r for r in resources if r["Type"] == "AWS::Lambda::Permission"]
        self.assertEqual(len(permissions), 3)
        for permission in permissions:
            properties = permission["Properties"]
            self.assertEqual(properties["Principal"], "cognito-idp.amazonaws.com")
            self.assertEqual(properties["SourceAccount"], {"Ref": "AWS::AccountId"})
            arn, names = properties["SourceArn"]["Fn::Sub"]
            self.assertTrue(arn.endswith(":userpool/${Pool}"), arn)
            pool = {"Fn::If": ["MakesPool", {"Ref": "UserPool"}, {"Ref": "UserPoolId"}]}
            self.assertEqual(names, {"Pool": pool})
