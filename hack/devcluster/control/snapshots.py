"""VolumeSnapshots: what the snapshot controller and the CSI snapshotter show, over copied folders.

Guarantees: a snapshot is the content at the moment it was taken, whole, under `<state>/snapshots/<content>`;
it is ready only after its copy and the delay asked for. Delay, never ready and error are knobs.
"""

from __future__ import annotations

import time

from attrs import define

from hack.devcluster.api.objects import Object
from hack.devcluster.api.times import now
from hack.devcluster.common.context import Context, is_deleted, key_of
from hack.devcluster.common.options import PROVISIONER
from hack.devcluster.common.work_queue import Key, WorkQueue
from hack.devcluster.node.runtime_client import RuntimeClient

_API = "snapshot.storage.k8s.io/v1"
_DEFAULT_CLASS = "snapshot.storage.kubernetes.io/is-default-class"
_BOUND = "snapshot.storage.kubernetes.io/volumesnapshot-bound-protection"
_CONTENT = "snapshot.storage.kubernetes.io/volumesnapshotcontent-bound-protection"
_COMPONENT = "snapshot-controller"
_CONTENT_KEY = ""


@define
class Knobs:
    """Faults of the snapshotter."""

    delay_seconds: float = 0.0
    never_ready: bool = False
    error: str = ""


