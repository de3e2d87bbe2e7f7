"""The plain AWS CLI signs a person up and in, with nothing but the endpoint set."""

import json
import subprocess
import tempfile

from common import LocalTest, client_environment, mistype

COMMAND_LIMIT = 30
PASSWORD = "Unused-and-forgotten-1"


class Commands(LocalTest):
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

    def client(self, operation, *arguments):
        return (operation, "--client-id", self.local.client_id, *arguments)

    def sign_up(self, name):
        out = self.aws(*self.client("sign-up", "--username", name, "--password", PASSWORD))
        self.assertIs(out["UserConfirmed"], False)
        [message] = self.local.sent_to(name)
        code = self.local.last_code(name)
        self.assertIn(code, message["body"])
        confirm = self.client("confirm-sign-up", "--username", name, "--confirmation-code")
        self.refused("CodeMismatchException", *confirm, mistype(code))
        self.aws(*confirm, code)

    def initiate(self, name):
        start = self.client("initiate-auth", "--auth-flow", "CUSTOM_AUTH")
        return (*start, "--auth-parameters", f"USERNAME={name}")

    def respond(self, name, session, answer):
        respond = self.client(
            "respond-to-auth-challenge", "--challenge-name", "CUSTOM_CHALLENGE"
        )
        responses = f"USERNAME={name},ANSWER={answer}"
        return (*respond, "--session", session, "--challenge-responses", responses)

    def challenge(self, reply):
        self.assertEqual(reply["ChallengeName"], "CUSTOM_CHALLENGE")
        self.assertNotIn("AuthenticationResult", reply)
        return reply["Session"], reply["ChallengeParameters"]

    def test_a_phone_number_signs_in(self):
        phone = self.new_phone()
        self.refused("UserNotFoundException", *self.admin_get_user(phone), **self.credentials())
        self.sign_up(phone)
        first, parameters = self.challenge(self.aws(*self.initiate(phone)))
        self.assertEqual(parameters["CODE_DELIVERY_DELIVERY_MEDIUM"], "SMS")
        self.assertNotIn(phone, str(parameters))
        code = self.local.last_code(phone)
        self.assertNotIn(code, str(parameters))

        reply = self.aws(*self.respond(phone, first, mistype(code)))
        second, parameters = self.challenge(reply)
        self.assertNotEqual(first, second)
        self.assertEqual(parameters["ATTEMPTS_LEFT"], "2")
        used = self.refused("NotAuthorizedException", *self.respond(phone, first, code))
        self.assertIn("session can only be used once", used)

        tokens = self.aws(*self.respond(phone, second, code))["AuthenticationResult"]
        self.assertEqual(tokens["TokenType"], "Bearer")
        user = self.aws("get-user", "--access-token", tokens["AccessToken"])
        attributes = {each["Name"]: each["Value"] for each in user["UserAttributes"]}
        self.assertEqual(attributes["phone_number"], phone)
        self.assertEqual(attributes["phone_number_verified"], "true")
        self.refused("NotAuthorizedException", *self.respond(phone, second, code))
        self.assertEqual(len(self.local.sent_to(phone)), 2, "one to confirm, one to sign in")

        self.aws("global-sign-out", "--access-token", tokens["AccessToken"])
        self.refused(
            "NotAuthorizedException", "get-user", "--access-token", tokens["AccessToken"]
        )

    def test_three_wrong_codes_end_a_sign_in(self):
        phone = self.new_phone()
        self.sign_up(phone)
        session, _ = self.challenge(self.aws(*self.initiate(phone)))
        wrong = mistype(self.local.last_code(phone))
        for _ in range(2):
            session, _ = self.challenge(self.aws(*self.respond(phone, session, wrong)))
        said = self.refused("NotAuthorizedException", *self.respond(phone, session, wrong))
        self.assertIn("Incorrect username or password.", said)
        self.assertEqual(len(self.local.sent_to(phone)), 2)

    def test_another_users_name_is_refused(self):
        phone, other = self.new_phone(), self.new_phone()
        self.sign_up(phone)
        self.sign_up(other)
        session, _ = self.challenge(self.aws(*self.initiate(phone)))
        code = self.local.last_code(phone)
        self.refused("NotAuthorizedException", *self.respond(other, session, code))
        # It cost the right user nothing.
        self.assertIn("AuthenticationResult", self.aws(*self.respond(phone, session, code)))

    def test_who_has_not_confirmed_is_refused(self):
        phone = self.new_phone()
        self.aws(*self.client("sign-up", "--username", phone, "--password", PASSWORD))
        self.refused("UserNotConfirmedException", *self.initiate(phone))
        self.assertEqual(len(self.local.sent_to(phone)), 1)

    def credentials(self):
        names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
        return {name: self.local.exports[name] for name in names}

    def admin_get_user(self, name):
        return ("admin-get-user", "--user-pool-id", self.local.pool_id, "--username", name)

    def test_an_administrators_user_signs_in(self):
        phone = self.new_phone()
        pool = ("--user-pool-id", self.local.pool_id)
        attributes = [f"Name=phone_number,Value={phone}", "Name=phone_number_verified,Value=true"]
        create = ("admin-create-user", *pool, "--username", phone, "--message-action", "SUPPRESS")
        keys = self.credentials()
        self.aws(*create, "--user-attributes", *attributes, **keys)
        self.refused("UsernameExistsException", *create, **keys)
        users = self.aws("list-users", *pool, "--filter", f'phone_number = "{phone}"', **keys)
        self.assertEqual([user["UserStatus"] for user in users["Users"]], ["FORCE_CHANGE_PASSWORD"])
        self.assert_nothing_sent(phone)

        session, _ = self.challenge(self.aws(*self.initiate(phone)))
        reply = self.aws(*self.respond(phone, session, self.local.last_code(phone)))
        self.assertIn("AccessToken", reply["AuthenticationResult"])

        self.aws("admin-delete-user", *pool, "--username", phone, **keys)
        self.refused("UserNotFoundException", *self.admin_get_user(phone), **keys)

    def test_the_exported_variables_are_enough(self):
        environment = client_environment(self.home, **self.local.exports)
        script = """
            aws cognito-idp describe-user-pool --user-pool-id "$USER_POOL_ID" \
                --query UserPool.Id --output text
            aws cognito-idp describe-user-pool-client --user-pool-id "$USER_POOL_ID" \
                --client-id "$CLIENT_ID" --query UserPoolClient.ClientId --output text
        """
        done = subprocess.run(
            ["bash", "-euc", script],
            env=environment,
            capture_output=True,
            text=True,
            timeout=COMMAND_LIMIT,
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout.split(), [self.local.pool_id, self.local.client_id])
