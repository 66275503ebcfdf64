"""What a destination publishes, and how snapshots go or stay."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from volsync_py.core.actions import Create, Delete, Patch
from volsync_py.core.view import Objects
from volsync_py.volumes.image import delete_or_release, direct_image, ensure_snapshot_image, relinquish

NOW = datetime(2026, 11, 24, 12, 34, 56, tzinfo=UTC)
NAME = "volsync-n-dest-20261124123456"
OURS = {"app.kubernetes.io/created-by": "volsync"}
READY = {"boundVolumeSnapshotContentName": "content", "readyToUse": True}
OWNER: dict[str, Any] = {
    "apiVersion": "volsync.backube/v1alpha1",
    "kind": "ReplicationDestination",
    "metadata": {"name": "n", "namespace": "ns", "uid": "u"},
}


def claim(**annotations: str) -> dict[str, Any]:
    meta = {"name": "volsync-n-dest", "namespace": "ns", "uid": "c", "annotations": annotations}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": {}}


def snapshot(*owners: str, labels: dict[str, str] | None = None, **status: Any) -> dict[str, Any]:
    references = [{"kind": "ReplicationDestination", "name": o, "uid": o, "controller": o == "u"} for o in owners]
    meta: dict[str, Any] = {
        "name": NAME,
        "namespace": "ns",
        "uid": "s",
        "resourceVersion": "9",
        "ownerReferences": references,
    }
    meta |= {"labels": labels or {}, "creationTimestamp": "2026-11-24T12:34:50Z"}
    return {"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot", "metadata": meta, "status": status}


def image(data: dict[str, Any], *objects: dict[str, Any]) -> Any:
    return ensure_snapshot_image(OWNER, data, None, Objects.of("ns", objects), NOW)


def test_the_image_of_a_run_before_that_ended_in_the_same_second_is_not_taken_for_this_ones() -> None:
    name, snap = image(claim(), snapshot("u", labels=OURS, **READY)).waiting.actions
    assert name.changes["metadata"]["annotations"] == {"volsync.backube/snapname": "volsync-n-dest-20261124123457"}
    assert snap.object["metadata"]["name"] == "volsync-n-dest-20261124123457"


def test_without_a_snapshot_the_claim_itself_is_the_image() -> None:
    assert direct_image(claim()) == {"apiGroup": "", "kind": "PersistentVolumeClaim", "name": "volsync-n-dest"}


def test_an_images_name_ends_in_the_time_and_is_written_on_the_claim_before_it_is_made() -> None:
    name, snap = image(claim()).waiting.actions
    assert isinstance(name, Patch)
    assert name.changes == {"metadata": {"annotations": {"volsync.backube/snapname": NAME}}}
    assert isinstance(snap, Create)
    assert (snap.object["kind"], snap.object["metadata"]["name"]) == ("VolumeSnapshot", NAME)
    (owner,) = snap.object["metadata"]["ownerReferences"]
    assert (owner["uid"], owner["controller"]) == ("u", True)


def test_a_manager_that_was_killed_goes_on_with_the_name_that_is_on_the_claim() -> None:
    (snap,) = image(claim(**{"volsync.backube/snapname": "earlier"})).waiting.actions
    assert snap.object["metadata"]["name"] == "earlier"


@pytest.mark.parametrize(
    ("status", "published"),
    [
        pytest.param({}, False, id="not bound"),
        # Differs from VolSync, which publishes it now.
        pytest.param({"boundVolumeSnapshotContentName": "content"}, False, id="bound, and not said to be ready"),
        pytest.param({"boundVolumeSnapshotContentName": "content", "readyToUse": False}, False, id="not ready"),
        pytest.param(READY, True, id="ready"),
    ],
)
def test_an_image_is_published_when_it_can_be_used(status: dict[str, Any], published: bool) -> None:
    found = image(claim(**{"volsync.backube/snapname": NAME}), snapshot("u", labels=OURS, **status))
    reference = {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": NAME}
    assert found.reference == (reference if published else None)
    assert found.waiting is None or found.waiting.error is None


def test_an_image_that_the_user_took_meanwhile_is_still_published() -> None:
    taken = snapshot(labels={"volsync.backube/do-not-delete": "0"}, **READY)
    assert image(claim(**{"volsync.backube/snapname": NAME}), taken).reference["name"] == NAME


@pytest.mark.parametrize("value", ["", "0", "false", "whatever"])
def test_a_snapshot_that_is_not_to_be_deleted_becomes_the_users_own(value: str) -> None:
    labels = {**OURS, "volsync.backube/cleanup": "u", "volsync.backube/do-not-delete": value}
    given_up = delete_or_release(OWNER, snapshot("u", "other", labels=labels))
    assert isinstance(given_up, Patch)
    assert given_up.changes["metadata"]["labels"] == {
        "volsync.backube/cleanup": None,
        "app.kubernetes.io/created-by": None,
    }
    assert [r["uid"] for r in given_up.changes["metadata"]["ownerReferences"]] == ["other"]
    assert given_up.changes["metadata"]["resourceVersion"] == "9"


def test_giving_up_a_snapshot_twice_changes_nothing_the_second_time() -> None:
    assert relinquish(OWNER, snapshot(labels={"volsync.backube/do-not-delete": ""})) is None
    assert relinquish(OWNER, snapshot("other", labels={**OURS, "volsync.backube/do-not-delete": ""})) is None


def test_a_snapshot_goes_only_as_it_was_seen_so_that_a_label_that_comes_now_wins() -> None:
    gone = delete_or_release(OWNER, snapshot("u", labels=OURS))
    assert isinstance(gone, Delete)
    assert (gone.uid, gone.resource_version) == ("s", "9")


@pytest.mark.parametrize(
    ("owners", "labels"),
    [(("u", "other"), OURS), (("u",), {**OURS, "volsync.backube/volpop-pvc-7": "data"})],
)
def test_a_snapshot_that_somebody_else_needs_loses_our_ownership_only(
    owners: tuple[str, ...], labels: dict[str, str]
) -> None:
    left = delete_or_release(OWNER, snapshot(*owners, labels=labels))
    assert isinstance(left, Patch)
    assert "labels" not in left.changes["metadata"]
