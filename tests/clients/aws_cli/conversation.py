"""A script that asks, and the person who answers it."""

import os
import signal
import subprocess
import threading
import time

# How long one step may take: it is one call of the AWS CLI, on a busy machine.
STEP_LIMIT = 30


class Conversation:
    """Runs `command`; `hears` waits for what it says on standard error, `types` answers."""

    def __init__(self, command, directory, environment):
        self.process = subprocess.Popen(
            [str(part) for part in command],
            cwd=directory,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._arrived = threading.Condition()
        self._said = b""
        self._said_all = False
        self._result = b""
        self._heard = 0
        self._readers = [
            threading.Thread(target=self._listen, daemon=True),
            threading.Thread(target=self._receive, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def _listen(self):
        while piece := os.read(self.process.stderr.fileno(), 4096):
            with self._arrived:
                self._said += piece
                self._arrived.notify_all()
        with self._arrived:
            self._said_all = True
            self._arrived.notify_all()

    def _receive(self):
        self._result = self.process.stdout.read()

    @property
    def said(self):
        """All that it has said."""
        return self._said.decode()

    def hears(self, text):
        """Waits until it says `text`; gives back what it has said since it was last heard."""
        wanted = text.encode()
        deadline = time.monotonic() + STEP_LIMIT
        with self._arrived:
            while wanted not in self._said[self._heard :]:
                left = deadline - time.monotonic()
                if left <= 0 or self._said_all:
                    raise AssertionError(f"no {text!r} in {self.said!r}")
                self._arrived.wait(left)
            start = self._heard
            self._heard = self._said.index(wanted, start) + len(wanted)
            return self._said[start : self._heard].decode()

    def types(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def hangs_up(self):
        """Ends its input."""
        self.process.stdin.close()

    def ends(self):
        """Waits for its end; gives back its exit status and its standard output."""
        self.process.wait(STEP_LIMIT)
        for reader in self._readers:
            reader.join(STEP_LIMIT)
        return self.process.returncode, self._result.decode()

    def stop(self):
        """Ends it, and what it runs, if it still runs."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(STEP_LIMIT)
        for reader in self._readers:
            reader.join(STEP_LIMIT)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()
