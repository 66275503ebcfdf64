"""Workers that take requests from the queue and reconcile them.

A reconcile ends in one of three ways: done, done with a look later, or an exception. An exception never
ends a worker; it is reported, and the request comes back at a growing pace.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from attrs import frozen

from volsync_py.kube.workqueue import RateLimitingQueue


@frozen
class Request:
    """One object to reconcile."""

    namespace: str
    name: str


@frozen
class Result:
    """What a reconcile asks for; None: nothing until something changes."""

    requeue_after_seconds: float | None = None


# (request, seconds, the exception or None)
Observer = Callable[[Request, float, Exception | None], None]


class Controller:
    """A queue of requests and the threads that work on it."""

    def __init__(
        self,
        name: str,
        reconcile: Callable[[Request], Result],
        *,
        workers: int = 8,
        observer: Observer | None = None,
        queue: RateLimitingQueue[Request] | None = None,
    ) -> None:
        self.name = name
        self.queue: RateLimitingQueue[Request] = queue or RateLimitingQueue()
        self._reconcile = reconcile
        self._observe = observer or (lambda request, seconds, error: None)
        self._threads = [threading.Thread(target=self._work, name=f"{name}-{n}", daemon=True) for n in range(workers)]

    def enqueue(self, request: Request) -> None:
        """Have an object reconciled."""
        self.queue.add(request)

    def start(self) -> None:
        """Start the workers."""
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_seconds: float = 2.0) -> None:
        """Let the workers finish what they are at, for a while."""
        self.queue.shut_down()
        deadline = time.monotonic() + timeout_seconds
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0.0))

    def _work(self) -> None:
        while (request := self.queue.get()) is not None:
            try:
                self._once(request)
            finally:
                self.queue.done(request)

    def _once(self, request: Request) -> None:
        started = time.monotonic()
        try:
            result = self._reconcile(request)
        except Exception as error:  # noqa: BLE001 - the worker loop
            self._observe(request, time.monotonic() - started, error)
            self.queue.add_rate_limited(request)
            return
        self._observe(request, time.monotonic() - started, None)
        self.queue.forget(request)
        if result.requeue_after_seconds is not None:
            self.queue.add_after(request, result.requeue_after_seconds)
