"""Commands on a terminal."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import define

# A command starts within a second; a busy machine gets more.
_SECONDS = 60.0


@define
class Terminal:
    """A command, and the end of its terminal that a person sits at."""

    process: subprocess.Popen[bytes]
    end: int
    unread: str = ""

    def wait_for(self, text: str) -> None:
        """Wait until a text comes after what was waited for before."""
        deadline = time.monotonic() + _SECONDS
        while text not in self.unread:
            ready, _, _ = select.select([self.end], [], [], max(deadline - time.monotonic(), 0))
            assert ready, f"{text!r} does not come: {self.unread[-2000:]!r}"
            try:
                self.unread += os.read(self.end, 65536).decode(errors="replace")
            except OSError as error:
                # Nobody writes to it any more.
                raise AssertionError(f"{text!r} does not come any more: {self.unread[-2000:]!r}") from error
        self.unread = self.unread.partition(text)[2]

    def rest(self) -> str:
        """Return all that comes until the command has ended."""
        deadline = time.monotonic() + _SECONDS
        while True:
            ready, _, _ = select.select([self.end], [], [], max(deadline - time.monotonic(), 0))
            assert ready, f"there is no end: {self.unread[-2000:]!r}"
            try:
                self.unread += os.read(self.end, 65536).decode(errors="replace")
            except OSError:
                # Nobody writes to it any more.
                self.process.wait(_SECONDS)
                return self.unread

    def type(self, text: str) -> None:
        """Type something."""
        os.write(self.end, text.encode())

    def interrupt(self) -> int:
        """Type Ctrl-C, and return the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(_SECONDS)


@contextmanager
def on_terminal(kubeconfig: Path, *words: str, **env: str) -> Iterator[Terminal]:
    """Run a command on a terminal of its own; it ends with the context."""
    ours, its = pty.openpty()
    program = [str(Path(sys.executable).with_name("volsync-py")), *words]
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "COLUMNS": "100", "TERM": "xterm", **env}
    process = subprocess.Popen(program, env=environment, stdin=its, stdout=its, stderr=its)
    os.close(its)
    try:
        yield Terminal(process, ours)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
