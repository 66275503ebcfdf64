"""A manager for claims that are filled, whose passes are made, and which dies, when a test says so."""

from __future__ import annotations

from typing import Any, cast
from zoneinfo import ZoneInfo

from tests.unit.controllers.late_cluster import Feed
from tests.unit.controllers.stepped_manager import Later
from tests.unit.movers.seen import SETTINGS
from tests.unit.populator.filled import FillingCluster
from volsync_py.controllers.parts import make_parts
from volsync_py.controllers.populator import PopulatorController, RegistrationController
from volsync_py.controllers.populator_watches import connect_populator, connect_registration
from volsync_py.controllers.reminders import Reminders
from volsync_py.controllers.watches import informers
from volsync_py.kube.client import Client
from volsync_py.kube.controller import Controller
from volsync_py.kube.errors import Conflict, NotFound
from volsync_py.kube.events import EventRecorder
from volsync_py.kube.idle_queue import IdleQueue

Object = dict[str, Any]
# A claim takes a few dozen; more is a loop.
_MOST_ROUNDS = 1000


class FillingManager:
    """A manager for claims, in the test's own thread."""

    def __init__(self, cluster: FillingCluster) -> None:
        client = cast(Client, cluster)
        self.cluster = cluster
        self.problems: list[str] = []
        self.informers = informers(client, None, lambda resource, error: self.problems.append(f"{resource}: {error}"))
        self.feeds = cluster.feeds = {resource.kind: Feed() for resource in self.informers}
        self.later = Later()
        parts = make_parts(
            client,
            {r: i.store for r, i in self.informers.items()},
            SETTINGS,
            EventRecorder(client, controller="tests", instance="tests"),
            cast(IdleQueue, self.later),
            call=lambda whom: None,
            clock=lambda: cluster.now,
            zone=ZoneInfo("UTC"),
        )
        begun = cluster.now
        waited = Reminders(lambda: (cluster.now - begun).total_seconds())
        self.filling = PopulatorController(parts, lambda: cluster.now, waited)
        controller = Controller("populator", self.filling.reconcile)
        self.registering = RegistrationController(parts)
        self._registration = Controller("registration", self.registering.reconcile)
        self.queue = controller.queue
        connect_populator(self.informers, controller)
        connect_registration(self.informers, self._registration)
        for informer in self.informers.values():
            informer.start()
        for feed in self.feeds.values():
            feed.wait()

    def make_pass(self) -> None:
        """Make a pass if one is called for; Killed if the manager dies in it."""
        request = self.queue.get() if len(self.queue) else None
        if request is None:
            return
        self.cluster.is_manager = True
        try:
            self.filling.reconcile(request, self.queue.enqueued_at(request))
        except (Conflict, NotFound):
            # The controller has it tried again.
            self.queue.add(request)
        finally:
            self.cluster.is_manager = False
            self.queue.done(request)

    def register(self) -> None:
        """Let everything be told, and look at the VolumePopulator as often as that calls for it."""
        while any(feed.kept for feed in self.feeds.values()) or len(self._registration.queue):
            self.tell(0)
            if len(self._registration.queue):
                request = self._registration.queue.get()
                assert request is not None
                self.registering.reconcile(request, 0.0)
                self._registration.queue.done(request)

    def tell(self, which: int) -> None:
        """Tell the oldest event of one of the kinds that have any."""
        late = [feed for feed in self.feeds.values() if feed.kept]
        if late:
            late[which % len(late)].tell()

    def settle(self) -> None:
        """Let everything come to its end; events are forgotten."""
        for _ in range(_MOST_ROUNDS):
            kept = any(feed.kept for feed in self.feeds.values())
            if not (kept or len(self.queue) or self.cluster.chores()):
                return
            self.tell(0)
            self.make_pass()
            for chore in self.cluster.chores()[:1]:
                chore()
            self.later.waiting.clear()
        raise AssertionError("it does not come to an end")

    def end(self) -> None:
        """Stop the informers."""
        for resource, informer in self.informers.items():
            informer.stop()
            self.feeds[resource.kind].end()
