"""examples/attach.sh changes a pool's triggers and nothing else of it, and tells of ways around the
code."""

import contextlib
import http.server
import json
import re
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from commands import CommandTest
from common import REQUEST_LIMIT, ROOT, client_environment

SCRIPT_LIMIT = 60

# What it would read from the functions' configuration, which `local` does not show.
PASSWORDLESS = ["--sign-in", "passwordless", "--media", "SMS,EMAIL", "--code-lifetime", "300"]
SECOND_FACTOR = ["--sign-in", "second-factor", "--media", "SMS,EMAIL", "--code-lifetime", "300"]

ADMIN_ONLY = {"RecoveryMechanisms": [{"Name": "admin_only", "Priority": 1}]}
CODE_FLOWS = ["ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]

SETTINGS = {
    "PoolName": "theirs",
    "AliasAttributes": ["email", "phone_number"],
    "AutoVerifiedAttributes": ["email"],
    "DeletionProtection": "ACTIVE",
    # Text that is hard to take out of a log.
    "EmailVerificationSubject": "Hello from us, \"the\" team's \\x41 \\\\ caf\u00e9",
    "Policies": {"PasswordPolicy": {"MinimumLength": 20, "TemporaryPasswordValidityDays": 3}},
    "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": True},
    "AccountRecoverySetting": ADMIN_ONLY,
}

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@contextlib.contextmanager
def in_front_of(url, change, functions=None):
    """A proxy before `url` whose user pools are as `change` makes them, and which has the Lambda API
    as well: the configuration of functions, by name."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            path = urllib.parse.unquote(self.path)
            name = re.search(r"([\w-]+)/configuration$", path)[1]
            if name in (functions or {}):
                self.reply(200, json.dumps(functions[name]).encode())
            else:
                self.reply(404, b'{"Message": "Function not found"}')

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept = ("authorization", "content-type", "x-amz-target", "x-amz-date")
            headers = {n: v for n, v in self.headers.items() if n.lower() in kept}
            request = urllib.request.Request(url + self.path, body, headers)
            try:
                with _direct.open(request, timeout=REQUEST_LIMIT) as response:
                    status, answer = response.status, response.read()
            except urllib.error.HTTPError as error:
                status, answer = error.code, error.read()
            if self.headers["X-Amz-Target"].endswith(".DescribeUserPool") and status == 200:
                described = json.loads(answer)
                change(described["UserPool"])
                # As compact as Cognito's.
                answer = json.dumps(described, separators=(",", ":")).encode()
            self.reply(status, answer)

        def reply(self, status, body):
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


class AttachTest(CommandTest):
    def setUp(self):
        super().setUp()
        default = self.describe(self.local.pool_id)["LambdaConfig"]
        names = ["DefineAuthChallenge", "CreateAuthChallenge", "VerifyAuthChallengeResponse"]
        self.triggers = {name: default[name] for name in names}
        self.pool = self.create_pool()

    def create_pool(self, **change):
        settings = json.dumps({**SETTINGS, **change})
        return self.admin("create-user-pool", "--cli-input-json", settings)["UserPool"]["Id"]

    def create_client(self, *flows, **settings):
        request = {"UserPoolId": self.pool, "ClientName": "theirs", **settings}
        if flows:
            request["ExplicitAuthFlows"] = list(flows)
        create = ("create-user-pool-client", "--cli-input-json", json.dumps(request))
        return self.admin(*create)["UserPoolClient"]["ClientId"]

    def describe(self, pool):
        return self.admin("describe-user-pool", "--user-pool-id", pool)["UserPool"]

    def describe_client(self, client_id):
        of_client = ("--user-pool-id", self.pool, "--client-id", client_id)
        return self.admin("describe-user-pool-client", *of_client)["UserPoolClient"]

    def environment(self, url=None):
        return client_environment(
            self.home,
            AWS_ENDPOINT_URL=url or self.local.url,
            AWS_DEFAULT_REGION=self.local.region,
            USER_POOL_ID=self.pool,
            **self.credentials(),
        )

    def attach(self, *arguments, answer="y\n", url=None, cwd=None):
        return subprocess.run(
            [ROOT / "examples" / "attach.sh", *arguments],
            env=self.environment(url),
            cwd=cwd or self.home,
            input=answer,
            capture_output=True,
            text=True,
            timeout=SCRIPT_LIMIT,
        )

    def attach_as(self, options, **how):
        """Attaches the default pool's functions."""
        return self.attach(*options, *self.triggers.values(), **how)

    def saved(self):
        return sorted(Path(self.home).glob("*.json"))

    def assert_attached(self, done):
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.describe(self.pool)["LambdaConfig"], self.triggers)

    def assert_refused(self, done, *words):
        self.assertEqual(done.returncode, 1, done.stderr)
        for each in words:
            self.assertIn(each, done.stderr)
        self.assertFalse(self.describe(self.pool).get("LambdaConfig"))
        self.assertEqual(self.saved(), [])


