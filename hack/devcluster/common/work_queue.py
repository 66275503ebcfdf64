"""Work by key: what every controller of the development cluster runs on.

Guarantees: a key is never worked on by two threads, never lost while it is, and may be due later; an idle
queue uses no CPU. A failing reconcile is reported and tried again with a doubling pause. It knows nothing of
what the keys mean.
"""

from __future__ import annotations

import heapq
import itertools
import sys
import threading
import time
import traceback
from collections.abc import Callable

Key = tuple[str, ...]
# A bug in a controller must not become a hot loop, nor stop the demo for long.
_RETRY_FIRST_SECONDS, _RETRY_MOST_SECONDS = 0.2, 10.0
_JOIN_SECONDS = 10.0


class WorkQueue:
    """Threads that call `reconcile` for each key that is due; it may answer seconds until the next time."""

    def __init__(self, name: str, reconcile: Callable[[Key], float | None], *, workers: int = 1) -> None:
        self._name = name
        self._reconcile = reconcile
        self._changed = threading.Condition()
        # Insertion order is the queue's order.
        self._ready: dict[Key, None] = {}
        self._later: list[tuple[float, int, Key]] = []
        self._at: dict[Key, float] = {}
        self._busy: set[Key] = set()
        self._again: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._numbers = itertools.count()
        self._stopped = False
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True) for number in range(workers)
        ]

    def start(self) -> None:
        """Begin to work."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish what is under way and nothing else."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        for thread in self._threads:
            if thread.is_alive() and thread is not threading.current_thread():
                thread.join(_JOIN_SECONDS)

    def add(self, *key: str, after: float = 0.0) -> None:
        """Have a key worked on in `after` seconds; an earlier time stands."""
        with self._changed:
            if after <= 0:
                self._make_ready(key)
                self._changed.notify()
                return
            at = time.monotonic() + after
            if key in self._ready or self._at.get(key, at + 1) <= at:
                return
            self._at[key] = at
            heapq.heappush(self._later, (at, next(self._numbers), key))
            self._changed.notify()

    def _make_ready(self, key: Key) -> None:
        self._at.pop(key, None)
        if key in self._busy:
            self._again.add(key)
        else:
            self._ready[key] = None

    def _take(self) -> Key | None:
        with self._changed:
            while not self._stopped:
                while self._later and self._later[0][0] <= time.monotonic():
                    at, _, key = heapq.heappop(self._later)
                    if self._at.get(key) == at:
                        self._make_ready(key)
                if self._ready:
                    key = next(iter(self._ready))
                    del self._ready[key]
                    self._busy.add(key)
                    return key
                self._changed.wait(self._later[0][0] - time.monotonic() if self._later else None)
            return None

    def _work(self) -> None:
        while (key := self._take()) is not None:
            again: float | None
            try:
                again = self._reconcile(key)
                self._failures.pop(key, None)
            except Exception:  # noqa: BLE001 - the worker's loop: one bad object must not stop the cluster
                again = self._failed(key)
            with self._changed:
                self._busy.discard(key)
                if key in self._again:
                    self._again.discard(key)
                    self._ready[key] = None
                self._changed.notify_all()
            if again is not None:
                self.add(*key, after=again)

    def _failed(self, key: Key) -> float:
        count = self._failures[key] = self._failures.get(key, 0) + 1
        print(f"{self._name}: {'/'.join(key)}: {traceback.format_exc()}", file=sys.stderr, flush=True)
        return float(min(_RETRY_FIRST_SECONDS * 2 ** (count - 1), _RETRY_MOST_SECONDS))