class Snapshots:
    """The controller; keys are (namespace, snapshot) and ("", content)."""

    def __init__(self, context: Context, runtime: RuntimeClient) -> None:
        self._context = context
        self._runtime = runtime
        self.knobs = Knobs()
        self._taken_at: dict[str, float] = {}
        # Snapshots by the claim they wait for.
        self._waiting: dict[Key, set[Key]] = {}
        self.work = WorkQueue("snapshots", self._reconcile, workers=2)

    def install(self) -> None:
        """Create the VolumeSnapshotClass."""
        self._context.create_once(
            "volumesnapshotclasses",
            {
                "apiVersion": _API,
                "kind": "VolumeSnapshotClass",
                "metadata": {"name": "dev", "annotations": {_DEFAULT_CLASS: "true"}},
                "driver": PROVISIONER,
                "deletionPolicy": "Delete",
            },
        )

    def on_change(self, plural: str, obj: Object) -> None:
        """Take notice of a snapshot, a content, or a claim that a snapshot may wait for."""
        if plural == "volumesnapshots":
            self.work.add(*key_of(obj))
            self.work.add(_CONTENT_KEY, _content_name(obj))
        elif plural == "volumesnapshotcontents":
            self.work.add(_CONTENT_KEY, obj["metadata"]["name"])
        elif plural == "persistentvolumeclaims":
            for key in self._waiting.pop(key_of(obj), ()):
                self.work.add(*key)

    def wake(self) -> None:
        """Look at everything again, after a fault has changed."""
        for snapshot in self._context.list("volumesnapshots"):
            self.work.add(*key_of(snapshot))

    def _reconcile(self, key: Key) -> float | None:
        namespace, name = key
        if namespace == _CONTENT_KEY:
            self._remove_content(name)
            return None
        snapshot = self._context.get("volumesnapshots", namespace, name)
        if snapshot is None:
            return None
        if is_deleted(snapshot):
            self._context.set_finalizer("volumesnapshots", snapshot, _BOUND, present=False)
            return None
        if (snapshot.get("status") or {}).get("readyToUse"):
            return None
        self._context.set_finalizer("volumesnapshots", snapshot, _BOUND, present=True)
        return self._take(snapshot)

    def _take(self, snapshot: Object) -> float | None:
        status: Object = {"readyToUse": False, **(snapshot.get("status") or {})}
        problem = self.knobs.error
        claim, snapshot_class = self._claim(snapshot), self._class(snapshot)
        if not problem and claim is None:
            source = snapshot["spec"]["source"].get("persistentVolumeClaimName", "")
            metadata = snapshot["metadata"]
            where = f"{metadata['namespace']}/{source}"
            problem = f"failed to get input parameters to create snapshot {metadata['name']}: PVC {where} not bound"
        if not problem and snapshot_class is None:
            problem = "Failed to get snapshot class: class not found"
        if problem or claim is None or snapshot_class is None:
            self._fail(snapshot, status, problem)
            return None
        content = self._content(snapshot, claim, snapshot_class)
        name = content["metadata"]["name"]
        error = self._copy(claim, name)
        if error:
            self._fail(snapshot, status, error)
            return self._context.options.volume_retry_seconds
        status.pop("error", None)
        status.setdefault("boundVolumeSnapshotContentName", name)
        status.setdefault("creationTime", now())
        status["restoreSize"] = claim["status"]["capacity"]["storage"]
        self._taken_at.setdefault(name, time.monotonic())
        left = self._taken_at[name] + self.knobs.delay_seconds - time.monotonic()
        status["readyToUse"] = left <= 0 and not self.knobs.never_ready
        self._context.set_status("volumesnapshotcontents", content, _content_status(name, status))
        self._context.set_status("volumesnapshots", snapshot, status)
        if status["readyToUse"]:
            self._taken_at.pop(name)
            message = f"Snapshot {'/'.join(key_of(snapshot))} is ready to use."
            self._context.record(snapshot, "Normal", "SnapshotReady", message, _COMPONENT)
        return left if left > 0 else None

    def _fail(self, snapshot: Object, status: Object, problem: str) -> None:
        if (status.get("error") or {}).get("message") == problem:
            return
        status["error"] = {"message": problem, "time": now()}
        self._context.set_status("volumesnapshots", snapshot, status)
        self._context.record(snapshot, "Warning", "SnapshotCreationFailed", problem, _COMPONENT)

    def _claim(self, snapshot: Object) -> Object | None:
        name = snapshot["spec"]["source"].get("persistentVolumeClaimName", "")
        # Noted before the look, so that no change falls between the two.
        self._waiting.setdefault((snapshot["metadata"]["namespace"], name), set()).add(key_of(snapshot))
        claim = self._context.get("persistentvolumeclaims", snapshot["metadata"]["namespace"], name)
        bound = claim is not None and (claim.get("status") or {}).get("phase") == "Bound"
        return claim if bound else None

    def _class(self, snapshot: Object) -> Object | None:
        name = snapshot["spec"].get("volumeSnapshotClassName")
        if name:
            return self._context.get("volumesnapshotclasses", "", name)
        for found in self._context.list("volumesnapshotclasses"):
            if (found["metadata"].get("annotations") or {}).get(_DEFAULT_CLASS) == "true":
                chosen = found["metadata"]["name"]

                def change(current: Object, chosen: str = chosen) -> None:
                    current["spec"]["volumeSnapshotClassName"] = chosen

                self._context.registry.modify(self._context.resources["volumesnapshots"], *key_of(snapshot), change)
                return found
        return None

    def _content(self, snapshot: Object, claim: Object, snapshot_class: Object) -> Object:
        name = _content_name(snapshot)
        metadata = snapshot["metadata"]
        wanted = {
            "apiVersion": _API,
            "kind": "VolumeSnapshotContent",
            "metadata": {"name": name, "finalizers": [_CONTENT]},
            "spec": {
                "deletionPolicy": snapshot_class.get("deletionPolicy", "Delete"),
                "driver": PROVISIONER,
                "source": {"volumeHandle": claim["spec"]["volumeName"]},
                "volumeSnapshotClassName": snapshot_class["metadata"]["name"],
                "volumeSnapshotRef": {
                    "apiVersion": _API,
                    "kind": "VolumeSnapshot",
                    "namespace": metadata["namespace"],
                    "name": metadata["name"],
                    "uid": metadata["uid"],
                },
            },
        }
        return self._context.create_once("volumesnapshotcontents", wanted) or wanted

    def _copy(self, claim: Object, name: str) -> str:
        target = self._context.state / "snapshots" / name
        if target.exists():
            return ""
        source = self._context.state / "volumes" / claim["spec"]["volumeName"]
        try:
            self._runtime.call("copy_volume", source=str(source), target=str(target), timeout_seconds=600.0)
        except OSError as error:
            return str(error)
        return ""

    def _remove_content(self, name: str) -> None:
        content = self._context.get("volumesnapshotcontents", "", name)
        if content is None:
            return
        reference = content["spec"]["volumeSnapshotRef"]
        snapshot = self._context.get("volumesnapshots", reference["namespace"], reference["name"])
        there = snapshot is not None and snapshot["metadata"]["uid"] == reference["uid"]
        if there:
            return
        deletes = content["spec"].get("deletionPolicy") == "Delete"
        if deletes and not is_deleted(content):
            self._context.delete("volumesnapshotcontents", content)
        elif not is_deleted(content):
            return
        if deletes:
            path = str(self._context.state / "snapshots" / name)
            self._runtime.call("remove_volume", path=path, timeout_seconds=600.0)
        fresh = self._context.get("volumesnapshotcontents", "", name)
        if fresh is not None:
            self._context.set_finalizer("volumesnapshotcontents", fresh, _CONTENT, present=False)


def _content_name(snapshot: Object) -> str:
    return f"snapcontent-{snapshot['metadata']['uid']}"


def _content_status(name: str, status: Object) -> Object:
    return {"readyToUse": status["readyToUse"], "snapshotHandle": name, "creationTime": time.time_ns()}
