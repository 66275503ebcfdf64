"""The volume that a backup reads: the source itself, a clone of it, or a volume made from a snapshot.

A copy belongs to one run: it is labelled for clean-up, kept for the retries of that run, and deleted at
its end. Nothing waits for a claim to be bound, because a WaitForFirstConsumer class binds only when the
mover's pod exists.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from attrs import frozen

from volsync_py.api.view import Kind, Objects
from volsync_py.core.actions import Create, Event, EventType, Object, Ref
from volsync_py.core.owners import is_controlled_by
from volsync_py.core.quantity import parse_quantity
from volsync_py.core.result import StepResult, Trouble
from volsync_py.core.times import parse_rfc3339
from volsync_py.volumes.claims import capacity_of, claim_object, metadata_for

SNAPSHOT_API = "snapshot.storage.k8s.io/v1"
SNAPSHOT_GROUP = "snapshot.storage.k8s.io"
# Snapshots of healthy drivers are bound within seconds …
SNAPSHOT_PATIENCE = timedelta(seconds=30)
# … volumes may need a provisioner to make a disk first.
CLAIM_PATIENCE = timedelta(seconds=120)


class CopyMethod(StrEnum):
    """How the data gets out of, or into, the volume."""

    DIRECT = "Direct"
    NONE = "None"
    CLONE = "Clone"
    SNAPSHOT = "Snapshot"

    @property
    def is_direct(self) -> bool:
        """Whether the mover works on the volume itself."""
        return self in (CopyMethod.DIRECT, CopyMethod.NONE)


@frozen
class CopyOptions:
    """What the spec says about the copy; None and empty mean: as the source."""

    method: CopyMethod
    capacity: object | None = None
    storage_class: str | None = None
    access_modes: tuple[str, ...] | None = None
    snapshot_class: str | None = None


@frozen
class Copy:
    """The claim to read, or what is to be done before there is one."""

    claim: Object | None = None
    waiting: StepResult | None = None
    actions: tuple[Create, ...] = ()


def ensure_copy(
    owner: Object, name: str, source: Object, options: CopyOptions, objects: Objects, now: datetime
) -> Copy:
    """Return the claim that the mover mounts, and what has to be created for it."""
    if options.method.is_direct:
        return Copy(claim=source)
    if options.method == CopyMethod.CLONE:
        return _clone(owner, name, source, options, objects)
    return _from_snapshot(owner, name, source, options, objects, now)


def _clone(owner: Object, name: str, source: Object, options: CopyOptions, objects: Objects) -> Copy:
    existing = objects.get(Kind.CLAIM, name)
    if existing is not None:
        return _existing_claim(owner, existing)
    wanted = _copy_claim(
        owner,
        name,
        source,
        options,
        size=options.capacity or capacity_of(source),
        data_source={"kind": "PersistentVolumeClaim", "name": source["metadata"]["name"]},
    )
    made = f"created PersistentVolumeClaim/{name} as a clone of {Ref.of(source)}"
    return Copy(claim=wanted, actions=(_creation(owner, wanted, made),))


def _from_snapshot(
    owner: Object, name: str, source: Object, options: CopyOptions, objects: Objects, now: datetime
) -> Copy:
    snapshot = objects.get(Kind.SNAPSHOT, name)
    if snapshot is None:
        wanted = snapshot_object(owner, name, source, options.snapshot_class, temporary=True)
        created = Event(
            EventType.NORMAL,
            "VolumeSnapshotCreated",
            "CreateVolumeSnapshot",
            f"created VolumeSnapshot/{name} of {Ref.of(source)}",
            Ref.of(wanted),
        )
        action = Create(wanted, owner["metadata"]["uid"], created)
        return Copy(waiting=StepResult(actions=(action,)))
    if not is_controlled_by(snapshot, owner["metadata"]["uid"]):
        return Copy(waiting=StepResult(error=in_the_way(snapshot)))
    unready = waiting_for_snapshot(snapshot, now, need_ready=False)
    if unready is not None:
        return Copy(waiting=unready)
    existing = objects.get(Kind.CLAIM, name)
    if existing is not None:
        return _existing_claim(owner, existing)
    restore_size = (snapshot.get("status") or {}).get("restoreSize")
    usable_size = restore_size if restore_size and parse_quantity(restore_size) > 0 else None
    claim = _copy_claim(
        owner,
        name,
        source,
        options,
        size=options.capacity or usable_size or capacity_of(source),
        data_source={"apiGroup": SNAPSHOT_GROUP, "kind": "VolumeSnapshot", "name": name},
    )
    made = f"created PersistentVolumeClaim/{name} from VolumeSnapshot/{name}"
    return Copy(claim=claim, actions=(_creation(owner, claim, made),))


def _existing_claim(owner: Object, claim: Object) -> Copy:
    if not is_controlled_by(claim, owner["metadata"]["uid"]):
        return Copy(waiting=StepResult(error=in_the_way(claim)))
    if claim["metadata"].get("deletionTimestamp"):
        return Copy(waiting=StepResult())
    return Copy(claim=claim)


def _copy_claim(
    owner: Object, name: str, source: Object, options: CopyOptions, *, size: object, data_source: Object
) -> Object:
    spec = source["spec"]
    modes = options.access_modes if options.access_modes is not None else spec.get("accessModes") or ()
    return claim_object(
        owner,
        name,
        size=size,
        access_modes=list(modes),
        storage_class=options.storage_class or spec.get("storageClassName"),
        temporary=True,
        data_source=data_source,
    )


def _creation(owner: Object, claim: Object, note: str) -> Create:
    event = Event(EventType.NORMAL, "PersistentVolumeClaimCreated", "CreatePersistentVolumeClaim", note, Ref.of(claim))
    return Create(claim, owner["metadata"]["uid"], event)


def snapshot_object(owner: Object, name: str, claim: Object, snapshot_class: str | None, *, temporary: bool) -> Object:
    """Return a VolumeSnapshot of `claim` that belongs to `owner`."""
    spec: Object = {"source": {"persistentVolumeClaimName": claim["metadata"]["name"]}}
    if snapshot_class is not None:
        spec["volumeSnapshotClassName"] = snapshot_class
    return {
        "apiVersion": SNAPSHOT_API,
        "kind": "VolumeSnapshot",
        "metadata": metadata_for(owner, name, temporary=temporary),
        "spec": spec,
    }


def waiting_for_snapshot(snapshot: Object, now: datetime, *, need_ready: bool) -> StepResult | None:
    """Return why the snapshot cannot be used yet, or None.

    Without `need_ready`, a driver that never says `readyToUse` is trusted once the snapshot is bound.
    """
    status = snapshot.get("status") or {}
    ready = status.get("readyToUse")
    bound = bool(status.get("boundVolumeSnapshotContentName"))
    deleting = bool(snapshot["metadata"].get("deletionTimestamp"))
    if not deleting and bound and (ready is True or (ready is None and not need_ready)):
        return None
    name = snapshot["metadata"]["name"]
    message = (status.get("error") or {}).get("message")
    if message:
        trouble = Trouble(
            "SnapshotFailed",
            f"VolumeSnapshot/{name}: {message}",
            "see the VolumeSnapshotClass and the log of the CSI driver; it is tried again by itself",
        )
        return StepResult(unhealthy=trouble)
    late = parse_rfc3339(snapshot["metadata"]["creationTimestamp"]) + SNAPSHOT_PATIENCE
    if deleting or bound or now < late:
        wait = None if deleting or bound else (late - now).total_seconds()
        return StepResult(requeue_after_seconds=wait)
    event = Event(
        EventType.WARNING,
        "VolumeSnapshotNotBound",
        "CreateVolumeSnapshot",
        f"waiting for VolumeSnapshot/{name} to be bound: check the VolumeSnapshotClass and the CSI driver",
        Ref.of(snapshot),
    )
    return StepResult(
        actions=(event,),
        unhealthy=Trouble(
            "SnapshotNotBound",
            f"VolumeSnapshot/{name} is not bound",
            "check that its VolumeSnapshotClass exists and that the CSI driver supports snapshots",
        ),
        # The event's recorder makes a series of these; the reminder need not come more often.
        requeue_after_seconds=600,
    )


def in_the_way(obj: Object) -> Trouble:
    """Return the trouble that an object of somebody else has a name that we need."""
    return Trouble(
        "ObjectInTheWay",
        f"{Ref.of(obj)} exists and does not belong to this resource",
        "rename or delete it, or give this resource another name",
    )
