"""What `local --state FILE` keeps from run to run."""

import os
import subprocess
import tempfile
from pathlib import Path

from commands import CommandTest
from common import BUILD_LIMIT, ROOT, Local, own_environment


class State(CommandTest):
    @classmethod
    def setUpClass(cls):
        """Each test starts its own."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.file = Path(directory.name, "the state.json")
        self.starts = 0
        self.start()
        self.addCleanup(lambda: self.local.stop())
        super().setUp()

    def start(self):
        self.starts += 1
        name = f"{type(self).__name__}-{self.starts}"
        self.local = Local(name, "--state", str(self.file))

    def keys(self):
        return self.local.get(f"/{self.local.pool_id}/.well-known/jwks.json")

    def test_users_tokens_and_keys_survive_a_restart(self):
        phone, deleted = self.new_phone(), self.new_phone()
        self.sign_up(phone)
        self.create_user(deleted)
        tokens = self.sign_in(phone)
        self.admin(*self.of_user("admin-delete-user", deleted))
        keys = self.keys()
        self.local.stop()
        self.assertEqual(list(self.file.parent.iterdir()), [self.file])
        self.start()
        self.assertEqual(self.keys(), keys)
        self.assertEqual(self.local.outbox(), [], "what was sent is of the run before")
        refreshed = self.aws(*self.refresh(tokens))["AuthenticationResult"]
        user = self.aws("get-user", "--access-token", refreshed["AccessToken"])
        attributes = {each["Name"]: each["Value"] for each in user["UserAttributes"]}
        self.assertEqual(attributes["phone_number"], phone)
        self.assertIn("AccessToken", self.sign_in(phone))
        self.assertEqual(len(self.local.sent_to(phone)), 1)
        self.admin_refused("UserNotFoundException", *self.of_user("admin-get-user", deleted))

    def test_damaged_state_file_is_refused_and_left_unchanged(self):
        self.local.stop()
        good = self.file.read_bytes()
        for damaged in [good[:-1], b"", good + good]:
            with self.subTest(length=len(damaged)):
                self.file.write_bytes(damaged)
                done = subprocess.run(
                    [os.environ["LOCAL_BINARY"], "--port", "0", "--state", str(self.file)],
                    cwd=ROOT,
                    env=own_environment(),
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    timeout=BUILD_LIMIT,
                )
                self.assertEqual((done.returncode, done.stdout), (1, ""))
                self.assertIn(f"the state file {self.file} is damaged", done.stderr)
                self.assertEqual(self.file.read_bytes(), damaged)
                self.assertEqual(list(self.file.parent.iterdir()), [self.file])
        # It is the contents that were refused.
        self.file.write_bytes(good)
        self.start()
