"""The volume that a backup reads: the source itself, a clone of it, or a volume made from a snapshot.

A copy belongs to one run: it is labelled for clean-up, kept for the retries of that run, and deleted at
its end. One that was made of another volume, or of another class than is wanted now, is replaced. Nothing
waits for a claim to be bound, because a WaitForFirstConsumer class binds only when the mover's pod exists.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from attrs import evolve, frozen

from volsync_py.core.actions import Action, Create, Event, EventType, Ref, delete
from volsync_py.core.objects import Object, is_deleting, status_of
from volsync_py.core.owners import is_controlled_by
from volsync_py.core.result import StepResult, Trouble, until_gone
from volsync_py.core.view import Kind, Objects
from volsync_py.volumes.asked_for import is_of_class, is_smaller, requests_of
from volsync_py.volumes.claims import (
    capacity_of,
    claim_object,
    is_kept_waiting,
    is_temporary,
    largest,
    requested,
)
from volsync_py.volumes.snapshots import SNAPSHOT_GROUP, delete_or_release, snapshot_object, waiting_for_snapshot


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
    actions: tuple[Action, ...] = ()


def ensure_copy(
    owner: Object, name: str, source: Object, options: CopyOptions, objects: Objects, now: datetime
) -> Copy:
    """Return the claim that the mover mounts, and what has to be created for it."""
    if options.method.is_direct:
        return Copy(claim=source)
    if options.method == CopyMethod.CLONE:
        return _clone(owner, name, source, options, objects, now)
    return _from_snapshot(owner, name, source, options, objects, now)


def _clone(owner: Object, name: str, source: Object, options: CopyOptions, objects: Objects, now: datetime) -> Copy:
    data_source: Object = {"kind": "PersistentVolumeClaim", "name": source["metadata"]["name"]}
    existing = objects.get(Kind.CLAIM, name)
    size = _size(source, options)
    if existing is not None:
        return _existing_claim(owner, existing, data_source, options, size, now)
    wanted = _copy_claim(owner, name, source, options, size=size, data_source=data_source)
    made = f"created PersistentVolumeClaim/{name} as a clone of {Ref.of(source)}"
    return Copy(claim=wanted, actions=(_creation(owner, wanted, made),))


def _from_snapshot(
    owner: Object, name: str, source: Object, options: CopyOptions, objects: Objects, now: datetime
) -> Copy:
    snapshot, existing = objects.get(Kind.SNAPSHOT, name), objects.get(Kind.CLAIM, name)
    if snapshot is None:
        return Copy(waiting=StepResult(actions=(_new_snapshot(owner, name, source, options),)))
    if not is_controlled_by(snapshot, owner["metadata"]["uid"]):
        return Copy(waiting=StepResult(error=in_the_way(snapshot)))
    if not is_deleting(snapshot) and _is_another(snapshot, source, options):
        # The claim first: one that was left would pass for a copy of the next snapshot.
        return _discarded(owner, [existing, snapshot])
    unready = waiting_for_snapshot(snapshot, now, need_ready=False)
    if unready is not None:
        return Copy(waiting=unready)
    data_source: Object = {"apiGroup": SNAPSHOT_GROUP, "kind": "VolumeSnapshot", "name": name}
    size = _size(source, options, status_of(snapshot).get("restoreSize"))
    if existing is not None:
        return _existing_claim(owner, existing, data_source, options, size, now)
    claim = _copy_claim(owner, name, source, options, size=size, data_source=data_source)
    made = f"created PersistentVolumeClaim/{name} from VolumeSnapshot/{name}"
    return Copy(claim=claim, actions=(_creation(owner, claim, made),))


def _size(source: Object, options: CopyOptions, restore_size: Any = None) -> Any:
    """Return the size of a copy: no driver copies a volume into a smaller one.

    Differs from VolSync: `capacity` may be less than the source has by now. A clone is compared with what its source
    asks for, a copy of a snapshot only with what was there.
    """
    asked_for = requested(source) if options.method == CopyMethod.CLONE else None
    return largest(options.capacity, capacity_of(source), asked_for, restore_size)


def _new_snapshot(owner: Object, name: str, source: Object, options: CopyOptions) -> Create:
    wanted = snapshot_object(owner, name, source, options.snapshot_class, temporary=True)
    created = Event(
        EventType.NORMAL,
        "VolumeSnapshotCreated",
        "CreateVolumeSnapshot",
        f"created VolumeSnapshot/{name} of {Ref.of(source)}",
        Ref.of(wanted),
    )
    return Create(wanted, owner["metadata"]["uid"], created)


def _is_another(snapshot: Object, source: Object, options: CopyOptions) -> bool:
    """Return whether a snapshot is of another volume, or of another class than the one that is asked for.

    Where none is asked for, the cluster fills in its default, so any class is as good.
    """
    spec = snapshot.get("spec") or {}
    of = (spec.get("source") or {}).get("persistentVolumeClaimName")
    return of not in (None, source["metadata"]["name"]) or not is_of_class(snapshot, options.snapshot_class)


def _existing_claim(
    owner: Object, claim: Object, data_source: Object, options: CopyOptions, size: Any, now: datetime
) -> Copy:
    if not is_controlled_by(claim, owner["metadata"]["uid"]):
        return Copy(waiting=StepResult(error=in_the_way(claim)))
    if is_deleting(claim):
        return Copy(waiting=until_gone(claim))
    of = claim["spec"].get("dataSource") or {}
    same = all(of.get(key) == data_source[key] for key in ("kind", "name"))
    # One that has its volume is a copy, whatever has become of the source since.
    unusable = is_kept_waiting(claim, now) and is_smaller([one.size for one in requests_of(claim)], size)
    if not same or unusable or not is_of_class(claim, options.storage_class):
        return _discarded(owner, [claim])
    return Copy(claim=claim)


def _discarded(owner: Object, copies: list[Object | None]) -> Copy:
    """Return the removal of copies of an earlier spec; what does not carry our label is in the way."""
    actions: list[Action | None] = []
    going: Object | None = None
    for copy in copies:
        if copy is None:
            continue
        if is_deleting(copy):
            going = copy
            continue
        if not is_temporary(copy, owner["metadata"]["uid"]):
            return Copy(waiting=StepResult(error=in_the_way(copy)))
        actions.append(delete_or_release(owner, copy) if copy["kind"] == Kind.SNAPSHOT else delete(copy))
    step = until_gone(going) if going is not None else StepResult()
    return Copy(waiting=evolve(step, actions=tuple(a for a in actions if a is not None)))


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


def in_the_way(obj: Object) -> Trouble:
    """Return the trouble that an object of somebody else has a name that we need."""
    return Trouble(
        "ObjectInTheWay",
        f"{Ref.of(obj)} exists and does not belong to this resource",
        "rename or delete it, or give this resource another name",
    )
