"""Whatever the watches have not told yet, a run makes no wrong write, and events alone bring it to its end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.controllers.late_cluster import Feed, LateCluster
from tests.unit.movers.seen import SETTINGS
from tests.unit.movers.test_job_object import claim, destination, source
from tests.unit.movers.test_simulated import BACKED_UP, IMAGE, METHODS, RESTORED, failure
from volsync_py.controllers.admission import Admission
from volsync_py.controllers.execute import Executor
from volsync_py.controllers.observe import Observer
from volsync_py.controllers.replication import GrantLocks, ReplicationController
from volsync_py.controllers.tally import Tally
from volsync_py.controllers.watches import connect, informers
from volsync_py.core.names import Role, cache_name, destination_name
from volsync_py.kube.client import Client
from volsync_py.kube.controller import Controller, Request
from volsync_py.kube.deferred import DeferredWork
from volsync_py.kube.events import EventRecorder
from volsync_py.kube.resources import JOBS, PVCS, REPLICATION_DESTINATIONS, REPLICATION_SOURCES
from volsync_py.object_metrics import ObjectMetrics
from volsync_py.restic.report import Report

ONE = Request("ns", "n")
ROLES = ((Role.SOURCE, REPLICATION_SOURCES), (Role.DESTINATION, REPLICATION_DESTINATIONS))
# The data, the cache, and the volume that a destination made to restore into.
KEPT = {"data", *(cache_name(role, "n") for role, _ in ROLES), destination_name("n")}
# Of a test that lets everything happen; more is a loop.
MOST_ROUNDS = 200


class Later:
    """What is put off is done when a test says so."""

    def __init__(self) -> None:
        self.waiting: dict[Any, Callable[[], None]] = {}

    def add(self, key: Any, function: Callable[[], None]) -> None:
        self.waiting.setdefault(key, function)

    def do(self) -> None:
        while self.waiting:
            self.waiting.pop(next(iter(self.waiting)))()


class Manager:
    """A manager whose passes are made when a test says so, if an event has called for one."""

    def __init__(self, cluster: LateCluster) -> None:
        client = cast(Client, cluster)
        kind = next(kind for kind, _ in cluster.objects if kind.startswith("Replication"))
        role, resource = next(r for r in ROLES if r[1].kind == kind)
        self.problems: list[str] = []
        self.informers = informers(client, None, lambda resource, error: self.problems.append(f"{resource}: {error}"))
        cluster.feeds = {resource.kind: Feed() for resource in self.informers}
        stores = {r: i.store for r, i in self.informers.items()}
        clock: Callable[[], datetime] = lambda: cluster.now  # noqa: E731
        self.later = Later()
        self.one = ReplicationController(
            role,
            stores[resource],
            Observer(client, stores, SETTINGS),
            Executor(
                client,
                stores,
                EventRecorder(client, controller="tests", instance="tests"),
                cast(DeferredWork, self.later),
                lambda ref: self.queue.add(Request(ref.namespace, ref.name)),
            ),
            Tally(ObjectMetrics(), clock),
            GrantLocks(),
            Admission(0, jobs=stores[JOBS], staged=(), resources=(), clock=clock),
            lambda: None,
            clock=clock,
            zone=ZoneInfo("UTC"),
        )
        controller = Controller(role.value, self.one.reconcile)
        self.queue = controller.queue
        # When the last pass wants another one, if nothing calls for it sooner.
        self.look_again_seconds: float | None = None
        connect(self.informers, resource, controller)
        for informer in self.informers.values():
            informer.start()
        for feed in cluster.feeds.values():
            feed.wait()

    def make_pass(self) -> None:
        """Make a pass if one is called for."""
        if len(self.queue):
            request = self.queue.get()
            assert request is not None
            result = self.one.reconcile(request, self.queue.asked_at(request))
            self.queue.done(request)
            self.look_again_seconds = result.requeue_after_seconds


class World:
    """A cluster and its manager, moved by steps."""

    def __init__(self, objects: list[dict[str, Any]], reports: list[Report]) -> None:
        self.cluster = LateCluster(objects, reports)
        self.manager = Manager(self.cluster)

    def step(self, what: str, which: int) -> None:
        """Take one step, if there is anything to do."""
        if what == "pass":
            self.manager.make_pass()
        elif what == "tidy":
            self.manager.later.do()
        elif what == "restart":
            self.end()
            self.manager = Manager(self.cluster)
        elif what == "news":
            late = [feed for feed in self.cluster.feeds.values() if feed.kept]
            if late:
                late[which % len(late)].tell()
        else:
            chores = self.cluster.chores()
            if chores:
                chores[which % len(chores)]()

    @property
    def status(self) -> dict[str, Any]:
        """The status of the custom resource."""
        (found,) = (o["status"] for (kind, _), o in self.cluster.objects.items() if kind.startswith("Replication"))
        return dict(found)

    def busy(self) -> bool:
        """Tell whether something is left to do, to tell, or to happen."""
        kept = any(feed.kept for feed in self.cluster.feeds.values())
        return kept or bool(self.cluster.chores()) or bool(len(self.manager.queue)) or bool(self.manager.later.waiting)

    def settle(self) -> None:
        """Let everything come to its end, but no time pass."""
        for _ in range(MOST_ROUNDS):
            if not self.busy():
                return
            for what in ("news", "pass", "chore", "tidy"):
                self.step(what, 0)
        raise AssertionError("it does not come to an end")

    def end(self) -> None:
        """Stop the manager."""
        for resource, informer in self.manager.informers.items():
            informer.stop()
            self.cluster.feeds[resource.kind].end()


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["pass", "pass", "news", "news", "chore", "chore", "tidy", "restart"]), st.integers(0, 5)
    ),
    max_size=60,
)


@settings(max_examples=100)
@given(
    kind=st.sampled_from(["source", "destination"]),
    method=st.sampled_from(METHODS),
    failures=st.integers(0, 2),
    steps=STEPS,
)
def test_a_run_comes_to_its_end_by_events_alone_without_a_wrong_write_however_late_they_are(
    kind: str, method: str, failures: int, steps: list[tuple[str, int]]
) -> None:
    good = BACKED_UP if kind == "source" else RESTORED
    image = IMAGE if method != "Direct" else {}
    objects = source(copyMethod=method) if kind == "source" else destination(**image)
    world = World(objects, [*[failure("Unreachable")] * failures, good])
    try:
        for what, which in steps:
            world.step(what, which)
        world.settle()
        for _ in range(failures):
            # Only the pause after a failure is a matter of time.
            if not world.cluster.reports:
                break
            assert world.manager.look_again_seconds is not None
            world.cluster.now += timedelta(seconds=world.manager.look_again_seconds)
            world.manager.queue.add(ONE)
            world.settle()
    finally:
        world.end()
    assert world.manager.problems == []
    assert world.cluster.refused == []
    assert world.cluster.jobs_made == failures + 1
    assert world.status["lastManualSync"] == "m"
    assert world.cluster.of_kind("Job") == []
    assert {c["metadata"]["name"] for c in world.cluster.of_kind("PersistentVolumeClaim")} <= KEPT
    images = [s["metadata"]["name"] for s in world.cluster.of_kind("VolumeSnapshot")]
    assert images == ([world.status["latestImage"]["name"]] if image and kind == "destination" else [])


@pytest.mark.parametrize("made", [source, destination])
def test_a_claim_that_a_run_waits_for_calls_it_when_it_is_there(made: Callable[[], list[dict[str, Any]]]) -> None:
    world = World([obj for obj in made() if obj["metadata"]["name"] != "data"], [BACKED_UP, RESTORED])
    try:
        world.settle()
        assert "'data'" in world.status["conditions"][0]["message"]
        world.cluster.create(PVCS, claim("data"))
        world.settle()
    finally:
        world.end()
    assert world.cluster.jobs_made == 1
