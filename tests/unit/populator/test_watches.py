"""Which claims an event calls for, what is told of a wait, and the object that says that claims are filled here."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from tests.unit.populator.filled import FillingCluster
from tests.unit.populator.filling_manager import FillingManager
from tests.unit.populator.objects import (
    IN_USE,
    OF_DESTINATION,
    UID,
    bound,
    claim,
    destination,
    provisioned,
    snapshot,
    temporary,
)
from volsync_py.controllers.reminders import REMINDER_SECONDS, Reminders
from volsync_py.core.merge import merged
from volsync_py.kube.controller import Request
from volsync_py.kube.errors import AlreadyExists, Forbidden, NotFound
from volsync_py.kube.informer import Informer
from volsync_py.kube.resources import VOLUME_POPULATORS, Resource
from volsync_py.populator import told
from volsync_py.populator.reference import MOST_READERS, destination_of
from volsync_py.populator.registration import REGISTRATION, register

VERSIONS = count(1000)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        (None, ""),
        ({"apiGroup": "volsync.backube", "kind": "ReplicationDestination", "name": "d"}, "d"),
        ({"apiGroup": "other", "kind": "ReplicationDestination", "name": "d"}, ""),
        ({"apiGroup": "volsync.backube", "kind": "ReplicationSource", "name": "d"}, ""),
        ({"apiGroup": "volsync.backube", "kind": "ReplicationDestination"}, ""),
        ({"kind": "ReplicationDestination", "name": "d"}, ""),
    ],
)
def test_a_claim_is_known_by_what_it_refers_to(source: Any, name: str) -> None:
    assert destination_of({"spec": {"dataSourceRef": source} if source else {}}) == name


@pytest.fixture
def cluster() -> FillingCluster:
    return FillingCluster()


@pytest.fixture
def manager(cluster: FillingCluster) -> Iterator[FillingManager]:
    # Two claims wait, one of them for another destination; one has its volume.
    filled = merged(bound(), {"metadata": {"name": "b", "uid": "b"}})
    for one in (claim(), claim("else", "e", destination="other"), filled):
        cluster.objects[one["kind"], one["metadata"]["name"]] = one
    made = FillingManager(cluster)
    called(made)
    yield made
    made.end()


def called(manager: FillingManager) -> list[str]:
    """Let all events be told, and return the UIDs of the claims that they call for."""
    while any(feed.kept for feed in manager.feeds.values()):
        manager.tell(0)
    found = []
    while len(manager.queue):
        request = manager.queue.get()
        assert request is not None
        manager.queue.done(request)
        found.append(request.name)
    return sorted(found)


def happens(manager: FillingManager, obj: dict[str, Any], word: str = "MODIFIED") -> list[str]:
    version = {"metadata": {"resourceVersion": str(next(VERSIONS))}}
    manager.feeds[obj["kind"]].kept.append({"type": word, "object": merged(obj, version)})
    return called(manager)


def test_a_claim_calls_for_itself_when_it_comes_changes_and_goes(manager: FillingManager) -> None:
    new = claim("new", "n")
    assert happens(manager, new, "ADDED") == ["n"]
    assert happens(manager, merged(new, {"metadata": {"annotations": {"a": "b"}}})) == ["n"]
    assert happens(manager, new, "DELETED") == ["n"]
    plain = merged(claim("plain", "p"), {"spec": {"dataSourceRef": None}})
    assert happens(manager, plain, "ADDED") == []


def test_a_temporary_claim_calls_for_the_claim_that_it_is_for(manager: FillingManager) -> None:
    assert happens(manager, temporary(), "ADDED") == [UID]
    assert happens(manager, temporary(), "DELETED") == [UID]


@pytest.mark.parametrize("word", ["MODIFIED", "DELETED"])
def test_a_destination_calls_for_the_claims_that_still_wait_for_it(manager: FillingManager, word: str) -> None:
    assert happens(manager, destination(), word) == [UID]


def test_a_storage_class_calls_for_the_claims_that_wait_for_it(manager: FillingManager) -> None:
    late = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "fast", "uid": "f2"}}
    assert happens(manager, late) == sorted([UID, "e"])
    assert happens(manager, merged(late, {"metadata": {"name": "slow"}}), "ADDED") == []


def test_a_snapshot_calls_for_who_reads_it_and_for_who_waits_for_its_destination(manager: FillingManager) -> None:
    other = {"app.kubernetes.io/created-by": "volsync", "volsync.backube/volpop-pvc-gone": "gone"}
    made = snapshot(OF_DESTINATION, name="new", labels=other)
    assert happens(manager, made, "ADDED") == sorted([UID, "gone"])
    mine = snapshot(name="own", labels={IN_USE: "app"})
    assert happens(manager, mine, "ADDED") == [UID]
    # A label that somebody took away is put back.
    assert happens(manager, snapshot(name="own")) == [UID]


def test_each_claim_of_one_image_is_filled(cluster: FillingCluster) -> None:
    cluster.make_claim(0)
    cluster.make_claim(1)
    manager = FillingManager(cluster)
    manager.settle()
    manager.end()
    assert sorted(cluster.contents.values()) == ["image", "image"]
    assert cluster.leaks() == []


def test_a_quota_that_refuses_the_temporary_claim_is_told_and_tried_again(cluster: FillingCluster) -> None:
    class Full(FillingCluster):
        def create(self, resource: Resource, obj: dict[str, Any], **options: Any) -> dict[str, Any]:
            if obj["metadata"]["name"].startswith("vs-prime-"):
                raise Forbidden(403, "Forbidden", "exceeded quota")
            return super().create(resource, obj, **options)

    full = Full()
    full.make_claim(0)
    manager = FillingManager(full)
    try:
        for _ in range(10):
            manager.tell(0)
            manager.make_pass()
        manager.later.do()
    finally:
        manager.end()
    (event,) = full.of_kind("Event")
    assert event["reason"] == "VolSyncPopulatorPVCCreationError"
    assert "exceeded quota" in event["note"]


# ---- what is told


def test_a_wait_is_told_once_and_again_when_an_hour_would_forget_it() -> None:
    now = [0.0]
    reminders = Reminders(lambda: now[0])
    missing, scheduled = told.no_destination("d"), told.not_scheduled()
    assert reminders.is_due("u", missing)
    assert not reminders.is_due("u", missing)
    assert reminders.is_due("other", missing)
    now[0] = REMINDER_SECONDS
    assert reminders.is_due("u", missing)
    assert reminders.is_due("u", scheduled)
    now[0] *= 2
    # It is as it should be, so nobody needs to be reminded.
    assert not reminders.is_due("u", scheduled)
    reminders.forget("u")
    assert reminders.is_due("u", scheduled)


def test_the_oldest_wait_is_forgotten_before_there_are_too_many() -> None:
    reminders = Reminders(lambda: 0.0, most=2)
    event = told.not_scheduled()
    assert [reminders.is_due(uid, event) for uid in ("a", "b", "c", "a", "c")] == [True, True, True, True, False]


def test_a_wait_is_one_event_however_often_its_claim_changes(cluster: FillingCluster) -> None:
    cluster.delete_destination()
    cluster.make_claim(0)
    manager = FillingManager(cluster)
    try:
        for number in range(5):
            found = cluster.objects["PersistentVolumeClaim", "app0"]
            cluster.objects["PersistentVolumeClaim", "app0"] = found
            manager.feeds["PersistentVolumeClaim"].kept.append(
                {"type": "MODIFIED", "object": merged(found, {"metadata": {"resourceVersion": str(500 + number)}})}
            )
            manager.tell(0)
            manager.make_pass()
        manager.later.do()
    finally:
        manager.end()
    (event,) = cluster.of_kind("Event")
    assert event["reason"] == "VolSyncPopulatorReplicationDestinationMissing"
    assert "series" not in event


def reminded(manager: FillingManager, cluster: FillingCluster, *requests: Request) -> int:
    """Make these passes, and return how many events there are."""
    for request in requests:
        manager.filling.reconcile(request, 0.0)
    manager.later.do()
    return sum(1 + bool(event.get("series")) for event in cluster.of_kind("Event"))


def test_a_wait_is_told_again_after_half_an_hour_in_the_same_event(cluster: FillingCluster) -> None:
    cluster.delete_destination()
    cluster.objects["PersistentVolumeClaim", "app"] = claim()
    manager = FillingManager(cluster)
    try:
        # Nothing but the time calls for the pass that tells it.
        assert manager.filling.reconcile(Request("ns", UID), 0.0).requeue_after_seconds == REMINDER_SECONDS
        for seconds, told_of in ((REMINDER_SECONDS - 1, 1), (1, 2)):
            cluster.now += timedelta(seconds=seconds)
            assert reminded(manager, cluster, Request("ns", UID)) == told_of
    finally:
        manager.end()
    (event,) = cluster.of_kind("Event")
    assert event["series"]["count"] == 2


def test_the_uid_of_a_claim_in_a_label_elsewhere_has_no_wait_told_again(cluster: FillingCluster) -> None:
    cluster.delete_destination()
    cluster.objects["PersistentVolumeClaim", "app"] = claim()
    manager, one = FillingManager(cluster), Request("ns", UID)
    try:
        assert reminded(manager, cluster, one) == 1
        assert reminded(manager, cluster, Request("tenant", UID), one) == 1
    finally:
        manager.end()


def test_a_volume_that_may_not_be_read_is_told(cluster: FillingCluster) -> None:
    class Forbidding(FillingCluster):
        def get(self, resource: Resource, name: str, namespace: str | None = None, **options: Any) -> dict[str, Any]:
            if resource.kind == "PersistentVolume":
                raise Forbidden(403, "Forbidden", "cannot get persistentvolumes")
            return super().get(resource, name, namespace, **options)

    forbidding = Forbidding()
    for one in (claim(), provisioned()):
        forbidding.objects[one["kind"], one["metadata"]["name"]] = one
    made = FillingManager(forbidding)
    try:
        assert made.filling.reconcile(Request("ns", UID), 0.0).requeue_after_seconds == 60.0
        made.later.do()
    finally:
        made.end()
    (event,) = forbidding.of_kind("Event")
    assert event["reason"] == "VolSyncPopulatorError"
    assert "cannot get persistentvolumes" in event["note"]


def test_a_snapshot_with_more_labels_than_claims_at_once_calls_for_none_of_them(manager: FillingManager) -> None:
    forged = {f"{IN_USE[: -len(UID)]}{number}": "x" for number in range(MOST_READERS + 1)}
    assert happens(manager, snapshot(name="own", labels=forged), "ADDED") == []
    forged.popitem()
    assert len(happens(manager, snapshot(name="other", labels=forged), "ADDED")) == MOST_READERS


# ---- the VolumePopulator


def test_the_registration_is_made_kept_in_order_and_made_again(cluster: FillingCluster) -> None:
    manager = FillingManager(cluster)
    try:
        manager.register()
        key = ("VolumePopulator", REGISTRATION)
        made = dict(cluster.objects[key])
        assert made["sourceKind"] == {"group": "volsync.backube", "kind": "ReplicationDestination"}
        assert made["metadata"]["labels"] == {"app.kubernetes.io/created-by": "volsync"}
        writes = cluster.writes
        manager.register()
        assert cluster.writes == writes
        cluster.patch(VOLUME_POPULATORS, REGISTRATION, {"sourceKind": {"kind": "Other"}})
        manager.register()
        assert cluster.objects[key]["sourceKind"] == made["sourceKind"]
        cluster.remove(key)
        manager.register()
        assert cluster.objects[key]["sourceKind"] == made["sourceKind"]
    finally:
        manager.end()


@pytest.mark.parametrize(
    ("refusal", "again"),
    [
        # Its kind has gone meanwhile, and calls when it is back; it is there, and the store does not know yet.
        (NotFound(404, "NotFound", "no such kind"), None),
        (AlreadyExists(409, "AlreadyExists", "it is there"), 60.0),
    ],
)
def test_a_registration_that_is_refused_ends_no_pass_badly(refusal: Exception, again: float | None) -> None:
    class Refusing(FillingCluster):
        def create(self, resource: Resource, obj: dict[str, Any], **options: Any) -> dict[str, Any]:
            raise refusal

        def get(self, resource: Resource, name: str, namespace: str | None = None, **options: Any) -> dict[str, Any]:
            return {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": {"name": name}}

    manager = FillingManager(Refusing())
    try:
        assert manager.registering.reconcile(Request("", REGISTRATION), 0.0).requeue_after_seconds == again
    finally:
        manager.end()


def test_an_object_that_is_being_deleted_is_left_alone() -> None:
    going = {"kind": "VolumePopulator", "apiVersion": "x/v1", "metadata": {"name": "n", "deletionTimestamp": "now"}}
    assert register(going) == ()


def test_the_kind_is_noticed_when_its_api_comes_later() -> None:
    class Client:
        served = False

        def list(self, *args: Any, **options: Any) -> dict[str, Any]:
            if not self.served:
                raise NotFound(404, "NotFound", "no such kind")
            return {"items": [], "metadata": {"resourceVersion": "1"}}

    client, looked, waits = Client(), list[bool](), list[float]()

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        client.served = len(waits) > 1
        if len(waits) > 2:
            informer.stop()
        return False

    informer = Informer(client, VOLUME_POPULATORS, optional=True, wait=wait)  # type: ignore[arg-type]
    informer.add_list_handler(lambda: looked.append(client.served))
    informer.run()
    assert looked == [True]
