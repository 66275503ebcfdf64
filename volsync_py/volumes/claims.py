"""What is read off a PersistentVolumeClaim, and the claims we make.

Sizes and modes of a copy are set at creation only; later edits of the spec change the next copy.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from attrs import evolve

from volsync_py.core.actions import Delete, Event, EventType, Patch, Ref
from volsync_py.core.labels import CREATED_BY_US, Label
from volsync_py.core.objects import Object, is_deleting, labels_of, status_of
from volsync_py.core.owners import controller_reference, is_controlled_by
from volsync_py.core.result import StepResult, Trouble, until_gone
from volsync_py.core.times import past
from volsync_py.volumes.asked_for import Request, bytes_of, is_smaller, requests_of, with_record

# A volume may need a provisioner to make a disk first.
CLAIM_PATIENCE = timedelta(seconds=120)
NOT_GROWN = "VolumeNotGrown"


def capacity_of(claim: Object) -> Any:
    """Return the real size of the volume, else the requested one."""
    status = status_of(claim).get("capacity") or {}
    return status.get("storage") or requested(claim)


def requested(claim: Object) -> Any:
    """Return the requested size of a claim, or None."""
    resources = claim["spec"].get("resources") or {}
    return (resources.get("requests") or {}).get("storage")


def largest(*sizes: Any) -> Any:
    """Return the largest of some quantities, as it is written; what is none, whoever wrote it, does not count."""
    known = [(value, size) for size in sizes if (value := bytes_of(size))]
    return max(known, key=lambda one: one[0], default=(None, None))[1]


def is_bound(claim: Object) -> bool:
    """Return whether a claim has its volume, or is about to get a known one."""
    return bool(claim["spec"].get("volumeName")) or status_of(claim).get("phase") == "Bound"


def is_too_small(claim: Object, size: Any) -> bool:
    """Return whether a claim asks for less than that."""
    return is_smaller([requested(claim)], size)


def was_asked_for(claim: Object, size: Any) -> bool:
    """Return whether a claim of ours was made to have that size, whatever a policy has made of it."""
    return not is_smaller([one.size for one in requests_of(claim)], size)


def is_kept_waiting(claim: Object, now: datetime) -> bool:
    """Return whether a claim has been waiting for its volume for too long."""
    created = claim["metadata"].get("creationTimestamp")
    return not is_bound(claim) and bool(created) and now >= past(created, now) + CLAIM_PATIENCE


def is_to_be_replaced(claim: Object, wanted: Object, now: datetime) -> bool:
    """Return whether a claim that waits in vain asks for another volume than is wanted; no patch can change that.

    What is not asked for, the cluster fills in; what is, a policy may change, and would again.
    """
    if not is_kept_waiting(claim, now):
        return False
    new = Request.in_spec(wanted["spec"])
    return not any(new.is_met_by(one) for one in requests_of(claim))


def replace_claim(claim: Object) -> StepResult:
    """Return the removal of a claim to be made anew, unless it gets its volume first, and the wait for its end."""
    meta = claim["metadata"]
    gone = Delete(Ref.of(claim), meta["uid"], resource_version=str(meta.get("resourceVersion") or ""))
    return evolve(until_gone(claim), actions=(gone,))


def is_read_only(claim: Object) -> bool:
    """Return whether nobody can write to the volume (its only access mode is ReadOnlyMany)."""
    modes = status_of(claim).get("accessModes") or claim["spec"].get("accessModes") or []
    return list(modes) == ["ReadOnlyMany"]


def is_block(claim: Object) -> bool:
    """Return whether the claim is a raw block device."""
    return bool(claim["spec"].get("volumeMode") == "Block")


def is_temporary(obj: Object, uid: str) -> bool:
    """Return whether an object is a run's own, made by the resource with that UID to go with the run."""
    labels = labels_of(obj)
    return is_controlled_by(obj, uid) and labels.get(Label.CLEANUP) == uid


