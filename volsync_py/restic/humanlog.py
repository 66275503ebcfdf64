"""The mover's log: lines for people, the same ones that scripts look for in VolSync's."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Any

# The report holds 4 KiB at most; what goes before is in the pod's log.
_TAIL_LINES = 60
# A restore of many files reports often; a person wants a line now and then.
_PROGRESS_SECONDS = 5.0


class HumanLog:
    """Prints lines and remembers the last ones for the report."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        self._redact = redact
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._last_progress = time.monotonic()

    def __call__(self, line: str) -> None:
        """Print one line."""
        line = self._redact(line)
        self._tail.append(line)
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    def status(self, message: dict[str, Any]) -> None:
        """Print a progress line from a status message of restic; it does not go into the report."""
        now = time.monotonic()
        if now - self._last_progress < _PROGRESS_SECONDS:
            return
        self._last_progress = now
        percent = int(100 * float(message.get("percent_done") or 0))
        done = message.get("bytes_done") or message.get("bytes_restored") or 0
        total = message.get("total_bytes") or 0
        sys.stdout.write(f"progress: {percent} % of {size(int(total))}, {size(int(done))} done\n")
        sys.stdout.flush()

    def tail(self) -> str:
        """Return the last lines."""
        return "\n".join(self._tail)


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
