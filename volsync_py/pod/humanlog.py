"""The mover's log: lines for people, the same ones that scripts look for in VolSync's."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Any

from volsync_py.contract.log_lines import matters, one_line, reads_like_ours

# The report holds 4 KiB at most; earlier lines are in the pod's log.
_TAIL_LINES = 60
# A longer line is somebody's stack trace.
_LONGEST_LINE = 400
# A restore of many files reports often; a person wants a line now and then.
_PROGRESS_SECONDS = 5.0


class HumanLog:
    """Prints lines and remembers some for the report: the last ones that matter, and the last of the others."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        self.redact = redact
        self._number = count()
        self._matter: deque[tuple[int, str]] = deque(maxlen=_TAIL_LINES)
        self._others: deque[tuple[int, str]] = deque(maxlen=_TAIL_LINES)
        self._last_progress = float("-inf")

    def __call__(self, line: str) -> None:
        """Print one line."""
        line = one_line(self.redact(line))
        # Lines that people look for are kept apart, so that a chatty command does not push them out.
        kept = self._matter if matters(line) else self._others
        kept.append((next(self._number), line[:_LONGEST_LINE]))
        self._print(line)

    def said(self, line: str) -> None:
        """Print a line of restic's; one that reads like the mover's own, as names of files may make it, is marked."""
        self(_marked(line))

    def progress(self, line: str) -> None:
        """Print a line of restic's that is worth nothing afterwards; it does not go into the report."""
        self._print(one_line(self.redact(_marked(line))))

    def status(self, message: dict[str, Any]) -> None:
        """Print a progress line from a status message of restic, the first one at once."""
        now = time.monotonic()
        if now - self._last_progress < _PROGRESS_SECONDS:
            return
        self._last_progress = now
        self._print(f"progress: {progress(message)}")

    def tail(self) -> str:
        """Return the last lines, in their order."""
        return "\n".join(line for _, line in sorted((*self._matter, *self._others)))

    def _print(self, line: str) -> None:
        # Names of files need not be text.
        # Whoever read the log may be gone, which is no reason to end the run.
        with suppress(OSError):
            sys.stdout.write(line.encode(errors="replace").decode() + "\n")
            sys.stdout.flush()


def _marked(line: str) -> str:
    return f"restic: {line}" if reads_like_ours(line) else line


def progress(message: dict[str, Any]) -> str:
    """Return what a status message says: 20 %, 9 of 46 files, 115.000 MiB of 572.000 MiB."""

    def number(*keys: str) -> int:
        return sum(int(message.get(key) or 0) for key in keys)

    percent = int(100 * float(message.get("percent_done") or 0))
    files = number("files_done", "files_restored", "files_skipped")
    done = size(number("bytes_done", "bytes_restored", "bytes_skipped"))
    # What a restore skips, because it is there already, restic leaves out of its totals.
    all_files, total = number("total_files", "files_skipped"), size(number("total_bytes", "bytes_skipped"))
    return f"{percent} %, {files} of {all_files} files, {done} of {total}"


def size(count: int) -> str:
    """Return a number of bytes as restic writes it."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{count} B" if unit == "B" else f"{value:.3f} {unit}"
        value /= 1024
    return f"{value:.3f} TiB"


def clock(seconds: float) -> str:
    """Return a duration as restic writes it: 0:02."""
    whole = int(seconds)
    return (
        f"{whole // 60}:{whole % 60:02d}"
        if whole < 3600
        else f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
    )
