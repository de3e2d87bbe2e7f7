"""The two example scripts, as a user runs them."""

import json
import os
import re
import shutil
import tempfile
from pathlib import Path

from common import ROOT, LocalTest, client_environment, mistype
from conversation import Conversation

# Nothing listens there.
NOWHERE = "http://127.0.0.1:1"
PROMPT = "Code ("
INCORRECT = "NotAuthorizedException: Incorrect username or password.\n"
# Text that is harmless only if nothing ever takes it for anything else. It would make a file `x`.
HOSTILE = [
    "+81 90'; $(touch x) `touch x` & touch x #",
    '"}, "ClientId": "x", "Username": "\\',
    "a,b=c USERNAME=d",
    "file:///etc/passwd",
    "*\\",
    "a[$(touch x)]",
    "%s%n\t\x1b[31m",
]


class Scripts(LocalTest):
    def setUp(self):
        super().setUp()
        home = tempfile.TemporaryDirectory()
        self.addCleanup(home.cleanup)
        self.home = Path(home.name, "home of 'someone'")
        self.work = Path(home.name, "work")
        self.tmp = Path(home.name, "t m p")
        for directory in (self.home, self.work, self.tmp):
            directory.mkdir()

    def tearDown(self):
        self.assertEqual(list(self.work.iterdir()), [], "a script made a file")
        self.assertEqual(list(self.tmp.iterdir()), [], "a script left a file")

    def with_secret(self, **variables):
        return {
            "CLIENT_ID": self.local.secret_client_id,
            "CLIENT_SECRET": self.local.client_secret,
            **variables,
        }

    def start(self, script, *arguments, **variables):
        """Runs a script with `variables` set, and those that are None unset."""
        environment = client_environment(
            self.home,
            TMPDIR=str(self.tmp),
            AWS_ENDPOINT_URL=self.local.url,
            AWS_REGION=self.local.region,
            CLIENT_ID=self.local.client_id,
        )
        environment.update(variables)
        environment = {name: value for name, value in environment.items() if value is not None}
        command = [ROOT / "examples" / script, *arguments]
        conversation = Conversation(command, self.work, environment)
        self.addCleanup(conversation.stop)
        return conversation

    def assert_signed_in(self, script, name):
        """The script ends well, with tokens that are `name`'s, verified, and nothing else on its
        output. Gives back the tokens."""
        status, out = script.ends()
        self.assertEqual(status, 0, script.said)
        tokens = json.loads(out)
        self.assertEqual(
            sorted(tokens), ["AccessToken", "ExpiresIn", "IdToken", "RefreshToken", "TokenType"]
        )
        self.assertNotIn(tokens["AccessToken"], script.said)
        self.assert_verified(tokens["AccessToken"], name)
        return tokens

    def noting(self):
        """Variables with which a script notes what it runs: stand-ins that write down what they are
        called with, then do what they stand in for. And the file that they write."""
        tools = self.home / "tools"
        tools.mkdir()
        calls = self.home / "calls"
        for tool in ["aws", "openssl", "grep", "sed", "tr", "tail", "rm", "mktemp", "date"]:
            stand_in = tools / tool
            stand_in.write_text(
                f"#!/bin/bash\nprintf '%s\\n' {tool} \"$@\" >> \"$CALLS\"\n"
                f"exec {shutil.which(tool)} \"$@\"\n"
            )
            stand_in.chmod(0o755)
        path = f"{tools}{os.pathsep}{os.environ['PATH']}"
        return self.with_secret(PATH=path, CALLS=str(calls)), calls

    def assert_no_secret(self, calls, name, tokens):
        noted = calls.read_text()
        codes = [re.search(r"\d{6}", each["body"])[0] for each in self.local.sent_to(name)]
        for secret in [
            self.local.client_secret,
            *codes,
            name,
            tokens["AccessToken"],
            tokens["RefreshToken"],
            # What every password ends with, and every request with a session has.
            "aA1!",
            '"Session"',
        ]:
            self.assertNotIn(secret, noted)

    def assert_nobody(self, name):
        """`name` was not created, and was sent nothing."""
        attributes = [each["Value"] for user in self.local.users() for each in user["Attributes"]]
        self.assertNotIn(name, attributes)
        self.assert_nothing_sent(name)

    def assert_refused(self, script, message):
        """The script ends badly, with `message` as its last line and nothing on its output."""
        self.assertEqual(script.ends(), (1, ""))
        self.assertTrue(script.said.endswith(message), script.said)
        self.assertNotIn("Signed in", script.said)


