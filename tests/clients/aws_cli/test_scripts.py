"""The two example scripts, as a person uses them."""

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

    def sign_up(self, name, **variables):
        script = self.start("sign-up.sh", name, **variables)
        script.hears(PROMPT)
        script.types(self.local.last_code(name))
        self.assertEqual(script.ends(), (0, ""))
        script.hears(f"{name} is signed up.")
        self.assertEqual(len(self.local.sent_to(name)), 1)

    def assert_signed_in(self, script, name):
        """The script ends well, with tokens that are `name`'s and nothing else on its output."""
        status, out = script.ends()
        self.assertEqual(status, 0, script.said)
        tokens = json.loads(out)
        self.assertEqual(
            sorted(tokens), ["AccessToken", "ExpiresIn", "IdToken", "RefreshToken", "TokenType"]
        )
        self.assertNotIn(tokens["AccessToken"], script.said)

    def assert_refused(self, script, message):
        """The script ends badly, with `message` as its last line and nothing on its output."""
        self.assertEqual(script.ends(), (1, ""))
        self.assertTrue(script.said.endswith(message), script.said)
        self.assertNotIn("Signed in", script.said)


class SignIn(Scripts):
    def test_phone_number_signs_up_and_in(self):
        phone = self.new_phone()
        self.sign_up(phone)
        script = self.start("sign-in.sh", phone)
        told = script.hears(PROMPT)
        self.assertEqual(told, f"A code was sent by SMS to +*******{phone[-4:]}.\n{PROMPT}")
        script.types(self.local.last_code(phone))
        self.assert_signed_in(script, phone)
        self.assertEqual(len(self.local.sent_to(phone)), 2)
        self.assertNotIn(phone, script.said)

    def test_email_address_with_special_characters_signs_up_and_in(self):
        for name in ["o'hara+a&b@example.com", "jane.doe@example.com"]:
            with self.subTest(name):
                self.sign_up(name, **self.with_secret())
                script = self.start("sign-in.sh", name, **self.with_secret())
                self.assertIn("sent by EMAIL to", script.hears(PROMPT))
                script.types(self.local.last_code(name))
                self.assert_signed_in(script, name)

    def test_missing_argument_prompts_for_the_username(self):
        phone = self.new_phone()
        script = self.start("sign-up.sh")
        script.hears("Phone number (")
        script.types(phone)
        script.hears(PROMPT)
        script.types(self.local.last_code(phone))
        self.assertEqual(script.ends(), (0, ""))
        script = self.start("sign-in.sh")
        script.hears("Phone number (")
        script.types(phone)
        script.hears(PROMPT)
        script.types(self.local.last_code(phone))
        self.assert_signed_in(script, phone)
        script = self.start("sign-in.sh")
        script.types("")
        self.assert_refused(script, "sign-in.sh: no phone number or e-mail address given\n")

    def test_two_wrong_answers_then_correct_code_sign_in(self):
        phone = self.new_phone()
        self.sign_up(phone)
        script = self.start("sign-in.sh", phone)
        script.hears(PROMPT)
        code = self.local.last_code(phone)
        script.types(mistype(code))
        script.hears("Wrong code: 2 attempts left.\nCode (")
        script.types("not a code")
        script.hears("Wrong code: 1 attempt left.\nCode (")
        script.types(f" {code[:3]} {code[3:]} ")
        self.assert_signed_in(script, phone)
        self.assertEqual(len(self.local.sent_to(phone)), 2, "a wrong code sent another text")

    def test_third_wrong_code_ends_the_sign_in(self):
        phone = self.new_phone()
        self.sign_up(phone)
        script = self.start("sign-in.sh", phone)
        script.hears(PROMPT)
        wrong = mistype(self.local.last_code(phone))
        for _ in range(3):
            script.types(wrong)
        self.assert_refused(script, f"sign-in.sh: {INCORRECT}")
        self.assertEqual(len(self.local.sent_to(phone)), 2)

    def test_early_resend_sends_nothing(self):
        phone = self.new_phone()
        self.sign_up(phone)
        script = self.start("sign-in.sh", phone)
        script.hears(PROMPT)
        script.types("")
        self.assertRegex(script.hears(PROMPT), r"Not sent again yet: wait [1-3]?\d seconds\.")
        self.assertEqual(len(self.local.sent_to(phone)), 2)
        script.types(self.local.last_code(phone))
        self.assert_signed_in(script, phone)

    def test_end_of_input_is_an_error(self):
        phone = self.new_phone()
        self.sign_up(phone)
        script = self.start("sign-in.sh", phone)
        script.hears(PROMPT)
        script.hangs_up()
        self.assert_refused(script, "sign-in.sh: no answer: the input has ended\n")

    def test_unknown_user_is_refused_and_gets_no_message(self):
        phone = self.new_phone()
        script = self.start("sign-in.sh", phone)
        script.hears(PROMPT)
        for _ in range(3):
            script.types("000000")
        self.assert_refused(script, f"sign-in.sh: {INCORRECT}")
        self.assert_nothing_sent(phone)

    def test_hostile_usernames_are_refused(self):
        sent = self.local.outbox()
        for name in HOSTILE:
            with self.subTest(name):
                script = self.start("sign-up.sh", name)
                status, out = script.ends()
                self.assertEqual((status, out), (1, ""))
                self.assertRegex(script.said, r"\Asign-up\.sh: InvalidParameterException: .*\n\Z")
                script = self.start("sign-in.sh", name)
                script.hangs_up()
                status, out = script.ends()
                self.assertEqual((status, out), (1, ""))
        self.assertEqual(self.local.outbox(), sent)

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
        for first in range(0, len(HOSTILE), 3):
            script = self.start("sign-in.sh", phone)
            script.hears(PROMPT)
            for answer in (HOSTILE * 2)[first : first + 3]:
                script.types(answer)
            self.assert_refused(script, f"sign-in.sh: {INCORRECT}")

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
        self.sign_up(phone)
        script = self.start("sign-in.sh", phone)
        asked = script.hears("SMS or EMAIL: ")
        self.assertIn(f"  SMS    +*******{phone[-4:]}\n", asked)
        self.assertNotIn("  EMAIL", asked)
        self.assertEqual(len(self.local.sent_to(phone)), 1, "nothing is sent before the choice")
        # The number is all that this user has.
        script.types("EMAIL")
        self.assertIn("A code was sent by SMS to +", script.hears(PROMPT))
        self.assertEqual(len(self.local.sent_to(phone)), 2)
        script.types(self.local.last_code(phone))
        self.assert_signed_in(script, phone)


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
        for script in self.SCRIPTS:
            for arguments in [("+819000000000", "x"), ("--help",)]:
                conversation = self.start(script, *arguments)
                self.assertEqual(conversation.ends(), (2, ""))
                self.assertEqual(
                    conversation.said, f"usage: {script} [PHONE-NUMBER-OR-E-MAIL]\n"
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
        self.assert_nothing_sent(phone)

    def test_no_secret_appears_in_process_arguments(self):
        # Stand-ins that note what they are called with, then do what they stand in for.
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
        variables = self.with_secret(
            PATH=f"{tools}{os.pathsep}{os.environ['PATH']}", CALLS=str(calls)
        )
        phone = self.new_phone()
        self.sign_up(phone, **variables)
        script = self.start("sign-in.sh", phone, **variables)
        script.hears(PROMPT)
        script.types(self.local.last_code(phone))
        self.assert_signed_in(script, phone)
        _, out = script.ends()
        noted = calls.read_text()
        # Four calls of Cognito; a random password and three hashes of three steps each.
        for tool, times in [("aws", 4), ("openssl", 10)]:
            self.assertEqual(noted.splitlines().count(tool), times)
        tokens = json.loads(out)
        [sign_up_code] = re.findall(r"\d{6}", self.local.sent_to(phone)[0]["body"])
        for secret in [
            self.local.client_secret,
            sign_up_code,
            self.local.last_code(phone),
            phone,
            tokens["AccessToken"],
            tokens["RefreshToken"],
            # What every password ends with, and every request with a session has.
            "aA1!",
            '"Session"',
        ]:
            self.assertNotIn(secret, noted)


class Resend(Scripts):
    settings = {"RESEND_AFTER_SECONDS": "0"}

    def test_resend_sends_the_same_code_until_the_limit(self):
        phone = self.new_phone()
        self.sign_up(phone)
        script = self.start("sign-in.sh", phone)
        script.hears(PROMPT)
        code = self.local.last_code(phone)
        for sent in (3, 4):
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
        self.assertEqual(len(self.local.sent_to(phone)), 4)
