"""What a claim's events say; their reasons are VolSync's where it has one."""

from __future__ import annotations

from volsync_py.core.actions import Event, EventType, Ref
from volsync_py.core.objects import Object

# VolSync's word for all of them.
_ACTION = "Provision Volume"


def _event(kind: EventType, reason: str, note: str, related: Object | None = None) -> Event:
    return Event(kind, f"VolSyncPopulator{reason}", _ACTION, note, Ref.of(related) if related is not None else None)


def failure(note: str) -> Event:
    """Return the event of what only a change by somebody can help."""
    return _event(EventType.WARNING, "Error", f"Unable to populate volume: {note}")


def refused(note: str, *, creating: bool) -> Event:
    """Return the event of a write that the API server refuses."""
    reason = "PVCCreationError" if creating else "Error"
    return _event(EventType.WARNING, reason, f"Unable to populate volume: {note}")


def no_class(note: str) -> Event:
    """Return the event of a claim that no StorageClass provides for."""
    return _event(EventType.WARNING, "NoStorageClass", f"Unable to populate volume: {note}")


def not_scheduled() -> Event:
    """Return the event of a claim whose pod has no node; that is as its class wants it."""
    note = "Waiting for a pod that uses this claim to be scheduled: its StorageClass has WaitForFirstConsumer"
    return _event(EventType.NORMAL, "WaitForFirstConsumer", note)


def no_destination(name: str, why: str = "not found") -> Event:
    """Return the event of a destination that is not there."""
    note = f'Unable to populate volume: ReplicationDestination.volsync.backube "{name}" {why}'
    return _event(EventType.WARNING, "ReplicationDestinationMissing", note)


def no_image(destination: Object) -> Event:
    """Return the event of a destination that has restored nothing yet."""
    note = (
        "Unable to populate volume, waiting for replicationdestination to have latestImage: "
        f"see the conditions of {Ref.of(destination)}"
    )
    return _event(EventType.WARNING, "ReplicationDestinationNoLatestImage", note, destination)


def image_unusable(name: str, why: str) -> Event:
    """Return the event of an image that cannot be read now."""
    return _event(EventType.WARNING, "ImageUnusable", f"Unable to populate volume: VolumeSnapshot/{name} {why}")


def started(temporary: Object, snapshot: str) -> Event:
    """Return the event of a temporary claim."""
    return _event(EventType.NORMAL, "PVCCreated", f"Populator pvc created from snapshot {snapshot}", temporary)


def not_provisioned(temporary: Object, hint: str) -> Event:
    """Return the event of a temporary claim that gets no volume."""
    note = f"waiting for {Ref.of(temporary)} to be provisioned: see its events{hint}"
    return _event(EventType.WARNING, "PVCNotBound", note, temporary)


def begun_again(why: str) -> Event:
    """Return the event of a temporary claim that is made anew."""
    return _event(EventType.NORMAL, "Restarted", f"{why}: begins again with the latest image")


def finished() -> Event:
    """Return the event of a claim that has its volume."""
    return _event(EventType.NORMAL, "Finished", "Populator finished")


def bound_otherwise(temporary: Object) -> Event:
    """Return the event of a claim that got another volume than the one that was made for it."""
    note = f"the claim was bound to another volume: what {Ref.of(temporary)} has restored is not used"
    return _event(EventType.WARNING, "BoundOtherwise", note)
