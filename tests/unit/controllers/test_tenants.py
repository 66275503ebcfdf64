"""What is of another namespace does not exist: not for a view, nor for slots, nor for a repository's turn."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.movers.objects import source
from tests.unit.movers.seen import NOW, SETTINGS
from volsync_py.api.spec import parse
from volsync_py.controllers.mover_limit import Key
from volsync_py.controllers.observe import OWNED, Observer
from volsync_py.controllers.parts import make_limit
from volsync_py.controllers.watches import informers, rights_informers
from volsync_py.core.labels import Label
from volsync_py.core.view import Kind, Objects, Read, ReadKind, View
from volsync_py.kube.client import Client
from volsync_py.kube.resources import JOBS, NAMESPACES, PODS, PVCS, REPLICATION_SOURCES, VOLUME_SNAPSHOTS, Resource

Object = dict[str, Any]
VERSIONS = count(1)
OWNER = {"apiVersion": "volsync.backube/v1alpha1", "kind": "ReplicationSource", "name": "n", "uid": "u"}
# Names that a run of the source `n` looks for, and one that it does not.
NAMES = ["volsync-src-n", "volsync-n-src", "volsync-src-n-cache", "data", "other"]


class Cluster:
    """What the stores of a manager hold."""

    def __init__(self) -> None:
        client, ignored = cast(Client, None), cast(Callable[[Resource, Exception], None], lambda resource, error: None)
        made = {**informers(client, None, ignored), **rights_informers(client, None, ignored)}
        self.stores = {resource: one.store for resource, one in made.items()}
        self.observer = Observer(client, self.stores, SETTINGS)
        self.source = source()[0]
        self.put(REPLICATION_SOURCES, self.source)
        self.put(NAMESPACES, {"metadata": {"name": "ns", "uid": "space"}})

    def put(self, resource: Resource, obj: Object) -> None:
        meta = {"resourceVersion": str(next(VERSIONS)), **obj["metadata"]}
        self.stores[resource].put({"kind": resource.kind, "apiVersion": resource.api_version, **obj, "metadata": meta})

    def view(self) -> View:
        return self.observer.view(parse(self.source, ZoneInfo("UTC")), NOW)

    def jobs_of(self, repository: str) -> list[str]:
        read = Read(ReadKind.JOBS_OF_REPOSITORY, repository)
        reads = self.observer.reads("ns", 0.0, lambda: True)
        reads.make([read])
        return [f"{j['metadata']['namespace']}/{j['metadata']['name']}" for j in reads.answers[read]]


def owned(name: str, namespace: str, **labels: str) -> Object:
    """Return what says that the source `n` controls it."""
    marks = {str(Label.CREATED_BY): "volsync", str(Label.CLEANUP): "u", "job-name": "volsync-src-n", **labels}
    meta = {"name": name, "namespace": namespace, "uid": f"{namespace}-{name}", "labels": marks}
    return {"metadata": {**meta, "ownerReferences": [{**OWNER, "controller": True}]}, "spec": {}, "status": {}}


@pytest.mark.parametrize("resource", [*OWNED, PODS], ids=lambda resource: resource.plural)
@given(name=st.sampled_from(NAMES))
def test_an_object_of_another_namespace_is_not_seen_whatever_it_says(resource: Resource, name: str) -> None:
    cluster = Cluster()
    before = cluster.view()
    cluster.put(resource, owned(name, "attacker"))
    assert cluster.view() == before
    cluster.put(resource, owned(name, "ns"))
    assert [o["metadata"]["namespace"] for o in cluster.view().objects.items.values()] == ["ns"]


def test_a_view_takes_no_object_of_another_namespace() -> None:
    kind = {"kind": "Job", "apiVersion": "batch/v1"}
    here, there = ({**kind, **owned("volsync-src-n", namespace)} for namespace in ("ns", "attacker"))
    assert Objects.of("ns", [here, there]).of_kind(Kind.JOB) == [here]
    assert Objects.of("ns", [there]).items == {}


@pytest.mark.parametrize("resource", [PVCS, VOLUME_SNAPSHOTS], ids=lambda resource: resource.plural)
def test_a_copy_in_another_namespace_gives_nobody_a_slot(resource: Resource) -> None:
    cluster = Cluster()

    def held_after_a_restart() -> int:
        limit = make_limit(1, cluster.stores, call=lambda key: None, clock=lambda: NOW)
        with limit.one_pass(Key("ReplicationSource", "ns", "another")):
            return limit.held

    busy = {**cluster.source, "status": {"lastSyncStartTime": "2026-11-24T11:00:00Z"}}
    busy["metadata"]["resourceVersion"] = str(next(VERSIONS) + 1)
    cluster.put(REPLICATION_SOURCES, busy)
    copy = owned("volsync-n-src", "attacker")
    copy["metadata"]["creationTimestamp"] = "2026-11-24T11:59:00Z"
    cluster.put(resource, copy)
    assert held_after_a_restart() == 0
    cluster.put(resource, {**copy, "metadata": {**copy["metadata"], "namespace": "ns"}})
    assert held_after_a_restart() == 1


LABEL = str(Label.REPOSITORY)


def job(namespace: str = "ns", name: str = "volsync-src-n", **reference: Any) -> Object:
    made = owned(name, namespace, **{LABEL: "r"})
    made["metadata"]["ownerReferences"][0] |= reference
    return made


@pytest.mark.parametrize(
    ("one", "counts"),
    [
        pytest.param(job(), True, id="of a resource that is known"),
        pytest.param(job(namespace="attacker"), False, id="of another namespace"),
        pytest.param({**job(), "metadata": {**job()["metadata"], "ownerReferences": []}}, False, id="of nobody"),
        pytest.param(job(uid="another"), False, id="of one that is not there"),
        pytest.param(job(name="another"), False, id="of another name"),
        pytest.param(job(controller=False), False, id="of one that does not control it"),
        pytest.param(job(kind="ReplicationDestination"), False, id="of another kind"),
        pytest.param(job(apiVersion="example.com/v1"), False, id="of another group"),
        pytest.param(job(name="volsync-src-more"), False, id="not the one of its mover"),
    ],
)
def test_only_the_mover_of_a_known_resource_of_its_own_namespace_has_the_turn_of_a_repository(
    one: Object, counts: bool
) -> None:
    cluster = Cluster()
    cluster.put(JOBS, one)
    assert cluster.jobs_of("r") == (["ns/volsync-src-n"] if counts else [])


class NoPods:
    """A client in whose namespace there is no pod."""

    def list_all(self, *arguments: Any, **options: Any) -> list[Object]:
        return []


def test_the_lock_of_a_pod_that_runs_in_another_namespace_is_nobodys_to_remove() -> None:
    cluster = Cluster()
    cluster.observer = Observer(cast(Client, NoPods()), cluster.stores, SETTINGS)
    read = Read(ReadKind.POD, "volsync-src-n-x7k2p")

    def holder() -> Any:
        reads = cluster.observer.reads("ns", 0.0, lambda: True)
        reads.make([read])
        return reads.answers[read]

    assert holder() is None
    pod = owned("volsync-src-n-x7k2p", "stage")
    cluster.put(PODS, {**pod, "status": {"phase": "Failed"}})
    assert holder() is None
    cluster.put(PODS, {**pod, "status": {"phase": "Running"}})
    assert holder()["metadata"]["namespace"] == "stage"


def test_the_lock_of_a_mover_that_has_taken_the_name_of_a_pod_is_nobodys_to_remove() -> None:
    cluster = Cluster()
    cluster.observer = Observer(cast(Client, NoPods()), cluster.stores, SETTINGS)
    job = owned("volsync-src-other", "stage")
    job["spec"] = {"template": {"spec": {"hostname": "volsync-src-n-x7k2p"}}}
    cluster.put(JOBS, job)
    read = Read(ReadKind.POD, "volsync-src-n-x7k2p")
    reads = cluster.observer.reads("ns", 0.0, lambda: True)
    reads.make([read])
    assert reads.answers[read]["kind"] == "Job"
