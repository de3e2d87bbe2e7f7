"""What the client suites share: building and running `local`, and reading what it has sent."""

import atexit
import contextlib
import itertools
import json
import os
import queue
import re
import select
import signal
import subprocess
import threading
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# In seconds. The first also holds for the three functions, which `local` builds when it starts.
BUILD_LIMIT = 20 * 60
REQUEST_LIMIT = 10
START_LIMIT = 60
END_LIMIT = 20

# These suites sign the same people in again and again; the ledger has tests of its own.
MANY = "100/1s"

# Who has these in the environment means them for another `local`, or for AWS.
FOREIGN = re.compile(r"AWS_|CLIENT_ID(_ANY_FLOW)?$|CLIENT_SECRET$|USER_POOL_ID$|PYTHON", re.ASCII)

# Proxies are for other hosts than this one.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def target_directory():
    """Where cargo puts what it builds: CARGO_TARGET_DIR, its configuration, or `target`."""
    command = ["cargo", "metadata", "--format-version=1", "--no-deps", "--offline"]
    metadata = subprocess.run(
        command, cwd=ROOT, check=True, stdout=subprocess.PIPE, timeout=BUILD_LIMIT
    )
    return Path(json.loads(metadata.stdout)["target_directory"])


def build_local():
    """Builds `local` and gives back the path of its executable."""
    command = ["cargo", "build", "--locked", "--package=local", "--bin=cognito-otp"]
    command.append("--message-format=json-render-diagnostics")
    built = subprocess.run(
        command, cwd=ROOT, check=True, stdout=subprocess.PIPE, timeout=BUILD_LIMIT
    )
    messages = map(json.loads, built.stdout.splitlines())
    executables = [message.get("executable") for message in messages]
    return next(path for path in executables if path and Path(path).name == "cognito-otp")


def example(document, name):
    """The code in `document` that is marked with `name`."""
    text = (ROOT / "docs" / document).read_text()
    [code] = re.findall(rf"<!-- {re.escape(name)} -->\n```\w+\n(.*?)^```$", text, re.M | re.S)
    return code


def call(url, operation, **request):
    """Calls an operation of the user pool of the `local` at `url`, without a client of AWS's; it must
    succeed."""
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": f"AWSCognitoIdentityProviderService.{operation}",
    }
    request = urllib.request.Request(url, json.dumps(request).encode(), headers)
    with _direct.open(request, timeout=REQUEST_LIMIT) as response:
        return json.load(response)


def attributes(url, access_token):
    """The attributes of the user whose token it is."""
    user = call(url, "GetUser", AccessToken=access_token)
    return {each["Name"]: each["Value"] for each in user["UserAttributes"]}


def own_environment(**variables):
    """Our environment without what would change a client's behaviour, and with `variables`."""
    kept = {name: value for name, value in os.environ.items() if not FOREIGN.match(name)}
    return {**kept, **variables}


def client_environment(home, **variables):
    """An environment in which an AWS client finds nothing but `variables`."""
    return {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "HOME": str(home),
        "AWS_EC2_METADATA_DISABLED": "true",
        **variables,
    }


@contextlib.contextmanager
def service(command, place):
    """Runs `command` in `place`, whose first line is the address that it answers on. Fails if it
    has ended before its user has done with it."""
    process = subprocess.Popen(
        command, cwd=place, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )
    try:
        ready, _, _ = select.select([process.stdout], [], [], START_LIMIT)
        address = process.stdout.readline().strip() if ready else ""
        if not address.startswith("http://127.0.0.1:"):
            raise AssertionError(f"{command} does not start: {address!r}")
        yield address
        if process.poll() is not None:
            raise AssertionError(f"{command} died with {process.returncode}")
    finally:
        process.kill()
        process.wait(END_LIMIT)
        process.stdout.close()


