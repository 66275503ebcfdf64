"""The volume that a backup reads: the source itself, a clone of it or a claim made of its snapshot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from volsync_py.core.actions import Create, Delete
from volsync_py.core.view import Objects
from volsync_py.volumes.point_in_time import Copy, CopyMethod, CopyOptions, ensure_copy

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
NAME = "volsync-n-src"
OWNER: dict[str, Any] = {
    "apiVersion": "volsync.backube/v1alpha1",
    "kind": "ReplicationSource",
    "metadata": {"name": "n", "namespace": "ns", "uid": "u"},
}
BOUND = {"boundVolumeSnapshotContentName": "content"}


def source(capacity: str | None = None, **spec: Any) -> dict[str, Any]:
    wanted = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}, **spec}
    status = {} if capacity is None else {"capacity": {"storage": capacity}}
    meta = {"name": "data", "namespace": "ns", "uid": "uid-data"}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": wanted, "status": status}


def temporary(owner: str) -> dict[str, Any]:
    """Return the metadata of a copy that the owner has made."""
    reference = {"kind": "ReplicationSource", "name": "n", "uid": owner, "controller": True}
    labels = {"app.kubernetes.io/created-by": "volsync", "volsync.backube/cleanup": owner}
    meta = {"name": NAME, "namespace": "ns", "uid": "s", "resourceVersion": "9", "labels": labels}
    return {**meta, "ownerReferences": [reference], "creationTimestamp": "2026-11-24T11:59:55Z"}


def snapshot(owner: str = "u", **status: Any) -> dict[str, Any]:
    spec = {"source": {"persistentVolumeClaimName": "data"}}
    api = "snapshot.storage.k8s.io/v1"
    return {"apiVersion": api, "kind": "VolumeSnapshot", "metadata": temporary(owner), "spec": spec, "status": status}


def copied(claim: dict[str, Any], method: str, *objects: dict[str, Any], **options: Any) -> Copy:
    return ensure_copy(OWNER, NAME, claim, CopyOptions(CopyMethod(method), **options), Objects.of("ns", objects), NOW)


def made(copy: Copy) -> dict[str, Any]:
    """Return the claim or snapshot that is to be created."""
    actions: list[Any] = [*copy.actions, *(copy.waiting.actions if copy.waiting is not None else ())]
    (action,) = actions
    assert isinstance(action, Create)
    return action.object


@pytest.mark.parametrize("method", ["Direct", "None"])
def test_without_a_copy_the_volume_itself_is_read_and_left_as_it_is(method: str) -> None:
    claim = source()
    assert copied(claim, method) == Copy(claim=claim)
    assert claim == source()


def test_a_clone_is_another_claim_of_ours_that_goes_after_the_run() -> None:
    clone = made(copied(source(), "Clone"))
    assert clone["metadata"]["name"] == NAME != "data"
    (owner,) = clone["metadata"]["ownerReferences"]
    assert (owner["uid"], owner["controller"]) == ("u", True)
    assert clone["metadata"]["labels"] == {
        "app.kubernetes.io/created-by": "volsync",
        "volsync.backube/cleanup": "u",
    }
    assert clone["spec"]["dataSource"] == {"kind": "PersistentVolumeClaim", "name": "data"}


def test_a_snapshot_is_made_first_and_the_claim_from_it_once_it_is_bound() -> None:
    first = made(copied(source(), "Snapshot"))
    assert (first["kind"], first["metadata"]["name"]) == ("VolumeSnapshot", NAME)
    assert first["metadata"]["labels"]["volsync.backube/cleanup"] == "u"
    claim = made(copied(source(), "Snapshot", snapshot(**BOUND)))
    assert (claim["kind"], claim["metadata"]["name"]) == ("PersistentVolumeClaim", NAME)
    assert claim["spec"]["dataSource"] == {
        "apiGroup": "snapshot.storage.k8s.io",
        "kind": "VolumeSnapshot",
        "name": NAME,
    }
    (owner,) = claim["metadata"]["ownerReferences"]
    assert (owner["uid"], owner["controller"]) == ("u", True)
    assert claim["metadata"]["labels"]["volsync.backube/cleanup"] == "u"


@pytest.mark.parametrize(
    ("status", "ready"),
    [
        pytest.param({}, False, id="not bound"),
        pytest.param(BOUND, True, id="bound, and the driver never says more"),
        pytest.param({**BOUND, "readyToUse": False}, False, id="not ready"),
        pytest.param({**BOUND, "readyToUse": True}, True, id="ready"),
    ],
)
def test_a_claim_is_made_of_a_snapshot_that_is_bound_and_not_unready(status: dict[str, Any], ready: bool) -> None:
    copy = copied(source(), "Snapshot", snapshot(**status))
    assert (copy.claim is not None) is ready
    assert copy.waiting is None or copy.waiting.error is None


@pytest.mark.parametrize(
    ("method", "restore_size", "capacity", "asked", "size"),
    [
        pytest.param("Clone", None, None, None, "2Gi", id="clone: what the source asked for"),
        pytest.param("Clone", None, "3Gi", None, "3Gi", id="clone: what the source really has"),
        pytest.param("Clone", None, "3Gi", "7Gi", "7Gi", id="clone: what the user says"),
        pytest.param("Snapshot", None, None, None, "2Gi", id="snapshot: what the source asked for"),
        pytest.param("Snapshot", None, "3Gi", None, "3Gi", id="snapshot: what the source really has"),
        pytest.param("Snapshot", "5Gi", "3Gi", None, "5Gi", id="snapshot: what the snapshot needs"),
        pytest.param("Snapshot", "0", "3Gi", None, "3Gi", id="snapshot: a snapshot that says nothing"),
        pytest.param("Snapshot", "5Gi", "3Gi", "7Gi", "7Gi", id="snapshot: what the user says"),
    ],
)
def test_the_size_of_a_copy(
    method: str, restore_size: str | None, capacity: str | None, asked: str | None, size: str
) -> None:
    status = {**BOUND, **({} if restore_size is None else {"restoreSize": restore_size})}
    there = [snapshot(**status)] if method == "Snapshot" else []
    claim = made(copied(source(capacity), method, *there, capacity=asked))
    assert claim["spec"]["resources"] == {"requests": {"storage": size}}


@pytest.mark.parametrize("method", ["Clone", "Snapshot"])
@pytest.mark.parametrize(
    ("options", "storage", "modes"),
    [
        pytest.param({}, "fast", ["ReadWriteOnce"], id="as the source"),
        pytest.param({"storage_class": "slow"}, "slow", ["ReadWriteOnce"], id="another class"),
        pytest.param({"access_modes": ("ReadOnlyMany",)}, "fast", ["ReadOnlyMany"], id="other modes"),
    ],
)
def test_the_class_and_the_modes_of_a_copy(
    method: str, options: dict[str, Any], storage: str, modes: list[str]
) -> None:
    there = [snapshot(**BOUND)] if method == "Snapshot" else []
    spec = made(copied(source(storageClassName="fast"), method, *there, **options))["spec"]
    assert (spec["storageClassName"], spec["accessModes"], spec["volumeMode"]) == (storage, modes, "Filesystem")


def test_a_copy_of_a_source_without_a_class_has_none_either() -> None:
    assert "storageClassName" not in made(copied(source(), "Clone"))["spec"]


@pytest.mark.parametrize("given", [None, "special"])
def test_the_class_of_a_snapshot_is_the_clusters_unless_one_is_named(given: str | None) -> None:
    assert made(copied(source(), "Snapshot", snapshot_class=given))["spec"].get("volumeSnapshotClassName") == given


@pytest.mark.parametrize("method", ["Clone", "Snapshot"])
def test_an_object_of_somebody_else_under_the_copys_name_is_left_alone(method: str) -> None:
    # In all but its owner it is what would be made.
    twin = {
        **source(None, dataSource={"kind": "PersistentVolumeClaim", "name": "data"}),
        "metadata": temporary("other"),
    }
    theirs = snapshot("other", **BOUND) if method == "Snapshot" else twin
    copy = copied(source(), method, theirs)
    assert copy.claim is None
    assert copy.waiting is not None
    assert copy.waiting.error is not None
    assert copy.waiting.error.reason == "ObjectInTheWay"


def test_what_is_said_of_a_failed_snapshot_is_told_once_it_is_no_hiccup() -> None:
    young = snapshot(error={"message": "the object has been modified"})
    waiting = copied(source(), "Snapshot", young).waiting
    assert waiting is not None
    assert waiting.unhealthy is None
    assert "the object has been modified" in waiting.waiting
    assert waiting.requeue_after_seconds == 25

    old = snapshot(error={"message": "the disk is on fire"})
    old["metadata"]["creationTimestamp"] = "2026-11-24T11:59:30Z"
    copy = copied(source(), "Snapshot", old)
    assert copy.waiting is not None
    assert copy.waiting.unhealthy is not None
    assert copy.waiting.unhealthy.reason == "SnapshotFailed"
    assert "the disk is on fire" in copy.waiting.unhealthy.message


@pytest.mark.parametrize("method", ["Clone", "Snapshot"])
def test_a_copy_that_is_being_deleted_is_waited_for(method: str) -> None:
    data_source = {
        "Clone": {"kind": "PersistentVolumeClaim", "name": "data"},
        "Snapshot": {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": NAME},
    }
    going = source(dataSource=data_source[method])
    going["metadata"] = {**temporary("u"), "deletionTimestamp": "2026-11-24T12:00:00Z"}
    copy = copied(source(), method, going, *([snapshot(**BOUND)] if method == "Snapshot" else []))
    assert (copy.claim, copy.actions) == (None, ())
    assert copy.waiting is not None
    assert copy.waiting.error is None


# ---- sizes: no driver copies a volume into a smaller one


@pytest.mark.parametrize(
    ("method", "restore_size", "capacity", "asked", "size"),
    [
        pytest.param("Clone", None, "5Gi", "1Gi", "5Gi", id="it has grown beyond what the spec says"),
        pytest.param("Clone", None, "1Gi", "1Gi", "2Gi", id="it is about to grow"),
        pytest.param("Clone", None, "5368709120", "5Gi", "5Gi", id="both are the same"),
        pytest.param("Snapshot", "1Gi", "5Gi", "1Gi", "5Gi", id="snapshot: it has grown"),
        pytest.param("Snapshot", "6Gi", "5Gi", "1Gi", "6Gi", id="snapshot: it was larger then"),
        pytest.param("Snapshot", "plenty", "5Gi", None, "5Gi", id="snapshot: what is no size does not count"),
        pytest.param("Snapshot", "1Gi", "3Gi", None, "3Gi", id="snapshot: less than the source has"),
        pytest.param("Snapshot", None, "1Gi", None, "1Gi", id="snapshot: what the source asks for may never come"),
    ],
)
def test_a_copy_is_as_large_as_the_largest_of_what_is_known(
    method: str, restore_size: str | None, capacity: str, asked: str | None, size: str
) -> None:
    status = {**BOUND, **({} if restore_size is None else {"restoreSize": restore_size})}
    there = [snapshot(**status)] if method == "Snapshot" else []
    claim = made(copied(source(capacity), method, *there, capacity=asked))
    assert claim["spec"]["resources"] == {"requests": {"storage": size}}


@pytest.mark.parametrize("method", ["Clone", "Snapshot"])
@pytest.mark.parametrize(
    ("age", "phase", "size", "kept"),
    [
        pytest.param(121, "Pending", "1Gi", False, id="it never gets its volume"),
        pytest.param(119, "Pending", "1Gi", True, id="it may just not be seen to"),
        pytest.param(121, "Bound", "1Gi", True, id="it is a copy already"),
        pytest.param(121, "Pending", "5Gi", True, id="it is large enough"),
    ],
)
def test_a_copy_that_is_too_small_to_get_its_volume_is_made_anew(
    method: str, age: int, phase: str, size: str, kept: bool
) -> None:
    data_source = {
        "Clone": {"kind": "PersistentVolumeClaim", "name": "data"},
        "Snapshot": {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": NAME},
    }
    there = source(dataSource=data_source[method], resources={"requests": {"storage": size}})
    created = (NOW - timedelta(seconds=age)).strftime("%Y-%m-%dT%H:%M:%SZ")
    there |= {"metadata": {**temporary("u"), "creationTimestamp": created}, "status": {"phase": phase}}
    copy = copied(source("5Gi"), method, there, *([snapshot(**BOUND)] if method == "Snapshot" else []))
    assert (copy.claim is not None) is kept
    if not kept:
        assert copy.waiting is not None
        (gone,) = copy.waiting.actions
        assert isinstance(gone, Delete)
        assert gone.ref.kind == "PersistentVolumeClaim"
