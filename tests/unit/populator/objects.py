"""What decisions about a claim that is filled are tried on, and how they are told in short words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from volsync_py.core.actions import Action, Create, Delete, Event, Patch
from volsync_py.core.merge import merged
from volsync_py.populator.decide import decide
from volsync_py.populator.step import Step
from volsync_py.populator.view import PopulatorView

Object = dict[str, Any]
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
JUST_NOW, LONG_AGO = "2026-11-24T11:59:55Z", "2026-11-24T11:00:00Z"
UID = "bd21a4f0-c487-4ab0-9092-9760d006b3e4"
TEMPORARY = f"vs-prime-{UID}"
IN_USE = f"volsync.backube/volpop-pvc-{UID}"
KEEP = "volsync.backube/do-not-delete"
FOR = "volsync.backube/populator-pvc-for"
NODE = "volume.kubernetes.io/selected-node"
OURS = {"app.kubernetes.io/created-by": "volsync"}
SNAPSHOT_GROUP = "snapshot.storage.k8s.io"
LATEST = {"apiGroup": SNAPSHOT_GROUP, "kind": "VolumeSnapshot", "name": "image"}


def _meta(name: str, uid: str, **more: Any) -> Object:
    return {"name": name, "namespace": "ns", "uid": uid, "resourceVersion": "7", "creationTimestamp": JUST_NOW, **more}


def claim(name: str = "app", uid: str = UID, *, destination: str = "restore", **changes: Any) -> Object:
    source = {"apiGroup": "volsync.backube", "kind": "ReplicationDestination", "name": destination}
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
        "storageClassName": "fast",
        "volumeMode": "Filesystem",
        "dataSourceRef": source,
    }
    one = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": _meta(name, uid), "spec": spec}
    return merged({**one, "status": {"phase": "Pending"}}, changes)


def bound(volume: str = "pv", **changes: Any) -> Object:
    return merged(claim(spec={"volumeName": volume}, status={"phase": "Bound"}), changes)


def owner_of_temporary(uid: str = UID) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "name": "app",
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def temporary(source: str = "image", **changes: Any) -> Object:
    spec = {**claim()["spec"], "dataSourceRef": {**LATEST, "name": source}}
    meta = _meta(TEMPORARY, "t", labels={**OURS, FOR: "app"}, ownerReferences=[owner_of_temporary()])
    one = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": spec}
    return merged({**one, "status": {"phase": "Pending"}}, changes)


def provisioned(**changes: Any) -> Object:
    return temporary(spec={"volumeName": "pv"}, status={"phase": "Bound"}, **changes)


def volume(uid: str = "t", **changes: Any) -> Object:
    annotations = {"pv.kubernetes.io/provisioned-by": "driver"}
    meta = {"name": "pv", "uid": "v", "resourceVersion": "9", "creationTimestamp": JUST_NOW, "annotations": annotations}
    spec = {"claimRef": {"kind": "PersistentVolumeClaim", "namespace": "ns", "name": "any", "uid": uid}}
    return merged({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": meta, "spec": spec}, changes)


OF_DESTINATION = {"kind": "ReplicationDestination", "name": "restore", "uid": "d", "controller": True}
OF_TEMPORARY = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "name": TEMPORARY, "uid": "t"}


def snapshot(
    *owners: Object, name: str = "image", labels: dict[str, str] | None = None, ours: bool = True, **changes: Any
) -> Object:
    meta = _meta(name, f"s-{name}", labels={**(OURS if ours else {}), **(labels or {})}, ownerReferences=list(owners))
    status = {"boundVolumeSnapshotContentName": "c", "readyToUse": True, "restoreSize": "1Gi"}
    one = {"apiVersion": f"{SNAPSHOT_GROUP}/v1", "kind": "VolumeSnapshot", "metadata": meta, "status": status}
    return merged(one, changes)


def destination(latest: Object | None = LATEST, **changes: Any) -> Object:
    status = {"latestImage": latest} if latest else {}
    one = {
        "apiVersion": "volsync.backube/v1alpha1",
        "kind": "ReplicationDestination",
        "metadata": _meta("restore", "d"),
    }
    return merged({**one, "status": status}, changes)


def storage_class(mode: str = "Immediate", provisioner: str = "driver") -> Object:
    return {"metadata": {"name": "fast"}, "provisioner": provisioner, "volumeBindingMode": mode}


def step_on(**seen: Any) -> Step:
    """Decide; `volume` is what a read of the volume answers, snapshots are given as a list."""
    found = seen.pop("volume", None)
    snapshots = {one["metadata"]["name"]: one for one in seen.pop("snapshots", [])}
    seen.setdefault("storage_class", storage_class())
    view = PopulatorView(now=NOW, namespace="ns", uid=UID, snapshots=snapshots, **seen)
    return decide(view, lambda reads: dict.fromkeys(reads, found))


def words(actions: tuple[Action, ...]) -> list[str]:
    """Tell actions in short words."""
    return [_words(action) for action in actions]


def _words(action: Action) -> str:
    if isinstance(action, Create):
        return f"create {action.object['metadata']['name']}"
    if isinstance(action, Delete):
        return f"delete {action.ref.name}" + (" as seen" if action.resource_version else "")
    if isinstance(action, Event):
        return action.reason.removeprefix("VolSyncPopulator")
    assert isinstance(action, Patch)
    meta, spec = action.changes.get("metadata", {}), action.changes.get("spec", {})
    said = [f"{'unlabel' if value is None else 'label'}" for value in meta.get("labels", {}).values()]
    if "ownerReferences" in meta:
        said.append("owned by " + ("+".join(one["uid"] for one in meta["ownerReferences"] or []) or "nobody"))
    said += ["node " + value for key, value in meta.get("annotations", {}).items() if key == NODE]
    said += ["give to " + spec["claimRef"]["name"]] if "claimRef" in spec else []
    return f"{action.ref.name}: {', '.join(said)}"