class Change(AttachTest):
    def all_but_triggers(self, described):
        changing = ("LambdaConfig", "LastModifiedDate")
        return {name: value for name, value in described.items() if name not in changing}

    def test_attach_changes_only_the_triggers(self):
        before = self.describe(self.pool)
        self.assertFalse(before.get("LambdaConfig"))
        self.assert_attached(self.attach_as(PASSWORDLESS))
        attached = self.describe(self.pool)
        self.assertEqual(self.all_but_triggers(attached), self.all_but_triggers(before))
        self.assertEqual(before["Policies"]["PasswordPolicy"]["MinimumLength"], 20)

        done = self.attach("--detach")
        self.assertEqual(done.returncode, 0, done.stderr)
        detached = self.describe(self.pool)
        self.assertFalse(detached.get("LambdaConfig"))
        self.assertEqual(self.all_but_triggers(detached), self.all_but_triggers(before))

    def test_what_was_read_is_saved_first(self):
        before = self.describe(self.pool)
        done = self.attach_as(PASSWORDLESS)
        self.assert_attached(done)
        [file] = self.saved()
        self.assertIn(f"What the pool was is in {file.name}.", done.stderr)
        self.assertTrue(file.name.startswith(f"user-pool-{self.pool}-"), file.name)
        self.assertEqual(json.loads(file.read_text()), {"UserPool": before})
        self.assertEqual(file.stat().st_mode & 0o777, 0o600)

    def test_nothing_changes_if_nothing_can_be_saved(self):
        # Where nobody may make a file.
        done = self.attach_as(PASSWORDLESS, cwd="/proc")
        self.assert_refused(done, "nothing is changed: cannot save what the pool is in user-pool-")

    def test_attach_without_confirmation_changes_nothing(self):
        before = self.describe(self.pool)
        for answer in ["", "n\n", "yes, but no\n"]:
            done = self.attach_as(PASSWORDLESS, answer=answer)
            self.assertEqual(done.returncode, 1)
            self.assertIn("nothing is changed", done.stderr)
        arns = list(self.triggers.values())
        for arguments in [
            [],
            ["--help"],
            ["arn:aws:lambda:x"],
            ["a", "b", "c"],
            ["--detach", *arns],
            ["--detach", "--force"],
            ["--media"],
        ]:
            done = self.attach(*arguments)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertIn("usage:", done.stderr)
        for option, value in [
            ("--sign-in", "password"),
            ("--media", "FAX"),
            ("--code-lifetime", "five minutes"),
        ]:
            done = self.attach_as([*PASSWORDLESS, option, value])
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"{option} is n", done.stderr)
        self.assertEqual(self.describe(self.pool), before)
        self.assertEqual(self.saved(), [])


