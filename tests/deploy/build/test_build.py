"""`sam build` makes four files that Amazon Linux 2023 runs, `cargo lambda build` makes the same,
and a user signs up and in through `local` on exactly these."""

import hashlib
import os
import re
import shutil
import subprocess
import unittest
import zipfile
from io import BytesIO
from pathlib import Path

import boto3
import combinations
from common import ROOT, Local, mistype, target_directory
from botocore import UNSIGNED
from botocore.config import Config
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection

# In seconds: four whole-program optimisations on two processors.
BUILD_LIMIT = 40 * 60

# What Amazon Linux 2023 has. Older glibcs had libpthread and libdl apart, so a binary for these asks
# for them by name; glibc still comes with both, empty.
GLIBC = (2, 34)
LIBRARIES = {
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "ld-linux-x86-64.so.2",
}

# Each package is a cold start's download; a jump means that something came in unnoticed. In bytes.
MOST = {
    "define-auth-challenge": 750_000,
    "create-auth-challenge": 4_000_000,
    # It has a client of Cognito's besides the ledger's.
    "verify-auth-challenge": 3_000_000,
    # It has the plans of phone numbers, and no AWS client.
    "pre-sign-up": 900_000,
}

# The package of each function of the template.
PACKAGES = {
    "DefineAuthChallenge": "define-auth-challenge",
    "CreateAuthChallenge": "create-auth-challenge",
    "VerifyAuthChallenge": "verify-auth-challenge",
    "PreSignUp": "pre-sign-up",
}

# As `sam` runs it for anyone, but that it tells nobody.
ENVIRONMENT = {**os.environ, "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "us-east-1"}


def run(*command, cwd=ROOT):
    done = subprocess.run(
        command,
        cwd=cwd,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=BUILD_LIMIT,
    )
    assert done.returncode == 0, done.stdout


class Build(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = Path(os.environ["SUITE_DIRECTORY"], "build")
        shutil.rmtree(cls.place, ignore_errors=True)
        run("sam", "build", "--build-dir", str(cls.place))
        cls.functions = cls.place.parent / "functions"
        shutil.rmtree(cls.functions, ignore_errors=True)
        for resource, package in PACKAGES.items():
            directory = cls.functions / package
            directory.mkdir(parents=True)
            shutil.copy(cls.place / resource / "bootstrap", directory)

    def binaries(self):
        for package in PACKAGES.values():
            yield package, self.functions / package / "bootstrap"

    def test_package_contains_only_the_binary(self):
        for resource in PACKAGES:
            files = [file.name for file in (self.place / resource).rglob("*")]
            self.assertEqual(files, ["bootstrap"])

    def test_binaries_need_only_amazon_linux_2023_libraries(self):
        for name, path in self.binaries():
            with self.subTest(name), path.open("rb") as file:
                elf = ELFFile(file)
                self.assertEqual(elf.get_machine_arch(), "x64")
                dynamic = elf.get_section_by_name(".dynamic").iter_tags()
                needed = {tag.needed for tag in dynamic if tag.entry.d_tag == "DT_NEEDED"}
                self.assertLessEqual(needed, LIBRARIES)
                versions = set()
                for section in elf.iter_sections():
                    if isinstance(section, GNUVerNeedSection):
                        for _, symbols in section.iter_versions():
                            versions |= {symbol.name for symbol in symbols}
                glibc = [re.fullmatch(r"GLIBC_(\d+)\.(\d+)(\.\d+)?", v) for v in versions]
                glibc = [(int(match[1]), int(match[2])) for match in glibc if match]
                self.assertTrue(glibc, "it is linked to glibc")
                self.assertLessEqual(max(glibc), GLIBC)
                newest = ".".join(map(str, max(glibc)))
                print(f"{name}: glibc {newest}, {path.stat().st_size} bytes", flush=True)
                # Unwinding is what keeps one bad call from ending the process.
                self.assertIsNotNone(elf.get_section_by_name(".eh_frame"))

    def test_packages_stay_below_their_size_limit(self):
        for name, path in self.binaries():
            package = BytesIO()
            with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.write(path, "bootstrap")
            size = len(package.getvalue())
            print(f"{name}: a package of {size} bytes", flush=True)
            self.assertLess(size, MOST[name])

    def test_cargo_lambda_builds_identical_binaries(self):
        def digest(path):
            return hashlib.sha256(path.read_bytes()).hexdigest()

        for package, path in self.binaries():
            run("cargo", "lambda", "build", "--release", "--package", package)
            theirs = target_directory() / "lambda" / package / "bootstrap"
            self.assertEqual(digest(theirs), digest(path), package)

    def test_every_function_of_the_template_is_built(self):
        resources = combinations.load()["Resources"].items()
        functions = {
            name: resource["Properties"]["CodeUri"].strip("/")
            for name, resource in resources
            if resource["Type"] == "AWS::Serverless::Function"
        }
        self.assertEqual(functions, PACKAGES)

    def test_built_functions_sign_a_new_user_in_with_one_message(self):
        metrics = "Passwordless/test"
        local = Local(
            "build", "--functions", str(self.functions), METRICS_NAMESPACE=metrics, SIGN_UP="code"
        )
        try:
            client = boto3.client(
                "cognito-idp",
                endpoint_url=local.url,
                region_name=local.region,
                config=Config(signature_version=UNSIGNED),
            )
            for name in ["+819012345678", "jane.doe@example.com"]:
                self.sign_up_and_in(local, client, name)
        finally:
            local.stop()
        # What they count, on the way.
        log = local.log.read_text()
        for metric in ["Issued", "Delivered", "Wrong", "Verified"]:
            self.assertIn(f'"{metric}":1', log)
        self.assertIn('"Country":"JP"', log)
        for secret in ["819012345678", "jane.doe"]:
            self.assertNotIn(secret, log)

    def sign_up_and_in(self, local, client, name):
        """A new user: nothing is sent at sign-up, one message at sign-in, which verifies the contact."""
        user = {"ClientId": local.client_id, "Username": name}
        signed_up = client.sign_up(**user, Password="Unused-and-forgotten-1")
        self.assertIs(signed_up["UserConfirmed"], True)
        self.assertEqual(local.sent_to(name), [])
        challenge = client.initiate_auth(
            ClientId=local.client_id, AuthFlow="CUSTOM_AUTH", AuthParameters={"USERNAME": name}
        )
        code = local.last_code(name)
        for answer in [mistype(code), code]:
            self.assertNotIn("AuthenticationResult", challenge)
            challenge = client.respond_to_auth_challenge(
                ClientId=local.client_id,
                ChallengeName="CUSTOM_CHALLENGE",
                Session=challenge["Session"],
                ChallengeResponses={"USERNAME": name, "ANSWER": answer},
            )
        self.assertEqual(len(local.sent_to(name)), 1)
        found = local.attributes(challenge["AuthenticationResult"]["AccessToken"])
        contact = "email" if "@" in name else "phone_number"
        self.assertEqual((found[contact], found[f"{contact}_verified"]), (name, "true"))
