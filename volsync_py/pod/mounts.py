"""Whether a folder is on a volume, as the kernel tells it: what is on none goes with the container.

The manager knows the volumes that it gives a pod, but not those that an admission policy adds.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator

from attrs import frozen

from volsync_py.core.locations import is_below

# In memory, or made by the kernel: nothing in them is on a disk.
_UNKEPT_TYPES = re.compile(r"tmpfs|ramfs|devtmpfs|proc|sysfs|cgroup2?|mqueue|devpts|securityfs|tracefs|debugfs|bpf")
# Where the kubelet keeps volumes that go with the pod, or that it writes itself.
_UNKEPT_ROOT = re.compile(r"/kubernetes\.io~(empty-dir|secret|configmap|projected|downward-api)(/|$)")
_ESCAPE = re.compile(r"\\([0-7]{3})")
_TABLE = "/proc/self/mountinfo"


@frozen
class Mount:
    """One row of the table: where, of which type, and which folder of its file system."""

    point: str
    type: str
    root: str

    @property
    def is_kept(self) -> bool:
        """Whether what is written there outlives the pod."""
        return self.point != "/" and not _UNKEPT_TYPES.fullmatch(self.type) and not _UNKEPT_ROOT.search(self.root)


def is_kept(path: str, rows: Iterable[str] | None = None) -> bool:
    """Return whether a folder, which need not be there yet, is on a volume that outlives the pod."""
    if rows is None:
        # Names of mounts need not be text.
        with open(_TABLE, encoding="utf-8", errors="surrogateescape") as table:
            rows = table.readlines()
    real = os.path.realpath(path)
    # Of two at one point, the later one is seen.
    holding = max(
        ((len(m.point), number, m) for number, m in enumerate(_mounts(rows)) if is_below(real, m.point)),
        key=lambda found: found[:2],
        default=None,
    )
    return holding is not None and holding[2].is_kept


def _mounts(rows: Iterable[str]) -> Iterator[Mount]:
    for row in rows:
        before, _, after = row.partition(" - ")
        fields, kind = before.split(" "), after.split(" ")
        if len(fields) > 4:
            yield Mount(_plain(fields[4]), kind[0], _plain(fields[3]))


def _plain(text: str) -> str:
    """Return a path in which the kernel has written blanks and the like as octal numbers."""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 8)), text)
