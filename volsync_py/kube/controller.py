"""Workers that take requests from the queue and reconcile them.

A reconcile ends in one of three ways: done, done with a look later, or an exception. An exception never
ends a worker; it is reported, and the request comes back at a growing pace.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress

from attrs import frozen

from volsync_py.kube.errors import TooManyRequests
from volsync_py.kube.workqueue import RateLimitingQueue

# A reconcile mostly waits for the API server; more workers would only queue up there.
_WORKERS = 8
# The process should be gone within five seconds, and others need some of them.
_STOP_SECONDS = 2.0


@frozen
class Request:
    """One object to reconcile."""

    namespace: str
    name: str


@frozen
class Result:
    """What a reconcile asks for; None: nothing until something changes."""

    requeue_after_seconds: float | None = None


# (request, the `time.monotonic` at which it was last added to the queue)
Reconcile = Callable[[Request, float], Result]
# (request, seconds, the exception or None)
Observer = Callable[[Request, float, Exception | None], None]


class Controller:
    """A queue of requests and the threads that work on it."""

    def __init__(
        self,
        name: str,
        reconcile: Reconcile,
        *,
        workers: int = _WORKERS,
        observer: Observer | None = None,
        queue: RateLimitingQueue[Request] | None = None,
    ) -> None:
        self.name = name
        # Not `queue or …`: an empty queue is falsy.
        self.queue: RateLimitingQueue[Request] = RateLimitingQueue() if queue is None else queue
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

    def shut_down(self) -> None:
        """Hand nothing more out."""
        self.queue.shut_down()

    def stop(self, timeout_seconds: float = _STOP_SECONDS) -> bool:
        """Hand nothing more out, and let the workers finish what they are at, for a while; return whether all have."""
        self.shut_down()
        deadline = time.monotonic() + timeout_seconds
        for thread in self._threads:
            # join() raises for a thread that was never started.
            if thread.is_alive():
                thread.join(max(deadline - time.monotonic(), 0.0))
        return not any(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        while (request := self.queue.get()) is not None:
            try:
                self._once(request)
            finally:
                self.queue.done(request)

    def _once(self, request: Request) -> None:
        started = time.monotonic()
        failure: Exception | None = None
        try:
            result = self._reconcile(request, self.queue.enqueued_at(request))
        except Exception as error:  # noqa: BLE001 - the worker loop
            failure = error
            self.queue.add_rate_limited(request, at_least_seconds=_asked_for(error))
        else:
            self.queue.forget(request)
            if result.requeue_after_seconds is not None:
                self.queue.add_after(request, result.requeue_after_seconds)
        # The observer is called last, because it may fail and must not stop the work.
        with suppress(Exception):
            self._observe(request, time.monotonic() - started, failure)


def _asked_for(error: Exception) -> float:
    """Return the pause that the server asked for, in seconds."""
    return error.retry_after_seconds if isinstance(error, TooManyRequests) else 0.0
