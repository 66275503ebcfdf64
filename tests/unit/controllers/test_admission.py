"""With a limit, as many movers run as it says, and whoever is due longest is next."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

from volsync_py.controllers.admission import Admission, is_live, running_index
from volsync_py.core.labels import Label
from volsync_py.core.names import Role
from volsync_py.kube.store import Store

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
VERSIONS = count(1)


class Cluster:
    """Stores with sources in them."""

    def __init__(self, limit: int) -> None:
        self.sources = Store({"running": running_index})
        self.jobs, self.claims = Store(), Store()
        self.admission = Admission(
            limit,
            jobs=self.jobs,
            staged=[self.claims],
            resources=[(Role.SOURCE, self.sources)],
            clock=lambda: NOW,
        )

    def source(self, name: str, started: str = "", **status: Any) -> dict[str, Any]:
        obj = {
            "kind": "ReplicationSource",
            "metadata": {"name": name, "namespace": "ns", "uid": name, "resourceVersion": str(next(VERSIONS))},
            "status": {**({"lastSyncStartTime": f"2026-11-24T11:{started}:00Z"} if started else {}), **status},
        }
        self.sources.put(obj)
        return obj

    def job(self, name: str, *, ended: bool = False, parallelism: int = 1) -> dict[str, Any]:
        conditions = [{"type": "Failed", "status": "True"}] if ended else []
        meta = {"name": f"volsync-src-{name}", "namespace": "ns", "resourceVersion": str(next(VERSIONS))}
        job = {"metadata": meta, "spec": {"parallelism": parallelism}, "status": {"conditions": conditions}}
        self.jobs.put(job)
        return job

    def copy(self, name: str) -> None:
        owner = [{"uid": name}]
        meta = {"name": f"volsync-{name}-src", "namespace": "ns", "labels": {str(Label.CLEANUP): name}}
        self.claims.put({"metadata": {**meta, "ownerReferences": owner, "resourceVersion": str(next(VERSIONS))}})

    def waiting(self) -> list[str]:
        return [turn.name for turn in self.admission.line().waiting]

    def admitted(self) -> list[str]:
        return sorted(o["metadata"]["name"] for o in self.sources.list() if self.admission.may_begin(o))


def test_without_a_limit_everybody_may_begin() -> None:
    cluster = Cluster(0)
    for name in "abc":
        cluster.source(name, "10")
        cluster.job(name)
    assert cluster.admission.may_begin(cluster.source("d"))
    assert cluster.admission.next_in_line() == []


def test_the_oldest_slots_may_begin_and_the_others_wait() -> None:
    cluster = Cluster(2)
    for name, started in (("a", "30"), ("b", "10"), ("c", "20")):
        cluster.source(name, started)
    assert cluster.waiting() == ["b", "c", "a"]
    assert cluster.admitted() == ["b", "c"]
    assert [t.name for t in cluster.admission.next_in_line()] == ["b", "c"]
    assert not cluster.admission.may_begin(cluster.source("d"))


def test_a_slot_counts_from_when_it_was_due_not_from_when_it_was_noticed() -> None:
    cluster = Cluster(1)
    cluster.source("late", "40", nextSyncTime="2026-11-24T11:05:00Z")
    cluster.source("punctual", "10", nextSyncTime="2026-11-24T11:10:00Z")
    assert cluster.admitted() == ["late"]


@pytest.mark.parametrize(
    ("limit", "admitted"),
    [(1, []), (2, ["c"]), (3, ["c", "d"])],
)
def test_running_jobs_take_places(limit: int, admitted: list[str]) -> None:
    cluster = Cluster(limit)
    cluster.source("a", "01")
    cluster.job("a")
    cluster.source("c", "03")
    cluster.source("d", "04")
    line = cluster.admission.line()
    assert line.busy == 1
    assert [t.name for t in cluster.admission.next_in_line()] == admitted


def test_a_copy_that_is_made_takes_a_place_and_goes_on() -> None:
    cluster = Cluster(1)
    cluster.source("a", "05")
    cluster.source("b", "01")
    cluster.copy("a")
    assert cluster.admitted() == ["a"]
    assert cluster.waiting() == ["b"]


@pytest.mark.parametrize(
    "status",
    [
        {"attempt": {"count": 1, "nextAttemptTime": "2026-11-24T12:00:05Z"}},
        {"attempt": {"count": 1}},
        {"conditions": [{"type": "Synchronizing", "status": "False", "reason": "Error"}]},
    ],
    ids=["waits for its next attempt", "waits for a change", "waits for somebody to mend it"],
)
def test_who_cannot_go_on_keeps_nobody_waiting(status: dict[str, Any]) -> None:
    cluster = Cluster(1)
    cluster.source("a", "01", **status)
    cluster.source("b", "02")
    assert cluster.waiting() == ["b"]
    assert "b" in cluster.admitted()


def test_an_attempt_that_is_due_is_in_line_again() -> None:
    cluster = Cluster(1)
    cluster.source("a", "01", attempt={"count": 1, "nextAttemptTime": "2026-11-24T12:00:00Z"})
    cluster.source("b", "02")
    assert cluster.waiting() == ["a", "b"]


def test_ended_and_paused_jobs_take_no_place() -> None:
    cluster = Cluster(1)
    for name in "ab":
        cluster.source(name, "01")
    assert not is_live(cluster.job("a", ended=True))
    assert not is_live(cluster.job("b", parallelism=0))
    assert cluster.admission.line().busy == 0
