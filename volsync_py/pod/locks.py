"""Whose lock is in the way, and what may be done about it.

A repository's locks carry the host name of their process. Ours is the same for every mover of one resource,
and there is never more than one of those: a lock of our own name is dead. Anybody else's is renewed every five
minutes for as long as its process lives; restic itself calls it stale after thirty, and so do we, with a margin
for clocks. A mover of VolSync has its pod's name, so whether it lives can be said at once by who sees the pods.
"""

from __future__ import annotations

import re
from datetime import timedelta

from attrs import frozen

from volsync_py.core.defaults import STALE_LOCK
from volsync_py.core.durations import parse_go_duration

_HOLDER = re.compile(
    r"locked(?: exclusively)? by PID (?P<pid>\d+) on (?P<host>[^\n]+?) by .*?"
    r"lock was created at (?P<since>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) \((?P<age>[^ )]+) ago\).*?"
    r"storage ID (?P<id>[0-9a-f]+)",
    re.DOTALL,
)
# A pod of VolSync's: the name of its Job, and five characters that Kubernetes chose. Or an earlier name of our movers.
_KNOWN_TO_MANAGER = re.compile(r"volsync-(?:src|dst)-[a-z0-9](?:[-a-z0-9]*[a-z0-9])?-[a-z0-9]{5}|m-[0-9a-f]{16}")


@frozen
class Holder:
    """Who holds the lock that restic met; `since` is in the mover's own time zone."""

    pid: int
    host: str
    since: str
    age: timedelta
    id: str

    def is_dead(self, own_host: str) -> bool:
        """Return whether the lock belongs to nobody that lives."""
        return self.host == own_host or self.age > STALE_LOCK

    @property
    def is_known_to_manager(self) -> bool:
        """Whether the host is named as the pods of VolSync's movers are, or as ours were: the manager can tell."""
        return _KNOWN_TO_MANAGER.fullmatch(self.host) is not None

    @property
    def process(self) -> str:
        """Who it is, whichever of its locks this is: each renewal makes another one."""
        return f"process {self.pid} on {self.host}"

    def __str__(self) -> str:
        return f"{self.process}, since {self.since} (lock {self.id})"


def holder_of(text: str) -> Holder | None:
    """Return the holder that restic's message names, or None."""
    found = _HOLDER.search(text)
    if found is None:
        return None
    try:
        age = parse_go_duration(found["age"])
    except ValueError:
        return None
    return Holder(int(found["pid"]), found["host"], found["since"], age, found["id"])
