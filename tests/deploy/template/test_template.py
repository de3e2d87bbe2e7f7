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
    def test_template_passes_sam_validate(self):
        status, said = run("sam", "validate", "--lint", "--template", str(TEMPLATE))
        self.assertEqual(status, 0, said)
        self.assertIn("is a valid SAM Template", said)

    def test_template_passes_cfn_lint(self):
        self.assertEqual(run("cfn-lint", str(TEMPLATE)), (0, ""))

    def test_cfn_lint_reports_a_broken_reference(self):
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

    def test_every_resource_combination_passes_cfn_lint(self):
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

    def test_rules_refuse_invalid_parameter_combinations(self):
        for change, words in [
            ({"EmailFrom": ""}, "Email requires EmailFrom"),
            ({"EmailIdentity": ""}, "Email requires EmailIdentity"),
            ({"Media": "SMS", "CreateEmailIdentity": "true"}, "CreateEmailIdentity requires EMAIL in Media"),
            ({"Media": "SMS", "SignUpEmail": "DEVELOPER"}, "requires EMAIL in Media"),
            ({"SmsEntityId": "1101456789012345678"}, "must be set together"),
            ({"Metrics": "false"}, "require Metrics"),
            ({"UserPoolId": "us-east-1_abcDEF123", "WebAcl": "true"}, "created by this stack"),
        ]:
            with self.subTest(change=change):
                refusal = combinations.refusal(self.template, {**self.base, **change})
                self.assertIn(words, refusal or "")
        for change in [
            {},
            {"SignIn": "second-factor"},
            {"Media": "SMS", "EmailFrom": "", "EmailIdentity": ""},
            {"Metrics": "false", "Alarms": "false", "Dashboard": "false"},
            {"UserPoolId": "us-east-1_abcDEF123"},
        ]:
            with self.subTest(change=change):
                self.assertIsNone(combinations.refusal(self.template, {**self.base, **change}))

    def test_existing_pool_gets_only_the_functions(self):
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