class Local:
    """A `local` that runs: LOCAL_BINARY with `arguments`, its log in LOCAL_LOGS."""

    def __init__(self, name, *arguments, **settings):
        self.log = Path(os.environ["LOCAL_LOGS"], f"local-{name}.log")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [os.environ["LOCAL_BINARY"], "--port", "0", *arguments],
                cwd=ROOT,
                env=own_environment(**{"ISSUE_LIMITS": MANY, **settings}),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        # However these tests end, it ends with them.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        atexit.register(self._end)
        self.exports = {}
        with_secret = self._read_introduction()
        self.url = self.exports["AWS_ENDPOINT_URL"]
        self.region = self.exports["AWS_REGION"]
        self.pool_id = self.exports["USER_POOL_ID"]
        self.client_id = self.exports["CLIENT_ID"]
        self.any_flow_client_id = self.exports["CLIENT_ID_ANY_FLOW"]
        self.secret_client_id = with_secret["CLIENT_ID"]
        self.client_secret = with_secret["CLIENT_SECRET"]

    def _read_introduction(self):
        """Reads the lines that it prints when it is ready; the last is the client's secret."""
        lines = queue.Queue()

        def pump():
            for line in self.process.stdout:
                lines.put(line)
            lines.put(None)

        threading.Thread(target=pump, daemon=True).start()
        deadline = time.monotonic() + BUILD_LIMIT
        with_secret = {}
        while "CLIENT_SECRET" not in with_secret:
            try:
                line = lines.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                raise AssertionError(f"local does not start:\n{self.log.read_text()}")
            if match := re.fullmatch(r"(export |#   )(\w+)=(.*)\n", line):
                kind, name, value = match.groups()
                (self.exports if kind == "export " else with_secret)[name] = value
        return with_secret

    def get(self, path):
        with _direct.open(self.url + path, timeout=REQUEST_LIMIT) as response:
            return json.load(response)

    def call(self, operation, **request):
        return call(self.url, operation, **request)

    def attributes(self, access_token):
        return attributes(self.url, access_token)

    def users(self):
        """The users of the default pool; the tests make fewer than a page of them."""
        return self.call("ListUsers", UserPoolId=self.pool_id)["Users"]

    def outbox(self):
        """Everything sent, oldest first."""
        return self.get("/_local/outbox")

    def sent_to(self, name):
        return [message for message in self.outbox() if message["to"] == name]

    def last_code(self, name):
        """The code in the last message to `name`."""
        return re.search(r"\d{6,}", self.sent_to(name)[-1]["body"])[0]

    def check(self):
        """Fails if it has ended."""
        if self.process.poll() is not None:
            status = self.process.returncode
            raise AssertionError(f"local died with {status}:\n{self.log.read_text()}")

    def stop(self):
        """Ends it politely; fails if it was dead already or does not end well."""
        self.check()
        self._end()
        assert self.process.returncode == 0, f"local ended with {self.process.returncode}"

    def _end(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(END_LIMIT)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(END_LIMIT)
        self.process.stdout.close()


class LocalTest(unittest.TestCase):
    """Tests that share one `local`, started with `settings`. It has to outlive each of them."""

    settings = {}
    _numbers = itertools.count()

    @classmethod
    def setUpClass(cls):
        cls.local = Local(cls.__name__, **cls.settings)
        cls.addClassCleanup(cls.local.stop)

    def setUp(self):
        self.local.check()
        # Of whatever runs then: a test may have started another.
        self.addCleanup(lambda: self.local.check())

    def new_phone(self):
        """A phone number of this test's own, so that tests do not share a number's limits."""
        return f"+8190{next(self._numbers):08}"

    def assert_nothing_sent(self, name):
        self.assertEqual(self.local.sent_to(name), [])

    def assert_verified(self, access_token, name):
        """The token's user has `name` as the only contact, verified."""
        contact, other = ("email", "phone_number") if "@" in name else ("phone_number", "email")
        attributes = self.local.attributes(access_token)
        self.assertEqual(attributes[contact], name)
        self.assertEqual(attributes[f"{contact}_verified"], "true")
        self.assertNotIn(other, attributes)
        self.assertNotEqual(attributes.get(f"{other}_verified"), "true")


def mistype(code):
    """A code that is not `code`, of the same length."""
    return code[:-1] + ("1" if code[-1] == "0" else "0")