class WaysAround(AttachTest):
    """What gives tokens, or the first factor, without a code or with the same one."""

    def assert_found(self, *words):
        """Second factor refuses, passwordless warns."""
        self.assert_refused(self.attach_as(SECOND_FACTOR), "Ways around the code", *words)
        done = self.attach_as(PASSWORDLESS, answer="n\n")
        self.assertEqual(done.returncode, 1)
        for each in ["Ways around the code", "Change them?", *words]:
            self.assertIn(each, done.stderr)

    def test_pool_without_any_is_attached(self):
        self.create_client(*CODE_FLOWS, AuthSessionValidity=7)
        done = self.attach_as(SECOND_FACTOR)
        self.assert_attached(done)
        for words in ["Ways around", "warning"]:
            self.assertNotIn(words, done.stderr)

    def test_force_attaches_all_the_same(self):
        client = self.create_client("ALLOW_USER_SRP_AUTH", *CODE_FLOWS)
        found = f'app client {client} ("theirs") allows ALLOW_USER_SRP_AUTH, which asks for no code'
        self.assert_refused(self.attach_as(SECOND_FACTOR), found, "--force")
        done = self.attach_as([*SECOND_FACTOR, "--force"])
        self.assert_attached(done)
        self.assertIn(found, done.stderr)

    def test_flow_that_asks_for_no_code_is_found(self):
        found = []
        for flow in [
            "ALLOW_USER_SRP_AUTH",
            "ALLOW_USER_PASSWORD_AUTH",
            "ALLOW_ADMIN_USER_PASSWORD_AUTH",
            "ALLOW_USER_AUTH",
            "USER_PASSWORD_AUTH",
            "ADMIN_NO_SRP_AUTH",
        ]:
            # Old names and new ones do not mix.
            client = self.create_client(flow, *(CODE_FLOWS if flow.startswith("ALLOW_") else []))
            found.append(f'app client {client} ("theirs") allows {flow}, which asks for no code')
        self.assert_found(*found)

    def test_client_without_flows_is_found(self):
        client = self.create_client()
        self.assert_found(f'app client {client} ("theirs") allows ALLOW_USER_SRP_AUTH,')

    def test_old_name_of_custom_auth_is_none(self):
        self.create_client("CUSTOM_AUTH_FLOW_ONLY", AuthSessionValidity=7)
        done = self.attach_as(SECOND_FACTOR)
        self.assert_attached(done)
        self.assertNotIn("warning", done.stderr)

    def test_managed_login_is_found(self):
        client = self.create_client(
            *CODE_FLOWS,
            AllowedOAuthFlowsUserPoolClient=True,
            AllowedOAuthFlows=["code"],
            AllowedOAuthScopes=["openid"],
            CallbackURLs=["https://example.com"],
            SupportedIdentityProviders=["COGNITO"],
        )
        self.assert_found(f'app client {client} ("theirs") signs in on managed login pages')

    def test_recovery_by_a_medium_of_codes_is_found(self):
        both = [{"Name": "verified_phone_number", "Priority": 1}]
        both.append({"Name": "verified_email", "Priority": 2})
        by_phone, by_email = ([{**each, "Priority": 1}] for each in both)
        # What is not set is by phone, and else by email.
        for mechanisms, media, found in [
            (both, "SMS,EMAIL", ["verified_phone_number", "verified_email"]),
            (both, "EMAIL", ["verified_email"]),
            (by_phone, "SMS", ["verified_phone_number"]),
            (by_phone, "EMAIL", []),
            (by_email, "SMS", []),
            (None, "SMS", ["verified_phone_number"]),
        ]:
            with self.subTest(mechanisms=mechanisms, media=media):
                def change(pool):
                    pool["AccountRecoverySetting"] = {"RecoveryMechanisms": mechanisms}
                    if mechanisms is None:
                        del pool["AccountRecoverySetting"]

                with in_front_of(self.local.url, change) as url:
                    options = [*SECOND_FACTOR, "--media", media]
                    done = self.attach_as(options, url=url, answer="n\n")
                self.assertEqual(done.returncode, 1)
                words = re.findall(r"password recovery \(.*\) has (\w+), and codes go", done.stderr)
                self.assertEqual(words, found)
                self.assertEqual("Change them?" in done.stderr, not found)

    def test_mfa_of_the_pool_is_found(self):
        for mfa in ["ON", "OPTIONAL"]:
            with in_front_of(self.local.url, lambda pool: pool.update(MfaConfiguration=mfa)) as url:
                done = self.attach_as(SECOND_FACTOR, url=url)
                self.assert_refused(done, f"MfaConfiguration is {mfa}:")
                done = self.attach_as(PASSWORDLESS, url=url, answer="n\n")
                self.assertIn(f"MfaConfiguration is {mfa}:", done.stderr)
                self.assertIn("Change them?", done.stderr)


