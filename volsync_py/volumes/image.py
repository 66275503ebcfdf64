"""What a destination publishes as `status.latestImage`, and which old images go.

An image is made only after the mover has proved what it restored. Its name is written on the data claim
first, so that a manager that dies in between goes on with the same name. Only the latest one is kept;
snapshots that the user marked, or that somebody else uses, are given up instead of deleted.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from attrs import frozen

from volsync_py.core.actions import Action, Create, Event, EventType, Patch, Ref
from volsync_py.core.labels import CREATED_BY_US, Annotation, Label
from volsync_py.core.objects import Object, annotations_of, labels_of
from volsync_py.core.owners import is_controlled_by
from volsync_py.core.result import StepResult
from volsync_py.core.view import Kind, Objects
from volsync_py.volumes.point_in_time import in_the_way
from volsync_py.volumes.snapshots import (
    SNAPSHOT_GROUP,
    delete_or_release,
    relinquish,
    snapshot_object,
    waiting_for_snapshot,
)

__all__ = [
    "Image",
    "delete_or_release",
    "direct_image",
    "ensure_snapshot_image",
    "forget_name",
    "old_images",
    "relinquish",
]


@frozen
class Image:
    """The reference to publish, or what is to be done before there is one."""

    reference: Object | None = None
    waiting: StepResult | None = None


def direct_image(claim: Object) -> Object:
    """Return the reference to the data claim itself."""
    return {"apiGroup": "", "kind": "PersistentVolumeClaim", "name": claim["metadata"]["name"]}


def ensure_snapshot_image(
    owner: Object, claim: Object, snapshot_class: str | None, objects: Objects, now: datetime
) -> Image:
    """Return the snapshot of the restored claim, once it is ready to be used."""
    name = _annotation(claim)
    if not name:
        name = _free_name(claim, objects, now)
        named = Patch(
            Ref.of(claim),
            {"metadata": {"annotations": {str(Annotation.SNAPNAME): name}}},
            claim["metadata"]["uid"],
        )
        return Image(waiting=StepResult(actions=(named, _creation(owner, name, claim, snapshot_class))))
    snapshot = objects.get(Kind.SNAPSHOT, name)
    if snapshot is None:
        return Image(waiting=StepResult(actions=(_creation(owner, name, claim, snapshot_class),)))
    kept = Label.DO_NOT_DELETE in labels_of(snapshot)
    if not kept and not is_controlled_by(snapshot, owner["metadata"]["uid"]):
        return Image(waiting=StepResult(error=in_the_way(snapshot)))
    # Differs from VolSync: bound is not enough, the snapshot must be ready to use.
    unready = waiting_for_snapshot(snapshot, now, need_ready=True)
    if unready is not None:
        return Image(waiting=unready)
    return Image(reference={"apiGroup": SNAPSHOT_GROUP, "kind": "VolumeSnapshot", "name": name})


def _free_name(claim: Object, objects: Objects, now: datetime) -> str:
    """Return VolSync's name for an image of now; that of an earlier run of the same second would be taken for this."""
    while True:
        name = f"{claim['metadata']['name']}-{now:%Y%m%d%H%M%S}"
        if objects.get(Kind.SNAPSHOT, name) is None:
            return name
        now += timedelta(seconds=1)


def _creation(owner: Object, name: str, claim: Object, snapshot_class: str | None) -> Create:
    wanted = snapshot_object(owner, name, claim, snapshot_class, temporary=False)
    event = Event(
        EventType.NORMAL,
        "VolumeSnapshotCreated",
        "CreateVolumeSnapshot",
        f"created VolumeSnapshot/{name} of {Ref.of(claim)}",
        Ref.of(wanted),
    )
    return Create(wanted, owner["metadata"]["uid"], event)


def _annotation(claim: Object) -> str:
    annotations = annotations_of(claim)
    return str(annotations.get(Annotation.SNAPNAME) or "")


def forget_name(claim: Object | None) -> tuple[Action, ...]:
    """Return the removal of the image's name from the data claim, if it is there."""
    if claim is None or not _annotation(claim):
        return ()
    changes: Object = {"metadata": {"annotations": {str(Annotation.SNAPNAME): None}}}
    return (Patch(Ref.of(claim), changes, claim["metadata"]["uid"]),)


def old_images(owner: Object, keep: str, objects: Objects) -> list[Object]:
    """Return the snapshots that this destination made and no longer needs.

    `keep` is the name of the published image, "" for none. Whatever else carries our label and our
    ownership is left over from an earlier run, or from before the copy method was changed.
    """
    uid = owner["metadata"]["uid"]
    return [
        s
        for s in objects.of_kind(Kind.SNAPSHOT)
        if is_controlled_by(s, uid)
        and labels_of(s).get(Label.CREATED_BY) == CREATED_BY_US
        and s["metadata"]["name"] != keep
    ]
