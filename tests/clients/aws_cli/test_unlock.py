"""examples/unlock.sh deletes the items that the limits of one user are counted in, and no others."""

import base64
import hashlib
import hmac
import json
import os
import re
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

from commands import CommandTest
from common import REQUEST_LIMIT, ROOT, client_environment
from test_attach import in_front_of

SCRIPT_LIMIT = 60
# How often the processes that run are looked at, in seconds.
LOOK_EVERY = 0.005

KEY = "an example key of 64 bytes, as Secrets Manager makes them: 012345"
TABLE = "local-ledger"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:create"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:ledger-key"

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def item(key, kind, domain, *parts):
    """An item's name, from its definition alone: ledger/src/names.rs and `otp`'s LedgerKey."""
    texts = [f"cognito-otp ledger {domain} v2".encode(), *(part.encode() for part in parts)]
    message = b"".join(len(text).to_bytes(8, "big") + text for text in texts)
    mac = hmac.new(key.encode(), message, hashlib.sha256).digest()
    return f"{kind}#{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


class CommandLines:
    """Collects the command lines, and the environments as far as they can be read, of all processes
    that run meanwhile."""

    def __enter__(self):
        self.seen = set()
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ends.set()
        self._thread.join(SCRIPT_LIMIT)

    def _look(self):
        # This process and its parent, which are not the script.
        ours = {os.getpid(), os.getppid()}
        while not self._ends.is_set():
            for process in Path("/proc").iterdir():
                if not process.name.isdigit() or int(process.name) in ours:
                    continue
                try:
                    command = (process / "cmdline").read_bytes()
                    self.seen.add(command)
                    if b"openssl" in command or b"aws\0" in command:
                        self.seen.add((process / "environ").read_bytes())
                except OSError:
                    pass
            time.sleep(LOOK_EVERY)


