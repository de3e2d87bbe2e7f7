"""The plain AWS CLI signs users up and in, with nothing but the endpoint set."""

import subprocess

from commands import COMMAND_LIMIT, PASSWORD, CommandTest
from common import client_environment, mistype


class SignUpByCode(CommandTest):
    def test_new_user_signs_up_in_and_out_with_one_message(self):
        for name, medium in [(self.new_phone(), "SMS"), ("jane.doe@example.com", "EMAIL")]:
            with self.subTest(medium):
                self.sign_up(name)
                first, parameters = self.challenge(self.aws(*self.initiate(name)))
                self.assertEqual(parameters["CODE_DELIVERY_DELIVERY_MEDIUM"], medium)
                self.assertNotIn(name, str(parameters))
                code = self.local.last_code(name)
                self.assertNotIn(code, str(parameters))

                reply = self.aws(*self.respond(name, first, mistype(code)))
                second, parameters = self.challenge(reply)
                self.assertNotEqual(first, second)
                self.assertEqual(parameters["ATTEMPTS_LEFT"], "2")
                used = self.refused("NotAuthorizedException", *self.respond(name, first, code))
                self.assertIn("session can only be used once", used)
                user = self.admin(*self.of_user("admin-get-user", name))
                attributes = {each["Name"]: each["Value"] for each in user["UserAttributes"]}
                for contact in ["phone_number", "email"]:
                    self.assertNotEqual(attributes.get(f"{contact}_verified"), "true")

                tokens = self.aws(*self.respond(name, second, code))["AuthenticationResult"]
                self.assertEqual(tokens["TokenType"], "Bearer")
                get_user = ("get-user", "--access-token", tokens["AccessToken"])
                self.assertEqual(self.aws(*get_user)["Username"], user["Username"])
                self.assert_verified(tokens["AccessToken"], name)
                self.refused("NotAuthorizedException", *self.respond(name, second, code))
                self.assertEqual(len(self.local.sent_to(name)), 1)

                self.aws("global-sign-out", "--access-token", tokens["AccessToken"])
                self.refused("NotAuthorizedException", *get_user)

    def test_existing_user_signs_in_and_stays_one(self):
        phone = self.new_phone()
        again = self.client("sign-up", "--username", phone, "--password", PASSWORD)
        self.sign_up(phone)
        self.refused("UsernameExistsException", *again)
        self.assertIn("AccessToken", self.sign_in(phone))
        self.refused("UsernameExistsException", *again)
        tokens = self.sign_in(phone)
        self.assert_verified(tokens["AccessToken"], phone)
        pool = ("--user-pool-id", self.local.pool_id)
        users = self.admin("list-users", *pool, "--filter", f'phone_number = "{phone}"')["Users"]
        self.assertEqual(len(users), 1)
        self.assertEqual(len(self.local.sent_to(phone)), 2, "one for each sign-in")

    def test_password_of_the_sign_up_is_replaced_by_the_first_code(self):
        phone = self.new_phone()
        self.sign_up(phone)
        self.assertIn("AuthenticationResult", self.aws(*self.by_password(phone, PASSWORD)))
        self.sign_in(phone)
        self.refused("NotAuthorizedException", *self.by_password(phone, PASSWORD))

    def test_code_of_a_new_user_is_sent_again_by_nobody_else(self):
        """Neither ResendConfirmationCode nor ForgotPassword sends what Cognito would."""
        phone = self.new_phone()
        self.sign_up(phone)
        resend = self.client("resend-confirmation-code", "--username", phone)
        self.refused("InvalidParameterException", *resend)
        forgot = self.client("forgot-password", "--username", phone)
        self.refused("NotAuthorizedException", *forgot)
        self.assert_nothing_sent(phone)


