"""An API server with one Lease, and electors that want it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from attrs import define, field

from tests.integration.kube.peer import Asked, Say, status
from volsync_py.kube.client import Client
from volsync_py.kube.election import LeaderElector


@define
class Leases:
    """A script that keeps one Lease as an API server would; `fails` answers instead while it is set.

    `before` is called with each request, in the thread that answers it: it may hold it up.
    """

    lease: dict[str, Any] | None = None
    version: int = 0
    fails: Say | None = None
    before: Callable[[Asked], None] = lambda asked: None
    news: threading.Condition = field(factory=threading.Condition)

    @property
    def holder(self) -> str:
        """Who has it."""
        return str(self.lease["spec"]["holderIdentity"]) if self.lease else ""

    def __call__(self, asked: Asked) -> Say:
        if self.fails is not None:
            return self.fails
        self.before(asked)
        with self.news:
            return self._answer(asked)

    def _answer(self, asked: Asked) -> Say:
        if asked.method == "GET":
            return Say(self.lease) if self.lease else Say(status(404, "NotFound"), 404)
        if asked.method == "POST":
            if self.lease:
                return Say(status(409, "AlreadyExists"), 409)
            return self._write(asked.body["spec"])
        assert self.lease is not None
        if asked.body["metadata"]["resourceVersion"] != self.lease["metadata"]["resourceVersion"]:
            return Say(status(409, "Conflict"), 409)
        return self._write({**self.lease["spec"], **asked.body["spec"]})

    def _write(self, spec: dict[str, Any]) -> Say:
        self.version += 1
        self.news.notify_all()
        self.lease = {"metadata": {"name": "lease", "resourceVersion": str(self.version)}, "spec": spec}
        return Say(self.lease)


@define
class Time:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def elector(client: Client, name: str, time: Time, **more: Any) -> LeaderElector:
    return LeaderElector(client, namespace="ns", name="lease", identity=name, clock=time, **more)


def real(client: Client, **more: Any) -> LeaderElector:
    """Return an elector that goes by real time."""
    times = {"lease_seconds": 9.0, "renew_deadline_seconds": 8.0, "retry_seconds": 0.1}
    return LeaderElector(client, namespace="ns", name="lease", identity="one", **{**times, **more})


@define
class Gate:
    """Holds up the first request of a kind until it is opened."""

    what: Callable[[Asked], bool]
    reached: threading.Event = field(factory=threading.Event)
    open: threading.Event = field(factory=threading.Event)

    def __call__(self, asked: Asked) -> None:
        if self.what(asked) and not self.reached.is_set():
            self.reached.set()
            assert self.open.wait(20)


def in_thread(work: Callable[[], Any]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def kept(one: LeaderElector, on_lost: Callable[[], None] = lambda: None) -> threading.Thread:
    """Have a lease kept; return the thread that renews it."""
    before = set(threading.enumerate())
    one.keep(on_lost)
    (renewing,) = (t for t in threading.enumerate() if t.name == "election" and t not in before)
    return renewing