class SignIn(Scripts):
    """Sign in or up, where SIGN_UP is `code`."""

    def test_new_user_is_signed_up_and_in_with_one_message(self):
        phone = self.new_phone()
        script = self.start("sign-in.sh", phone)
        told = script.hears(PROMPT)
        self.assertEqual(told, f"A code was sent by SMS to +*******{phone[-4:]}.\n{PROMPT}")
        script.types(self.local.last_code(phone))
        self.assert_signed_in(script, phone)
        self.assertEqual(len(self.local.sent_to(phone)), 1)
        self.assertNotIn(phone, script.said)

    def test_email_address_with_special_characters_signs_up_and_in(self):
        for name in ["o'hara+a&b@example.com", "jane.doe@example.com"]:
            with self.subTest(name):
                script = self.start("sign-in.sh", name, **self.with_secret())
                self.assertIn("sent by EMAIL to", script.hears(PROMPT))
                script.types(self.local.last_code(name))
                self.assert_signed_in(script, name)
                self.assertEqual(len(self.local.sent_to(name)), 1)

    def test_existing_user_is_signed_in_and_not_created_again(self):
        phone = self.new_phone()
        for sent, options in enumerate([[], [], ["--existing"]], start=1):
            script = self.start("sign-in.sh", *options, phone)
            script.hears(PROMPT)
            script.types(self.local.last_code(phone))
            self.assert_signed_in(script, phone)
            self.assertEqual(len(self.local.sent_to(phone)), sent)
        users = [str(user["Attributes"]) for user in self.local.users()]
        self.assertEqual(sum(phone in user for user in users), 1)

    def test_existing_option_creates_nobody(self):
        phone = self.new_phone()
        script = self.start("sign-in.sh", "--existing", phone)
        script.hears(PROMPT)
        for _ in range(3):
            script.types("000000")
        self.assert_refused(script, f"sign-in.sh: {INCORRECT}")
        self.assert_nobody(phone)

    def test_missing_argument_prompts_for_the_username(self):
        phone = self.new_phone()
        for options in [[], ["--existing"]]:
            script = self.start("sign-in.sh", *options)
            self.assertIn("Phone number (", script.hears("email address: "))
            script.types(phone)
            script.hears(PROMPT)
            script.types(self.local.last_code(phone))
            self.assert_signed_in(script, phone)
        for name in ["sign-in.sh", "sign-up.sh"]:
            script = self.start(name)
            script.types("")
            self.assert_refused(script, f"{name}: no phone number or email address given\n")

    def test_no_secret_appears_in_process_arguments(self):
        variables, calls = self.noting()
        phone = self.new_phone()
        script = self.start("sign-in.sh", phone, **variables)
        script.hears(PROMPT)
        script.types(self.local.last_code(phone))
        tokens = self.assert_signed_in(script, phone)
        self.assert_no_secret(calls, phone, tokens)
        # Three calls of Cognito; a random password and three hashes of three steps each.
        for tool, times in [("aws", 3), ("openssl", 10)]:
            self.assertEqual(calls.read_text().splitlines().count(tool), times)

    def test_sign_up_script_points_to_sign_in(self):
        phone = self.new_phone()
        script = self.start("sign-up.sh", phone)
        self.assertEqual(script.ends(), (0, ""))
        self.assertIn("this pool sends no code to confirm it. To sign in: examples/sign-in.sh", script.said)
        self.assert_nothing_sent(phone)
        script = self.start("sign-up.sh", phone)
        self.assert_refused(script, "already exists.\n")
        script = self.start("sign-in.sh", phone)
        script.hears(PROMPT)
        script.types(self.local.last_code(phone))
        self.assert_signed_in(script, phone)
        self.assertEqual(len(self.local.sent_to(phone)), 1)

    def test_two_wrong_answers_then_correct_code_sign_in(self):
        phone = self.new_phone()
        script = self.start("sign-in.sh", phone)
        script.hears(PROMPT)
        code = self.local.last_code(phone)
        script.types(mistype(code))
        script.hears("Wrong code: 2 attempts left.\nCode (")
        script.types("not a code")
        script.hears("Wrong code: 1 attempt left.\nCode (")
        script.types(f" {code[:3]} {code[3:]} ")
        self.assert_signed_in(script, phone)
        self.assertEqual(len(self.local.sent_to(phone)), 1, "a wrong code sent another message")

    def test_third_wrong_code_ends_the_sign_in(self):
        phone = self.new_phone()
        script = self.start("sign-in.sh", phone)
        script.hears(PROMPT)
        wrong = mistype(self.local.last_code(phone))
        for _ in range(3):
            script.types(wrong)
        self.assert_refused(script, f"sign-in.sh: {INCORRECT}")
        self.assertEqual(len(self.local.sent_to(phone)), 1)

    def test_early_resend_sends_nothing(self):
        phone = self.new_phone()
        script = self.start("sign-in.sh", phone)
        script.hears(PROMPT)
        script.types("")
        self.assertRegex(script.hears(PROMPT), r"Not sent again yet: wait [1-3]?\d seconds\.")
        self.assertEqual(len(self.local.sent_to(phone)), 1)
        script.types(self.local.last_code(phone))
        self.assert_signed_in(script, phone)

    def test_end_of_input_is_an_error(self):
        phone = self.new_phone()
        script = self.start("sign-in.sh", phone)
        script.hears(PROMPT)
        script.hangs_up()
        self.assert_refused(script, "sign-in.sh: no answer: the input has ended\n")

    def test_hostile_usernames_are_refused(self):
        sent, users = self.local.outbox(), self.local.users()
        for name in HOSTILE:
            with self.subTest(name):
                for command in ["sign-up.sh", "sign-in.sh"]:
                    script = self.start(command, name)
                    self.assertEqual(script.ends(), (1, ""))
                    refusal = rf"\A{command}: InvalidParameterException: .*\n\Z"
                    self.assertRegex(script.said, refusal)
                script = self.start("sign-in.sh", "--existing", name)
                script.hangs_up()
                self.assertEqual(script.ends(), (1, ""))
        self.assertEqual((self.local.outbox(), self.local.users()), (sent, users))

    def test_hostile_answers_are_wrong_answers(self):
        phone = self.new_phone()
        for first in range(0, len(HOSTILE), 3):
            script = self.start("sign-in.sh", phone)
            script.hears(PROMPT)
            for answer in (HOSTILE * 2)[first : first + 3]:
                script.types(answer)
            self.assert_refused(script, f"sign-in.sh: {INCORRECT}")


