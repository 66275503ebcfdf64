"""Pauses after failures: doubling, bounded, never the same for two clients."""

from __future__ import annotations

import random
from collections.abc import Callable

# client-go's numbers: a restarted API server is found within a second, a broken one asked every half minute.
FIRST_SECONDS = 0.8
LONGEST_SECONDS = 30.0
# After so long without a failure, the next one starts at the first pause again.
RESET_SECONDS = 120.0
# The longest pauses of two clients are up to a third apart, so that they do not come back in step.
_JITTER = 0.5


class Backoff:
    """The pauses of one loop; `jitter` returns a number in [0, 1)."""

    def __init__(self, clock: Callable[[], float], jitter: Callable[[], float] = random.random) -> None:
        self._clock, self._jitter = clock, jitter
        self._pause = FIRST_SECONDS
        self._last = clock()

    def next_seconds(self) -> float:
        """Return how long to wait after a failure that has just happened."""
        now = self._clock()
        if now - self._last > RESET_SECONDS:
            self._pause = FIRST_SECONDS
        self._last = now
        # Bounded before the jitter comes on top: the longest pause has it too.
        pause = min(self._pause, LONGEST_SECONDS / (1 + _JITTER))
        self._pause = pause * 2
        return pause * (1 + _JITTER * self._jitter())
