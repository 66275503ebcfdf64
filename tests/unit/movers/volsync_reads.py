"""What VolSync could not go on from, if it were left to it: names, labels, owners, finalizers, fields of the status."""

from __future__ import annotations

import re
from typing import Any

from tests.unit.movers.simulated import Objects
from tests.unit.movers.volsync_objects import CLEANUP, CREATED_BY, labels_of, names_of, reference_to

Object = dict[str, Any]
# What its condition says.
REASONS = {
    ("True", "SyncInProgress"),
    ("False", "CleaningUp"),
    ("False", "WaitingForSchedule"),
    ("False", "WaitingForManual"),
    ("False", "Error"),
}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_GO_DURATION = re.compile(r"(\d+h)?(\d+m)?(\d+(\.\d+)?s)?|\d+(\.\d+)?(ms|µs|ns)")
_REASON = re.compile(r"[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?")
# What Kubernetes lets a condition hold.
_LONGEST_REASON, _LONGEST_MESSAGE = 1024, 32768


def complaints(objects: Objects) -> list[str]:
    """Return what of a state VolSync could not read, would not find under its names, or could not delete."""
    (one,) = (o for o in objects if o["kind"] in ("ReplicationSource", "ReplicationDestination"))
    found = _of_status(one.get("status") or {})
    known, uid = set(names_of(one).values()), one["metadata"]["uid"]
    for obj in objects:
        meta = obj["metadata"]
        what = f"{obj['kind']}/{meta['name']}"
        found += [
            f"{what} has the finalizer {name}" for name in meta.get("finalizers") or [] if not _of_kubernetes(name)
        ]
        owners = [r for r in meta.get("ownerReferences") or [] if r["uid"] == uid]
        if not owners:
            continue
        if owners != [reference_to(one)]:
            found.append(f"{what} is not controlled by the resource as VolSync's objects are: {owners}")
        if labels_of(obj).get(CREATED_BY) != "volsync":
            found.append(f"{what} lacks the label {CREATED_BY}")
        if labels_of(obj).get(CLEANUP) not in (None, uid):
            found.append(f"{what} is labelled for another resource's clean-up")
        if obj["kind"] == "Job" and CLEANUP not in labels_of(obj):
            found.append(f"{what} would never be deleted")
        image = f"{names_of(one)['data']}-" if obj["kind"] == "VolumeSnapshot" else ""
        if meta["name"] not in known and not (image and meta["name"].startswith(image)):
            found.append(f"{what} has a name that VolSync does not know")
    return found


def _of_status(status: Object) -> list[str]:
    found = []
    for key in ("lastSyncTime", "lastSyncStartTime", "nextSyncTime"):
        if key in status and not _TIME.fullmatch(str(status[key])):
            found.append(f"{key} is no time: {status[key]!r}")
    pruned = (status.get("restic") or {}).get("lastPruned")
    if pruned is not None and not _TIME.fullmatch(str(pruned)):
        found.append(f"lastPruned is no time: {pruned!r}")
    if "lastSyncDuration" in status and not _GO_DURATION.fullmatch(str(status["lastSyncDuration"])):
        found.append(f"lastSyncDuration is no duration of Go's: {status['lastSyncDuration']!r}")
    for path, value in (
        ("lastManualSync", status.get("lastManualSync")),
        ("lastUnlocked", (status.get("restic") or {}).get("lastUnlocked")),
        ("logs", (status.get("latestMoverStatus") or {}).get("logs")),
    ):
        if not isinstance(value, str | None):
            found.append(f"{path} is no text: {value!r}")
    result = (status.get("latestMoverStatus") or {}).get("result")
    if result not in (None, "Successful", "Failed"):
        found.append(f"result is none of VolSync's: {result!r}")
    image = status.get("latestImage")
    if image is not None and not (image.get("kind") and image.get("name")):
        found.append(f"latestImage names nothing: {image!r}")
    return found + _of_conditions(status.get("conditions") or [])


def _of_conditions(conditions: list[Object]) -> list[str]:
    found = []
    for one in conditions:
        sound = (
            one["status"] in ("True", "False", "Unknown")
            and _REASON.fullmatch(one["reason"])
            and len(one["reason"]) <= _LONGEST_REASON
            and len(one["message"]) <= _LONGEST_MESSAGE
            and _TIME.fullmatch(one["lastTransitionTime"])
        )
        if not sound:
            found.append(f"no condition of Kubernetes': {one}")
    if len({one["type"] for one in conditions}) < len(conditions):
        found.append("a condition is there twice")
    said = [(one["status"], one["reason"]) for one in conditions if one["type"] == "Synchronizing"]
    return (
        found
        if len(said) == 1 and said[0] in REASONS
        else [*found, f"Synchronizing says what VolSync never says: {said}"]
    )


def _of_kubernetes(finalizer: str) -> bool:
    return "kubernetes.io/" in finalizer or finalizer in ("foregroundDeletion", "orphan")
