"""A pass that frees a slot for a mover calls the next in line at once: its own write comes back as no change."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from attrs import frozen

from tests.integration.kube.peer import peer
from tests.integration.main.scripted import Api, source
from volsync_py.controllers.parts import make_parts
from volsync_py.controllers.replication import ReplicationController
from volsync_py.controllers.resource_metrics import ResourceMetrics
from volsync_py.controllers.watches import INFORMERS, informers, rights_informers
from volsync_py.core.names import Role
from volsync_py.core.view import MoverSettings
from volsync_py.kube.client import Client
from volsync_py.kube.controller import Controller, Request, Result
from volsync_py.kube.events import EventRecorder
from volsync_py.kube.idle_queue import IdleQueue
from volsync_py.kube.resources import JOBS, REPLICATION_SOURCES
from volsync_py.telemetry.object_metrics import ObjectMetrics

SECRET = "GET /api/v1/namespaces/ns/secrets/repository"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def now() -> datetime:
    return NOW


@frozen
class World:
    """One slot, the controller of sources, and the queue of those it calls."""

    api: Api
    client: Client
    stores: dict[Any, Any]
    controller: ReplicationController
    queue: Controller

    def add(self, *objects: dict[str, Any]) -> None:
        kinds = {one.kind: store for one, store in self.stores.items()}
        for obj in objects:
            self.api.objects.append(obj)
            kinds[obj["kind"]].put(copy.deepcopy(obj))

    def called(self) -> list[Request | None]:
        return [self.queue.queue.get() for _ in range(len(self.queue.queue))]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    api = Api()
    with peer(api) as server:
        client = server.client(tmp_path)
        stores = {r: i.store for r, i in informers(client, None, lambda resource, error: None).items()}
        events = EventRecorder(client, controller="tests", instance="tests")
        queue = Controller("source", lambda request, enqueued_at: Result())
        parts = make_parts(
            client,
            stores,
            MoverSettings(image="mover:1", max_movers=1),
            events,
            IdleQueue(lambda: False),
            call=lambda whom: queue.enqueue(Request(whom.namespace, whom.name)),
            clock=now,
            zone=ZoneInfo("UTC"),
        )
        one = ReplicationController(Role.SOURCE, parts, ResourceMetrics(ObjectMetrics(), now))
        yield World(api, client, stores, one, queue)


def running(name: str, minute: int, claim: str = "data") -> dict[str, Any]:
    return source(name, claim, lastSyncStartTime=f"2026-11-24T11:{minute:02}:00Z")


def waiting(name: str, minute: int) -> dict[str, Any]:
    one = running(name, minute)
    one["status"]["conditions"] = [{"type": "Synchronizing", "status": "True", "reason": "WaitingForMover"}]
    return one


def claim() -> dict[str, Any]:
    meta = {"name": "data", "namespace": "ns", "uid": "data", "resourceVersion": "3"}
    spec = {"accessModes": ["ReadWriteOnce"], "volumeName": "v", "resources": {"requests": {"storage": "1Gi"}}}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": meta,
        "spec": spec,
        "status": {"phase": "Bound"},
    }


def job(owner: dict[str, Any]) -> dict[str, Any]:
    reference = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
    }
    meta = {
        "name": f"volsync-src-{owner['metadata']['name']}",
        "namespace": "ns",
        "uid": "job",
        "resourceVersion": "4",
        "creationTimestamp": "2026-11-24T11:59:59Z",
        "ownerReferences": [reference],
    }
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": {"parallelism": 1}, "status": {}}


def test_pausing_the_one_that_runs_calls_the_next(world: World) -> None:
    first = running("first", 1)
    first["spec"]["paused"] = True
    world.add(claim(), first, job(first), waiting("second", 2), waiting("third", 3))

    world.controller.reconcile(Request("ns", "first"), time.monotonic())

    assert world.stores[JOBS].get("ns", "volsync-src-first")["spec"]["parallelism"] == 0
    assert world.called() == [Request("ns", "second")]


def test_an_error_of_the_first_in_line_calls_the_next(world: World) -> None:
    world.add(claim(), waiting("first", 1), waiting("second", 2))

    world.controller.reconcile(Request("ns", "first"), time.monotonic())

    told = world.stores[REPLICATION_SOURCES].get("ns", "first")["status"]["conditions"]
    assert "Secret 'repository' not found" in told[0]["message"]
    assert world.called() == [Request("ns", "first"), Request("ns", "second")]


def test_a_pass_that_writes_nothing_calls_nobody(world: World) -> None:
    world.add(claim(), running("first", 1), running("second", 2))
    world.controller.reconcile(Request("ns", "first"), time.monotonic())
    world.called()

    world.controller.reconcile(Request("ns", "first"), time.monotonic())

    assert world.called() == []


def test_each_watch_has_its_connection(world: World) -> None:
    made = [f(world.client, None, lambda resource, error: None) for f in (informers, rights_informers)]
    assert sum(map(len, made)) == INFORMERS


def test_passes_that_wait_together_ask_once_and_one_that_is_called_later_asks_again(world: World) -> None:
    asked: list[str] = []
    world.api.instead = lambda request: asked.append(f"{request.method} {request.path}")
    world.add(claim(), running("first", 1), running("second", 2))
    called = time.monotonic()

    world.controller.reconcile(Request("ns", "first"), called)
    world.controller.reconcile(Request("ns", "second"), called)
    assert asked.count(SECRET) == 1
    world.controller.reconcile(Request("ns", "first"), time.monotonic())
    assert asked.count(SECRET) == 2
