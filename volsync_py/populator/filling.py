"""The middle: a temporary claim gets its volume, and the volume is handed to the claim that waits."""

from __future__ import annotations

from datetime import datetime

from volsync_py.core.actions import Action, Delete, Patch, Ref
from volsync_py.core.labels import Annotation
from volsync_py.core.objects import Object, annotations_of, is_deleting, status_of
from volsync_py.core.owners import is_controlled_by
from volsync_py.core.times import past
from volsync_py.populator import told
from volsync_py.populator.images import hold_image, release_images
from volsync_py.populator.step import Step
from volsync_py.populator.view import PopulatorView
from volsync_py.volumes.asked_for import is_smaller
from volsync_py.volumes.claims import CLAIM_PATIENCE, is_kept_waiting, requested
from volsync_py.volumes.snapshots import SNAPSHOT_GROUP

_PROVISIONED = "pv.kubernetes.io/provisioned-by"


def source_name(temporary: Object) -> str:
    """Return the name of the snapshot that a temporary claim is made of, "" if it is of none."""
    source = temporary["spec"].get("dataSourceRef") or temporary["spec"].get("dataSource") or {}
    is_one = (source.get("apiGroup"), source.get("kind")) == (SNAPSHOT_GROUP, "VolumeSnapshot")
    return str(source.get("name") or "") if is_one else ""


def fill(view: PopulatorView, claim: Object, temporary: Object) -> Step:
    """Return what brings the temporary claim's volume to the claim."""
    if not is_controlled_by(temporary, view.uid):
        return Step(waiting=told.failure(f"{Ref.of(temporary)} is in the way and belongs to somebody else"))
    if is_deleting(temporary):
        return Step()
    if not source_name(temporary):
        # Its volume is empty, and nobody must take it for what was restored.
        why = f"{Ref.of(temporary)} was stored without the snapshot that it is to be made of: see admission policies"
        return Step(waiting=told.failure(why))
    actions = _images(view, claim, temporary)
    if temporary["spec"].get("volumeName"):
        return _hand_over(view, claim, temporary, actions)
    return _wait(view, claim, temporary, actions)


def _images(view: PopulatorView, claim: Object, temporary: Object) -> tuple[Action, ...]:
    """Return what holds the snapshot that is read, and lets go of any other."""
    source = source_name(temporary)
    found = view.snapshots.get(source)
    held = hold_image(view, claim, temporary, found) if found is not None else ()
    return (*release_images(view, keep=source), *held)


def _wait(view: PopulatorView, claim: Object, temporary: Object, actions: tuple[Action, ...]) -> Step:
    """Return the wait for the temporary claim's volume, or its end where none can come."""
    snapshot = view.snapshots.get(source_name(temporary))
    if snapshot is None:
        return _begin_again(temporary, actions, f"VolumeSnapshot/{source_name(temporary)} has gone")
    late = is_kept_waiting(temporary, view.now)
    wanted, has = (_node(one) for one in (claim, temporary))
    if wanted and not has and late:
        # The provisioner takes the annotation away when the node has no room.
        return _begin_again(temporary, actions, f"no volume could be made on node {wanted}")
    if wanted and has and wanted != has:
        changes = {"metadata": {"annotations": {str(Annotation.SELECTED_NODE): wanted}}}
        actions = (*actions, Patch(Ref.of(temporary), changes, temporary["metadata"]["uid"]))
    if late:
        return Step(actions, waiting=told.not_provisioned(temporary, _hint(claim, snapshot)))
    made = past(temporary["metadata"].get("creationTimestamp"), view.now)
    return Step(actions, requeue_after_seconds=_seconds_until(view, made))


def _seconds_until(view: PopulatorView, made: datetime) -> float:
    return max((made + CLAIM_PATIENCE - view.now).total_seconds(), 1.0)


def _hint(claim: Object, snapshot: Object) -> str:
    size, needed = requested(claim), status_of(snapshot).get("restoreSize")
    if needed and is_smaller([size], needed):
        return f"; the claim asks for {size}, the image needs {needed}"
    return ""


def _node(claim: Object) -> str:
    return str(annotations_of(claim).get(Annotation.SELECTED_NODE) or "")


def _begin_again(temporary: Object, actions: tuple[Action, ...], why: str) -> Step:
    meta = temporary["metadata"]
    # As it was seen: it may get its volume in this moment.
    gone = Delete(Ref.of(temporary), meta["uid"], resource_version=meta["resourceVersion"])
    return Step((*actions, gone, told.begun_again(why)))


def _hand_over(view: PopulatorView, claim: Object, temporary: Object, actions: tuple[Action, ...]) -> Step:
    """Return the change of the volume into one that is the claim's."""
    name = str(temporary["spec"]["volumeName"])
    volume = view.volume(name)
    if volume is None:
        if status_of(temporary).get("phase") == "Lost":
            return _begin_again(temporary, actions, f"PersistentVolume/{name} has gone")
        return Step(actions)
    whose = (volume["spec"].get("claimRef") or {}).get("uid")
    if whose == view.uid:
        # The volume controller binds it.
        return Step(actions)
    if whose != temporary["metadata"]["uid"]:
        return Step(actions, waiting=told.failure(f"PersistentVolume/{name} belongs to another claim"))
    if not _is_made_for(volume, temporary):
        # Differs from VolSync: a volume that was there before is not what was restored, whatever it holds.
        why = f"{Ref.of(temporary)} was bound to PersistentVolume/{name}, which was not made of the image"
        return Step(actions, waiting=told.failure(why))
    return Step((*actions, _gift(claim, temporary, volume)))


def _is_made_for(volume: Object, temporary: Object) -> bool:
    """Return whether a volume was provisioned for a claim, and not found for it."""
    meta = volume["metadata"]
    made, asked = meta.get("creationTimestamp"), temporary["metadata"].get("creationTimestamp")
    return _PROVISIONED in annotations_of(volume) and str(made) >= str(asked)


def _gift(claim: Object, temporary: Object, volume: Object) -> Patch:
    meta = claim["metadata"]
    changes: Object = {
        "metadata": {
            # Who else changes the volume now may be about to remove it.
            "resourceVersion": volume["metadata"]["resourceVersion"],
            "annotations": {str(Annotation.POPULATED_FROM): f"{meta['namespace']}/{source_name(temporary)}"},
        },
        "spec": {
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": meta["namespace"],
                "name": meta["name"],
                "uid": meta["uid"],
                "resourceVersion": meta["resourceVersion"],
            }
        },
    }
    return Patch(Ref.of(volume), changes, volume["metadata"]["uid"])
