"""Requests that nobody waits for: made by one thread while the controllers have nothing to do, or after two minutes.

Telling and tidying cost the API server as much as the work itself. When a thousand objects become due at once, whoever
waits for the last of them would wait for all of that too.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from contextlib import suppress

# For so long nobody misses an event or minds a Job that has ended.
_LONGEST_SECONDS = 120.0
# How often the thread looks whether the controllers are idle; without work it waits to be notified instead.
_LOOK_SECONDS = 0.05


# As many deletions as the largest installations make in an hour; each is small. Beyond it, the caller deletes at once.
_MOST_TIDYING = 20_000
# More events than one thread sends in a minute in which everything became due; each holds the object it is about.
_MOST_TELLING = 2_000


class IdleQueue:
    """Two queues of functions and the thread that calls them: tidying comes before telling, each in its order.

    `busy` tells whether somebody has work that comes first. Both queues have a bound. What a function raises ends
    neither the thread nor what comes after it; `on_error` hears of it.
    """

    def __init__(
        self,
        busy: Callable[[], bool],
        *,
        on_error: Callable[[Exception], None] | None = None,
        on_drop: Callable[[], None] | None = None,
        longest_seconds: float = _LONGEST_SECONDS,
        most_tidying: int = _MOST_TIDYING,
        most_telling: int = _MOST_TELLING,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._busy, self._longest, self._clock = busy, longest_seconds, clock
        self._on_error = on_error or (lambda error: None)
        self._on_drop = on_drop or (lambda: None)
        self._changed = threading.Condition()
        self._tidying, self._telling = _Queue(most_tidying), _Queue(most_telling)
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="deferred", daemon=True)

    def tidy(self, key: Hashable, function: Callable[[], None]) -> bool:
        """Have something removed later, unless that waits already; False, and nothing done, if too much waits."""
        return self._add(self._tidying, key, function)

    def tell(self, function: Callable[[], None]) -> None:
        """Have something told later; if too much waits it is dropped, and `on_drop` called."""
        if not self._add(self._telling, object(), function):
            self._on_drop()

    def _add(self, queue: _Queue, key: Hashable, function: Callable[[], None]) -> bool:
        with self._changed:
            # After shutdown nothing is sent, and nobody counts it.
            if self._closed or key in queue.waiting:
                return True
            if len(queue.waiting) >= queue.most:
                return False
            queue.waiting[key] = (self._clock(), function)
            self._changed.notify()
            return True

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def shut_down(self) -> None:
        """Call nothing more, not even what waits."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def stop(self, timeout_seconds: float) -> bool:
        """Call nothing more, and let what is being called come to its end, for a while; return whether it has."""
        self.shut_down()
        # join() raises for a thread that was never started.
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def __len__(self) -> int:
        return len(self._tidying.waiting) + len(self._telling.waiting)

    def _work(self) -> None:
        while (function := self._next()) is not None:
            try:
                function()
            except Exception as error:  # noqa: BLE001 - a worker loop
                # The error hook may fail; the next item is still worked on.
                with suppress(Exception):
                    self._on_error(error)

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            while not self._closed:
                queue = self._due()
                if queue is not None:
                    return queue.pop()
                self._changed.wait(_LOOK_SECONDS if len(self) else None)
        return None

    def _due(self) -> _Queue | None:
        """Return the queue whose first function is to be called now."""
        filled = [queue for queue in (self._tidying, self._telling) if queue.waiting]
        if filled and not self._busy():
            return filled[0]
        return next((queue for queue in filled if self._clock() - queue.since >= self._longest), None)


class _Queue:
    """Functions in the order of adding, each with the time since when it waits."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.waiting: dict[Hashable, tuple[float, Callable[[], None]]] = {}

    @property
    def since(self) -> float:
        """Since when the first of them waits."""
        return next(iter(self.waiting.values()))[0]

    def pop(self) -> Callable[[], None]:
        """Take the first of them."""
        return self.waiting.pop(next(iter(self.waiting)))[1]
