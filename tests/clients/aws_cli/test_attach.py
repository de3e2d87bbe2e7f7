"""examples/attach.sh changes a pool's triggers and nothing else of it."""

import json
import subprocess

from commands import CommandTest
from common import ROOT, client_environment

SCRIPT_LIMIT = 60

SETTINGS = {
    "PoolName": "theirs",
    "AliasAttributes": ["email", "phone_number"],
    "AutoVerifiedAttributes": ["email"],
    "DeletionProtection": "ACTIVE",
    "EmailVerificationSubject": "Hello from us",
    "Policies": {"PasswordPolicy": {"MinimumLength": 20, "TemporaryPasswordValidityDays": 3}},
    "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": True},
}


class Attach(CommandTest):
    def setUp(self):
        super().setUp()
        default = self.describe(self.local.pool_id)["LambdaConfig"]
        names = ["DefineAuthChallenge", "CreateAuthChallenge", "VerifyAuthChallengeResponse"]
        self.triggers = {name: default[name] for name in names}
        created = self.admin("create-user-pool", "--cli-input-json", json.dumps(SETTINGS))
        self.pool = created["UserPool"]["Id"]

    def describe(self, pool):
        return self.admin("describe-user-pool", "--user-pool-id", pool)["UserPool"]

    def attach(self, *arguments, answer="y\n"):
        environment = client_environment(
            self.home,
            AWS_ENDPOINT_URL=self.local.url,
            AWS_DEFAULT_REGION=self.local.region,
            USER_POOL_ID=self.pool,
            **self.credentials(),
        )
        return subprocess.run(
            [ROOT / "examples" / "attach.sh", *arguments],
            env=environment,
            cwd=self.home,
            input=answer,
            capture_output=True,
            text=True,
            timeout=SCRIPT_LIMIT,
        )

    def all_but_triggers(self, described):
        changing = ("LambdaConfig", "LastModifiedDate")
        return {name: value for name, value in described.items() if name not in changing}

    def test_only_the_triggers_change(self):
        before = self.describe(self.pool)
        self.assertFalse(before.get("LambdaConfig"))
        done = self.attach(*self.triggers.values())
        self.assertEqual(done.returncode, 0, done.stderr)
        attached = self.describe(self.pool)
        self.assertEqual(attached["LambdaConfig"], self.triggers)
        self.assertEqual(self.all_but_triggers(attached), self.all_but_triggers(before))
        self.assertEqual(before["Policies"]["PasswordPolicy"]["MinimumLength"], 20)

        done = self.attach("--detach")
        self.assertEqual(done.returncode, 0, done.stderr)
        detached = self.describe(self.pool)
        self.assertFalse(detached.get("LambdaConfig"))
        self.assertEqual(self.all_but_triggers(detached), self.all_but_triggers(before))

    def test_nothing_changes_without_a_yes(self):
        before = self.describe(self.pool)
        for answer in ["", "n\n", "yes, but no\n"]:
            done = self.attach(*self.triggers.values(), answer=answer)
            self.assertEqual(done.returncode, 1)
            self.assertIn("nothing is changed", done.stderr)
        for arguments in [[], ["--help"], ["arn:aws:lambda:x"], ["a", "b", "c"]]:
            done = self.attach(*arguments)
            self.assertEqual(done.returncode, 2)
            self.assertIn("usage:", done.stderr)
        self.assertEqual(self.describe(self.pool), before)