class RefusedSignUp(Scripts):
    settings = {"SMS_COUNTRIES": "JP", "MEDIA": "SMS"}

    def test_fault_of_the_sign_up_is_shown(self):
        abroad = "DESTINATION_NOT_ALLOWED: codes are not sent to this number"
        for name, fault in [("+14155550123", abroad), ("jane.doe@example.com", "NO_DESTINATION: ")]:
            for command in ["sign-in.sh", "sign-up.sh"]:
                script = self.start(command, name)
                self.assertEqual(script.ends(), (1, ""))
                failed = f"UserLambdaValidationException: PreSignUp failed with error {fault}"
                self.assertTrue(script.said.startswith(f"{command}: {failed}"), script.said)
                self.assertEqual(script.said.count("\n"), 1)
                self.assert_nobody(name)


class Closed(Scripts):
    settings = {"SIGN_UP": "closed"}

    def assert_existing_users_sign_in_alone(self):
        known, unknown = self.new_phone(), self.new_phone()
        verified = {"Name": "phone_number_verified", "Value": "true"}
        self.local.call(
            "AdminCreateUser",
            UserPoolId=self.local.pool_id,
            Username=known,
            MessageAction="SUPPRESS",
            UserAttributes=[verified],
        )
        script = self.start("sign-in.sh", known)
        script.hears(PROMPT)
        script.types(self.local.last_code(known))
        self.assert_signed_in(script, known)
        self.assertEqual(len(self.local.sent_to(known)), 1)
        script = self.start("sign-in.sh", unknown)
        script.hears(PROMPT)
        for _ in range(3):
            script.types("000000")
        self.assert_refused(script, f"sign-in.sh: {INCORRECT}")
        self.assert_nobody(unknown)
        return unknown

    def test_closed_pool_signs_existing_users_in(self):
        phone = self.assert_existing_users_sign_in_alone()
        script = self.start("sign-up.sh", phone)
        self.assert_refused(script, "SignUp is not permitted for this user pool\n")
        self.assert_nobody(phone)

    def test_pool_closed_by_the_function_signs_existing_users_in(self):
        """As `code` is, but with SIGN_UP=closed: the pool would let users sign up."""
        pool = self.local.call("DescribeUserPool", UserPoolId=self.local.pool_id)["UserPool"]
        triggers = pool["LambdaConfig"]
        function = triggers["DefineAuthChallenge"].rpartition(":")[0]
        self.local.call(
            "UpdateUserPool",
            UserPoolId=self.local.pool_id,
            LambdaConfig={**triggers, "PreSignUp": f"{function}:pre-sign-up"},
            AdminCreateUserConfig={"AllowAdminCreateUserOnly": False},
        )
        phone = self.assert_existing_users_sign_in_alone()
        script = self.start("sign-up.sh", phone)
        self.assertEqual(script.ends(), (1, ""))
        self.assertIn("PreSignUp failed with error SIGN_UP_CLOSED: ", script.said)
        self.assert_nobody(phone)


