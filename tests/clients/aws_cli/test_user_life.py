"""The plain AWS CLI takes a user through what happens after the sign-up."""

import subprocess

from commands import COMMAND_LIMIT, PASSWORD, CommandTest
from common import client_environment, example, mistype

NEW_PASSWORD = "Chosen-by-a-person-2"
WEAK_PASSWORD = "weak"
INCORRECT = "Incorrect username or password."


class UserLife(CommandTest):
    def assert_password(self, name, right, wrong, client_id=None):
        said = self.refused("NotAuthorizedException", *self.by_password(name, wrong, client_id))
        self.assertIn(INCORRECT, said)
        accepted = self.aws(*self.by_password(name, right, client_id))
        self.assertIn("AuthenticationResult", accepted)

    def recovering_client(self):
        """The client of a pool whose users get a new password by themselves."""
        contacts = ("--username-attributes", "phone_number")
        verified = ("--auto-verified-attributes", "phone_number")
        # A role that may send SMS, which a pool needs to send any.
        caller = "SnsCallerArn=arn:aws:iam::123456789012:role/sms,ExternalId=recovering"
        verified = (*verified, "--sms-configuration", caller)
        recovery = "RecoveryMechanisms=[{Priority=1,Name=verified_phone_number}]"
        create = ("create-user-pool", "--pool-name", "recovering", *contacts, *verified)
        made = self.admin(*create, "--account-recovery-setting", recovery)["UserPool"]
        pool = ("--user-pool-id", made["Id"], "--client-name", "recovering")
        flows = ("--explicit-auth-flows", "ALLOW_USER_PASSWORD_AUTH")
        hidden = ("--prevent-user-existence-errors", "ENABLED")
        made = self.admin("create-user-pool-client", *pool, *flows, *hidden)
        return made["UserPoolClient"]["ClientId"]

    def test_disabled_user_is_refused_until_enabled(self):
        phone = self.new_phone()
        self.create_user(phone)
        tokens = self.sign_in(phone)
        session, _ = self.challenge(self.aws(*self.initiate(phone)))
        code = self.local.last_code(phone)
        self.admin(*self.of_user("admin-disable-user", phone))
        for refused in [
            self.initiate(phone),
            self.respond(phone, session, code),
            self.refresh(tokens),
        ]:
            said = self.refused("NotAuthorizedException", *refused)
            self.assertIn("User is disabled.", said)
        self.assertEqual(len(self.local.sent_to(phone)), 2, "one for each start before")
        self.admin(*self.of_user("admin-enable-user", phone))
        self.assertIn("AccessToken", self.sign_in(phone))
        self.assertEqual(len(self.local.sent_to(phone)), 3)

    def test_forgotten_password_is_reset_with_a_code(self):
        client_id, phone = self.recovering_client(), self.new_phone()
        self.sign_up_and_confirm(phone, client_id)

        def forgot(name):
            return self.client("forgot-password", "--username", name, client_id=client_id)

        sent = self.aws(*forgot(phone))
        self.assertEqual(sent["CodeDeliveryDetails"]["DeliveryMedium"], "SMS")
        self.assertNotIn(phone, str(sent))
        self.assertEqual(len(self.local.sent_to(phone)), 2)
        code = self.local.last_code(phone)

        def confirm(code, password):
            arguments = ("--confirmation-code", code, "--password", password)
            named = ("--username", phone, *arguments)
            return self.client("confirm-forgot-password", *named, client_id=client_id)

        self.refused("CodeMismatchException", *confirm(mistype(code), NEW_PASSWORD))
        self.refused("InvalidPasswordException", *confirm(code, WEAK_PASSWORD))
        by_new = self.by_password(phone, NEW_PASSWORD, client_id)
        self.refused("NotAuthorizedException", *by_new)
        self.aws(*confirm(code, NEW_PASSWORD))
        self.refused("ExpiredCodeException", *confirm(code, PASSWORD))
        self.assert_password(phone, right=NEW_PASSWORD, wrong=PASSWORD, client_id=client_id)

        # Who is not there looks as if, and is sent nothing.
        nobody = self.new_phone()
        sent = self.aws(*forgot(nobody))
        self.assertEqual(sent["CodeDeliveryDetails"]["DeliveryMedium"], "SMS")
        self.assert_nothing_sent(nobody)

    def test_the_default_pool_lets_administrators_alone_recover(self):
        phone, nobody = self.new_phone(), self.new_phone()
        self.sign_up(phone)
        for name in [phone, nobody]:
            forgot = self.client("forgot-password", "--username", name)
            said = self.refused("NotAuthorizedException", *forgot)
            self.assertIn("Contact administrator to reset password.", said)
            self.assert_nothing_sent(name)

    def test_a_password_alone_does_not_sign_in_at_the_default_client(self):
        phone = self.new_phone()
        self.sign_up(phone)
        by_password = self.by_password(phone, PASSWORD, self.local.client_id)
        said = self.refused("InvalidParameterException", *by_password)
        self.assertIn("flow not enabled for this client", said)

    def test_password_change_requires_the_previous_password(self):
        phone = self.new_phone()
        self.sign_up(phone)
        tokens = self.aws(*self.by_password(phone, PASSWORD))["AuthenticationResult"]

        def change(previous, proposed):
            arguments = ("--previous-password", previous, "--proposed-password", proposed)
            return ("change-password", "--access-token", tokens["AccessToken"], *arguments)

        said = self.refused("NotAuthorizedException", *change(NEW_PASSWORD, NEW_PASSWORD))
        self.assertIn(INCORRECT, said)
        self.refused("InvalidPasswordException", *change(PASSWORD, WEAK_PASSWORD))
        self.aws(*change(PASSWORD, NEW_PASSWORD))
        self.assert_password(phone, right=NEW_PASSWORD, wrong=PASSWORD)
        self.assert_nothing_sent(phone)

    def test_admin_global_sign_out_revokes_every_token_of_the_user(self):
        phone, other = self.new_phone(), self.new_phone()
        self.create_user(phone)
        self.create_user(other)
        tokens = [self.sign_in(phone), self.sign_in(phone)]
        kept = self.sign_in(other)
        self.admin(*self.of_user("admin-user-global-sign-out", phone))
        get_user = ("get-user", "--access-token", tokens[0]["AccessToken"])
        said = self.refused("NotAuthorizedException", *get_user)
        self.assertIn("Access Token has been revoked", said)
        said = self.refused("NotAuthorizedException", *self.refresh(tokens[1]))
        self.assertIn("Refresh Token has been revoked", said)
        self.aws("get-user", "--access-token", kept["AccessToken"])
        again = self.sign_in(phone)
        self.aws("get-user", "--access-token", again["AccessToken"])

    def test_deleted_user_is_treated_as_unknown(self):
        phone = self.new_phone()
        self.sign_up(phone)
        tokens = self.sign_in(phone)
        of_token = ("--access-token", tokens["AccessToken"])
        self.aws("delete-user", *of_token)
        self.refused("UserNotFoundException", "get-user", *of_token)
        self.refused("NotAuthorizedException", *self.refresh(tokens))
        self.admin_refused("UserNotFoundException", *self.of_user("admin-get-user", phone))
        # The sign-in of an unknown user looks the same, and sends nothing.
        self.challenge(self.aws(*self.initiate(phone)))
        self.assertEqual(len(self.local.sent_to(phone)), 1)
        # The number is free again, for another user.
        first = self.aws(*self.client("sign-up", "--username", phone, "--password", PASSWORD))
        self.assertIs(first["UserConfirmed"], True)
        self.assertEqual(len(self.local.sent_to(phone)), 1)
        self.refused("UserNotFoundException", "get-user", *of_token)


