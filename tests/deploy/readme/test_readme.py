"""Every command of the README runs as pasted, read out of it in its order.

A comment before a block says what is special about it:

    serves: PORT     runs until it is stopped; what follows uses it
    asks for codes   signs in or up, with the code that was sent
    test             `.ci/run` runs it first of all
    builds           the suite `build` runs it; here it is parsed
    installs         the same tools, pinned, are what these suites run
    needs: aws       is for an AWS account; it is parsed by the tool that it is for
"""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.request
from pathlib import Path

import botocore.session
import combinations
from common import REQUEST_LIMIT, ROOT, attributes, own_environment

README = (ROOT / "README.md").read_text()
BLOCK = re.compile(r"(?:^<!-- ([^\n]+) -->\n)?^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
EXPORTS = re.compile(r"(export .*\n)+")
LOCAL = "http://127.0.0.1:9500"

# In seconds. A command may build all of the workspace.
COMMAND_LIMIT = 30 * 60
SERVE_LIMIT = 30 * 60
CODE_LIMIT = 60
END_LIMIT = 20
POLL = 0.1

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def outbox():
    with _direct.open(f"{LOCAL}/_local/outbox", timeout=REQUEST_LIMIT) as response:
        return json.load(response)


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def commands(body):
    """The commands of a block: lines, those that end with a backslash joined, without comments."""
    joined = body.replace("\\\n", " ")
    return [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]


class Commands(unittest.TestCase):
    def setUp(self):
        self.exports = ""
        self.servers = {}
        home = tempfile.TemporaryDirectory()
        self.addCleanup(home.cleanup)
        self.home = Path(home.name)
        self.addCleanup(self.stop_all)

    def bash(self, script, **options):
        # The tests' own AWS settings are not the reader's, and a proxy is for other hosts.
        return subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", self.exports + script],
            cwd=ROOT,
            env=own_environment(AWS_EC2_METADATA_DISABLED="true"),
            text=True,
            start_new_session=True,
            **options,
        )

    def stop(self, port):
        process = self.servers.pop(port)
        self.assertIsNone(process.poll(), f"what serves at {port} has ended")
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(END_LIMIT)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(END_LIMIT)

    def stop_all(self):
        for port in list(self.servers):
            self.stop(port)

    def serve(self, port, body):
        if port in self.servers:
            self.stop(port)
        self.assertFalse(answers(port), f"something else listens at {port}")
        log = self.home / f"{port}.log"
        with log.open("w") as output:
            process = self.bash(body, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        self.servers[port] = process
        deadline = time.monotonic() + SERVE_LIMIT
        while not answers(port):
            self.assertIsNone(process.poll(), log.read_text())
            self.assertLess(time.monotonic(), deadline, log.read_text())
            time.sleep(POLL)

    def run_to_the_end(self, body):
        process = self.bash(
            body, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        said, _ = process.communicate(timeout=COMMAND_LIMIT)
        self.assertEqual(process.returncode, 0, said)
        return said

    def answer_with_the_code(self, command):
        """Runs a sign-in or up: one message, one answer, and tokens of a user with a verified contact."""
        before = len(outbox())
        process = self.bash(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        deadline = time.monotonic() + CODE_LIMIT
        while len(sent := outbox()) == before:
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                self.fail(process.communicate()[1])
            time.sleep(POLL)
        code = re.search(r"\d{6,}", sent[-1]["body"])[0]
        out, said = process.communicate(f"{code}\n", timeout=CODE_LIMIT)
        self.assertEqual(process.returncode, 0, said)
        self.assertEqual(len(outbox()), before + 1, "one message")
        user = attributes(LOCAL, json.loads(out)["AccessToken"])
        [name] = re.findall(r"\+\d+", command)
        self.assertEqual((user["phone_number"], user["phone_number_verified"]), (name, "true"))

    def parse(self, command):
        """Has the tool that `command` is for say whether it knows it."""
        words = shlex.split(command)
        options = [word.split("=")[0] for word in words if word.startswith("--")]
        match words:
            case ["sam", name, *_]:
                tool = ["sam", name, "--help"]
            case ["cargo", "lambda", name, *_]:
                tool = ["cargo", "lambda", name, "--help"]
            case ["aws", service, operation, *_]:
                return self.parse_aws(service, operation, options)
            case _:
                self.fail(f"no tool knows: {command}")
        done = subprocess.run(
            tool,
            cwd=ROOT,
            env={**os.environ, "SAM_CLI_TELEMETRY": "0", "COLUMNS": "400"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=CODE_LIMIT,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        for option in options:
            self.assertRegex(done.stdout, rf"{option}\b", command)

    def parse_aws(self, service, operation, options):
        model = botocore.session.get_session().get_service_model(service)
        names = {re.sub(r"(?<!^)(?=[A-Z])", "-", n).lower(): n for n in model.operation_names}
        members = model.operation_model(names[operation]).input_shape.members
        known = {"--" + re.sub(r"(?<!^)(?=[A-Z])", "-", member).lower() for member in members}
        self.assertLessEqual(set(options), known | {"--query", "--output"}, operation)

    def test_every_readme_command_runs_or_parses(self):
        blocks = BLOCK.findall(README)
        self.assertEqual(len(blocks), README.count("```sh\n"))
        done = {"ran": 0, "parsed": 0}
        parameters = set()
        for mark, body in blocks:
            print(f"[{mark or 'runs'}] {commands(body)[-1][:90]}", flush=True)
            with self.subTest(mark=mark, body=body):
                kind = mark.partition(":")[0]
                if mark == "" and EXPORTS.fullmatch(body):
                    self.exports += body
                elif mark == "":
                    self.run_to_the_end(body)
                elif kind == "serves":
                    self.serve(int(mark.partition(":")[2]), body)
                elif kind == "asks for codes":
                    for command in commands(body):
                        self.answer_with_the_code(command)
                elif kind == "test":
                    self.assertEqual(body, "cargo test\n")
                elif kind == "installs":
                    pins = (ROOT / "tests/deploy/sam.txt").read_text()
                    for tool in shlex.split(body)[2:]:
                        self.assertIn(f"{tool}==", pins)
                elif kind in ("needs", "builds"):
                    subprocess.run(["bash", "-n", "-c", body], check=True, timeout=CODE_LIMIT)
                    for command in self.tools(body):
                        self.parse(command)
                    overrides = re.findall(r"--parameter-overrides ((?:\w+=\S+ ?)+)", body)
                    parameters |= {w.split("=")[0] for each in overrides for w in each.split()}
                else:
                    self.fail(f"an unknown mark: {mark}")
            done["parsed" if kind in ("needs", "builds", "installs", "test") else "ran"] += 1
        self.assertLessEqual(parameters, set(combinations.load()["Parameters"]))
        self.assertIn("SmsCountries", parameters)
        self.assertGreater(done["ran"], 5)
        print(done, flush=True)

    def tools(self, body):
        """The calls of tools in a block, also those in a function or a loop; scripts must exist."""
        for script in re.findall(r"examples/[\w-]+\.sh", body):
            self.assertTrue(os.access(ROOT / script, os.X_OK), script)
        for command in commands(body):
            for part in re.findall(r"\b(?:sam|aws|cargo lambda) [a-z][^;}]*", command):
                if not command.startswith("examples/"):
                    yield part.replace("$function", "define")
