"""What happened, in order: the past that watches follow and that pages of a list look back to.

Guarantees: events are kept up to a number; who asks for what is no longer kept can be told so. The caller holds
the registry's lock.
"""

from __future__ import annotations

from collections import deque

from attrs import frozen

from hack.devcluster.api.objects import Object
from hack.devcluster.api.resources import Resource

# What a watch may fall behind before it gets 410; a real server keeps about five minutes.
_MOST_EVENTS = 20_000


@frozen(eq=False)
class WatchEvent:
    """One change; `before` is the object as it was, None when it is new."""

    version: int
    type: str
    resource: Resource
    object: Object
    before: Object | None


class History:
    """The newest events."""

    def __init__(self, most: int = _MOST_EVENTS) -> None:
        self._most = most
        self._events: deque[WatchEvent] = deque()
        # The newest event that is no longer here: who has not seen it has lost something.
        self.dropped = 0
        # Versions before this one are answered with 410, whether or not anything was lost.
        self.expired = 0

    def add(self, event: WatchEvent) -> None:
        """Append an event and drop the oldest where there are too many."""
        self._events.append(event)
        if len(self._events) > self._most:
            self.dropped = self._events.popleft().version
            self.expired = max(self.expired, self.dropped)

    def expire(self, version: int) -> None:
        """Forget everything, as a compaction does: only `version` and later ones can be gone on from."""
        if self._events:
            self.dropped = self._events[-1].version
        self._events.clear()
        self.expired = version

    def since(self, version: int) -> list[WatchEvent]:
        """Return the events after a version."""
        found: list[WatchEvent] = []
        for event in reversed(self._events):
            if event.version <= version:
                break
            found.append(event)
        return found[::-1]
