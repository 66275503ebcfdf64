"""Claims and volumes: binding, provisioning, expansion, protection and reclaiming.

Guarantees: the visible steps of the PV controller, the external provisioner and the resizer. A volume is a
folder under `<state>/volumes`, filled completely before its claim is bound. Reads snapshots and source claims
as objects; what a snapshot is, `snapshots` knows.
"""

from __future__ import annotations

from attrs import define, field

from hack.devcluster.context import Context, Object, is_deleted, key_of
from hack.devcluster.keyed import Key, Keyed
from hack.devcluster.mounts import quantity_bytes
from hack.devcluster.options import NODE_NAME, PROVISIONER
from hack.devcluster.runtime_client import RuntimeClient

SIZE_ENFORCED = "devcluster/size-enforced"
_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_PVC_PROTECTION, _PV_PROTECTION = "kubernetes.io/pvc-protection", "kubernetes.io/pv-protection"
_SELECTED_NODE = "volume.kubernetes.io/selected-node"
_COMPONENT = "devcluster.csi_provisioner"
_ENDED = ("Succeeded", "Failed")
_VOLUME_KEY = ""


class Waiting(Exception):
    """The claim cannot be provisioned yet; reason and message of the event that says so."""

    def __init__(self, reason: str, message: str, type_: str = "Normal") -> None:
        super().__init__(message)
        self.reason, self.message, self.type = reason, message, type_


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
        # Copies wait for the runtime; three at a time leave the binding of other claims going.
        self.work = Keyed("storage", self._reconcile, workers=3)

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
                        "annotations": {_DEFAULT_CLASS: "true"} if name == "dev" else {},
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
            self.work.add(*key_of(obj))
            if obj["spec"].get("volumeName"):
                self.work.add(_VOLUME_KEY, obj["spec"]["volumeName"])
            self._wake_pending()
        elif plural == "persistentvolumes":
            self.work.add(_VOLUME_KEY, obj["metadata"]["name"])
            claim = obj["spec"].get("claimRef")
            if claim:
                self.work.add(claim["namespace"], claim["name"])
            else:
                self._wake_pending()
        elif plural == "pods":
            if is_deleted(obj) or (obj.get("status") or {}).get("phase") in _ENDED:
                for name in _claims_of(obj):
                    self.work.add(obj["metadata"]["namespace"], name)
        elif plural in ("volumesnapshots", "storageclasses"):
            self._wake_pending()

    def wake(self) -> None:
        """Look at everything again, after a fault has gone."""
        self._wake_pending()

    def _wake_pending(self) -> None:
        for claim in self._context.list("persistentvolumeclaims"):
            if (claim.get("status") or {}).get("phase") != "Bound":
                self.work.add(*key_of(claim))

    def _reconcile(self, key: Key) -> float | None:
        namespace, name = key
        if namespace == _VOLUME_KEY:
            self._reclaim(name)
            return None
        claim = self._context.get("persistentvolumeclaims", namespace, name)
        if claim is None:
            return None
        if is_deleted(claim):
            if not self._in_use(claim):
                self._context.set_finalizer("persistentvolumeclaims", claim, _PVC_PROTECTION, present=False)
            return None
        self._context.set_finalizer("persistentvolumeclaims", claim, _PVC_PROTECTION, present=True)
        if claim["spec"].get("volumeName"):
            self._keep(claim)
        else:
            self._bind(claim)
        return None

    def _in_use(self, claim: Object) -> bool:
        namespace, name = key_of(claim)
        pods = self._context.list("pods", namespace)
        return any(
            name in _claims_of(pod)
            for pod in pods
            if pod["spec"].get("nodeName") and (pod.get("status") or {}).get("phase") not in _ENDED
        )

    def _bind(self, claim: Object) -> None:
        if not (claim.get("status") or {}).get("phase"):
            self._context.set_status("persistentvolumeclaims", claim, {"phase": "Pending"})
        volume = self._reserved(claim) or self._static(claim)
        try:
            if volume is None:
                volume = self._provision(claim)
        except Waiting as waiting:
            self._context.record(claim, waiting.type, waiting.reason, waiting.message, _COMPONENT)
            return
        if volume is not None:
            self._marry(claim, volume)

    def _reserved(self, claim: Object) -> Object | None:
        """Find a volume whose claimRef names this claim."""
        for volume in self._context.list("persistentvolumes"):
            reference = volume["spec"].get("claimRef") or {}
            same_name = (reference.get("namespace"), reference.get("name")) == key_of(claim)
            if same_name and reference.get("uid", claim["metadata"]["uid"]) == claim["metadata"]["uid"]:
                return volume
        return None

    def _static(self, claim: Object) -> Object | None:
        """Find a free volume of the claim's class, where nothing provisions it."""
        if claim["spec"].get("storageClassName") != "":
            return None
        wanted = quantity_bytes(claim["spec"]["resources"]["requests"]["storage"])
        for volume in self._context.list("persistentvolumes"):
            spec = volume["spec"]
            fits = quantity_bytes(spec["capacity"]["storage"]) >= wanted
            if not spec.get("claimRef") and not spec.get("storageClassName") and fits:
                return volume
        return None

    def _class_of(self, claim: Object) -> Object | None:
        name = claim["spec"].get("storageClassName")
        if name is None:
            return self._give_default_class(claim)
        if name == "":
            return None
        found = self._context.get("storageclasses", "", name)
        if found is None:
            raise Waiting("ProvisioningFailed", f'storageclass.storage.k8s.io "{name}" not found', "Warning")
        return found

    def _give_default_class(self, claim: Object) -> Object | None:
        for found in self._context.list("storageclasses"):
            if (found["metadata"].get("annotations") or {}).get(_DEFAULT_CLASS) == "true":
                name = found["metadata"]["name"]

                def change(current: Object, name: str = name) -> None:
                    current["spec"].setdefault("storageClassName", name)

                self._context.registry.modify(
                    self._context.resources["persistentvolumeclaims"], *key_of(claim), change
                )
                claim["spec"]["storageClassName"] = name
                return found
        return None

    def _provision(self, claim: Object) -> Object | None:
        storage_class = self._class_of(claim)
        if storage_class is None or storage_class["provisioner"] != PROVISIONER:
            return None
        annotations = claim["metadata"].get("annotations") or {}
        if (
            storage_class.get("volumeBindingMode") == "WaitForFirstConsumer"
            and _SELECTED_NODE not in annotations
        ):
            raise Waiting("WaitForFirstConsumer", "waiting for first consumer to be created before binding")
        source = self._source(claim)
        if self.knobs.refuse_provisioning:
            message = f'failed to provision volume with StorageClass "{storage_class["metadata"]["name"]}": '
            raise Waiting("ProvisioningFailed", message + self.knobs.refuse_provisioning, "Warning")
        self._note_provisioner(claim)
        name = f"pvc-{claim['metadata']['uid']}"
        size = quantity_bytes(claim["spec"]["resources"]["requests"]["storage"])
        path = self._context.state / "volumes" / name
        enforced = annotations.get(SIZE_ENFORCED) == "true"
        try:
            if not path.exists():
                if source is None or enforced:
                    self._runtime.call("make_volume", path=str(path), size_bytes=size if enforced else 0)
                if source is not None:
                    self._runtime.call("copy_volume", source=source, target=str(path), timeout_seconds=600.0)
        except OSError as error:
            raise Waiting("ProvisioningFailed", str(error), "Warning") from error
        return self._context.create_once("persistentvolumes", _volume(claim, name, storage_class))

    def _note_provisioner(self, claim: Object) -> None:
        def change(current: Object) -> None:
            annotations = current["metadata"].setdefault("annotations", {})
            for prefix in ("volume.kubernetes.io", "volume.beta.kubernetes.io"):
                annotations[f"{prefix}/storage-provisioner"] = PROVISIONER

        self._context.registry.modify(
            self._context.resources["persistentvolumeclaims"], *key_of(claim), change
        )

    def _source(self, claim: Object) -> str | None:
        """Find the folder to copy from; None for an empty volume."""
        source = claim["spec"].get("dataSourceRef") or claim["spec"].get("dataSource")
        if not source:
            return None
        namespace = claim["metadata"]["namespace"]
        group, kind, name = source.get("apiGroup") or "", source["kind"], source["name"]
        wanted = quantity_bytes(claim["spec"]["resources"]["requests"]["storage"])
        if (group, kind) == ("", "PersistentVolumeClaim"):
            return self._clone_source(namespace, name, wanted)
        if (group, kind) == ("snapshot.storage.k8s.io", "VolumeSnapshot"):
            return self._snapshot_source(namespace, name, wanted)
        message = f"Waiting for a volume to be created by the populator of {kind}.{group} {name}"
        raise Waiting("ExternalProvisioning", message)

    def _clone_source(self, namespace: str, name: str, wanted: int) -> str:
        source = self._context.get("persistentvolumeclaims", namespace, name)
        if source is None or (source.get("status") or {}).get("phase") != "Bound" or is_deleted(source):
            message = f"error getting handle for DataSource Type PersistentVolumeClaim by Name {name}"
            raise Waiting("ProvisioningFailed", message, "Warning")
        if wanted < quantity_bytes(source["status"]["capacity"]["storage"]):
            message = (
                f"error, new PVC request must be greater than or equal in size to the specified PVC {name}"
            )
            raise Waiting("ProvisioningFailed", message, "Warning")
        return str(self._context.state / "volumes" / source["spec"]["volumeName"])

    def _snapshot_source(self, namespace: str, name: str, wanted: int) -> str:
        snapshot = self._context.get("volumesnapshots", namespace, name)
        status = (snapshot or {}).get("status") or {}
        if not status.get("readyToUse"):
            message = f"error getting handle for DataSource Type VolumeSnapshot by Name {name}: snapshot is not Ready"
            raise Waiting("ProvisioningFailed", message, "Warning")
        size = quantity_bytes(status.get("restoreSize") or 0)
        if wanted < size:
            message = (
                f"requested volume size {wanted} is less than the size {size} for the source snapshot {name}"
            )
            raise Waiting("ProvisioningFailed", message, "Warning")
        return str(self._context.state / "snapshots" / status["boundVolumeSnapshotContentName"])

    def _marry(self, claim: Object, volume: Object) -> None:
        """Point volume and claim at each other."""

        def reserve(current: Object) -> None:
            reference = current["spec"].setdefault("claimRef", {})
            reference |= _claim_reference(claim)

        def bind(current: Object) -> None:
            annotations = current["metadata"].setdefault("annotations", {})
            annotations |= {
                f"pv.kubernetes.io/{what}": "yes" for what in ("bind-completed", "bound-by-controller")
            }
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
            # A claim with a preset volumeName may come before its volume.
            phase = "Lost" if status.get("phase") in ("Bound", "Lost") else "Pending"
            self._context.set_status("persistentvolumeclaims", claim, {**status, "phase": phase})
            return
        if volume["spec"].get("claimRef", {}).get("uid") != claim["metadata"]["uid"]:
            self._marry(claim, volume)
            return
        volume = self._expand(claim, volume)
        status |= {"phase": "Bound", "accessModes": claim["spec"]["accessModes"]}
        status["capacity"] = {"storage": volume["spec"]["capacity"]["storage"]}
        self._context.set_status(
            "persistentvolumes", volume, {**(volume.get("status") or {}), "phase": "Bound"}
        )
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
        if (claim["metadata"].get("annotations") or {}).get(
            SIZE_ENFORCED
        ) == "true" and name not in self.knobs.full:
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
            self._context.set_status(
                "persistentvolumes", volume, {**(volume.get("status") or {}), "phase": phase}
            )
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
            self._context.set_finalizer("persistentvolumes", fresh, _PV_PROTECTION, present=False)

    def fill(self, namespace: str, name: str, *, full: bool) -> None:
        """Leave a claim's volume without free space, or give it back; only where sizes are enforced."""
        claim = self._context.get("persistentvolumeclaims", namespace, name)
        if claim is None or not claim["spec"].get("volumeName"):
            raise ValueError(f"claim {namespace}/{name} is not bound")
        if (claim["metadata"].get("annotations") or {}).get(SIZE_ENFORCED) != "true":
            raise ValueError(f"claim {namespace}/{name} lacks the annotation {SIZE_ENFORCED}")
        volume = claim["spec"]["volumeName"]
        size = 0 if full else quantity_bytes(claim["status"]["capacity"]["storage"])
        self._runtime.call(
            "resize_volume", path=str(self._context.state / "volumes" / volume), size_bytes=size
        )
        (self.knobs.full.add if full else self.knobs.full.discard)(volume)


