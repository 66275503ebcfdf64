"""VolumeSnapshots: how one is made, when it can be used, and how one of ours goes.

Snapshots that the user marked, or that somebody else uses, are given up instead of deleted.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from volsync_py.core.actions import Action, Delete, Event, EventType, Patch, Ref
from volsync_py.core.labels import POPULATOR_LABEL_PREFIX, Label
from volsync_py.core.objects import Object, is_deleting, labels_of, status_of
from volsync_py.core.result import StepResult, Trouble, until_gone
from volsync_py.core.times import past
from volsync_py.volumes.asked_for import with_record
from volsync_py.volumes.claims import metadata_for

SNAPSHOT_API = "snapshot.storage.k8s.io/v1"
SNAPSHOT_GROUP = "snapshot.storage.k8s.io"
# Snapshots of healthy drivers are bound within seconds.
SNAPSHOT_PATIENCE = timedelta(seconds=30)
# The recorder makes a series of the events of a wait; the reminder need not come more often.
_REMINDER_SECONDS = 600.0


def snapshot_object(owner: Object, name: str, claim: Object, snapshot_class: str | None, *, temporary: bool) -> Object:
    """Return a VolumeSnapshot of `claim` that belongs to `owner`."""
    spec: Object = {"source": {"persistentVolumeClaimName": claim["metadata"]["name"]}}
    if snapshot_class is not None:
        spec["volumeSnapshotClassName"] = snapshot_class
    return with_record(
        {
            "apiVersion": SNAPSHOT_API,
            "kind": "VolumeSnapshot",
            "metadata": metadata_for(owner, name, temporary=temporary),
            "spec": spec,
        }
    )


def waiting_for_snapshot(snapshot: Object, now: datetime, *, need_ready: bool) -> StepResult | None:
    """Return why the snapshot cannot be used yet, or None.

    Without `need_ready`, a driver that never says `readyToUse` is trusted once the snapshot is bound.
    """
    status = status_of(snapshot)
    ready = status.get("readyToUse")
    bound = bool(status.get("boundVolumeSnapshotContentName"))
    deleting = is_deleting(snapshot)
    if not deleting and bound and (ready is True or (ready is None and not need_ready)):
        return None
    late = past(snapshot["metadata"]["creationTimestamp"], now) + SNAPSHOT_PATIENCE
    overdue = not deleting and not bound and now >= late
    told = (_not_bound(snapshot),) if overdue else ()
    name = snapshot["metadata"]["name"]
    message = (status.get("error") or {}).get("message")
    if message:
        trouble = Trouble(
            "SnapshotFailed",
            f"VolumeSnapshot/{name}: {message}",
            "see the VolumeSnapshotClass and the log of the CSI driver; it is tried again by itself",
        )
        if now < late:
            # Its controller says so of each conflict of a write, too, and tries again within the second.
            return StepResult(waiting=trouble.message, requeue_after_seconds=(late - now).total_seconds())
        return StepResult(actions=told, unhealthy=trouble)
    if deleting:
        return until_gone(snapshot)
    if now < late:
        return StepResult(requeue_after_seconds=(late - now).total_seconds())
    if bound:
        return StepResult(waiting=f"Waiting for {Ref.of(snapshot)} to be ready to use")
    trouble = Trouble(
        "SnapshotNotBound",
        f"VolumeSnapshot/{name} is not bound",
        "check that its VolumeSnapshotClass exists and that the CSI driver supports snapshots",
    )
    return StepResult(actions=told, unhealthy=trouble, requeue_after_seconds=_REMINDER_SECONDS)


def _not_bound(snapshot: Object) -> Event:
    return Event(
        EventType.WARNING,
        "VolumeSnapshotNotBound",
        "CreateVolumeSnapshot",
        f"waiting for {Ref.of(snapshot)} to be bound: check the VolumeSnapshotClass and the CSI driver",
        Ref.of(snapshot),
    )


def delete_or_release(owner: Object, snapshot: Object) -> Action | None:
    """Return how a snapshot of ours goes: given up if the user or somebody else needs it, else deleted."""
    labels = labels_of(snapshot)
    if Label.DO_NOT_DELETE in labels:
        return relinquish(owner, snapshot)
    others = [r for r in _owners(snapshot) if r["uid"] != owner["metadata"]["uid"]]
    if others or any(label.startswith(POPULATOR_LABEL_PREFIX) for label in labels):
        return _without_owner(owner, snapshot, {})
    if is_deleting(snapshot):
        return None
    return Delete(
        Ref.of(snapshot),
        snapshot["metadata"]["uid"],
        # A label that arrives in this moment must win.
        resource_version=snapshot["metadata"]["resourceVersion"],
    )


def relinquish(owner: Object, snapshot: Object) -> Action | None:
    """Return what makes a snapshot the user's own, or None if it is already."""
    labels = labels_of(snapshot)
    gone = {str(key): None for key in (Label.CLEANUP, Label.CREATED_BY) if key in labels}
    owned = any(r["uid"] == owner["metadata"]["uid"] for r in _owners(snapshot))
    if not owned:
        # Differs from VolSync: the labels of another owner's snapshot are not ours to take.
        return None
    return _without_owner(owner, snapshot, gone)


def _without_owner(owner: Object, snapshot: Object, labels: dict[str, None]) -> Patch:
    others = [r for r in _owners(snapshot) if r["uid"] != owner["metadata"]["uid"]]
    changes: Object = {
        "metadata": {
            "resourceVersion": snapshot["metadata"]["resourceVersion"],
            "ownerReferences": others or None,
        }
    }
    if labels:
        changes["metadata"]["labels"] = labels
    return Patch(Ref.of(snapshot), changes, snapshot["metadata"]["uid"])


def _owners(snapshot: Object) -> list[Object]:
    return list(snapshot["metadata"].get("ownerReferences") or [])