class SignUpByCognito(Scripts):
    settings = {"SIGN_UP": "cognito"}

    def sign_up(self, name, **variables):
        script = self.start("sign-up.sh", name, **variables)
        script.hears(PROMPT)
        script.types(self.local.last_code(name))
        self.assertEqual(script.ends(), (0, ""))
        script.hears(f"{name} is signed up. To sign in: examples/sign-in.sh --existing")
        self.assertEqual(len(self.local.sent_to(name)), 1)

    def test_user_signs_up_and_then_in(self):
        for name, medium in [(self.new_phone(), "SMS"), ("jane.doe@example.com", "EMAIL")]:
            with self.subTest(name):
                self.sign_up(name)
                script = self.start("sign-in.sh", "--existing", name)
                script.hears(f"A code was sent by {medium} to ")
                script.hears(PROMPT)
                script.types(self.local.last_code(name))
                self.assert_signed_in(script, name)
                self.assertEqual(len(self.local.sent_to(name)), 2, "one for each")

    def test_no_secret_appears_in_process_arguments(self):
        variables, calls = self.noting()
        phone = self.new_phone()
        self.sign_up(phone, **variables)
        script = self.start("sign-in.sh", "--existing", phone, **variables)
        script.hears(PROMPT)
        script.types(self.local.last_code(phone))
        tokens = self.assert_signed_in(script, phone)
        self.assert_no_secret(calls, phone, tokens)
        self.assertEqual(calls.read_text().splitlines().count("aws"), 4)

    def test_sign_in_script_stops_at_an_unconfirmed_user_and_points_to_sign_up(self):
        phone = self.new_phone()
        unconfirmed = "examples/sign-up.sh, then sign-in.sh --existing\n"
        self.assert_refused(self.start("sign-in.sh", phone), unconfirmed)
        self.assertEqual(len(self.local.sent_to(phone)), 1, "what Cognito sends to confirm")
        # Whoever exists and is not confirmed yet is told the same, and sent nothing.
        for options in [[], ["--existing"]]:
            self.assert_refused(self.start("sign-in.sh", *options, phone), unconfirmed)
        self.assertEqual(len(self.local.sent_to(phone)), 1)
        script = self.start("sign-up.sh", phone)
        script.hears(PROMPT)
        script.types(self.local.last_code(phone))
        self.assertEqual(script.ends(), (0, ""))
        script = self.start("sign-in.sh", "--existing", phone)
        script.hears(PROMPT)
        script.types(self.local.last_code(phone))
        self.assert_signed_in(script, phone)

    def test_hostile_answers_are_wrong_answers(self):
        phone = self.new_phone()
        script = self.start("sign-up.sh", phone)
        script.hears(PROMPT)
        for answer in HOSTILE[:4]:
            script.types(answer)
            script.hears(PROMPT)
        script.types(self.local.last_code(phone))
        self.assertEqual(script.ends(), (0, ""))
        self.assertEqual(len(self.local.sent_to(phone)), 1)

    def test_interrupted_sign_up_can_be_resumed(self):
        phone = self.new_phone()
        script = self.start("sign-up.sh", phone)
        script.hears(PROMPT)
        script.hangs_up()
        self.assert_refused(script, "sign-up.sh: no answer: the input has ended\n")
        script = self.start("sign-up.sh", phone)
        script.hears(PROMPT)
        self.assertEqual(len(self.local.sent_to(phone)), 2)
        script.types(mistype(self.local.last_code(phone)))
        script.hears("CodeMismatchException: Invalid verification code provided")
        script.types("")
        script.hears("A code was sent by SMS to +")
        script.hears(PROMPT)
        self.assertEqual(len(self.local.sent_to(phone)), 3)
        script.types(self.local.last_code(phone))
        self.assertEqual(script.ends(), (0, ""))
        script = self.start("sign-up.sh", phone)
        self.assertEqual(script.ends(), (1, ""))
        self.assertTrue(script.said.startswith("sign-up.sh: UsernameExistsException: "))
        self.assertEqual(len(self.local.sent_to(phone)), 3)