class ChangedContact(CommandTest):
    """docs/CLIENTS.md, *Add or change a contact*."""

    def back_end(self, access_token, name, value):
        """Runs the commands of the document, for another attribute if wanted."""
        commands = example("CLIENTS.md", "change-contact-user")
        commands += example("CLIENTS.md", "change-contact").replace("phone_number", name)
        environment = client_environment(
            self.home,
            AWS_ENDPOINT_URL=self.local.url,
            AWS_DEFAULT_REGION=self.local.region,
            USER_POOL_ID=self.local.pool_id,
            ACCESS_TOKEN=access_token,
            NUMBER=value,
            **self.credentials(),
        )
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            env=environment,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=2 * COMMAND_LIMIT,
        )

    def signed_in(self):
        """The number and the access token of a new user."""
        phone = self.new_phone()
        self.sign_up(phone)
        return phone, self.sign_in(phone)["AccessToken"]

    def change(self, access_token, name, value):
        """As a signed-in user does it."""
        attribute = f"Name={name},Value={value}"
        update = ("update-user-attributes", "--access-token", access_token)
        return self.aws(*update, "--user-attributes", attribute)

    def test_number_changed_by_the_user_locks_out_until_an_administrator_sets_it(self):
        phone, token = self.signed_in()
        changed = self.new_phone()
        self.change(token, "phone_number", changed)
        self.assertNotEqual(self.local.attributes(token).get("phone_number_verified"), "true")
        # A hold, which asks for a known device.
        _, parameters = self.challenge(self.aws(*self.initiate(changed)))
        self.assertEqual(parameters["NOT_SENT"], "NO_DESTINATION")
        self.assertNotIn("CODE_DELIVERY_DESTINATION", parameters)
        self.assert_nothing_sent(changed)
        # Verified by other means, or set back.
        for value in [changed, phone]:
            done = self.back_end(token, "phone_number", value)
            self.assertEqual(done.returncode, 0, done.stderr)
            sent = len(self.local.sent_to(value))
            tokens = self.sign_in(value)
            self.assert_verified(tokens["AccessToken"], value)
            self.assertEqual(len(self.local.sent_to(value)), sent + 1)

    def test_back_end_adds_and_changes_contacts_and_cognito_sends_nothing(self):
        phone, token = self.signed_in()
        number, email = self.new_phone(), "jill.doe@example.com"
        before = self.local.outbox()
        for name, value in [("email", email), ("phone_number", number)]:
            done = self.back_end(token, name, value)
            self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
            attributes = self.local.attributes(token)
            self.assertEqual(attributes[name], value)
            self.assertEqual(attributes[f"{name}_verified"], "true")
        self.assertEqual(self.local.outbox(), before)
        _, parameters = self.challenge(self.aws(*self.initiate(number)))
        self.assertEqual(parameters["MEDIA"], "SMS,EMAIL")
        self.assertEqual(len(self.local.sent_to(number)), 1)
        self.assertEqual(len(self.local.sent_to(phone)), 1, "the first sign-in's")

    def test_number_of_another_account_is_refused(self):
        phone, token = self.signed_in()
        theirs, _ = self.signed_in()
        done = self.back_end(token, "phone_number", theirs)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("(AliasExistsException)", done.stderr)
        self.assert_verified(token, phone)

    def test_revoked_token_changes_nothing(self):
        phone, token = self.signed_in()
        self.aws("global-sign-out", "--access-token", token)
        changed = self.new_phone()
        done = self.back_end(token, "phone_number", changed)
        self.assertNotEqual(done.returncode, 0)
        user = self.admin(*self.of_user("admin-get-user", phone))
        self.assertNotIn(changed, str(user))
