"""The queue between events and workers: client-go's work queue.

Invariants: a key is in the queue once; a key is never with two workers; a key that is added while it is
worked on runs again afterwards; nothing is lost until the end, and nothing is handed out after it. Delays
need no thread: workers wait for the next one.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import Generic, TypeVar

from attrs import evolve, frozen

K = TypeVar("K", bound=Hashable)

# client-go's numbers: a first failure is mostly a conflict, over at once; what fails all the time is tried
# about four times an hour.
_BASE_SECONDS, _LONGEST_SECONDS = 0.005, 1000.0
# After so many doublings every delay has reached its limit; a larger power would only cost.
_MOST_DOUBLINGS = 30


@frozen
class _Added:
    """When a key was added first and last since a worker had it."""

    first: float
    last: float


class RateLimitingQueue(Generic[K]):
    """A de-duplicating queue with delays, and growing delays for what fails."""

    def __init__(
        self,
        *,
        base_seconds: float = _BASE_SECONDS,
        longest_seconds: float = _LONGEST_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        on_wait: Callable[[float], None] | None = None,
    ) -> None:
        self._base, self._longest, self._clock = base_seconds, longest_seconds, clock
        # Called with the seconds that each key has waited for a worker.
        self._on_wait = on_wait or (lambda seconds: None)
        self._changed = threading.Condition()
        self._ready: deque[K] = deque()
        # Keys that need work. A key that is also in `_processing` is queued again when it is done.
        self._dirty: dict[K, _Added] = {}
        # Keys that a worker has, with the last time at which each was added before the worker got it.
        self._processing: dict[K, float] = {}
        # A heap of (due, order, key); an entry counts only while `_due` has the same time for its key.
        self._delayed: list[tuple[float, int, K]] = []
        self._due: dict[K, float] = {}
        self._order = itertools.count()
        self._failures: dict[K, int] = {}
        self._closed = False

    def add(self, key: K) -> None:
        """Have a key worked on."""
        with self._changed:
            self._add(key)

    def _add(self, key: K) -> None:
        if self._closed:
            return
        now = self._clock()
        if key in self._dirty:
            self._dirty[key] = evolve(self._dirty[key], last=now)
            return
        self._dirty[key] = _Added(first=now, last=now)
        if key not in self._processing:
            self._ready.append(key)
            self._changed.notify()

    def add_after(self, key: K, seconds: float) -> None:
        """Have a key worked on later; of several delays the shortest counts."""
        with self._changed:
            if self._closed:
                return
            if seconds <= 0:
                self._add(key)
                return
            due = self._clock() + seconds
            if self._due.get(key, due + 1) <= due:
                return
            self._due[key] = due
            heapq.heappush(self._delayed, (due, next(self._order), key))
            self._changed.notify()

    def add_rate_limited(self, key: K, *, at_least_seconds: float = 0.0) -> None:
        """Have a failed key worked on after a delay that doubles with each failure.

        Within `at_least_seconds` no earlier delay brings it back; what is added by itself still does.
        """
        with self._changed:
            failures = self._failures.get(key, 0)
            self._failures[key] = failures + 1
            if at_least_seconds:
                self._due.pop(key, None)
            delay = min(self._base * 2 ** min(failures, _MOST_DOUBLINGS), self._longest)
            self.add_after(key, max(delay, at_least_seconds))

    def forget(self, key: K) -> None:
        """Count a key's failures from zero again."""
        with self._changed:
            self._failures.pop(key, None)

    def get(self) -> K | None:
        """Return the next key to work on, as soon as there is one; None at the end."""
        with self._changed:
            while not self._closed:
                wait = self._move_due()
                if self._ready:
                    return self._take()
                self._changed.wait(wait)
        return None

    def _take(self) -> K:
        key = self._ready.popleft()
        added = self._dirty.pop(key)
        self._processing[key] = added.last
        waited = self._clock() - added.first
        # The observer may fail; the worker has the key all the same.
        with suppress(Exception):
            self._on_wait(waited)
        return key

    def _move_due(self) -> float | None:
        """Queue what is due; return the seconds until the next delay ends."""
        now = self._clock()
        while self._delayed:
            due, _, key = self._delayed[0]
            if self._due.get(key) != due:
                heapq.heappop(self._delayed)
            elif due <= now:
                heapq.heappop(self._delayed)
                del self._due[key]
                self._add(key)
            else:
                return due - now
        return None

    def enqueued_at(self, key: K) -> float:
        """Return when a key that is with a worker was added last before it was handed out, on the queue's clock.

        What was there by then is what the work on it has to see.
        """
        with self._changed:
            return self._processing[key]

    def done(self, key: K) -> None:
        """Say that the work on a key has ended."""
        with self._changed:
            self._processing.pop(key, None)
            if key in self._dirty:
                self._ready.append(key)
                self._changed.notify()

    def shut_down(self) -> None:
        """Take nothing more and hand nothing more out, not even what is queued: workers get None."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def __len__(self) -> int:
        return len(self._ready)

    def is_idle(self) -> bool:
        """Whether nothing waits for a worker or is with one; what is delayed does not count."""
        with self._changed:
            return not self._ready and not self._processing