class RefusedSignUp(CommandTest):
    settings = {"SMS_COUNTRIES": "JP", "MEDIA": "SMS"}

    def test_refused_sign_up_creates_nobody_and_sends_nothing(self):
        phone, email = self.new_phone(), "jane.doe@example.com"
        both = "ONE_CONTACT_ONLY: sign up with a phone number or an email address, not both"
        abroad = "DESTINATION_NOT_ALLOWED: codes are not sent to this number"
        for name, attributes, fault in [
            (phone, [f"Name=email,Value={email}"], both),
            ("+14155550123", [], abroad),
            ("+810990123456", [], abroad),
            ("+8100000000000", [], abroad),
            (email, [], "NO_DESTINATION: "),
        ]:
            with self.subTest(name, attributes=attributes):
                sign_up = self.client("sign-up", "--username", name, "--password", PASSWORD)
                options = ["--user-attributes", *attributes] if attributes else []
                said = self.refused("UserLambdaValidationException", *sign_up, *options)
                self.assertIn(f"PreSignUp failed with error {fault}", said)
        self.assertEqual(self.local.users(), [])
        self.assertEqual(self.local.outbox(), [])
        # It is those that were refused.
        self.sign_up(phone)
        self.assertIn("AccessToken", self.sign_in(phone))


class ClosedSignUp(CommandTest):
    settings = {"SIGN_UP": "closed"}

    def test_closed_pool_creates_nobody(self):
        phone = self.new_phone()
        sign_up = self.client("sign-up", "--username", phone, "--password", PASSWORD)
        said = self.refused("NotAuthorizedException", *sign_up)
        self.assertIn("SignUp is not permitted for this user pool", said)
        self.assertEqual((self.local.users(), self.local.outbox()), ([], []))


class SignUpByCognito(CommandTest):
    """The flow of the background documents: sign up, confirm, sign in by password and by code."""

    settings = {"SIGN_UP": "cognito"}

    def test_confirmed_user_signs_in_by_password_and_by_code(self):
        for name, medium in [(self.new_phone(), "SMS"), ("jane.doe@example.com", "EMAIL")]:
            with self.subTest(medium):
                self.sign_up_and_confirm(name, mistyped=True)
                tokens = self.aws(*self.by_password(name, PASSWORD))["AuthenticationResult"]
                self.assert_verified(tokens["AccessToken"], name)
                self.refused("NotAuthorizedException", *self.by_password(name, f"{PASSWORD}x"))
                tokens = self.sign_in(name)
                self.assert_verified(tokens["AccessToken"], name)
                sent = [each["medium"] for each in self.local.sent_to(name)]
                self.assertEqual(sent, [medium] * 2, "one to confirm, one to sign in")
                # A code does not touch the password here.
                self.assertIn("AuthenticationResult", self.aws(*self.by_password(name, PASSWORD)))

    def test_unconfirmed_user_is_refused(self):
        phone = self.new_phone()
        self.aws(*self.client("sign-up", "--username", phone, "--password", PASSWORD))
        self.refused("UserNotConfirmedException", *self.initiate(phone))
        self.refused("UserNotConfirmedException", *self.by_password(phone, PASSWORD))
        self.assertEqual(len(self.local.sent_to(phone)), 1)


class Commands(CommandTest):
    def test_third_wrong_code_ends_the_sign_in(self):
        phone = self.new_phone()
        self.sign_up(phone)
        session, _ = self.challenge(self.aws(*self.initiate(phone)))
        wrong = mistype(self.local.last_code(phone))
        for _ in range(2):
            session, _ = self.challenge(self.aws(*self.respond(phone, session, wrong)))
        said = self.refused("NotAuthorizedException", *self.respond(phone, session, wrong))
        self.assertIn("Incorrect username or password.", said)
        self.assertEqual(len(self.local.sent_to(phone)), 1)

    def test_session_with_another_username_is_refused(self):
        phone, other = self.new_phone(), self.new_phone()
        self.sign_up(phone)
        self.sign_up(other)
        session, _ = self.challenge(self.aws(*self.initiate(phone)))
        code = self.local.last_code(phone)
        self.refused("NotAuthorizedException", *self.respond(other, session, code))
        # It cost the right user nothing.
        self.assertIn("AuthenticationResult", self.aws(*self.respond(phone, session, code)))

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
