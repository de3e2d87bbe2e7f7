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
OTHERS = ["--media", "SMS,EMAIL", "--code-lifetime", "300"]
PASSWORDLESS = ["--sign-in", "passwordless", "--sign-up", "cognito", *OTHERS]
SECOND_FACTOR = ["--sign-in", "second-factor", "--sign-up", "cognito", *OTHERS]
BY_CODE = ["--sign-in", "passwordless", "--sign-up", "code", *OTHERS]

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
def in_front_of(
    url, change, functions=None, updates=None, change_client=lambda _: None, secrets=None
):
    """A proxy before `url` whose user pools are as `change` makes them and app clients as
    `change_client` does, and which has the APIs of Lambda and Secrets Manager as well: the
    configuration of functions and the values of secrets, by name. Updates of user pools end in the
    list `updates`, if there is one."""

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
            if updates is not None and self.headers["X-Amz-Target"].endswith(".UpdateUserPool"):
                updates.append(json.loads(body))
                self.reply(200, b"{}")
                return
            if self.headers["X-Amz-Target"] == "secretsmanager.GetSecretValue":
                value = (secrets or {}).get(json.loads(body)["SecretId"])
                found = {"SecretString": value} if value else {"__type": "ResourceNotFoundException"}
                self.reply(200 if value else 400, json.dumps(found).encode())
                return
            kept = ("authorization", "content-type", "x-amz-target", "x-amz-date")
            headers = {n: v for n, v in self.headers.items() if n.lower() in kept}
            request = urllib.request.Request(url + self.path, body, headers)
            try:
                with _direct.open(request, timeout=REQUEST_LIMIT) as response:
                    status, answer = response.status, response.read()
            except urllib.error.HTTPError as error:
                status, answer = error.code, error.read()
            operation = self.headers["X-Amz-Target"].rpartition(".")[2]
            changes = {"DescribeUserPool": change, "DescribeUserPoolClient": change_client}
            if operation in changes and status == 200:
                described = json.loads(answer)
                changes[operation](described[operation.removeprefix("Describe")])
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
        function = self.triggers["DefineAuthChallenge"].rpartition(":")[0]
        self.pre_sign_up = f"{function}:pre-sign-up"
        self.pool = self.create_pool()

    def create_pool(self, **change):
        settings = {name: value for name, value in {**SETTINGS, **change}.items() if value is not None}
        settings = json.dumps(settings)
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
            ["--detach", "pre-sign-up"],
            [*arns, "pre-sign-up"],
            [*arns, self.pre_sign_up, self.pre_sign_up],
            ["--detach", "--force"],
            ["--media"],
        ]:
            done = self.attach(*arguments)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertIn("usage:", done.stderr)
        for option, value in [
            ("--sign-in", "password"),
            ("--sign-up", "anyone"),
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


def silent(pool):
    """A pool that sends no codes of its own."""
    pool["AutoVerifiedAttributes"] = []
    pool["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] = False


class SignUpByCode(AttachTest):
    """With a PRE-SIGN-UP-ARN."""

    def attach_by_code(self, change=silent, options=BY_CODE, **changes):
        """Attaches all four functions to a pool that is as `change` makes it; gives back what came of
        it, and the updates that there were."""
        updates = []

        def changed(pool):
            silent(pool)
            change(pool)

        with in_front_of(self.local.url, changed, updates=updates, **changes) as url:
            arns = [*self.triggers.values(), self.pre_sign_up]
            return self.attach(*options, *arns, url=url), updates

    def assert_found(self, change, *words, **changes):
        """It is refused, and --force attaches it."""
        done, updates = self.attach_by_code(change, **changes)
        self.assert_refused(done, "in passwordless mode with SIGN_UP=code", "--force", *words)
        self.assertEqual(updates, [])
        done, [update] = self.attach_by_code(change, [*BY_CODE, "--force"], **changes)
        self.assertEqual(done.returncode, 0, done.stderr)
        [saved] = self.saved()
        saved.unlink()
        self.assertEqual(update["LambdaConfig"]["PreSignUp"], self.pre_sign_up)
        for each in words:
            self.assertIn(each, done.stderr)

    def test_pool_that_fits_gets_four_triggers(self):
        self.create_client(*CODE_FLOWS, AuthSessionValidity=7)
        done, [update] = self.attach_by_code()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(update["LambdaConfig"], {**self.triggers, "PreSignUp": self.pre_sign_up})
        self.assertEqual(update["Policies"]["PasswordPolicy"]["MinimumLength"], 20)
        for words in ["Ways around", "warning", "sends no codes"]:
            self.assertNotIn(words, done.stderr)

    def test_attaching_again_changes_nothing(self):
        self.create_client(*CODE_FLOWS, AuthSessionValidity=7)
        four = {**self.triggers, "PreSignUp": self.pre_sign_up}
        done, [update] = self.attach_by_code(lambda pool: pool.update(LambdaConfig=dict(four)))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(update["LambdaConfig"], four)
        self.assertNotIn("warning", done.stderr)

    def test_flow_that_asks_for_no_code_is_refused(self):
        for flow in ["ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_AUTH"]:
            client = self.create_client(flow, *CODE_FLOWS)
            self.assert_found(silent, f'app client {client} ("theirs") allows {flow}, which asks')

    def test_managed_login_and_federation_are_refused(self):
        clients = [self.create_client(*CODE_FLOWS) for _ in range(2)]
        providers = dict(zip(clients, [["COGNITO"], ["Google", "Corporate"]]))

        def change(client):
            client["AllowedOAuthFlowsUserPoolClient"] = True
            client["AllowedOAuthFlows"] = ["code"]
            client["SupportedIdentityProviders"] = providers[client["ClientId"]]

        managed, federated = (f'app client {client} ("theirs") signs in ' for client in clients)
        managed += "on managed login pages"
        federated += "with Google, Corporate, which ask for no code"
        self.assert_found(silent, managed, federated, change_client=change)
        # Without sign-up by code, another provider's users are no concern of the functions.
        with in_front_of(self.local.url, silent, change_client=change) as url:
            done = self.attach_as(PASSWORDLESS, url=url, answer="n\n")
        self.assertIn(managed, done.stderr)
        self.assertNotIn("Google", done.stderr)

    def test_mfa_is_refused(self):
        self.assert_found(lambda pool: pool.update(MfaConfiguration="OPTIONAL"), "MfaConfiguration is")

    def test_recovery_by_any_medium_is_refused(self):
        for name, media, words in [
            ("verified_email", "SMS", "where Cognito sends codes of its own"),
            ("verified_phone_number", "EMAIL", "where Cognito sends codes of its own"),
            ("verified_email", "EMAIL", "and codes go there, too"),
        ]:
            def change(pool):
                recovery = {"RecoveryMechanisms": [{"Name": name, "Priority": 1}]}
                pool["AccountRecoverySetting"] = recovery

            done, updates = self.attach_by_code(change, [*BY_CODE, "--media", media])
            self.assert_refused(done, f"(AccountRecoverySetting) has {name}, {words}")
            self.assertEqual(updates, [])
        # What is not set is by both.
        self.assert_found(
            lambda pool: pool.pop("AccountRecoverySetting"), "verified_phone_number", "verified_email"
        )

    def test_codes_of_cognitos_own_are_refused_with_the_command_that_ends_them(self):
        both = ["phone_number", "email"]

        def change(pool):
            pool["AutoVerifiedAttributes"] = both
            pool["UserAttributeUpdateSettings"] = {"AttributesRequireVerificationBeforeUpdate": both}
            pool["AccountRecoverySetting"] = {
                "RecoveryMechanisms": [{"Name": "verified_email", "Priority": 1}]
            }

        self.assert_found(change, "AutoVerifiedAttributes has phone_number and email, so that")
        done, _ = self.attach_by_code(change)
        self.assertIn("So that Cognito sends no codes of its own:", done.stderr)
        [command] = [line for line in done.stderr.splitlines() if line.startswith("  aws ")]
        updates = []
        with in_front_of(self.local.url, change, updates=updates) as url:
            mended = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", command],
                env=self.environment(url),
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=SCRIPT_LIMIT,
            )
        self.assertEqual(mended.returncode, 0, mended.stderr)
        [update] = updates
        self.assertEqual(update["UserPoolId"], self.pool)
        self.assertEqual(update["AutoVerifiedAttributes"], [])
        before = {"AttributesRequireVerificationBeforeUpdate": []}
        self.assertEqual(update["UserAttributeUpdateSettings"], before)
        self.assertEqual(update["AccountRecoverySetting"], ADMIN_ONLY)
        # All else stays.
        pool = self.describe(self.pool)
        for name in ["DeletionProtection", "Policies", "EmailVerificationSubject"]:
            self.assertEqual(update[name], pool[name])

    def test_what_does_not_fit_is_warned_of(self):
        self.create_client(*CODE_FLOWS, AuthSessionValidity=7)
        caller = {"SnsCallerArn": "arn:aws:iam::123456789012:role/theirs", "ExternalId": "theirs"}

        def change(pool):
            pool["SmsConfiguration"] = caller
            pool["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] = True

        done, [update] = self.attach_by_code(change)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(update["SmsConfiguration"], caller)
        self.assertIn("warning: the pool has SmsConfiguration", done.stderr)
        self.assertIn("warning: nobody can sign up", done.stderr)
        self.assertEqual(done.stderr.count("warning"), 2)
        self.assertNotIn("Ways around", done.stderr)

    def test_trigger_of_the_pools_own_is_kept_and_told_of(self):
        theirs = "arn:aws:lambda:us-east-1:123456789012:function:theirs"
        self.create_client(*CODE_FLOWS, AuthSessionValidity=7)
        had = {"PreSignUp": theirs, "PostConfirmation": theirs}
        done, [update] = self.attach_by_code(lambda pool: pool.update(LambdaConfig=dict(had)))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(update["LambdaConfig"], {**self.triggers, **had})
        for words in [
            f"warning: the pool has a PreSignUp trigger already, which is kept: {theirs}",
            f"that function must invoke {self.pre_sign_up}",
            "must never set autoVerifyEmail or autoVerifyPhone",
        ]:
            self.assertIn(words, done.stderr)

    def test_attached_pool_signs_a_new_user_up_and_in_with_one_message(self):
        """All four functions, on a pool of `local`'s."""
        self.pool = self.create_pool(
            AliasAttributes=None,
            UsernameAttributes=["email", "phone_number"],
            AutoVerifiedAttributes=[],
            AdminCreateUserConfig={"AllowAdminCreateUserOnly": False},
        )
        client = self.create_client(*CODE_FLOWS, AuthSessionValidity=7)
        done = self.attach(*BY_CODE, *self.triggers.values(), self.pre_sign_up)
        self.assertEqual(done.returncode, 0, done.stderr)
        for words in ["Ways around", "warning"]:
            self.assertNotIn(words, done.stderr)
        attached = {**self.triggers, "PreSignUp": self.pre_sign_up}
        self.assertEqual(self.describe(self.pool)["LambdaConfig"], attached)
        for name in [self.new_phone(), "jane.doe@example.com"]:
            self.sign_up(name, client)
            tokens = self.sign_in(name, client)
            self.assert_verified(tokens["AccessToken"], name)
            self.assertEqual(len(self.local.sent_to(name)), 1)

        done = self.attach("--detach", self.pre_sign_up)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertFalse(self.describe(self.pool).get("LambdaConfig"))

    def test_functions_of_another_sign_up_are_refused(self):
        for sign_up in ["cognito", "closed"]:
            done, updates = self.attach_by_code(options=[*BY_CODE, "--sign-up", sign_up])
            self.assert_refused(done, "PRE-SIGN-UP-ARN is for SIGN_UP=code", f"is {sign_up}")
            self.assertEqual(updates, [])
        for options in [[], ["--force"]]:
            options = [*BY_CODE, "--sign-in", "second-factor", *options]
            done, updates = self.attach_by_code(options=options)
            self.assert_refused(done, "it would set the first factor aside")
            self.assertEqual(updates, [])

    def test_functions_without_the_trigger_are_warned_of(self):
        done = self.attach_as(BY_CODE)
        self.assert_attached(done)
        self.assertIn("warning: SIGN_UP is code, but no PRE-SIGN-UP-ARN is given", done.stderr)

    def test_pool_open_for_sign_up_is_told_if_it_is_closed(self):
        for only, told in [(False, True), (True, False)]:
            def change(pool):
                pool["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] = only

            with in_front_of(self.local.url, change) as url:
                options = [*PASSWORDLESS, "--sign-up", "closed"]
                done = self.attach_as(options, url=url, answer="n\n")
            self.assertEqual("SIGN_UP is closed, but the pool lets" in done.stderr, told)

    def detach(self, *arguments, had):
        updates = []
        config = {**self.triggers, "PreSignUp": had}
        with in_front_of(
            self.local.url, lambda pool: pool.update(LambdaConfig=config), updates=updates
        ) as url:
            done = self.attach("--detach", *arguments, url=url)
        self.assertEqual(done.returncode, 0, done.stderr)
        [update] = updates
        return update["LambdaConfig"], done.stderr

    def test_detach_takes_off_the_named_trigger_alone(self):
        left, said = self.detach(self.pre_sign_up, had=self.pre_sign_up)
        self.assertEqual(left, {})
        self.assertNotIn("is kept", said)
        theirs = "arn:aws:lambda:us-east-1:123456789012:function:theirs"
        for arguments, had in [([self.pre_sign_up], theirs), ([], self.pre_sign_up), ([], theirs)]:
            left, said = self.detach(*arguments, had=had)
            self.assertEqual(left, {"PreSignUp": had})
            self.assertIn(f"The PreSignUp trigger is kept: {had}", said)


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

    def functions(self, define=None, create=None, verify=None, pre_sign_up=None):
        arns = [*self.triggers.values(), self.pre_sign_up]
        given = [each or {} for each in (define, create, verify, pre_sign_up)]
        return {arn.split(":")[-1]: each for arn, each in zip(arns, given)}

    def with_variables(self, **variables):
        return {"Environment": {"Variables": variables}}

    def said(self, functions, options=(), pre_sign_up=()):
        with in_front_of(self.local.url, lambda _: None, functions) as url:
            arns = [*self.triggers.values(), *pre_sign_up]
            return self.attach(*options, *arns, url=url, answer="n\n").stderr

    def test_sign_up_is_read_from_every_function(self):
        code = self.with_variables(SIGN_UP="code")
        said = self.said(self.functions(code, code, code))
        self.assertIn("warning: SIGN_UP is code, but no PRE-SIGN-UP-ARN", said)
        self.assertIn("Change them?", said)
        said = self.said(self.functions(code, code, code, code), pre_sign_up=[self.pre_sign_up])
        self.assertIn("in passwordless mode with SIGN_UP=code", said)
        self.assertNotIn("PRE-SIGN-UP-ARN", said)
        # One that differs; what is not set is cognito.
        for number in range(4):
            functions = [code] * 4
            functions[number] = self.with_variables(SIGN_UP="")
            said = self.said(self.functions(*functions), pre_sign_up=[self.pre_sign_up])
            self.assertIn("must be the same for all functions, and is code and cognito", said)
            self.assertNotIn("Change them?", said)
        said = self.said(self.functions(), pre_sign_up=[self.pre_sign_up])
        self.assertIn("PRE-SIGN-UP-ARN is for SIGN_UP=code, and SIGN_UP of the functions is cognito", said)
        self.assertNotIn("Change them?", said)
        self.assertEqual(self.saved(), [])

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

    def test_settings_that_cannot_be_read_must_be_given(self):
        denied = {"Environment": {"Error": {"ErrorCode": "AccessDeniedException", "Message": "no"}}}
        for functions in [
            {},
            self.functions(define=denied),
            self.functions(create=denied),
            self.functions(verify=denied),
            self.functions(pre_sign_up=denied),
        ]:
            said = self.said(functions, pre_sign_up=[self.pre_sign_up])
            self.assertIn("cannot read the functions' settings; set --sign-in, --sign-up,", said)
            self.assertNotIn("Change them?", said)
        self.assertEqual(self.saved(), [])
