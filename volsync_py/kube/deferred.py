"""Requests that nobody waits for: made by one thread while the controllers have nothing to do, or after two minutes.

Telling and tidying cost the API server as much as the work itself. When a thousand objects become due at once, whoever
waits for the last of them would wait for all of that too.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from contextlib import suppress

# Nobody misses an event, or minds an ended Job, for so long.
_LONGEST_SECONDS = 120.0
# How often a busy controller is looked at; nothing is waited for while there is nothing to do.
_LOOK_SECONDS = 0.05


class DeferredWork:
    """A queue of functions and the thread that calls them, in their order.

    `busy` tells whether somebody has work that comes first. A key is in the queue once. What a function raises ends
    neither the thread nor what comes after it; `on_error` hears of it.
    """

    def __init__(
        self,
        busy: Callable[[], bool],
        *,
        on_error: Callable[[Exception], None] | None = None,
        longest_seconds: float = _LONGEST_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._busy, self._longest, self._clock = busy, longest_seconds, clock
        self._on_error = on_error or (lambda error: None)
        self._changed = threading.Condition()
        # Since when it waits, and what is to be called; in the order of adding.
        self._waiting: dict[Hashable, tuple[float, Callable[[], None]]] = {}
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="deferred", daemon=True)

    def add(self, key: Hashable, function: Callable[[], None]) -> None:
        """Have a function called, unless one with that key waits already."""
        with self._changed:
            if self._closed or key in self._waiting:
                return
            self._waiting[key] = (self._clock(), function)
            self._changed.notify()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def shut_down(self) -> None:
        """Call nothing more, not even what waits."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def stop(self, timeout_seconds: float) -> bool:
        """Call nothing more, and let what is being called come to its end, for a while; tell whether it has."""
        self.shut_down()
        # A thread that was never started cannot be waited for.
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def __len__(self) -> int:
        return len(self._waiting)

    def _work(self) -> None:
        while (function := self._next()) is not None:
            try:
                function()
            except Exception as error:  # noqa: BLE001 - a worker loop
                # Who is told of it may fail; what comes after it is done all the same.
                with suppress(Exception):
                    self._on_error(error)

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            while not self._closed:
                if not self._waiting:
                    self._changed.wait()
                    continue
                key, (since, function) = next(iter(self._waiting.items()))
                if self._clock() - since < self._longest and self._busy():
                    self._changed.wait(_LOOK_SECONDS)
                    continue
                del self._waiting[key]
                return function
        return None