class Pool(unittest.TestCase):
    """The pool that the stack makes has no way in that asks for no code."""

    MODES = ["passwordless", "second-factor"]
    # What a message to each medium of password recovery goes to.
    RECOVERY = {"verified_phone_number": "SMS", "verified_email": "EMAIL"}

    def made(self, resource, **change):
        template = combinations.load()
        given = {**combinations.defaults(template), **change}
        return combinations.made(template, given)["Resources"][resource]["Properties"]

    def media(self):
        return combinations.values(combinations.load(), "Media")

    def test_client_allows_custom_auth_and_refresh_alone(self):
        self.assertEqual(combinations.values(combinations.load(), "SignIn"), self.MODES)
        for mode in self.MODES:
            client = self.made("UserPoolClient", SignIn=mode)
            flows = ["ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
            self.assertEqual(client["ExplicitAuthFlows"], flows, mode)
            # Nor do managed login pages, which ask for no code.
            for name in ["AllowedOAuthFlows", "AllowedOAuthFlowsUserPoolClient"]:
                self.assertNotIn(name, client)
            self.assertEqual(self.made("UserPool", SignIn=mode)["MfaConfiguration"], "OFF")

    def test_recovery_goes_to_no_medium_of_codes(self):
        for mode in self.MODES:
            for media in self.media():
                pool = self.made("UserPool", SignIn=mode, Media=media)
                [mechanism] = pool["AccountRecoverySetting"]["RecoveryMechanisms"]
                expected = "admin_only"
                if (mode, media) == ("second-factor", "SMS"):
                    expected = "verified_email"
                self.assertEqual(mechanism, {"Name": expected, "Priority": 1}, (mode, media))
                self.assertNotIn(self.RECOVERY.get(expected), media.split(","))

    def test_session_outlives_its_code(self):
        template = combinations.load()
        validity = template["Resources"]["UserPoolClient"]["Properties"]["AuthSessionValidity"]
        of_lifetime = ["AuthSessions", {"Ref": "CodeLifetimeSeconds"}, "Minutes"]
        self.assertEqual(validity, {"Fn::FindInMap": of_lifetime})
        sessions = template["Mappings"]["AuthSessions"]
        lifetimes = combinations.values(template, "CodeLifetimeSeconds")
        self.assertEqual(list(sessions), [str(lifetime) for lifetime in lifetimes])
        for lifetime in lifetimes:
            minutes = sessions[str(lifetime)]["Minutes"]
            self.assertTrue(3 <= minutes <= 15, minutes)
            self.assertEqual(60 * minutes - lifetime, 120)


class Keys(unittest.TestCase):
    """The two generated secrets, and who has them."""

    def setUp(self):
        self.template = combinations.load()
        self.resources = self.template["Resources"]

    def test_only_code_key_follows_its_version(self):
        secrets = {
            name: json.dumps(resource)
            for name, resource in self.resources.items()
            if resource["Type"] == "AWS::SecretsManager::Secret"
        }
        self.assertEqual(sorted(secrets), ["CodeKey", "LedgerKey"])
        self.assertIn("${CodeKeyVersion}", secrets["CodeKey"])
        self.assertNotIn("CodeKeyVersion", secrets["LedgerKey"])
        for name in secrets:
            generated = self.resources[name]["Properties"]["GenerateSecretString"]
            self.assertGreaterEqual(generated["PasswordLength"], 64)

    def test_create_and_verify_have_both_keys_and_the_table_and_define_has_none(self):
        names = ["CODE_KEY", "LEDGER_KEY", "LEDGER_TABLE"]
        for function in ["CreateAuthChallenge", "VerifyAuthChallenge"]:
            variables = self.resources[function]["Properties"]["Environment"]["Variables"]
            self.assertEqual(
                {name: variables[name] for name in names},
                {
                    "CODE_KEY": {"Fn::Sub": "{{resolve:secretsmanager:${CodeKey}}}"},
                    "LEDGER_KEY": {"Fn::Sub": "{{resolve:secretsmanager:${LedgerKey}}}"},
                    "LEDGER_TABLE": {"Ref": "Ledger"},
                },
            )
        define = self.resources["DefineAuthChallenge"]["Properties"]["Environment"]["Variables"]
        self.assertEqual(set(define) & set(names), set())

    def test_ledger_can_be_replaced(self):
        # CloudFormation makes the new table before it deletes the old one: they need two names.
        ledger = self.resources["Ledger"]["Properties"]
        self.assertNotIn("TableName", ledger)
        self.assertEqual(ledger["KeySchema"], [{"AttributeName": "key", "KeyType": "HASH"}])
        time_to_live = {"AttributeName": "expires_at", "Enabled": True}
        self.assertEqual(ledger["TimeToLiveSpecification"], time_to_live)

    def test_functions_end_when_cognito_gives_up(self):
        self.assertEqual(self.template["Globals"]["Function"]["Timeout"], 5)
        for function in ["DefineAuthChallenge", "CreateAuthChallenge", "VerifyAuthChallenge"]:
            self.assertNotIn("Timeout", self.resources[function]["Properties"])


def sources(package, pattern="*.rs"):
    """The source of a package, without its tests."""
    files = sorted((ROOT / package / "src").rglob(pattern))
    return "".join(file.read_text().partition("#[cfg(test)]")[0] for file in files)


def methods(source):
    """The body of each function of a source by its name (of all, if several have it), with those of
    the methods of its own that it calls."""
    parts = re.split(r"\bfn (\w+)", source)
    bodies = {}
    for name, body in zip(parts[1::2], parts[2::2]):
        bodies[name] = bodies.get(name, "") + body

    def whole(name, seen):
        inner = set(re.findall(r"\bself\.(\w+)\(", bodies[name])) & set(bodies) - seen
        return bodies[name] + "".join(whole(each, seen | inner | {name}) for each in sorted(inner))

    return {name: whole(name, {name}) for name in bodies}


def actions(service, source):
    """The operations of `service` that `source` calls, as IAM's actions: a call is a method without
    arguments that is named like an operation."""
    called = set(re.findall(r"\.(\w+)\(\)", source))
    model = botocore.session.get_session().get_service_model(service)
    return {
        f"{'ses' if service == 'sesv2' else service}:{operation}"
        for operation in model.operation_names
        if re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower() in called
    }


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
    ADMITS = {"dynamodb:BatchGetItem", "dynamodb:PutItem"}
    CONSUMES = {"dynamodb:UpdateItem"}

    def test_each_function_may_do_its_part_alone(self):
        for media in ["SMS,EMAIL", "SMS", "EMAIL"]:
            policies = self.policies(Media=media)
            self.assertEqual(set(policies["DefineAuthChallengeRole"]), self.LOGS)
            self.assertEqual(set(policies["VerifyAuthChallengeRole"]), self.LOGS | self.CONSUMES)
            create = set(policies["CreateAuthChallengeRole"])
            sends = {"sns:Publish"} if "SMS" in media else set()
            sends |= {"ses:SendEmail"} if "EMAIL" in media else set()
            self.assertEqual(create, self.LOGS | self.ADMITS | sends)

    def test_ledger_permissions_are_for_the_table_alone(self):
        own_key = combinations.EXAMPLES["KmsKeyArn"]
        policies = self.policies(PointInTimeRecovery="true", KmsKeyArn=own_key)
        table = {"Fn::GetAtt": ["Ledger", "Arn"]}
        tables = {
            (name, action): resource
            for name, actions in policies.items()
            for action, resource in actions.items()
            if action.startswith("dynamodb:")
        }
        expected = {("CreateAuthChallengeRole", action): table for action in self.ADMITS}
        expected |= {("VerifyAuthChallengeRole", action): table for action in self.CONSUMES}
        self.assertEqual(tables, expected)

    def test_sns_publish_excludes_topics(self):
        of_topics = {"not": {"Fn::Sub": "arn:${AWS::Partition}:sns:*:*:*"}}
        policies = self.policies()
        self.assertEqual(policies["CreateAuthChallengeRole"]["sns:Publish"], of_topics)
        self.assertEqual(policies["UserPoolSmsRole"], {"sns:Publish": of_topics})

    def test_ses_send_is_limited_to_one_identity(self):
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

    def test_only_tracing_permissions_have_a_wildcard(self):
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

    def test_permissions_match_the_calls_in_the_code(self):
        roles = {"define": "DefineAuthChallengeRole", "verify": "VerifyAuthChallengeRole"}
        roles["create"] = "CreateAuthChallengeRole"
        policies = self.policies(EmailTemplate="T", EmailConfigurationSet="C")
        # Rights without a call of that name: the runtime logs, and SES asks for a right of another
        # name when a mail is made from a template.
        besides = self.LOGS | {"ses:SendTemplatedEmail"}
        for function, role in roles.items():
            allowed = set(policies[role]) - besides
            self.assertEqual(allowed, self.calls(f"{function}-auth-challenge"), function)

    def calls(self, package):
        """The operations of AWS that a package calls, as IAM's actions: its own calls, and those of
        the store's methods that it uses."""
        dependencies = tomllib.loads((ROOT / package / "Cargo.toml").read_text())["dependencies"]
        source = sources(package)
        # What the store does for it: directly, or through the ledger's admission.
        uses = set(re.findall(r"\bstore\s*\.(\w+)\(", source))
        if re.search(r"\bLedger::new\(", source):
            uses |= set(re.findall(r"\bstore\s*\.(\w+)\(", sources("ledger", "admission.rs")))
        store = methods(sources("ledger", "dynamodb.rs"))
        self.assertLessEqual({"read", "write", "consume"}, set(store))
        called = {"dynamodb": "".join(store[name] for name in uses & set(store))}
        called |= {
            name.removeprefix("aws-sdk-"): source
            for name in dependencies
            if name.startswith("aws-sdk-") and name != "aws-sdk-dynamodb"
        }
        return {action for service, text in called.items() for action in actions(service, text)}

    def test_only_the_user_pool_may_invoke_the_functions(self):
        resources = combinations.load()["Resources"].values()
        permissions = [r for r in resources if r["Type"] == "AWS::Lambda::Permission"]
        self.assertEqual(len(permissions), 3)
        for permission in permissions:
            properties = permission["Properties"]
            self.assertEqual(properties["Principal"], "cognito-idp.amazonaws.com")
            self.assertEqual(properties["SourceAccount"], {"Ref": "AWS::AccountId"})
            arn, names = properties["SourceArn"]["Fn::Sub"]
            self.assertTrue(arn.endswith(":userpool/${Pool}"), arn)
            pool = {"Fn::If": ["CreatesPool", {"Ref": "UserPool"}, {"Ref": "UserPoolId"}]}
            self.assertEqual(names, {"Pool": pool})
