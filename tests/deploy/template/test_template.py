"""The template is valid, in every combination of parameters that makes other resources of it."""

import graphlib
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
        for name in ["UserPoolId", "SignIn", "SignUp"]:
            self.assertIn(name, whole)
        self.assertIn("EmailTemplate", parts)
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
            ({"SignUp": "code", "SignIn": "second-factor"}, "it would set the first factor aside"),
            ({"SignUp": "code", "SignIn": "second-factor"}, "Set SignUp to cognito or closed"),
            ({"SignUp": "code", "SignUpEmail": "DEVELOPER"}, "requires SignUp=cognito"),
            ({"SignUp": "closed", "SignUpEmail": "DEVELOPER"}, "requires SignUp=cognito"),
            # SignUp is code then.
            ({"SignUpEmail": "DEVELOPER"}, "requires SignUp=cognito"),
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
            {"SignIn": "second-factor", "SignUp": "closed"},
            {"SignIn": "second-factor", "SignUpEmail": "DEVELOPER"},
            {"SignUp": "code", "UserPoolId": "us-east-1_abcDEF123"},
            {"SignUp": "cognito", "SignUpEmail": "DEVELOPER"},
            {"UserPoolId": "us-east-1_abcDEF123", "SignUpEmail": "DEVELOPER"},
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


EXISTING = "us-east-1_abcDEF123"
MODES = ["passwordless", "second-factor"]
FUNCTIONS = ["DefineAuthChallenge", "CreateAuthChallenge", "VerifyAuthChallenge", "PreSignUp"]


def sign_ups(**change):
    """Each choice of SignUp, SignIn and UserPoolId that the rules allow: what SIGN_UP is then, the
    parameters, and the template that they make."""
    template = combinations.load()
    base = {**combinations.defaults(template), **change}
    for given in combinations.combinations(template, ["SignUp", "SignIn", "UserPoolId"], base):
        automatic = "cognito"
        if not given["UserPoolId"] and given["SignIn"] == "passwordless":
            automatic = "code"
        yield given["SignUp"] or automatic, given, combinations.made(template, given)


