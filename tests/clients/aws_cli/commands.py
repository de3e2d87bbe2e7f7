"""The plain AWS CLI, with nothing but the endpoint set, and a sign-in with it."""

import json
import subprocess
import tempfile

from common import LocalTest, client_environment, mistype

COMMAND_LIMIT = 30
PASSWORD = "Unused-and-forgotten-1"


class CommandTest(LocalTest):
    def setUp(self):
        super().setUp()
        home = tempfile.TemporaryDirectory()
        self.addCleanup(home.cleanup)
        self.home = home.name

    def run_aws(self, *arguments, **variables):
        environment = client_environment(
            self.home,
            AWS_ENDPOINT_URL=self.local.url,
            AWS_DEFAULT_REGION=self.local.region,
            **variables,
        )
        return subprocess.run(
            ["aws", "cognito-idp", *arguments],
            env=environment,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_LIMIT,
        )

    def aws(self, *arguments, **variables):
        """What a command that must succeed prints."""
        done = self.run_aws(*arguments, **variables)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout or "null")

    def refused(self, exception, *arguments, **variables):
        """What a command that must fail with `exception` says."""
        done = self.run_aws(*arguments, **variables)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(done.stdout, "")
        self.assertIn(f"({exception})", done.stderr)
        return done.stderr

    def credentials(self):
        names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
        return {name: self.local.exports[name] for name in names}

    def admin(self, *arguments):
        """What an administrator's command that must succeed prints."""
        return self.aws(*arguments, **self.credentials())

    def admin_refused(self, exception, *arguments):
        return self.refused(exception, *arguments, **self.credentials())

    def of_user(self, operation, name, *arguments):
        """An administrator's command on a user of the default pool."""
        return (operation, "--user-pool-id", self.local.pool_id, "--username", name, *arguments)

    def client(self, operation, *arguments, client_id=None):
        return (operation, "--client-id", client_id or self.local.client_id, *arguments)

    def sign_up(self, name, client_id=None):
        """Signs a user up where SIGN_UP is `code`: at once, and without a message."""
        start = self.client("sign-up", "--username", name, client_id=client_id)
        out = self.aws(*start, "--password", PASSWORD)
        self.assertIs(out["UserConfirmed"], True)
        self.assertNotIn("CodeDeliveryDetails", out)
        self.assert_nothing_sent(name)

    def sign_up_and_confirm(self, name, client_id=None, mistyped=False):
        """Signs a user up where Cognito confirms, if wanted with a mistyped code first."""
        start = self.client("sign-up", "--username", name, client_id=client_id)
        out = self.aws(*start, "--password", PASSWORD)
        self.assertIs(out["UserConfirmed"], False)
        [message] = self.local.sent_to(name)
        code = self.local.last_code(name)
        self.assertIn(code, message["body"])
        confirm = self.client("confirm-sign-up", "--username", name, client_id=client_id)
        confirm = (*confirm, "--confirmation-code")
        if mistyped:
            self.refused("CodeMismatchException", *confirm, mistype(code))
        self.aws(*confirm, code)

    def create_user(self, name):
        """A user with a verified phone number whom an administrator makes, and tells nothing."""
        attributes = [f"Name=phone_number,Value={name}", "Name=phone_number_verified,Value=true"]
        create = self.of_user("admin-create-user", name, "--message-action", "SUPPRESS")
        user = self.admin(*create, "--user-attributes", *attributes)["User"]
        self.assertEqual(user["UserStatus"], "FORCE_CHANGE_PASSWORD")
        self.assert_nothing_sent(name)
        return user

    def initiate(self, name, client_id=None):
        start = self.client("initiate-auth", "--auth-flow", "CUSTOM_AUTH", client_id=client_id)
        return (*start, "--auth-parameters", f"USERNAME={name}")

    def respond(self, name, session, answer, client_id=None):
        respond = self.client("respond-to-auth-challenge", client_id=client_id)
        challenge = ("--challenge-name", "CUSTOM_CHALLENGE", "--session", session)
        responses = f"USERNAME={name},ANSWER={answer}"
        return (*respond, *challenge, "--challenge-responses", responses)

    def challenge(self, reply):
        self.assertEqual(reply["ChallengeName"], "CUSTOM_CHALLENGE")
        self.assertNotIn("AuthenticationResult", reply)
        return reply["Session"], reply["ChallengeParameters"]

    def sign_in(self, name, client_id=None):
        """The tokens of a sign-in."""
        session, _ = self.challenge(self.aws(*self.initiate(name, client_id)))
        code = self.local.last_code(name)
        return self.aws(*self.respond(name, session, code, client_id))["AuthenticationResult"]

    def by_password(self, name, password, client_id=None):
        client_id = client_id or self.local.any_flow_client_id
        flow = ("--auth-flow", "USER_PASSWORD_AUTH")
        start = self.client("initiate-auth", *flow, client_id=client_id)
        return (*start, "--auth-parameters", f"USERNAME={name},PASSWORD={password}")

    def refresh(self, tokens):
        start = self.client("initiate-auth", "--auth-flow", "REFRESH_TOKEN_AUTH")
        return (*start, "--auth-parameters", f"REFRESH_TOKEN={tokens['RefreshToken']}")