def labels_for(owner: Object, *, temporary: bool) -> dict[str, str]:
    """Return the labels of an object we make: ours, and to be deleted after the run if `temporary`."""
    labels = {str(Label.CREATED_BY): CREATED_BY_US}
    if temporary:
        labels[str(Label.CLEANUP)] = owner["metadata"]["uid"]
    return labels


def metadata_for(owner: Object, name: str, *, temporary: bool) -> Object:
    """Return the metadata of an object that belongs to the custom resource `owner`."""
    return {
        "name": name,
        "namespace": owner["metadata"]["namespace"],
        "labels": labels_for(owner, temporary=temporary),
        "ownerReferences": [controller_reference(owner)],
    }


def claim_object(
    owner: Object,
    name: str,
    *,
    size: Any,
    access_modes: list[str],
    storage_class: str | None,
    temporary: bool,
    data_source: Object | None = None,
) -> Object:
    """Return a claim owned by the custom resource `owner`."""
    spec: Object = {
        "accessModes": list(access_modes),
        "resources": {"requests": {"storage": size}},
        "volumeMode": "Filesystem",
    }
    if storage_class is not None:
        spec["storageClassName"] = storage_class
    if data_source is not None:
        spec["dataSource"] = data_source
    return with_record(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": metadata_for(owner, name, temporary=temporary),
            "spec": spec,
        }
    )


def claim_created_event(claim: Object, purpose: str) -> Event:
    """Return the event of a new claim."""
    note = f"created PersistentVolumeClaim/{claim['metadata']['name']} {purpose}"
    return Event(EventType.NORMAL, "PersistentVolumeClaimCreated", "CreatePersistentVolumeClaim", note, Ref.of(claim))


def expand_claim(claim: Object, size: Any) -> tuple[Patch, ...]:
    """Return the request for more space; less is impossible and not asked for.

    Not every class lets its volumes grow. That is told, and is no reason not to run.
    """
    now = requested(claim)
    if now is not None and not is_too_small(claim, size):
        return ()
    changes = {"spec": {"resources": {"requests": {"storage": size}}}}
    note = f"{Ref.of(claim)} is used as it is, with {now}: it cannot be given {size}"
    told = Event(EventType.WARNING, NOT_GROWN, "GrowPersistentVolumeClaim", note, Ref.of(claim))
    return (Patch(Ref.of(claim), changes, claim["metadata"]["uid"], told),)


def not_grown(claim: Object | None, size: Any, *, field: str, next_step: str) -> Trouble | None:
    """Return what a run that has ended tells of a claim of ours that has stayed smaller than `field` says."""
    if claim is None or not is_bound(claim) or not is_too_small(claim, size):
        return None
    text = f"{field}: {Ref.of(claim)} cannot be given {size} and is used as it is, with {requested(claim)}"
    return Trouble(NOT_GROWN, text, next_step)


def set_cleanup_label(claim: Object, uid: str, *, temporary: bool) -> tuple[Patch, ...]:
    """Return the change of a claim of ours into one that goes with the run, or one that stays."""
    has = labels_of(claim).get(Label.CLEANUP) is not None
    if has == temporary or not is_controlled_by(claim, uid) or is_deleting(claim):
        return ()
    changes: Object = {"metadata": {"labels": {str(Label.CLEANUP): uid if temporary else None}}}
    return (Patch(Ref.of(claim), changes, claim["metadata"]["uid"]),)


def unbound_events(claim: Object, now: datetime) -> tuple[Event, ...]:
    """Return the event of a claim that has been waiting for its volume for too long."""
    created = claim["metadata"].get("creationTimestamp")
    bound = status_of(claim).get("phase") == "Bound"
    if bound or not created or now < past(created, now) + CLAIM_PATIENCE:
        return ()
    cloned = (claim["spec"].get("dataSource") or {}).get("kind") == "PersistentVolumeClaim"
    hint = "the StorageClass, and that the CSI driver can clone" if cloned else "the StorageClass and the CSI driver"
    note = f"waiting for {Ref.of(claim)} to be bound: check {hint}"
    return (
        Event(EventType.WARNING, "PersistentVolumeClaimNotBound", "CreatePersistentVolumeClaim", note, Ref.of(claim)),
    )
