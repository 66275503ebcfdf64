"""Whether a restic process does anything at all: what the kernel counts for it, not what it says.

restic is silent for long where it has much to do: it loads an index, walks trees, packs anew, reads a large file. It is
silent too when it waits for what will never come: a pipe that nobody reads, a server that a library asks again and
again without a word. The two differ in bytes and in time of the processor.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from attrs import frozen

# A restic that waits wakes up for a dozen bytes in a second, and renews its lock; a request for each object that is
# removed, one in a second and with its headers packed, is more than this.
LEAST_BYTES_A_SECOND = 64.0
# Before the first answer restic moves not one byte; an answer, however late, is more than this.
LEAST_BYTES_OF_AN_ANSWER = 1.0
# A library that tries again without a word sends and gets three or four KB in a quarter of a minute.
LEAST_BYTES_OF_SILENT_RETRIES = 512.0
# Timers and the lines of progress of a process that waits take a tenth of this.
_LEAST_SHARE_OF_PROCESSOR = 0.01
# After a node slept or a container was frozen, one look counts for no more than this.
_LONGEST_LOOK_SECONDS = 5.0
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


@frozen
class Usage:
    """What a process has used so far: bytes read and written, in files and connections, and time of the processor."""

    bytes: int = 0
    seconds: float = 0.0


def usage_of(pid: int, proc: Path = Path("/proc")) -> Usage | None:
    """Return what a process and its children have used so far, or None if that cannot be seen (any more).

    rclone and ssh take what restic gives them, and send it while restic waits.
    """
    own = _own_usage(pid, proc)
    if own is None:
        return None
    others = [found for child in _children(pid, proc) if (found := _own_usage(child, proc)) is not None]
    return Usage(own.bytes + sum(o.bytes for o in others), own.seconds + sum(o.seconds for o in others))


def _children(pid: int, proc: Path) -> list[int]:
    """Return the children that threads of a process have started; [] where the kernel does not tell."""
    found: list[int] = []
    for listed in (proc / str(pid) / "task").glob("*/children"):
        # The thread has ended meanwhile.
        with suppress(OSError, ValueError):
            found += map(int, listed.read_text(encoding="ascii").split())
    return found


def _own_usage(pid: int, proc: Path) -> Usage | None:
    try:
        # Behind the name, which may hold anything: user and system time are fields 14 and 15 of proc(5).
        fields = (proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        seconds = (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND
    except (OSError, ValueError, IndexError):
        return None
    try:
        counted = dict(line.split(": ") for line in (proc / str(pid) / "io").read_text(encoding="ascii").splitlines())
        return Usage(int(counted["rchar"]) + int(counted["wchar"]), seconds)
    except (OSError, ValueError, KeyError):
        # Only its own user may read it, and not after its end.
        return Usage(0, seconds)


class Progress:
    """For how long nothing was done; times are those of a monotonic clock."""

    def __init__(self, now: float, least_bytes_a_second: float = LEAST_BYTES_A_SECOND) -> None:
        self._looked, self._least = now, least_bytes_a_second
        self._idle = 0.0
        self._mark = Usage()
        self._work = 0

    def saw(self, usage: Usage, work: int, now: float) -> float:
        """Take note of what was used, and of the work that restic tells of; return for how long nothing was done.

        Little by little counts as nothing: it is measured against the time since something was last done.
        """
        self._idle += min(now - self._looked, _LONGEST_LOOK_SECONDS)
        self._looked = now
        if usage.bytes < self._mark.bytes or usage.seconds < self._mark.seconds:
            # A child has ended, and what it had used is not counted any more.
            self._mark = usage
        moved, computed = usage.bytes - self._mark.bytes, usage.seconds - self._mark.seconds
        # Rates need an interval of at least a second, or each wake-up would count.
        span = max(self._idle, 1.0)
        if work > self._work or moved >= span * self._least or computed >= span * _LEAST_SHARE_OF_PROCESSOR:
            self._idle, self._mark, self._work = 0.0, usage, work
        return self._idle
