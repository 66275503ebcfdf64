"""The objects that a restore is made of, from the source's settings: a claim, a destination, the undo. Pure."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from attrs import frozen

from volsync_py.commands.restore.point import Point
from volsync_py.core.labels import RESTORE_OPEN, Annotation, Label
from volsync_py.core.objects import Object, mapping
from volsync_py.core.quantity import parse_quantity
from volsync_py.kube.errors import Forbidden, KubeError, NotFound
from volsync_py.kube.resources import PVCS, REPLICATION_DESTINATIONS, VOLUME_SNAPSHOTS

# What a destination has in common with its source: how the repository is reached, and what a mover may and needs.
TAKEN = (
    *("repository", "customCA", "host", "tags", "cacheCapacity", "cacheStorageClassName", "cacheAccessModes"),
    *("moverSecurityContext", "moverServiceAccount", "moverPodLabels", "moverResources"),
    *("moverAffinity", "moverTolerations", "moverVolumes"),
)
# With what is put behind it, and with `volsync-dst-` and `-cache`, a name of at most 253 characters.
_LONGEST_BASE = 190
_LONGEST_NAME = 253
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_BOUND = ("pv.kubernetes.io/", "volume.kubernetes.io/", "volume.beta.kubernetes.io/")
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_PROVISIONERS = ("volume.kubernetes.io/storage-provisioner", "volume.beta.kubernetes.io/storage-provisioner")
_DEFAULT_CLASS = "snapshot.storage.kubernetes.io/is-default-class"


@frozen
class Undo:
    """Whether a VolumeSnapshot can be taken: of which class, "" for the driver's own; or why there is none."""

    can: bool
    class_name: str = ""
    why: str = ""
    # Whether anything is there that could be lost.
    wanted: bool = True


def stamped(base: str, word: str, now: datetime) -> str:
    """Return a name that says what is made and when."""
    return f"{base[:_LONGEST_BASE].rstrip('-.')}-{word}-{now:%Y%m%dt%H%M%S}z"


def new_claim(
    name: str, namespace: str, source: Object, claim: Object | None, size: str, storage_class: str
) -> Object | None:
    """Return a claim like the one that is backed up; None if nobody knows how large it has to be."""
    restic = mapping(source, "spec", "restic")
    spec = mapping((claim or {}).get("spec"))
    wanted = size or _larger(
        mapping(spec, "resources", "requests").get("storage"),
        mapping((claim or {}).get("status"), "capacity").get("storage"),
    )
    wanted = wanted or str(restic.get("capacity") or "")
    if not wanted:
        return None
    made: Object = {
        "accessModes": spec.get("accessModes") or restic.get("accessModes") or ["ReadWriteOnce"],
        "resources": {"requests": {"storage": wanted}},
    }
    class_name = storage_class or spec.get("storageClassName") or restic.get("storageClassName")
    if class_name:
        made["storageClassName"] = class_name
    return _object(PVCS, name, namespace, made)


def destination(
    name: str, namespace: str, source: Object, claim: str, point: Point, include: Sequence[str], *, deletes: bool
) -> Object:
    """Return the destination that restores straight into a claim, and never takes "no snapshot" for success."""
    given = mapping(source, "spec", "restic")
    restic: Object = {key: given[key] for key in TAKEN if given.get(key) is not None}
    restic |= {"copyMethod": "Direct", "destinationPVC": claim, "cleanupCachePVC": True, "onMissingSnapshot": "Fail"}
    restic |= point.fields()
    if include:
        restic["include"] = list(include)
    if deletes:
        restic["enableFileDeletion"] = True
    made = _object(REPLICATION_DESTINATIONS, name, namespace, {"trigger": {"manual": name}, "restic": restic})
    if point.newest:
        made["metadata"]["annotations"] = {str(Annotation.ASKED_NEWEST): "true"}
    return made


def is_of_newest(destination: Object) -> bool:
    """Return whether it was the newest snapshot that was asked for, whichever that was then."""
    return bool((destination["metadata"].get("annotations") or {}).get(Annotation.ASKED_NEWEST))


def same_restore(one: Object, other: Object) -> bool:
    """Return whether two destinations bring back the same into the same claim; the newest is the same for both."""
    keys = ["repository", "destinationPVC", "include", "enableFileDeletion"]
    newest = [is_of_newest(obj) for obj in (one, other)]
    if newest[0] != newest[1]:
        return False
    if not newest[0]:
        keys += ["snapshot", "previous", "restoreAsOf"]
    ones, others = (mapping(obj, "spec", "restic") for obj in (one, other))
    return all((ones.get(key) or None) == (others.get(key) or None) for key in keys)


