"""Which waits have been told of: each once when it begins or has another reason, and again now and then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from volsync_py.core.actions import Event, EventType

# Events live for an hour; told twice in it, what a claim waits for can always be seen.
REMINDER_SECONDS = 1800.0
# More claims than a cluster has that wait; whoever is forgotten is told again.
_MOST_WAITS = 20_000


class Reminders:
    """What was told last about each claim; `clock` is monotonic."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, most: int = _MOST_WAITS) -> None:
        self._clock, self._most = clock, most
        self._lock = threading.Lock()
        self._told: dict[str, tuple[Event, float]] = {}

    @staticmethod
    def comes_again(event: Event) -> bool:
        """Return whether a wait is told of again; one that is as it should be is not."""
        return event.type is EventType.WARNING

    def is_due(self, claim: str, event: Event) -> bool:
        """Return whether a wait is to be told of now, and note that it is."""
        now = self._clock()
        with self._lock:
            last, told_at = self._told.get(claim, (None, now))
            again = self.comes_again(event) and now - told_at >= REMINDER_SECONDS
            if last == event and not again:
                return False
            self._told.pop(claim, None)
            self._told[claim] = (event, now)
            while len(self._told) > self._most:
                del self._told[next(iter(self._told))]
            return True

    def forget(self, claim: str) -> None:
        """Note that there is no wait any more."""
        with self._lock:
            self._told.pop(claim, None)