class Sessions(AttachTest):
    def warnings(self, lifetime):
        options = [*SECOND_FACTOR, "--code-lifetime", str(lifetime)]
        done = self.attach_as(options, answer="n\n")
        self.assertIn("Change them?", done.stderr)
        return done.stderr

    def test_session_shorter_than_the_code_is_told_with_the_command_that_mends_it(self):
        client = self.create_client(
            *CODE_FLOWS, AuthSessionValidity=4, GenerateSecret=True, RefreshTokenValidity=9
        )
        self.assertNotIn("warning", self.warnings(240))
        told = self.warnings(300)
        self.assertIn(f'the sessions of app client {client} ("theirs") end after 4 minutes', told)
        [command] = [line for line in told.splitlines() if line.startswith("  aws ")]
        before = self.describe_client(client)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            env=self.environment(),
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SCRIPT_LIMIT,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        after = self.describe_client(client)
        self.assertEqual(after.pop("AuthSessionValidity"), 7)
        self.assertEqual(before.pop("AuthSessionValidity"), 4)
        for described in (before, after):
            described.pop("LastModifiedDate")
        self.assertEqual(after, before)
        self.assertNotIn("warning", self.warnings(300))

    def test_only_clients_with_custom_auth_are_looked_at(self):
        self.create_client("ALLOW_REFRESH_TOKEN_AUTH", AuthSessionValidity=3)
        told = self.warnings(600)
        self.assertNotIn("the sessions of", told)
        self.assertIn("no app client allows ALLOW_CUSTOM_AUTH", told)


class AwsCli(AttachTest):
    def test_setting_that_the_cli_does_not_know_is_named(self):
        def change(pool):
            pool["AddedLater"] = {"Feature": {"Enabled": True}}
            pool["Policies"]["PasswordPolicy"]["AddedLater"] = 0
            pool["Nothing"] = None

        for arguments in [[*PASSWORDLESS, *self.triggers.values()], ["--detach"]]:
            with in_front_of(self.local.url, change) as url:
                done = self.attach(*arguments, url=url)
            self.assert_refused(done, "this AWS CLI (aws-cli/", "is too old")
            missing = [line for line in done.stderr.splitlines() if "try the newest" in line]
            self.assertEqual(
                [line.split()[0] for line in missing],
                ["AddedLater", "Policies.PasswordPolicy.AddedLater"],
            )

    def test_all_that_the_cli_knows_is_no_reason(self):
        def change(pool):
            pool["SmsVerificationMessage"] = "It's \"{####}\"\n\\x41 \\\\' b'"
            pool["UserPoolTags"] = {"team's": "caf\u00e9", "empty": ""}
            pool["EstimatedNumberOfUsers"] = 0

        with in_front_of(self.local.url, change) as url:
            done = self.attach_as(PASSWORDLESS, url=url, answer="n\n")
        self.assertIn("Change them?", done.stderr)


class Settings(AttachTest):
    """Without options, it takes the functions' own settings."""

    def functions(self, define=None, create=None):
        triggers = ("DefineAuthChallenge", "CreateAuthChallenge")
        names = [self.triggers[trigger].split(":")[-1] for trigger in triggers]
        return dict(zip(names, (define or {}, create or {})))

    def said(self, functions, options=()):
        with in_front_of(self.local.url, lambda _: None, functions) as url:
            return self.attach_as(options, url=url, answer="n\n").stderr

    def test_settings_are_read_from_the_functions(self):
        client = self.create_client("ALLOW_USER_SRP_AUTH", *CODE_FLOWS, AuthSessionValidity=5)
        define = {"Environment": {"Variables": {"SIGN_IN": "second-factor"}}}
        variables = {"MEDIA": "EMAIL, SMS", "CODE_LIFETIME_SECONDS": "360"}
        create = {"Environment": {"Variables": variables}}
        said = self.said(self.functions(define, create))
        self.assertIn("in second-factor mode", said)
        self.assertIn(f"the sessions of app client {client}", said)
        self.assertNotIn("Change them?", said)
        # An option goes before.
        said = self.said(self.functions(define, create), ["--sign-in", "passwordless"])
        self.assertIn("in passwordless mode", said)
        self.assertIn("Change them?", said)

    def test_variables_that_are_not_set_have_the_functions_defaults(self):
        self.create_client("ALLOW_USER_SRP_AUTH", *CODE_FLOWS, AuthSessionValidity=4)
        said = self.said(self.functions())
        self.assertIn("in passwordless mode", said)
        self.assertIn("after 300 seconds", said)

    def test_settings_that_cannot_be_read_must_be_said(self):
        denied = {"Environment": {"Error": {"ErrorCode": "AccessDeniedException", "Message": "no"}}}
        for functions in [{}, self.functions(define=denied), self.functions(create=denied)]:
            said = self.said(functions)
            self.assertIn("cannot read the functions' settings; say them", said)
            self.assertNotIn("Change them?", said)
        self.assertEqual(self.saved(), [])
