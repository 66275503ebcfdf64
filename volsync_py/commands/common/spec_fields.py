"""Which fields of a spec one of the two operators does not know. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from volsync_py.core.objects import Object, mapping

# VolSync's API, v1alpha1: what its released definitions have below `spec`, `spec.trigger`, `spec.restic` and so on.
_OF_BOTH = (
    "copyMethod capacity storageClassName accessModes volumeSnapshotClassName repository cacheCapacity "
    "cacheStorageClassName cacheAccessModes customCA moverSecurityContext moverServiceAccount moverPodLabels "
    "moverResources moverAffinity moverVolumes"
).split()
_VOLSYNCS: dict[str, dict[str, frozenset[str]]] = {
    "ReplicationSource": {
        "trigger": frozenset({"schedule", "manual"}),
        "restic": frozenset({*_OF_BOTH, "pruneIntervalDays", "retain", "unlock"}),
        "restic.retain": frozenset({"hourly", "daily", "weekly", "monthly", "yearly", "within", "last"}),
    },
    "ReplicationDestination": {
        "trigger": frozenset({"schedule", "manual"}),
        "restic": frozenset(
            {
                *_OF_BOTH,
                *"destinationPVC cleanupTempPVC cleanupCachePVC previous restoreAsOf enableFileDeletion".split(),
            }
        ),
    },
}
OTHER_MOVERS = ("rclone", "rsync", "rsyncTLS", "syncthing", "external")


def other_mover(obj: Object) -> str:
    """Return the mover other than restic that a resource asks for, "" if it asks for none."""
    spec = mapping(obj, "spec")
    return next((name for name in OTHER_MOVERS if spec.get(name) is not None), "")


def unknown_to_volsync(obj: Object) -> Iterator[str]:
    """Return the paths below `spec` of the fields that are set and that VolSync does not have."""
    for where, known in _VOLSYNCS.get(str(obj.get("kind")), {}).items():
        section: Any = obj.get("spec")
        for step in where.split("."):
            section = mapping(section).get(step)
        yield from (f"{where}.{name}" for name, value in mapping(section).items() if name not in known and value)


def unknown_to_schema(value: Any, schema: Object, path: str = "") -> Iterator[str]:
    """Return the paths of what a structural schema would prune of a value."""
    if isinstance(value, list):
        for one in value:
            yield from unknown_to_schema(one, mapping(schema, "items"), path)
        return
    properties = schema.get("properties")
    if not isinstance(value, dict) or not isinstance(properties, dict):
        return
    open_ended = schema.get("x-kubernetes-preserve-unknown-fields") or schema.get("additionalProperties")
    for name, inner in value.items():
        below = f"{path}.{name}" if path else str(name)
        if name in properties:
            yield from unknown_to_schema(inner, mapping(properties[name]), below)
        elif inner is not None and not open_ended:
            yield below
