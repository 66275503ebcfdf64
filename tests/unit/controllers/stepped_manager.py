"""A manager in the test's own thread, whose passes are made when a test says so; its cluster is a `LateCluster`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

from tests.unit.controllers.late_cluster import Feed, LateCluster
from tests.unit.movers.seen import SETTINGS
from volsync_py.controllers.parts import make_parts
from volsync_py.controllers.replication import ReplicationController
from volsync_py.controllers.resource_metrics import ResourceMetrics
from volsync_py.controllers.watches import connect, informers
from volsync_py.core.names import Role
from volsync_py.kube.client import Client
from volsync_py.kube.controller import Controller, Request
from volsync_py.kube.errors import Conflict
from volsync_py.kube.events import EventRecorder
from volsync_py.kube.idle_queue import IdleQueue
from volsync_py.kube.resources import REPLICATION_DESTINATIONS, REPLICATION_SOURCES
from volsync_py.telemetry.object_metrics import ObjectMetrics

ROLES = {Role.SOURCE: REPLICATION_SOURCES, Role.DESTINATION: REPLICATION_DESTINATIONS}
# Two dozen resources take a few hundred; more is a loop.
_MOST_ROUNDS = 1000


class Later:
    """What is put off is done when a test says so."""

    def __init__(self) -> None:
        self.waiting: dict[Any, Callable[[], None]] = {}

    def tidy(self, key: Any, function: Callable[[], None]) -> bool:
        self.waiting.setdefault(key, function)
        return True

    def tell(self, function: Callable[[], None]) -> None:
        self.waiting[object()] = function

    def do(self) -> None:
        while self.waiting:
            self.waiting.pop(next(iter(self.waiting)))()


class SteppedManager:
    """A manager whose passes are made when a test says so, if an event has called for one."""

    def __init__(self, cluster: LateCluster, role: Role, *, ahead: timedelta = timedelta(0)) -> None:
        client, resource = cast(Client, cluster), ROLES[role]
        self.cluster = cluster
        self.problems: list[str] = []
        self.informers = informers(client, None, lambda resource, error: self.problems.append(f"{resource}: {error}"))
        self.feeds = cluster.feeds = {resource.kind: Feed() for resource in self.informers}
        stores = {r: i.store for r, i in self.informers.items()}
        clock: Callable[[], datetime] = lambda: cluster.now + ahead  # noqa: E731
        self.later = Later()
        self.parts = make_parts(
            client,
            stores,
            SETTINGS,
            EventRecorder(client, controller="tests", instance="tests", most_series=1),
            cast(IdleQueue, self.later),
            call=lambda whom: self.queue.add(Request(whom.namespace, whom.name)),
            clock=clock,
            zone=ZoneInfo("UTC"),
            server_offset=lambda: -ahead,
        )
        self.one = ReplicationController(role, self.parts, ResourceMetrics(ObjectMetrics(), clock))
        controller = Controller(role.value, self.one.reconcile)
        self.queue = controller.queue
        # When the last pass wants another one, if nothing calls for it sooner.
        self.look_again_seconds: float | None = None
        connect(self.informers, resource, controller)
        for informer in self.informers.values():
            informer.start()
        for feed in self.feeds.values():
            feed.wait()

    def is_busy(self) -> bool:
        """Return whether something is left to do, to tell, or to happen."""
        kept = any(feed.kept for feed in self.feeds.values())
        return kept or bool(len(self.queue)) or bool(self.later.waiting) or bool(self.cluster.chores())

    def tell(self, which: int) -> None:
        """Tell the oldest event of one of the kinds that have any."""
        late = [feed for feed in self.feeds.values() if feed.kept]
        if late:
            late[which % len(late)].tell()

    def settle(self, events: int = 1) -> None:
        """Let everything come to its end, but no time pass; so many events are told between two passes."""
        for _ in range(_MOST_ROUNDS):
            if not self.is_busy():
                return
            for _ in range(events):
                self.tell(0)
            self.make_pass()
            for chore in self.cluster.chores()[:1]:
                chore()
            self.later.do()
        raise AssertionError("it does not come to an end")

    def end(self) -> None:
        """Stop the informers."""
        for resource, informer in self.informers.items():
            informer.stop()
            self.feeds[resource.kind].end()

    def make_pass(self) -> None:
        """Make a pass if one is called for."""
        request = self.queue.get() if len(self.queue) else None
        if request is None:
            return
        try:
            self.look_again_seconds = self.one.reconcile(request, self.queue.enqueued_at(request)).requeue_after_seconds
        except Conflict:
            # Somebody else was faster; the controller has it tried again.
            self.queue.add(request)
        self.queue.done(request)