def dependencies(value, names):
    """Those of `names` that a part of a template refers to."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "Ref" and isinstance(inner, str):
                yield from {inner} & names
            elif name == "Fn::GetAtt":
                yield from {inner[0]} & names
            elif name == "Fn::Sub":
                text, own = inner if isinstance(inner, list) else (inner, {})
                yield from (set(re.findall(r"\$\{(\w+)", text)) - set(own)) & names
                yield from dependencies(own, names)
            else:
                yield from dependencies(inner, names)
    elif isinstance(value, list):
        for inner in value:
            yield from dependencies(inner, names)


def order(resources):
    """An order in which CloudFormation can make the resources; fails if some wait in a circle."""
    names = set(resources)
    waits = {name: set(dependencies(each, names)) for name, each in resources.items()}
    return list(graphlib.TopologicalSorter(waits).static_order())


def widgets(made):
    """The widgets of the dashboard of a made template, by their titles. They do not overlap."""
    body, own = made["Resources"]["DashboardResource"]["Properties"]["DashboardBody"]["Fn::Sub"]
    for name, lines in own.items():
        body = body.replace(f"${{{name}}}", lines["Fn::Sub"] if lines else "")
    shown = json.loads(body)["widgets"]
    places = [(w["x"] + x, w["y"] + y) for w in shown for x in range(w["width"]) for y in range(w["height"])]
    assert len(places) == len(set(places)), "widgets overlap"
    assert all(x < 24 for x, _ in places), "a widget is beyond the edge"
    by_title = {widget["properties"]["title"]: widget for widget in shown}
    assert len(by_title) == len(shown), "two widgets have one title"
    return by_title


class SignUp(unittest.TestCase):
    """What each way to sign up makes of the stack."""

    # Logical ids that there are with SIGN_UP=code alone.
    OF_CODE = {"PreSignUp", "PreSignUpLogs", "PreSignUpPermission", "PreSignUpRole", "SignUpPolicy"}

    def test_automatic_value_is_code_for_a_new_passwordless_pool_alone(self):
        seen = set()
        for sign_up, given, made in sign_ups():
            choice = (given["SignUp"], given["SignIn"], given["UserPoolId"])
            seen.add((*choice, sign_up))
            variables = made["Globals"]["Function"]["Environment"]["Variables"]
            self.assertEqual(variables["SIGN_UP"], sign_up, choice)
            self.assertEqual(variables["SIGN_IN"], {"Ref": "SignIn"})
        # All of 4, 2 and 2, but the two that are refused.
        self.assertEqual(len(seen), 14)
        self.assertIn(("", "passwordless", "", "code"), seen)
        self.assertIn(("", "second-factor", "", "cognito"), seen)
        self.assertIn(("", "passwordless", EXISTING, "cognito"), seen)
        self.assertNotIn("second-factor", [mode for _, mode, _, sign_up in seen if sign_up == "code"])

    def test_pre_sign_up_exists_with_code_alone(self):
        for sign_up, given, made in sign_ups():
            with self.subTest(sign_up=sign_up, pool=given["UserPoolId"]):
                expected = self.OF_CODE if sign_up == "code" else set()
                self.assertEqual(self.OF_CODE & set(made["Resources"]), expected)
                self.assertEqual("PreSignUpArn" in made["Outputs"], sign_up == "code")
                self.assertIn("VerifyAuthChallengeArn", made["Outputs"])

    def test_pre_sign_up_reads_its_settings_and_no_key(self):
        variables = {}
        for sign_up, _, made in sign_ups():
            if sign_up == "code":
                properties = made["Resources"]["PreSignUp"]["Properties"]
                variables = properties["Environment"]["Variables"]
        self.assertEqual(
            variables, {"MEDIA": {"Ref": "Media"}, "SMS_COUNTRIES": {"Ref": "SmsCountries"}}
        )

    def test_cognito_sends_nothing_unless_it_confirms_sign_ups(self):
        attributes = {"SMS": "phone_number", "EMAIL": "email"}
        for media in combinations.values(combinations.load(), "Media"):
            for sign_up, given, made in sign_ups(Media=media):
                if given["UserPoolId"]:
                    self.assertNotIn("UserPool", made["Resources"])
                    self.assertNotIn("UserPoolSmsRole", made["Resources"])
                    continue
                with self.subTest(sign_up=sign_up, media=media):
                    pool = made["Resources"]["UserPool"]["Properties"]
                    verified = []
                    if sign_up == "cognito":
                        verified = [attributes[m] for m in attributes if m in media.split(",")]
                    self.assertEqual(pool["AutoVerifiedAttributes"], verified)
                    before = pool["UserAttributeUpdateSettings"]
                    self.assertEqual(before, {"AttributesRequireVerificationBeforeUpdate": verified})
                    sends = "phone_number" in verified
                    self.assertEqual("SmsConfiguration" in pool, sends)
                    # No role that Cognito may take on.
                    self.assertEqual("UserPoolSmsRole" in made["Resources"], sends)
                    roles = [r for r in made["Resources"].values() if r["Type"] == "AWS::IAM::Role"]
                    self.assertEqual("cognito-idp.amazonaws.com" in json.dumps(roles), sends)

    def test_sign_up_is_open_unless_closed(self):
        for sign_up, given, made in sign_ups():
            if given["UserPoolId"]:
                continue
            with self.subTest(sign_up=sign_up):
                pool = made["Resources"]["UserPool"]["Properties"]
                only = pool["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"]
                self.assertIs(only, sign_up == "closed")
                triggers = ["DefineAuthChallenge", "CreateAuthChallenge", "VerifyAuthChallengeResponse"]
                triggers += ["PreSignUp"] if sign_up == "code" else []
                self.assertEqual(list(pool["LambdaConfig"]), triggers)

    def test_developer_email_is_for_sign_up_by_cognito(self):
        accounts = {}
        for sender in combinations.values(combinations.load(), "SignUpEmail"):
            for sign_up, given, made in sign_ups(SignUpEmail=sender):
                if not given["UserPoolId"]:
                    pool = made["Resources"]["UserPool"]["Properties"]
                    account = pool["EmailConfiguration"]["EmailSendingAccount"]
                    accounts.setdefault((sender, sign_up), set()).add(account)
        expected = {("COGNITO_DEFAULT", mode): {"COGNITO_DEFAULT"} for mode in ["code", "cognito", "closed"]}
        self.assertEqual(accounts, {**expected, ("DEVELOPER", "cognito"): {"DEVELOPER"}})

    def test_every_choice_passes_cfn_lint(self):
        with tempfile.TemporaryDirectory() as directory:
            files = []
            for media in ["SMS,EMAIL", "SMS", "EMAIL"]:
                for _, _, made in sign_ups(Media=media):
                    file = Path(directory, f"{len(files)}.json")
                    file.write_text(json.dumps(made))
                    files.append(str(file))
            self.assertEqual(len(files), 3 * 14)
            lint = ["cfn-lint", "--ignore-checks", *UNUSED, "--", *files]
            self.assertEqual(run(*lint), (0, ""))

    def test_no_resources_wait_in_a_circle(self):
        for sign_up, given, made in sign_ups():
            with self.subTest(sign_up=sign_up, pool=given["UserPoolId"]):
                resources = made["Resources"]
                made_in = order(resources)
                self.assertEqual(set(made_in), set(resources))
                if sign_up != "code":
                    continue
                after = made_in.index("SignUpPolicy")
                self.assertLess(made_in.index("VerifyAuthChallengeRole"), after)
                if given["UserPoolId"]:
                    continue
                self.assertLess(made_in.index("UserPool"), after)
                # In the role itself, the policy would make one.
                document = resources["SignUpPolicy"]["Properties"]["PolicyDocument"]
                inside = {"PolicyName": "sign-up", "PolicyDocument": document}
                resources["VerifyAuthChallengeRole"]["Properties"]["Policies"].append(inside)
                with self.assertRaises(graphlib.CycleError):
                    order(resources)

    def test_alarms_compute_with_the_metrics_that_they_have(self):
        for sign_up, _, made in sign_ups():
            names = ["FaultsAlarm", "ThrottlesAlarm", "RefusedAlarm"]
            names += ["ContactNotVerifiedAlarm"] if sign_up == "code" else []
            for name in names:
                metrics = made["Resources"][name]["Properties"]["Metrics"]
                [expression] = [m["Expression"] for m in metrics if "Expression" in m]
                if isinstance(expression, dict):
                    space, parts = expression["Fn::Join"]
                    expression = space.join(parts)
                used = set(re.findall(r"FILL\((\w+), 0\)", expression))
                ids = [metric["Id"] for metric in metrics if "MetricStat" in metric]
                self.assertEqual(sorted(used), sorted(ids), name)
                if name in ("FaultsAlarm", "ThrottlesAlarm"):
                    self.assertEqual("pre_sign_up" in ids, sign_up == "code", name)

    def test_dashboard_shows_pre_sign_up_where_there_is_one(self):
        for sign_up, _, made in sign_ups():
            shown = widgets(made)
            metrics = shown["Errors and throttles"]["properties"]["metrics"]
            functions = {metric[3] for metric in metrics}
            names = FUNCTIONS if sign_up == "code" else FUNCTIONS[:3]
            self.assertEqual(functions, {f"${{{name}}}" for name in names})
            title = "Sign-ups and the marking of contacts"
            self.assertEqual(title in shown, sign_up == "code")


class SpendGuard(unittest.TestCase):
    """The settings of what bounds messages, and what the operator sees of it."""

    SETTINGS = {
        "PUBLIC_LIMITS": "PublicLimits",
        "WHEN_LIMITED": "WhenLimited",
        "SPEND_GUARD": "SpendGuard",
        "SPEND_CREDIT": "SpendCredit",
        "COUNTRY_LIMIT": "CountryLimit",
    }

    def setUp(self):
        self.template = combinations.load()
        self.base = combinations.defaults(self.template)

    def made(self, **change):
        given = {**self.base, **change}
        self.assertIsNone(combinations.refusal(self.template, given))
        return combinations.made(self.template, given)

    def test_create_alone_reads_the_settings(self):
        resources = self.template["Resources"]
        variables = {
            function: resources[function]["Properties"]["Environment"]["Variables"]
            for function in FUNCTIONS
        }
        for name, parameter in self.SETTINGS.items():
            readers = [function for function in FUNCTIONS if name in variables[function]]
            self.assertEqual(readers, ["CreateAuthChallenge"], name)
            self.assertEqual(variables["CreateAuthChallenge"][name], {"Ref": parameter})
        everyones = self.template["Globals"]["Function"]["Environment"]["Variables"]
        self.assertEqual(set(everyones) & set(self.SETTINGS), set())

    def test_each_mode_is_text_and_the_guard_enforces_by_default(self):
        self.assertEqual(combinations.values(self.template, "SpendGuard"), ["enforce", "record", "off"])
        self.assertEqual(combinations.values(self.template, "WhenLimited"), ["hold", "fail"])
        defaults = {name: self.base[name] for name in self.SETTINGS.values()}
        self.assertEqual(
            defaults,
            {
                "PublicLimits": "4/15m,15/1d",
                "WhenLimited": "hold",
                "SpendGuard": "enforce",
                "SpendCredit": "100/20/500",
                "CountryLimit": "2000/1h",
            },
        )

    def test_patterns_take_what_create_takes_and_refuse_the_rest(self):
        for name, possible, impossible in [
            (
                "PublicLimits",
                ["4/15m,15/1d", "1/1s", "100/30d"],
                ["", "4", "4/15", "4/15m,", "4/15m 15/1d", "-1/1h", "4/15w"],
            ),
            (
                "SpendCredit",
                ["100/20/500", "1/1/1", "600/30/3000", "1000000/1000000/1000000"],
                ["", "100", "100/20", "100/20/500/1", "0/20/500", "100/0/500", "1000001/1/1", "1.5/1/1"],
            ),
            (
                "CountryLimit",
                ["2000/1h", "1/1h", "1000000/1h"],
                ["", "2000", "0/1h", "2000/1d", "2000/2h", "1000001/1h", "2000/1h,1/1h"],
            ),
        ]:
            pattern = self.template["Parameters"][name]["AllowedPattern"]
            self.assertRegex(self.base[name], pattern)
            for value in possible:
                self.assertTrue(re.search(pattern, value), (name, value))
            for value in impossible:
                self.assertFalse(re.search(pattern, value), (name, value))

    def test_alarm_watches_what_the_guard_refuses_or_would_refuse(self):
        for mode, metric in [
            ("enforce", "SpendRefused"),
            ("record", "SpendWouldRefuse"),
            ("off", "SpendRefused"),
        ]:
            resources = self.made(SpendGuard=mode)["Resources"]
            for name, expected in [("SpendRefusedAlarm", metric), ("SpendLowAlarm", "SpendLow")]:
                alarm = resources[name]["Properties"]
                self.assertEqual(alarm["MetricName"], expected, mode)
                # The sum over all countries and classes, which is the one without dimensions.
                self.assertNotIn("Dimensions", alarm)
                self.assertEqual((alarm["Statistic"], alarm["Period"]), ("Sum", 300))
                self.assertEqual((alarm["EvaluationPeriods"], alarm["Threshold"]), (1, 1))
                self.assertEqual(alarm["TreatMissingData"], "notBreaching")

    def test_alarms_exist_and_report_where_there_are_alarms(self):
        names = {"SpendRefusedAlarm", "SpendLowAlarm", "ContactNotVerifiedAlarm"}
        for change, expected in [
            ({}, names),
            ({"SignUp": "cognito"}, names - {"ContactNotVerifiedAlarm"}),
            ({"SignIn": "second-factor"}, names - {"ContactNotVerifiedAlarm"}),
            ({"Media": "EMAIL"}, names),
            ({"Alarms": "false"}, set()),
            ({"Metrics": "false", "Alarms": "false", "Dashboard": "false"}, set()),
        ]:
            resources = self.made(**change)["Resources"]
            self.assertEqual(names & set(resources), expected, change)
            for name in expected:
                alarm = resources[name]["Properties"]
                self.assertEqual(alarm["AlarmActions"], [{"Ref": "AlarmTopic"}])

    def test_held_sign_ins_count_towards_the_alarm_of_refusals(self):
        metrics = self.made()["Resources"]["RefusedAlarm"]["Properties"]["Metrics"]
        [expression] = [m["Expression"] for m in metrics if "Expression" in m]
        self.assertEqual(expression, "FILL(refused, 0) + FILL(held, 0)")
        names = {m["MetricStat"]["Metric"]["MetricName"] for m in metrics if "MetricStat" in m}
        self.assertEqual(names, {"Refused", "Held"})

    def test_alarms_search_nothing(self):
        # CloudWatch takes no SEARCH in an alarm.
        alarms = {
            name: json.dumps(resource)
            for name, resource in self.template["Resources"].items()
            if resource["Type"] == "AWS::CloudWatch::Alarm"
        }
        self.assertEqual(len(alarms), 9)
        for name, alarm in alarms.items():
            self.assertNotIn("SEARCH", alarm, name)
        self.assertIn("SEARCH", json.dumps(self.template["Resources"]["DashboardResource"]))

    def test_dashboard_shows_each_metric_by_its_dimensions(self):
        metrics = [
            metric
            for widget in widgets(self.made()).values()
            for metric in widget["properties"].get("metrics", [])
        ]
        expressions = [m[0]["expression"] for m in metrics if isinstance(m[0], dict)]
        form = re.compile(r'SEARCH\(\'\{"[^"]+",([\w,]+)\} MetricName="(\w+)"')
        searched = [found for each in expressions for found in form.findall(each)]
        for metric, dimensions in [
            ("Sent", "Class,Country"),
            ("Answered", "Class,Country"),
            ("SpendRefused", "By,Class,Country"),
            ("SpendWouldRefuse", "By,Class,Country"),
            ("LimitRefused", "Class,Country"),
            ("Held", "Reason"),
            ("ContactNotVerified", "Step"),
        ]:
            found = {each for each, name in searched if name == metric}
            self.assertEqual(found, {dimensions}, metric)
        plain = {metric[1] for metric in metrics if isinstance(metric[0], str)}
        self.assertLessEqual({"SignedUp", "ContactVerified"}, plain)

    def test_answered_share_divides_single_time_series_alone(self):
        # Metric math divides no array of time series by another: SUM makes one of each first.
        metrics = widgets(self.made())["Answered share by class (answered / sent, hourly, %)"]
        metrics = [metric[0] for metric in metrics["properties"]["metrics"]]
        searches = {m["id"]: m["expression"] for m in metrics if "id" in m}
        shares = {m["label"]: m["expression"] for m in metrics if "label" in m}
        self.assertEqual(set(shares), {"proven", "new"})
        for of_class, share in shares.items():
            self.assertEqual(share, f"100 * {of_class}_answered / {of_class}_sent")
            for event in ["Answered", "Sent"]:
                search = searches.pop(f"{of_class}_{event.lower()}")
                self.assertTrue(search.startswith("SUM(SEARCH("), search)
                self.assertIn(f'MetricName="{event}" Class="{of_class}"', search)
        self.assertEqual(searches, {})

    def test_answered_share_by_country_is_of_the_logs_of_create_and_verify(self):
        widget = widgets(self.made())["Answered share by country (answered / sent, %)"]
        self.assertEqual((widget["type"], widget["properties"]["view"]), ("log", "table"))
        query = widget["properties"]["query"]
        sources = re.findall(r"SOURCE '\$\{(\w+)\}'", query)
        self.assertEqual(sources, ["CreateAuthChallengeLogs", "VerifyAuthChallengeLogs"])
        self.assertLessEqual(set(sources), set(self.template["Resources"]))
        self.assertIn("100 * answered / sent as share by Country, Class", query)


class Pool(unittest.TestCase):
    """The pool that the stack makes has no way in that asks for no code."""

    # What a message to each medium of password recovery goes to.
    RECOVERY = {"verified_phone_number": "SMS", "verified_email": "EMAIL"}

    def test_client_allows_custom_auth_and_refresh_alone(self):
        self.assertEqual(combinations.values(combinations.load(), "SignIn"), MODES)
        for sign_up, given, made in sign_ups():
            if given["UserPoolId"]:
                self.assertNotIn("UserPoolClient", made["Resources"])
                continue
            mode = (sign_up, given["SignIn"])
            client = made["Resources"]["UserPoolClient"]["Properties"]
            flows = ["ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
            self.assertEqual(client["ExplicitAuthFlows"], flows, mode)
            # Nor do managed login pages, which ask for no code.
            for name in ["AllowedOAuthFlows", "AllowedOAuthFlowsUserPoolClient"]:
                self.assertNotIn(name, client)
            pool = made["Resources"]["UserPool"]["Properties"]
            self.assertEqual(pool["MfaConfiguration"], "OFF")

    def test_recovery_goes_to_no_medium_of_codes(self):
        for media in combinations.values(combinations.load(), "Media"):
            for sign_up, given, made in sign_ups(Media=media):
                if given["UserPoolId"]:
                    continue
                mode = given["SignIn"]
                pool = made["Resources"]["UserPool"]["Properties"]
                [mechanism] = pool["AccountRecoverySetting"]["RecoveryMechanisms"]
                expected = "admin_only"
                if (mode, media) == ("second-factor", "SMS"):
                    expected = "verified_email"
                choice = (sign_up, mode, media)
                self.assertEqual(mechanism, {"Name": expected, "Priority": 1}, choice)
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

    def test_create_and_verify_alone_have_both_keys_and_the_table(self):
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
        everyones = self.template["Globals"]["Function"]["Environment"]["Variables"]
        self.assertEqual(set(everyones) & set(names), set())
        for function in ["DefineAuthChallenge", "PreSignUp"]:
            variables = self.resources[function]["Properties"]["Environment"]["Variables"]
            self.assertEqual(set(variables) & set(names), set())

    def test_ledger_can_be_replaced(self):
        # CloudFormation makes the new table before it deletes the old one: they need two names.
        ledger = self.resources["Ledger"]["Properties"]
        self.assertNotIn("TableName", ledger)
        self.assertEqual(ledger["KeySchema"], [{"AttributeName": "key", "KeyType": "HASH"}])
        time_to_live = {"AttributeName": "expires_at", "Enabled": True}
        self.assertEqual(ledger["TimeToLiveSpecification"], time_to_live)

    def test_functions_end_when_cognito_gives_up(self):
        self.assertEqual(self.template["Globals"]["Function"]["Timeout"], 5)
        for function in FUNCTIONS:
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


# Services that the SDK for Rust calls otherwise than IAM does.
SERVICES = {"cognitoidentityprovider": "cognito-idp"}


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

    def statements(self, **change):
        """The statements of each role, by its name: its own policies' and those attached to it."""
        template = combinations.load()
        given = {**combinations.defaults(template), **change}
        self.assertIsNone(combinations.refusal(template, given))
        resources = combinations.made(template, given)["Resources"]
        of_roles = {}
        for name, resource in resources.items():
            if resource["Type"] == "AWS::IAM::Role":
                for policy in resource["Properties"].get("Policies", []):
                    of_roles.setdefault(name, []).extend(policy["PolicyDocument"]["Statement"])
                of_roles.setdefault(name, [])
        for resource in resources.values():
            if resource["Type"] == "AWS::IAM::Policy":
                [role] = resource["Properties"]["Roles"]
                of_roles[role["Ref"]] += resource["Properties"]["PolicyDocument"]["Statement"]
        return of_roles

    def policies(self, **change):
        """What each role may do, and to what."""
        return {
            name: {
                action: statement.get("Resource", {"not": statement.get("NotResource")})
                for statement in statements
                for action in (
                    statement["Action"]
                    if isinstance(statement["Action"], list)
                    else [statement["Action"]]
                )
            }
            for name, statements in self.statements(**change).items()
        }

    LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
    ADMITS = {"dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"}
    # To use a code up, return credit, and make a device known.
    CONSUMES = {"dynamodb:UpdateItem", "dynamodb:PutItem"}
    # What a contact that is proved costs, with SIGN_UP=code.
    OF_COGNITO = {
        "cognito-idp:AdminGetUser",
        "cognito-idp:AdminSetUserPassword",
        "cognito-idp:AdminUpdateUserAttributes",
    }

    def choices(self):
        """Every choice of SignUp, SignIn, UserPoolId and Media, and what SIGN_UP is then."""
        for media in ["SMS,EMAIL", "SMS", "EMAIL"]:
            for sign_up, given, _ in sign_ups(Media=media):
                names = ["SignUp", "SignIn", "UserPoolId", "Media"]
                yield sign_up, {name: given[name] for name in names}

    def test_each_function_may_do_its_part_alone(self):
        for sign_up, choice in self.choices():
            with self.subTest(choice=choice):
                policies = self.policies(**choice)
                self.assertEqual(set(policies["DefineAuthChallengeRole"]), self.LOGS)
                proves = self.OF_COGNITO if sign_up == "code" else set()
                verify = set(policies["VerifyAuthChallengeRole"])
                self.assertEqual(verify, self.LOGS | self.CONSUMES | proves)
                media = choice["Media"]
                create = set(policies["CreateAuthChallengeRole"])
                sends = {"sns:Publish"} if "SMS" in media else set()
                sends |= {"ses:SendEmail"} if "EMAIL" in media else set()
                self.assertEqual(create, self.LOGS | self.ADMITS | sends)
                if sign_up == "code":
                    self.assertEqual(set(policies["PreSignUpRole"]), self.LOGS)
                else:
                    self.assertNotIn("PreSignUpRole", policies)

    def test_only_verify_may_change_users_and_of_this_pool_alone(self):
        for pool in ["", EXISTING]:
            named = {"Ref": "UserPoolId"} if pool else {"Ref": "UserPool"}
            policies = self.policies(SignUp="code", UserPoolId=pool)
            of_cognito = {
                (name, action): resource
                for name, rights in policies.items()
                for action, resource in rights.items()
                if action.startswith("cognito-idp:")
            }
            arn = "arn:${AWS::Partition}:cognito-idp:${AWS::Region}:${AWS::AccountId}:userpool/${Pool}"
            expected = {"Fn::Sub": [arn, {"Pool": named}]}
            roles = {("VerifyAuthChallengeRole", action): expected for action in self.OF_COGNITO}
            self.assertEqual(of_cognito, roles)

    def keys(self, action, **change):
        """The keys of the ledger's items that each role may take `action` on, in order; None if that is
        all of them."""
        found = {}
        for name, statements in self.statements(**change).items():
            for statement in statements:
                if action not in statement["Action"]:
                    continue
                condition = statement.get("Condition")
                if condition is None:
                    found[name] = None
                    continue
                [(operator, keys)] = condition.items()
                self.assertEqual(operator, "ForAllValues:StringLike")
                self.assertEqual(list(keys), ["dynamodb:LeadingKeys"])
                found[name] = sorted([*found.get(name, []), *keys["dynamodb:LeadingKeys"]])
        return found

    def test_verify_puts_items_of_devices_and_proven_accounts_alone(self):
        for sign_up, expected in [
            ("code", ["device#*", "proven#*"]),
            ("cognito", ["device#*"]),
            ("closed", ["device#*"]),
        ]:
            puts = self.keys("dynamodb:PutItem", SignUp=sign_up)
            self.assertEqual(
                puts,
                {"CreateAuthChallengeRole": None, "VerifyAuthChallengeRole": expected},
            )

    def test_create_updates_credit_alone(self):
        for sign_up in ["code", "cognito", "closed"]:
            updates = self.keys("dynamodb:UpdateItem", SignUp=sign_up)
            self.assertEqual(
                updates,
                {
                    "CreateAuthChallengeRole": ["spend#*"],
                    "VerifyAuthChallengeRole": ["account#*", "spend#*"],
                },
            )

    def test_no_function_deletes_items(self):
        for sign_up in ["code", "cognito", "closed"]:
            self.assertEqual(self.keys("dynamodb:DeleteItem", SignUp=sign_up), {})

    def test_ledger_permissions_are_for_the_table_alone(self):
        own_key = combinations.EXAMPLES["KmsKeyArn"]
        table = {"Fn::GetAtt": ["Ledger", "Arn"]}
        for sign_up in ["code", "cognito"]:
            policies = self.policies(PointInTimeRecovery="true", KmsKeyArn=own_key, SignUp=sign_up)
            tables = {
                (name, action): resource
                for name, actions in policies.items()
                for action, resource in actions.items()
                if action.startswith("dynamodb:")
            }
            expected = {("CreateAuthChallengeRole", action): table for action in self.ADMITS}
            for action in self.CONSUMES:
                expected["VerifyAuthChallengeRole", action] = table
            self.assertEqual(tables, expected)

    def test_sns_publish_excludes_topics(self):
        of_topics = {"not": {"Fn::Sub": "arn:${AWS::Partition}:sns:*:*:*"}}
        policies = self.policies(SignUp="cognito")
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
            policies = self.policies(Tracing=traced, IdentityPool="with-guests", SignUp="code")
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
        packages = {
            "DefineAuthChallengeRole": "define-auth-challenge",
            "CreateAuthChallengeRole": "create-auth-challenge",
            "VerifyAuthChallengeRole": "verify-auth-challenge",
            "PreSignUpRole": "pre-sign-up",
        }
        options = {"EmailTemplate": "T", "EmailConfigurationSet": "C"}
        policies = self.policies(SignUp="code", **options)
        self.assertEqual(set(policies), set(packages))
        # Rights without a call of that name: the runtime logs, and SES asks for a right of another
        # name when an email is made from a template.
        besides = self.LOGS | {"ses:SendTemplatedEmail"}
        for role, package in packages.items():
            with self.subTest(package=package):
                self.assertEqual(set(policies[role]) - besides, self.calls(package))

    def calls(self, package):
        """The operations of AWS that a package calls, as IAM's actions: its own calls, and those of
        the store's methods that it uses."""
        dependencies = tomllib.loads((ROOT / package / "Cargo.toml").read_text())["dependencies"]
        source = sources(package)
        # What the store does for it: directly, through the ledger's admission and spend guard, or when
        # credit is returned.
        uses = set(re.findall(r"\bstore\s*\.(\w+)\(", source))
        guard = sources("ledger", "spending.rs")
        if re.search(r"\bLedger::new\(", source):
            ledger = sources("ledger", "admission.rs") + guard
            uses |= set(re.findall(r"\bstore\s*\.(\w+)\(", ledger))
        if re.search(r"\bearn\(", source):
            uses |= set(re.findall(r"\bstore\s*\.(\w+)\(", methods(guard)["earn"]))
        store = methods(sources("ledger", "dynamodb.rs"))
        self.assertLessEqual({"read", "write", "consume"}, set(store))
        called = {"dynamodb": "".join(store[name] for name in uses & set(store))}
        services = {name.removeprefix("aws-sdk-") for name in dependencies if name.startswith("aws-sdk-")}
        called |= {SERVICES.get(name, name): source for name in services - {"dynamodb"}}
        return {action for service, text in called.items() for action in actions(service, text)}

    def test_only_the_user_pool_may_invoke_the_functions(self):
        resources = combinations.load()["Resources"].values()
        permissions = [r for r in resources if r["Type"] == "AWS::Lambda::Permission"]
        functions = {p["Properties"]["FunctionName"]["Ref"] for p in permissions}
        self.assertEqual(functions, set(FUNCTIONS))
        self.assertEqual(len(permissions), len(FUNCTIONS))
        for permission in permissions:
            properties = permission["Properties"]
            self.assertEqual(properties["Principal"], "cognito-idp.amazonaws.com")
            self.assertEqual(properties["SourceAccount"], {"Ref": "AWS::AccountId"})
            arn, names = properties["SourceArn"]["Fn::Sub"]
            self.assertTrue(arn.endswith(":userpool/${Pool}"), arn)
            pool = {"Fn::If": ["CreatesPool", {"Ref": "UserPool"}, {"Ref": "UserPoolId"}]}
            self.assertEqual(names, {"Pool": pool})
