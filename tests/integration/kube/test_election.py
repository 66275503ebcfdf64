"""Two managers and one Lease: one leads, and it stops before the other may begin."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from attrs import define, field

from tests.integration.kube.peer import Asked, Say, peer, status
from volsync_py.kube.client import Client
from volsync_py.kube.election import LeaderElector


@define
class Leases:
    """A script that keeps one Lease as an API server would; `fails` answers instead while it is set."""

    lease: dict[str, Any] | None = None
    version: int = 0
    fails: Say | None = None
    lock: threading.Lock = field(factory=threading.Lock)

    def __call__(self, asked: Asked) -> Say:
        if self.fails is not None:
            return self.fails
        with self.lock:
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
        self.lease = {"metadata": {"name": "lease", "resourceVersion": str(self.version)}, "spec": spec}
        return Say(self.lease)


@define
class Time:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def elector(client: Client, name: str, time: Time, **more: Any) -> LeaderElector:
    return LeaderElector(client, namespace="ns", name="lease", identity=name, clock=time, **more)


def test_the_second_waits_and_takes_over_only_when_the_first_was_silent_for_the_whole_lease(tmp_path: Path) -> None:
    leases, time = Leases(), Time()
    seen: list[str] = []
    with peer(leases) as server:
        first = elector(server.client(tmp_path), "first", time)
        second = elector(server.client(tmp_path), "second", time, on_new_leader=seen.append)
        assert first.try_once()
        assert not second.try_once()
        time.now += 14.9
        assert not second.try_once()
        # Renewed: the time begins anew, whatever the clock of the first one says.
        assert first.try_once()
        assert not second.try_once()
        time.now += 14.9
        assert not second.try_once()
        time.now += 0.2
        assert second.try_once()
        assert not first.try_once()
        assert seen == ["first"]
        assert leases.lease is not None
        assert leases.lease["spec"]["holderIdentity"] == "second"
        assert leases.lease["spec"]["leaseTransitions"] == 1


def test_a_lease_that_is_given_up_is_taken_at_once(tmp_path: Path) -> None:
    leases, time = Leases(), Time()
    with peer(leases) as server:
        first = elector(server.client(tmp_path), "first", time)
        second = elector(server.client(tmp_path), "second", time)
        assert first.try_once()
        assert not second.try_once()
        first.release()
        assert second.try_once()


def test_of_two_that_find_no_lease_one_wins(tmp_path: Path) -> None:
    leases, time = Leases(), Time()
    with peer(leases) as server:
        both = [elector(server.client(tmp_path), name, time) for name in ("first", "second")]
        assert [one.try_once() for one in both] == [True, False]


def test_who_cannot_renew_gives_up_before_the_lease_runs_out(tmp_path: Path) -> None:
    leases, lost = Leases(), threading.Event()
    told: list[str] = []
    with peer(leases) as server:
        one = LeaderElector(
            server.client(tmp_path),
            namespace="ns",
            name="lease",
            identity="one",
            lease_seconds=3.0,
            renew_deadline_seconds=0.6,
            retry_seconds=0.1,
            on_error=told.append,
        )
        assert one.acquire()
        one.keep(lost.set)
        server.wait_for(5)
        assert not lost.is_set()
        # The API server accepts and never answers: the renewing thread hangs, the deadline does not.
        leases.fails = Say(hold=True)
        assert lost.wait(2.9)
        leases.fails = None
        one.release()


def test_errors_are_told_once_not_at_every_try(tmp_path: Path) -> None:
    leases = Leases(fails=Say(status(403, "Forbidden"), 403))
    told: list[str] = []
    with peer(leases) as server:
        one = elector(server.client(tmp_path), "one", Time(), on_error=told.append)
        assert [one.try_once() for _ in range(5)] == [False] * 5
        assert len(told) == 1
        assert len(server.asked) == 5