def undo_snapshot(name: str, namespace: str, claim: str, undo: Undo) -> Object:
    """Return the VolumeSnapshot that is taken of a claim before anything is restored into it."""
    spec: Object = {"source": {"persistentVolumeClaimName": claim}}
    if undo.class_name:
        spec["volumeSnapshotClassName"] = undo.class_name
    return _object(VOLUME_SNAPSHOTS, name, namespace, spec)


def undo_of(claim: Object, classes: Sequence[Object] | KubeError, wanted: str) -> Undo:
    """Return whether a claim can be snapshotted; classes that may not be read leave it to be found out."""
    if isinstance(classes, NotFound):
        return Undo(False, why="this cluster has no VolumeSnapshots")
    annotations = claim["metadata"].get("annotations") or {}
    driver = next((str(annotations[key]) for key in _PROVISIONERS if annotations.get(key)), "")
    if isinstance(classes, KubeError) or not driver:
        why = "you may not read VolumeSnapshotClasses" if isinstance(classes, Forbidden) else "its driver is not known"
        return Undo(True, wanted, f"{why}, so whether one can be taken is found out before anything is overwritten")
    fitting = {str(one["metadata"]["name"]): one for one in classes if one.get("driver") == driver}
    if not fitting:
        return Undo(False, why=f"the driver {driver} has no VolumeSnapshotClass")
    default = [name for name, one in fitting.items() if _is_default(one)]
    return Undo(True, wanted if wanted in fitting else min(default or fitting))


def undo_taken(snapshot: Object | None, claim: str) -> Undo:
    """Return the undo of a restore that was begun before: what was taken then, if it can be used."""
    if snapshot is None:
        return Undo(False, why="the restore was begun before, and there is no VolumeSnapshot of it")
    name = snapshot["metadata"]["name"]
    if mapping(snapshot, "spec", "source").get("persistentVolumeClaimName") != claim:
        return Undo(False, why=f"the VolumeSnapshot {name} is not of the claim {claim}")
    if mapping(snapshot, "status").get("readyToUse") is not True:
        return Undo(False, why=f"the restore was begun before, and its VolumeSnapshot {name} is not ready")
    return Undo(True)


def half_restored(claim: Object | None) -> str:
    """Return which restore has left a claim half restored, "" if none; ValueError says that nobody can know."""
    found = ((claim or {}).get("metadata") or {}).get("annotations") or {}
    name = str(found.get(Annotation.HALF_RESTORED) or "")
    if name and (len(name) > _LONGEST_NAME or not _NAME.fullmatch(name)):
        raise ValueError(f"its annotation {Annotation.HALF_RESTORED} is no name of a restore")
    return name


def claim_again(claim: Object, snapshot: str) -> str:
    """Return the claim as it would be created anew from a snapshot, as a word for a shell."""
    spec = claim["spec"]
    kept = {key: spec[key] for key in ("accessModes", "storageClassName", "resources", "volumeMode") if spec.get(key)}
    capacity = mapping(claim, "status", "capacity").get("storage")
    # Of a volume that was expanded, a snapshot fits into nothing smaller.
    larger = _larger(mapping(spec, "resources", "requests").get("storage"), capacity)
    if larger:
        kept["resources"] = {"requests": {"storage": larger}}
    kept["dataSource"] = {"apiGroup": VOLUME_SNAPSHOTS.group, "kind": VOLUME_SNAPSHOTS.kind, "name": snapshot}
    meta: Object = {"name": claim["metadata"]["name"], "namespace": claim["metadata"]["namespace"]}
    if claim["metadata"].get("labels"):
        meta["labels"] = claim["metadata"]["labels"]
    annotations = {
        key: value
        for key, value in (claim["metadata"].get("annotations") or {}).items()
        if not key.startswith(_BOUND) and key not in (_APPLIED, Annotation.HALF_RESTORED)
    }
    if annotations:
        meta["annotations"] = annotations
    made = {"apiVersion": PVCS.api_version, "kind": PVCS.kind, "metadata": meta, "spec": kept}
    return shlex.quote(json.dumps(made, separators=(",", ":")))


def _object(resource: Any, name: str, namespace: str, spec: Object) -> Object:
    labels = {str(Label.RESTORE): RESTORE_OPEN}
    meta = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": meta, "spec": spec}


def _is_default(snapshot_class: Object) -> bool:
    return (snapshot_class["metadata"].get("annotations") or {}).get(_DEFAULT_CLASS) == "true"


def _larger(*quantities: Any) -> str:
    """Return the largest of quantities as it is written, "" if there is none."""
    found = []
    for one in quantities:
        try:
            found.append((parse_quantity(one), str(one)))
        except ValueError:
            continue
    return max(found)[1] if found else ""