def _claims_of(pod: Object) -> set[str]:
    volumes = pod["spec"].get("volumes") or []
    return {one["persistentVolumeClaim"]["claimName"] for one in volumes if "persistentVolumeClaim" in one}


def _claim_reference(claim: Object) -> Object:
    metadata = claim["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "uid": metadata["uid"],
        "resourceVersion": metadata["resourceVersion"],
    }


def _volume(claim: Object, name: str, storage_class: Object) -> Object:
    spec: Object = {
        "accessModes": claim["spec"]["accessModes"],
        "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
        "claimRef": _claim_reference(claim),
        "csi": {"driver": PROVISIONER, "volumeHandle": name, "fsType": "ext4"},
        "persistentVolumeReclaimPolicy": storage_class.get("reclaimPolicy", "Delete"),
        "storageClassName": storage_class["metadata"]["name"],
        "volumeMode": claim["spec"].get("volumeMode", "Filesystem"),
    }
    if storage_class.get("volumeBindingMode") == "WaitForFirstConsumer":
        expression = {"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE_NAME]}
        spec["nodeAffinity"] = {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {
            "name": name,
            "annotations": {"pv.kubernetes.io/provisioned-by": PROVISIONER},
            "finalizers": [_PV_PROTECTION],
        },
        "spec": spec,
    }