class Choose(Scripts):
    settings = {"FIRST_ROUND": "choose"}

    def test_chosen_medium_receives_the_code(self):
        phone = self.new_phone()
        script = self.start("sign-in.sh", phone)
        asked = script.hears("SMS or EMAIL: ")
        self.assertIn(f"  SMS    +*******{phone[-4:]}\n", asked)
        self.assertNotIn("  EMAIL", asked)
        self.assertEqual(len(self.local.sent_to(phone)), 0, "nothing is sent before the choice")
        # The number is all that this user has.
        script.types("EMAIL")
        self.assertIn("A code was sent by SMS to +", script.hears(PROMPT))
        self.assertEqual(len(self.local.sent_to(phone)), 1)
        script.types(self.local.last_code(phone))
        self.assert_signed_in(script, phone)


class KnownDevice(Scripts):
    """Two messages in 15 minutes for everyone, and a third for a device that has signed in before."""

    settings = {"ISSUE_LIMITS": "3/15m", "PUBLIC_LIMITS": "2/15m"}
    DEVICE = "a-device-of-the-owner-0123"

    def test_known_device_signs_in_while_strangers_use_up_the_rest(self):
        phone = self.new_phone()
        owner = self.start("sign-in.sh", phone, DEVICE=self.DEVICE)
        owner.hears(PROMPT)
        owner.types(self.local.last_code(phone))
        self.assert_signed_in(owner, phone)

        stranger = self.start("sign-in.sh", phone)
        stranger.hears(PROMPT)
        for _ in range(3):
            stranger.types("000000")
        self.assert_refused(stranger, f"sign-in.sh: {INCORRECT}")
        for device in [None, "a-device-of-a-stranger-01"]:
            stranger = self.start("sign-in.sh", phone, DEVICE=device)
            self.assertEqual(stranger.ends(), (1, ""))
            self.assertRegex(
                stranger.said,
                r"sign-in.sh: no code was sent \(TOO_MANY_CODES\): try again in \d{3} seconds\n$",
            )
        self.assertEqual(len(self.local.sent_to(phone)), 2)

        owner = self.start("sign-in.sh", phone, DEVICE=self.DEVICE)
        owner.hears(PROMPT)
        self.assertEqual(len(self.local.sent_to(phone)), 3)
        owner.types(self.local.last_code(phone))
        self.assert_signed_in(owner, phone)


