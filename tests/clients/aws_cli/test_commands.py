"""The plain AWS CLI signs a person up and in, with nothing but the endpoint set."""

import subprocess

from commands import COMMAND_LIMIT, PASSWORD, CommandTest
from common import client_environment, mistype


class Commands(CommandTest):
    def test_phone_number_signs_up_in_and_out(self):
        phone = self.new_phone()
        self.admin_refused("UserNotFoundException", *self.of_user("admin-get-user", phone))
        self.sign_up(phone, mistyped=True)
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

    def test_third_wrong_code_ends_the_sign_in(self):
        phone = self.new_phone()
        self.sign_up(phone)
        session, _ = self.challenge(self.aws(*self.initiate(phone)))
        wrong = mistype(self.local.last_code(phone))
        for _ in range(2):
            session, _ = self.challenge(self.aws(*self.respond(phone, session, wrong)))
        said = self.refused("NotAuthorizedException", *self.respond(phone, session, wrong))
        self.assertIn("Incorrect username or password.", said)
        self.assertEqual(len(self.local.sent_to(phone)), 2)

    def test_session_with_another_username_is_refused(self):
        phone, other = self.new_phone(), self.new_phone()
        self.sign_up(phone)
        self.sign_up(other)
        session, _ = self.challenge(self.aws(*self.initiate(phone)))
        code = self.local.last_code(phone)
        self.refused("NotAuthorizedException", *self.respond(other, session, code))
        # It cost the right user nothing.
        self.assertIn("AuthenticationResult", self.aws(*self.respond(phone, session, code)))

    def test_unconfirmed_user_is_refused(self):
        phone = self.new_phone()
        self.aws(*self.client("sign-up", "--username", phone, "--password", PASSWORD))
        self.refused("UserNotConfirmedException", *self.initiate(phone))
        self.assertEqual(len(self.local.sent_to(phone)), 1)

    def test_admin_created_user_signs_in(self):
        phone = self.new_phone()
        pool = ("--user-pool-id", self.local.pool_id)
        self.create_user(phone)
        self.admin_refused("UsernameExistsException", *self.of_user("admin-create-user", phone))
        users = self.admin("list-users", *pool, "--filter", f'phone_number = "{phone}"')
        self.assertEqual([user["UserStatus"] for user in users["Users"]], ["FORCE_CHANGE_PASSWORD"])
        self.assert_nothing_sent(phone)

        session, _ = self.challenge(self.aws(*self.initiate(phone)))
        reply = self.aws(*self.respond(phone, session, self.local.last_code(phone)))
        self.assertIn("AccessToken", reply["AuthenticationResult"])

        self.admin(*self.of_user("admin-delete-user", phone))
        self.admin_refused("UserNotFoundException", *self.of_user("admin-get-user", phone))

    def test_exported_variables_suffice_for_the_cli(self):
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
