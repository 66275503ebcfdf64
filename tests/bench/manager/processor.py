"""What the machine's processors were used for: by program, from the kernel's own counters."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic

_TICKS = os.sysconf("SC_CLK_TCK")
# The kernel cuts names of programs at fifteen letters.
_NAMES = {"kube-apiserver": "API server", "kube-controller": "controllers", "etcd": "etcd", "volsync-py": "manager"}


class Measured:
    """One stretch of time: seconds, and processor seconds by program; whatever else ran is `others`."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.processor: dict[str, float] = {}
        self.load = 0.0

    @classmethod
    @contextmanager
    def until_done(cls) -> Iterator[Measured]:
        """Measure what is done in the context."""
        measured, started, before, busy = cls(), monotonic(), _by_program(), _busy_seconds()
        yield measured
        measured.seconds = monotonic() - started
        measured.processor = {name: used - before.get(name, 0.0) for name, used in _by_program().items()}
        in_all = _busy_seconds() - busy
        measured.processor["others"] = max(in_all - sum(measured.processor.values()), 0.0)
        measured.load = in_all / measured.seconds / (os.cpu_count() or 1)

    def each(self, number: int) -> str:
        """Tell the processor's milliseconds for each of so many things."""
        parts = ", ".join(f"{name} {1000 * used / number:.1f}" for name, used in self.processor.items())
        total = sum(self.processor.values())
        return f"{1000 * total / number:.1f} ms ({parts}), processors {100 * self.load:.0f} % busy"


def _busy_seconds() -> float:
    # user, nice, system, idle, waiting for a disk, two kinds of interrupts
    ticks = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:8]]
    return (sum(ticks) - ticks[3] - ticks[4]) / _TICKS


def _by_program() -> dict[str, float]:
    seconds: dict[str, float] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        # A process may be gone by now.
        with suppress(OSError):
            head, _, rest = stat.read_text().rpartition(")")
            name = _NAMES.get(head.partition("(")[2], "")
            if int(stat.parent.name) == os.getpid():
                name = "benchmark"
            if name:
                fields = rest.split()
                seconds[name] = seconds.get(name, 0.0) + (int(fields[11]) + int(fields[12])) / _TICKS
    return seconds