class Settings(Scripts):
    SCRIPTS = ["sign-up.sh", "sign-in.sh"]

    def test_missing_variable_is_named_with_an_example(self):
        for script in self.SCRIPTS:
            for name, example in [
                ("CLIENT_ID", "1example23456789"),
                ("AWS_REGION", "us-east-1"),
            ]:
                for value in (None, ""):
                    with self.subTest(script, name=name, value=value):
                        self.assert_refused(
                            self.start(script, "+819000000000", **{name: value}),
                            f"{script}: {name} is not set; for instance: export {name}={example}\n",
                        )

    def test_missing_command_is_named(self):
        tools = self.home / "tools"
        tools.mkdir()
        for tool in ["bash", "dirname"]:
            (tools / tool).symlink_to(shutil.which(tool))
        for script in self.SCRIPTS:
            self.assert_refused(
                self.start(script, "+819000000000", PATH=str(tools)),
                f"{script}: the command aws is not installed\n",
            )

    def test_extra_arguments_print_the_usage(self):
        existing = {"sign-in.sh": "[--existing] ", "sign-up.sh": ""}
        for script in self.SCRIPTS:
            for arguments in [
                ("+819000000000", "x"),
                ("--help",),
                ("+819000000000", "--existing"),
                ("--existing", "--existing"),
            ]:
                conversation = self.start(script, *arguments)
                self.assertEqual(conversation.ends(), (2, ""))
                self.assertEqual(
                    conversation.said,
                    f"usage: {script} {existing[script]}[PHONE-NUMBER-OR-EMAIL]\n",
                )

    def test_unreachable_endpoint_is_reported(self):
        for script in self.SCRIPTS:
            conversation = self.start(
                script, "+819000000000", AWS_ENDPOINT_URL=NOWHERE, AWS_MAX_ATTEMPTS="1"
            )
            self.assertEqual(conversation.ends(), (1, ""))
            self.assertEqual(conversation.said.count("\n"), 1)
            self.assertIn("Could not connect to the endpoint", conversation.said)

    def test_missing_or_wrong_client_secret_is_refused(self):
        phone = self.new_phone()
        for secret, message in [
            (None, "is configured with secret but SECRET_HASH was not received"),
            ("wrong", "Unable to verify secret hash for client"),
        ]:
            for script in self.SCRIPTS:
                variables = self.with_secret(CLIENT_SECRET=secret)
                conversation = self.start(script, phone, **variables)
                self.assertEqual(conversation.ends(), (1, ""))
                self.assertIn(f"{script}: NotAuthorizedException: ", conversation.said)
                self.assertIn(message, conversation.said)
        conversation = self.start("sign-in.sh", phone, CLIENT_SECRET="x" * 65)
        self.assertEqual(conversation.ends(), (1, ""))
        self.assertIn("CLIENT_SECRET has more than 64 characters", conversation.said)
        self.assert_nobody(phone)


class Resend(Scripts):
    settings = {"RESEND_AFTER_SECONDS": "0"}

    def test_resend_sends_the_same_code_until_the_limit(self):
        phone = self.new_phone()
        script = self.start("sign-in.sh", phone)
        script.hears(PROMPT)
        code = self.local.last_code(phone)
        for sent in (2, 3):
            script.types("")
            script.hears(f"The code was sent again by SMS to +*******{phone[-4:]}.\n{PROMPT}")
            self.assertEqual(len(self.local.sent_to(phone)), sent)
            self.assertEqual(self.local.last_code(phone), code)
        script.types("")
        script.hears("Not sent again: that was the last one of this sign-in.\n")
        script.hears(PROMPT)
        script.types(mistype(code))
        script.hears("Wrong code: 2 attempts left.\nCode (")
        script.types(code)
        self.assert_signed_in(script, phone)
        self.assertEqual(len(self.local.sent_to(phone)), 3)
