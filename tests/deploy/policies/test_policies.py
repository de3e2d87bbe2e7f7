"""An independent scanner finds nothing but what the template gives a reason for, and each reason is
needed."""

import json
import subprocess
import tempfile
import unittest
from pathlib import Path

import combinations

# In seconds.
SCAN_LIMIT = 5 * 60


def scan(template):
    """What the scanner says of `template`: (check, resource) that it skipped and that failed."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "template.yaml")
        file.write_text(json.dumps(template))
        command = ["checkov", "--framework", "cloudformation", "--skip-download", "--compact"]
        done = subprocess.run(
            [*command, "--output", "json", "--file", str(file)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SCAN_LIMIT,
        )
    results = json.loads(done.stdout)["results"]
    assert results["passed_checks"], done.stderr
    assert not results["parsing_errors"], results["parsing_errors"]
    return tuple(
        {(check["check_id"], check["resource"].rsplit(".", 1)[-1]) for check in results[kind]}
        for kind in ("skipped_checks", "failed_checks")
    )


class Scan(unittest.TestCase):
    def setUp(self):
        self.template = combinations.load()
        self.reasons = {}
        for name, resource in self.template["Resources"].items():
            for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", []):
                self.reasons[skip["id"], name] = skip["comment"]

    def test_every_failed_check_is_skipped_with_a_reason(self):
        skipped, failed = scan(self.template)
        self.assertEqual(failed, set())
        self.assertEqual(skipped, set(self.reasons))
        for skip, reason in self.reasons.items():
            self.assertGreater(len(reason.split()), 5, skip)

    def test_every_skip_reason_is_needed(self):
        for resource in self.template["Resources"].values():
            resource.get("Metadata", {}).pop("checkov", None)
        skipped, failed = scan(self.template)
        self.assertEqual(skipped, set())
        self.assertEqual(failed, set(self.reasons))
