#!/usr/bin/env python3
"""Writes model.json, what the tests need of the API model: each operation's required fields and
declared exceptions, from the botocore that is installed. With --check, says whether it is current."""

import gzip
import json
import pathlib
import sys

import botocore

PATH = pathlib.Path(__file__).with_name("model.json")
DATA = pathlib.Path(botocore.__file__).parent / "data/cognito-idp/2016-04-18/service-2.json.gz"


def main() -> int:
    model = json.loads(gzip.decompress(DATA.read_bytes()))
    shapes = model["shapes"]
    lines = []
    for name, operation in sorted(model["operations"].items()):
        entry = {
            "required": sorted(shapes[operation["input"]["shape"]].get("required", [])),
            "errors": sorted(error["shape"] for error in operation["errors"]),
        }
        lines.append(f"{json.dumps(name)}: {json.dumps(entry, separators=(',', ':'))}")
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    if "--check" in sys.argv[1:]:
        current = PATH.read_text() == text
        print("model.json is", "current" if current else "not botocore's", botocore.__version__)
        return 0 if current else 1
    PATH.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