class Unlock(CommandTest):
    settings = {
        "LEDGER_KEY": KEY,
        "ISSUE_LIMITS": "2/1d",
        "WHEN_LIMITED": "fail",
        "RESEND_AFTER_SECONDS": "0",
    }

    def unlock(self, *arguments, answer="y\n", url=None, **variables):
        environment = client_environment(
            self.home,
            AWS_ENDPOINT_URL=url or self.local.url,
            TMPDIR=self.home,
            **{"USER_POOL_ID": self.local.pool_id, **self.credentials(), **variables},
        )
        done = subprocess.run(
            [ROOT / "examples" / "unlock.sh", *arguments],
            env=environment,
            cwd=self.home,
            input=answer,
            capture_output=True,
            text=True,
            timeout=SCRIPT_LIMIT,
        )
        self.assertNotIn(KEY, done.stdout + done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertEqual([f for f in os.listdir(self.home) if f.startswith("tmp.")], [])
        return done

    def own(self, *arguments, **how):
        """With the key and table in the environment."""
        return self.unlock(*arguments, **{"LEDGER_KEY": KEY, "LEDGER_TABLE": TABLE, **how})

    def dynamodb(self, operation, body):
        headers = {
            "X-Amz-Target": f"DynamoDB_20120810.{operation}",
            "Content-Type": "application/x-amz-json-1.0",
        }
        body = json.dumps({"TableName": TABLE, **body}).encode()
        request = urllib.request.Request(self.local.url, body, headers)
        with _direct.open(request, timeout=REQUEST_LIMIT) as response:
            return json.load(response)

    def items(self):
        """The names of the ledger's items."""
        return {found["key"]["S"] for found in self.dynamodb("Scan", {}).get("Items", [])}

    def put(self, name):
        item = {"key": {"S": name}, "version": {"N": "1"}, "times": {"L": []}}
        self.dynamodb("PutItem", {"Item": item})

    def new_user(self, attributes=None):
        """A user with a verified phone number, and those attributes; returns its name and sub."""
        phone = self.new_phone()
        self.create_user(phone)
        for name, value in (attributes or {}).items():
            change = self.of_user("admin-update-user-attributes", phone, "--user-attributes")
            self.admin(*change, f"Name={name},Value={value}")
        user = self.admin(*self.of_user("admin-get-user", phone))["UserAttributes"]
        return phone, next(each["Value"] for each in user if each["Name"] == "sub")

    def use_up(self, phone):
        """Has the user sent as many codes as the limits allow."""
        before = len(self.local.sent_to(phone))
        for _ in range(2):
            self.aws(*self.initiate(phone))
        self.assertEqual(len(self.local.sent_to(phone)), before + 2)
        self.assert_limited(phone)

    def assert_limited(self, phone):
        before = len(self.local.sent_to(phone))
        said = self.refused("UserLambdaValidationException", *self.initiate(phone))
        self.assertIn("TOO_MANY_CODES", said)
        self.assertEqual(len(self.local.sent_to(phone)), before)

    def test_user_at_the_limit_signs_in_after_unlocking(self):
        phone, sub = self.new_user()
        other, other_sub = self.new_user()
        self.use_up(phone)
        self.use_up(other)
        account = item(KEY, "account", "account", self.local.pool_id, sub)
        destination = item(KEY, "destination", "destination", phone)
        before = self.items()
        # The functions' names, from Rust.
        self.assertLessEqual({account, destination}, before)
        done = self.own(phone)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("Deleted what was counted for the account.", done.stderr)
        self.assertIn("Deleted what was counted for the phone number.", done.stderr)
        self.assertNotIn("email", done.stderr)
        self.assertNotIn(phone, done.stderr)
        # Those two, and nothing of anybody else.
        self.assertEqual(before - self.items(), {account, destination})
        self.assertEqual(self.items() - before, set())
        self.assertIn("AccessToken", self.sign_in(phone))
        self.assert_limited(other)
        self.assertIn(item(KEY, "account", "account", self.local.pool_id, other_sub), self.items())

    def test_used_code_does_not_come_back(self):
        phone, _ = self.new_user()
        session, _ = self.challenge(self.aws(*self.initiate(phone)))
        old = self.local.last_code(phone)
        self.aws(*self.respond(phone, session, old))
        self.assertEqual(self.own(phone).returncode, 0)
        session, _ = self.challenge(self.aws(*self.initiate(phone)))
        reply = self.aws(*self.respond(phone, session, old))
        self.assertNotIn("AuthenticationResult", reply)
        self.challenge(reply)

    def test_code_under_way_is_wrong_after_unlocking(self):
        phone, _ = self.new_user()
        session, _ = self.challenge(self.aws(*self.initiate(phone)))
        code = self.local.last_code(phone)
        self.assertEqual(self.own(phone).returncode, 0)
        self.assertNotIn("AuthenticationResult", self.aws(*self.respond(phone, session, code)))

    def test_both_contacts_are_unlocked_whatever_their_case(self):
        email = f"Jane.{self.new_phone()[1:]}@Example.COM"
        phone, sub = self.new_user({"email": email})
        ours = {
            item(KEY, "account", "account", self.local.pool_id, sub),
            item(KEY, "destination", "destination", phone),
            item(KEY, "destination", "destination", email.lower()),
        }
        kept = {
            item(KEY, "proven", "proven", self.local.pool_id, sub),
            item(KEY, "device", "device", self.local.pool_id, sub, "0123456789abcdef"),
            "spend#all#proven#490896",
            item(KEY, "destination", "destination", email),
        }
        for name in ours | kept:
            self.put(name)
        done = self.own(phone)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("Deleted what was counted for the email address.", done.stderr)
        self.assertEqual(self.items() & ours, set())
        self.assertLessEqual(kept, self.items())

    def test_without_confirmation_nothing_is_deleted(self):
        phone, _ = self.new_user()
        self.use_up(phone)
        before = self.items()
        for answer in ["n\n", "\n", "yes\n", ""]:
            done = self.own(phone, answer=answer)
            self.assertEqual(done.returncode, 1, answer)
            self.assertEqual(self.items(), before)
        self.assert_limited(phone)

    def test_another_key_finds_nothing(self):
        phone, _ = self.new_user()
        self.use_up(phone)
        before = self.items()
        done = self.own(phone, LEDGER_KEY=KEY.upper())
        self.assertIn("Nothing was counted for the account.", done.stderr)
        self.assertIn("Nothing was counted for the phone number.", done.stderr)
        self.assertEqual(self.items(), before)
        self.assert_limited(phone)

    def test_keys_of_any_length_name_the_same_items(self):
        phone, sub = self.new_user()
        for key in ["0123456789abcdef0123456789abcdeg", KEY, f"{KEY}!", KEY * 3, "schlüssel " * 7 + "é"]:
            names = {
                item(key, "account", "account", self.local.pool_id, sub),
                item(key, "destination", "destination", phone),
            }
            for name in names:
                self.put(name)
            done = self.own(phone, LEDGER_KEY=key)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(self.items() & names, set(), len(key))

    def test_key_is_read_from_the_function_or_the_secret(self):
        variables = {"LEDGER_KEY": KEY, "LEDGER_TABLE": TABLE}
        functions = {"create": {"Environment": {"Variables": variables}}}
        secrets = {SECRET: KEY}
        with in_front_of(self.local.url, lambda _: None, functions, secrets=secrets) as url:
            for arguments, own in [
                (["--function", FUNCTION], {}),
                (["--secret", SECRET], {"LEDGER_TABLE": TABLE}),
            ]:
                phone, sub = self.new_user()
                self.use_up(phone)
                done = self.unlock(*arguments, phone, url=url, **own)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertNotIn(item(KEY, "account", "account", self.local.pool_id, sub), self.items())
                self.assertIn("AccessToken", self.sign_in(phone))

    def test_unreadable_key_or_user_changes_nothing(self):
        phone, _ = self.new_user()
        self.use_up(phone)
        before = self.items()
        denied = {"Error": {"ErrorCode": "AccessDeniedException", "Message": "kms"}}
        functions = {
            "denied": {"Environment": denied},
            "define": {"Environment": {"Variables": {"SIGN_IN": "passwordless"}}},
            "bare": {},
        }
        name = "arn:aws:lambda:us-east-1:123456789012:function:"
        with in_front_of(self.local.url, lambda _: None, functions, secrets={}) as url:
            for arguments, own, words in [
                (["--function", f"{name}denied", phone], {}, "AccessDeniedException"),
                (["--function", f"{name}define", phone], {}, "has no LEDGER_KEY"),
                (["--function", f"{name}bare", phone], {}, "has no LEDGER_KEY"),
                (["--function", f"{name}none", phone], {}, "cannot read the configuration"),
                (["--secret", SECRET, phone], {"LEDGER_TABLE": TABLE}, "cannot read the secret"),
                ([phone], {"LEDGER_TABLE": TABLE}, "LEDGER_KEY is not set"),
                ([phone], {"LEDGER_KEY": KEY}, "LEDGER_TABLE is not set"),
                ([phone], {"USER_POOL_ID": "x y"}, "USER_POOL_ID is not"),
                (["--secret"], {}, "usage:"),
                (["--other", phone], {}, "usage:"),
                ([phone, phone], {}, "usage:"),
            ]:
                with self.subTest(arguments=arguments):
                    done = self.unlock(*arguments, url=url, **own)
                    self.assertNotEqual(done.returncode, 0)
                    self.assertIn(words, done.stderr)
                    self.assertNotIn("[y/N]", done.stderr)
            done = self.own(self.new_phone())
            self.assertEqual(done.returncode, 1)
            self.assertIn("cannot read the user", done.stderr)
        self.assertEqual(self.items(), before)

    def test_unreachable_table_is_reported(self):
        phone, _ = self.new_user()
        self.use_up(phone)
        done = self.own(phone, LEDGER_TABLE="another-table")
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot delete the item of the account", done.stderr)
        self.assertNotIn("Deleted", done.stderr)
        self.assert_limited(phone)

    def test_key_is_in_no_list_of_processes(self):
        phone, _ = self.new_user()
        self.use_up(phone)
        with CommandLines() as lines:
            done = self.own(phone)
        self.assertEqual(done.returncode, 0, done.stderr)
        seen = b"\n".join(lines.seen)
        # It did look at the right time.
        self.assertRegex(seen, rb"openssl\0dgst")
        self.assertRegex(seen, rb"dynamodb\0delete-item")
        key = KEY.encode()
        for form in [key, key.hex().encode(), base64.b64encode(key)]:
            self.assertNotIn(form, seen)
        escaped = "".join(f"\\x{byte ^ 0x36:02x}" for byte in key)
        self.assertNotIn(re.escape(escaped).encode(), seen)
        self.assertNotIn(escaped.encode(), seen)
