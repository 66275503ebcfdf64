"""Claims and volumes: binding, provisioning, expansion, protection and reclaiming.

Guarantees: the visible steps of the PV controller, the external provisioner and the resizer. A volume is a
folder under `<state>/volumes`, filled completely before its claim is bound. What it is filled from is said by
`volume_sources`; what a snapshot is, `snapshots` knows.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define, field

from hack.devcluster.api.defaults import DEFAULT_CLASS
from hack.devcluster.api.objects import Object
from hack.devcluster.api.quantities import quantity_bytes
from hack.devcluster.common.context import Context, is_deleted, key_of
from hack.devcluster.common.options import PROVISIONER
from hack.devcluster.common.work_queue import Key, WorkQueue
from hack.devcluster.control.claim_index import VOLUME_KEY, ClaimIndex
from hack.devcluster.control.volume_sources import (
    PV_PROTECTION,
    Waiting,
    claim_reference,
    class_of,
    new_volume,
    note_provisioner,
    source_of,
    static_volume,
)
from hack.devcluster.node.pods import claims_of
from hack.devcluster.node.runtime_client import RuntimeClient

SIZE_ENFORCED = "devcluster/size-enforced"
_PVC_PROTECTION = "kubernetes.io/pvc-protection"
_SELECTED_NODE = "volume.kubernetes.io/selected-node"
_BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
_COMPONENT = "devcluster.csi_provisioner"
_ENDED = ("Succeeded", "Failed")
_COPY_SECONDS = 600.0


@define
class Knobs:
    """Faults of the storage system."""

    refuse_provisioning: str = ""
    full: set[str] = field(factory=set)


class Storage:
    """The controllers of claims and volumes; keys are (namespace, claim) and ("", volume)."""

    def __init__(self, context: Context, runtime: RuntimeClient) -> None:
        self._context = context
        self._runtime = runtime
        self.knobs = Knobs()
        self._index = ClaimIndex()
        # Copies wait for the runtime; three at a time leave the binding of other claims going.
        self.work = WorkQueue("storage", self._reconcile, workers=3)

    def install(self) -> None:
        """Create the StorageClasses."""
        for name, mode in (("dev", "Immediate"), ("dev-wait", "WaitForFirstConsumer")):
            self._context.create_once(
                "storageclasses",
                {
                    "apiVersion": "storage.k8s.io/v1",
                    "kind": "StorageClass",
                    "metadata": {
                        "name": name,
                        "annotations": {DEFAULT_CLASS: "true"} if name == "dev" else {},
                    },
                    "provisioner": PROVISIONER,
                    "reclaimPolicy": "Delete",
                    "volumeBindingMode": mode,
                    "allowVolumeExpansion": True,
                },
            )

    def on_change(self, plural: str, obj: Object) -> None:
        """Take notice of a claim, a volume, a pod that uses claims, or what a claim may wait for."""
        if plural == "persistentvolumeclaims":
            self._add(self._index.see_claim(obj))
        elif plural == "persistentvolumes":
            self._add(self._index.see_volume(obj))
        elif plural == "volumesnapshots":
            self._add(self._index.see_snapshot(obj))
        elif plural == "storageclasses":
            self.wake()
        elif plural == "pods" and _lets_go(obj):
            for name in claims_of(obj):
                self.work.add(obj["metadata"]["namespace"], name)

    def wake(self) -> None:
        """Look at all claims that wait, because a fault or a class has changed."""
        self._add(self._index.pending())

    def _add(self, keys: Iterable[Key]) -> None:
        for key in keys:
            self.work.add(*key)

    def _reconcile(self, key: Key) -> float | None:
        namespace, name = key
        if namespace == VOLUME_KEY:
            self._reclaim(name)
            return None
        claim = self._context.get("persistentvolumeclaims", namespace, name)
        if claim is None:
            self._index.forget_claim(key)
            return None
        if is_deleted(claim):
            if not self._in_use(claim):
                self._context.set_finalizer("persistentvolumeclaims", claim, _PVC_PROTECTION, present=False)
            return None
        self._context.set_finalizer("persistentvolumeclaims", claim, _PVC_PROTECTION, present=True)
        if claim["spec"].get("volumeName"):
            self._keep(claim)
            return None
        return self._bind(claim)

    def _in_use(self, claim: Object) -> bool:
        namespace, name = key_of(claim)
        pods = self._context.list("pods", namespace)
        return any(
            name in claims_of(pod)
            for pod in pods
            if pod["spec"].get("nodeName") and (pod.get("status") or {}).get("phase") not in _ENDED
        )

    def _bind(self, claim: Object) -> float | None:
        if not (claim.get("status") or {}).get("phase"):
            self._context.set_status("persistentvolumeclaims", claim, {"phase": "Pending"})
        volume = self._reserved(claim) or static_volume(self._context, claim)
        try:
            if volume is None:
                volume = self._provision(claim)
        except Waiting as waiting:
            self._context.record(claim, waiting.type, waiting.reason, waiting.message, _COMPONENT)
            return self._context.options.volume_retry_seconds if waiting.retry else None
        if volume is not None:
            self._marry(claim, volume)
        return None

    def _reserved(self, claim: Object) -> Object | None:
        """Find a volume whose claimRef names this claim."""
        for name in self._index.volumes_for(key_of(claim)):
            volume = self._context.get("persistentvolumes", "", name)
            if volume is None:
                continue
            reference = volume["spec"].get("claimRef") or {}
            same_name = (reference.get("namespace"), reference.get("name")) == key_of(claim)
            if same_name and reference.get("uid", claim["metadata"]["uid"]) == claim["metadata"]["uid"]:
                return volume
        return None

    def _provision(self, claim: Object) -> Object | None:
        storage_class = class_of(self._context, claim)
        if storage_class is None or storage_class["provisioner"] != PROVISIONER:
            return None
        annotations = claim["metadata"].get("annotations") or {}
        if storage_class.get("volumeBindingMode") == "WaitForFirstConsumer" and _SELECTED_NODE not in annotations:
            raise Waiting("WaitForFirstConsumer", "waiting for first consumer to be created before binding")
        source = source_of(self._context, claim)
        if self.knobs.refuse_provisioning:
            message = f'failed to provision volume with StorageClass "{storage_class["metadata"]["name"]}": '
            raise Waiting("ProvisioningFailed", message + self.knobs.refuse_provisioning, "Warning")
        note_provisioner(self._context, claim)
        name = f"pvc-{claim['metadata']['uid']}"
        size = quantity_bytes(claim["spec"]["resources"]["requests"]["storage"])
        path = self._context.state / "volumes" / name
        enforced = annotations.get(SIZE_ENFORCED) == "true"
        try:
            if not path.exists():
                self._fill(str(path), source, size if enforced else 0)
        except OSError as error:
            raise Waiting("ProvisioningFailed", str(error), "Warning", retry=True) from error
        return self._context.create_once("persistentvolumes", new_volume(claim, name, storage_class))

    def _fill(self, path: str, source: str | None, size_bytes: int) -> None:
        """Make the volume's folder; when this fails, there is none."""
        if source is None:
            self._runtime.call("make_volume", path=path, size_bytes=size_bytes)
        elif size_bytes:
            sized = {"source": source, "target": path, "size_bytes": size_bytes}
            self._runtime.call("copy_into_sized", timeout_seconds=_COPY_SECONDS, **sized)
        else:
            self._runtime.call("copy_volume", source=source, target=path, timeout_seconds=_COPY_SECONDS)

    def _marry(self, claim: Object, volume: Object) -> None:
        """Point volume and claim at each other."""

        def reserve(current: Object) -> None:
            reference = current["spec"].setdefault("claimRef", {})
            reference |= claim_reference(claim)

        def bind(current: Object) -> None:
            annotations = current["metadata"].setdefault("annotations", {})
            annotations |= {_BIND_COMPLETED: "yes", "pv.kubernetes.io/bound-by-controller": "yes"}
            current["spec"]["volumeName"] = volume["metadata"]["name"]

        registry, resources = self._context.registry, self._context.resources
        registry.modify(resources["persistentvolumes"], "", volume["metadata"]["name"], reserve)
        fresh = registry.modify(resources["persistentvolumeclaims"], *key_of(claim), bind)
        if fresh is not None:
            self._keep(fresh)

    def _keep(self, claim: Object) -> None:
        """Show a claim with a volume as bound, expanded or lost."""
        volume = self._context.get("persistentvolumes", "", claim["spec"]["volumeName"])
        status = {**(claim.get("status") or {})}
        if volume is None or volume["spec"].get("claimRef", {}).get("uid", "") not in (
            "",
            claim["metadata"]["uid"],
        ):
            # A claim with a preset volumeName may come before its volume; one that had a volume has lost it.
            phase = "Lost" if _BIND_COMPLETED in (claim["metadata"].get("annotations") or {}) else "Pending"
            self._context.set_status("persistentvolumeclaims", claim, {**status, "phase": phase})
            return
        if volume["spec"].get("claimRef", {}).get("uid") != claim["metadata"]["uid"]:
            self._marry(claim, volume)
            return
        volume = self._expand(claim, volume)
        status |= {"phase": "Bound", "accessModes": claim["spec"]["accessModes"]}
        status["capacity"] = {"storage": volume["spec"]["capacity"]["storage"]}
        self._context.set_status("persistentvolumes", volume, {**(volume.get("status") or {}), "phase": "Bound"})
        self._context.set_status("persistentvolumeclaims", claim, status)

    def _expand(self, claim: Object, volume: Object) -> Object:
        wanted = claim["spec"]["resources"]["requests"]["storage"]
        size = quantity_bytes(wanted)
        if size <= quantity_bytes(volume["spec"]["capacity"]["storage"]):
            return volume
        found = self._context.get("storageclasses", "", claim["spec"].get("storageClassName") or "")
        if found is None or not found.get("allowVolumeExpansion"):
            return volume
        name = volume["metadata"]["name"]
        if (claim["metadata"].get("annotations") or {}).get(SIZE_ENFORCED) == "true" and name not in self.knobs.full:
            path = str(self._context.state / "volumes" / name)
            self._runtime.call("resize_volume", path=path, size_bytes=size)

        def change(current: Object) -> None:
            current["spec"]["capacity"] = {"storage": wanted}

        fresh = self._context.registry.modify(self._context.resources["persistentvolumes"], "", name, change)
        message = "Resize volume succeeded"
        self._context.record(claim, "Normal", "VolumeResizeSuccessful", message, "external-resizer")
        return fresh or volume

    def _reclaim(self, name: str) -> None:
        volume = self._context.get("persistentvolumes", "", name)
        if volume is None:
            self._index.forget_volume(name)
            return
        reference = volume["spec"].get("claimRef")
        if reference is None or not reference.get("uid"):
            phase = "Available"
        else:
            claim = self._context.get("persistentvolumeclaims", reference["namespace"], reference["name"])
            there = claim is not None and claim["metadata"]["uid"] == reference["uid"]
            phase = "Bound" if there else "Released"
        if phase != "Bound" and is_deleted(volume):
            self._remove(volume)
            return
        if not is_deleted(volume):
            self._context.set_status("persistentvolumes", volume, {**(volume.get("status") or {}), "phase": phase})
        provisioned = (volume["metadata"].get("annotations") or {}).get("pv.kubernetes.io/provisioned-by")
        deletes = volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete"
        if phase == "Released" and deletes and provisioned == PROVISIONER:
            self._context.delete("persistentvolumes", volume)
            self._remove(volume)

    def _remove(self, volume: Object) -> None:
        name = volume["metadata"]["name"]
        if volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete":
            path = str(self._context.state / "volumes" / name)
            self._runtime.call("remove_volume", path=path, timeout_seconds=600.0)
        fresh = self._context.get("persistentvolumes", "", name)
        if fresh is not None:
            self._context.set_finalizer("persistentvolumes", fresh, PV_PROTECTION, present=False)

    def fill(self, namespace: str, name: str, *, full: bool) -> None:
        """Leave a claim's volume without free space, or give it back; only where sizes are enforced."""
        claim = self._context.get("persistentvolumeclaims", namespace, name)
        if claim is None or not claim["spec"].get("volumeName"):
            raise ValueError(f"claim {namespace}/{name} is not bound")
        if (claim["metadata"].get("annotations") or {}).get(SIZE_ENFORCED) != "true":
            raise ValueError(f"claim {namespace}/{name} lacks the annotation {SIZE_ENFORCED}")
        volume = claim["spec"]["volumeName"]
        size = 0 if full else quantity_bytes(claim["status"]["capacity"]["storage"])
        self._runtime.call("resize_volume", path=str(self._context.state / "volumes" / volume), size_bytes=size)
        (self.knobs.full.add if full else self.knobs.full.discard)(volume)


def _lets_go(pod: Object) -> bool:
    """Return whether a pod uses its claims no longer, or soon; one that has no time to end is gone without a mark."""
    at_once = pod["metadata"].get("deletionGracePeriodSeconds") == 0
    return at_once or is_deleted(pod) or (pod.get("status") or {}).get("phase") in _ENDED
