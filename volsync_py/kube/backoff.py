"""Pauses after failures: doubling, bounded, never the same for two clients."""

from __future__ import annotations

import random
from collections.abc import Callable

# client-go's numbers: a restarted API server is found within a second, a broken one asked every 30.
FIRST_SECONDS = 0.8
LONGEST_SECONDS = 30.0
# After so long without a failure the next one is a new trouble.
RESET_SECONDS = 120.0


class Backoff:
    """The pauses of one loop; `jitter` returns a number in [0, 1)."""

    def __init__(self, clock: Callable[[], float], jitter: Callable[[], float] = random.random) -> None:
        self._clock, self._jitter = clock, jitter
        self._failures = 0
        self._last = clock()

    def next_seconds(self) -> float:
        """Return how long to wait after a failure that has just happened."""
        now = self._clock()
        if now - self._last > RESET_SECONDS:
            self._failures = 0
        self._last = now
        pause: float = FIRST_SECONDS * 2**self._failures * (1 + self._jitter() * 0.5)
        self._failures = min(self._failures + 1, 10)
        return min(pause, LONGEST_SECONDS)
