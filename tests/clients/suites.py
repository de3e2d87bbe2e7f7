"""Installing a suite's packages, and running its tests with them."""

import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import common

HERE = Path(__file__).resolve().parent

# In seconds.
INSTALL_LIMIT = 15 * 60


def install(place, pins, steps):
    """Takes the `steps` in `place` if they have not been taken there with these `pins`."""
    stamp = place / "installed"
    wanted = hashlib.sha256(b"".join(pin.read_bytes() for pin in pins)).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print(f"installing {', '.join(str(pin.relative_to(common.ROOT)) for pin in pins)}", flush=True)
    for step in steps:
        subprocess.run(step, cwd=place, check=True, timeout=INSTALL_LIMIT)
    stamp.write_text(wanted)


def python_tools(place, requirements):
    """Installs `requirements` in a virtual environment; gives back its Python."""
    if not importlib.util.find_spec("ensurepip"):
        sys.exit("run: Python cannot make virtual environments; install python3-venv")
    place.mkdir(parents=True, exist_ok=True)
    python = place / "venv" / "bin" / "python"
    make = [sys.executable, "-m", "venv", "--clear", "venv"]
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    install(place, [requirements], [make, [*pip, "--requirement", requirements]])
    return python


def python_suite(source, place, arguments, requirements=None, more_tools=()):
    """Runs the unittest tests in `source` with its requirements in a virtual environment, and the
    commands of `more_tools` after those on the path."""
    python = python_tools(place, requirements or source / "requirements.txt")
    path = [str(python.parent), *map(str, more_tools), os.environ["PATH"]]
    # A proxy is for other hosts than this one.
    direct = ",".join(filter(None, [os.environ.get("NO_PROXY"), "127.0.0.1"]))
    environment = common.own_environment(
        PATH=os.pathsep.join(path),
        PYTHONPATH=os.pathsep.join([str(HERE), str(source.parent)]),
        PYTHONDONTWRITEBYTECODE="1",
        # Nor is the user's own AWS configuration read.
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        AWS_EC2_METADATA_DISABLED="true",
        NO_PROXY=direct,
        no_proxy=direct,
    )
    discover = ["-m", "unittest", *(arguments or ["discover", "--verbose"])]
    os.chdir(source)
    # In our place, so that who started us has the tests themselves to wait for and to end.
    os.execve(python, [python, *discover], environment)
