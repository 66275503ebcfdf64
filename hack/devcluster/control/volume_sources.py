"""Where a new volume's content comes from, and how volume objects look.

Guarantees: clones and snapshots are refused in the provisioner's words until they can be used; a source of an
unknown kind is left to its populator. Reads objects only.
"""

from __future__ import annotations

from hack.devcluster.api.defaults import DEFAULT_CLASS
from hack.devcluster.api.objects import Object
from hack.devcluster.api.quantities import quantity_bytes
from hack.devcluster.common.context import Context, is_deleted, key_of
from hack.devcluster.common.options import NODE_NAME, PROVISIONER

PV_PROTECTION = "kubernetes.io/pv-protection"


class Waiting(Exception):
    """The claim cannot be provisioned yet; reason and message of the event that says so."""

    def __init__(self, reason: str, message: str, type_: str = "Normal", *, retry: bool = False) -> None:
        super().__init__(message)
        self.reason, self.message, self.type = reason, message, type_
        # Nothing will be seen when it is worth another try.
        self.retry = retry


def source_of(context: Context, claim: Object) -> str | None:
    """Find the folder to copy from; None for an empty volume."""
    source = claim["spec"].get("dataSourceRef") or claim["spec"].get("dataSource")
    if not source:
        return None
    namespace = claim["metadata"]["namespace"]
    group, kind, name = source.get("apiGroup") or "", source["kind"], source["name"]
    wanted = quantity_bytes(claim["spec"]["resources"]["requests"]["storage"])
    if (group, kind) == ("", "PersistentVolumeClaim"):
        return _clone_source(context, namespace, name, wanted)
    if (group, kind) == ("snapshot.storage.k8s.io", "VolumeSnapshot"):
        return _snapshot_source(context, namespace, name, wanted)
    message = f"Waiting for a volume to be created by the populator of {kind}.{group} {name}"
    raise Waiting("ExternalProvisioning", message)


def _clone_source(context: Context, namespace: str, name: str, wanted: int) -> str:
    source = context.get("persistentvolumeclaims", namespace, name)
    if source is None or (source.get("status") or {}).get("phase") != "Bound" or is_deleted(source):
        message = f"error getting handle for DataSource Type PersistentVolumeClaim by Name {name}"
        raise Waiting("ProvisioningFailed", message, "Warning")
    if wanted < quantity_bytes(source["status"]["capacity"]["storage"]):
        message = f"error, new PVC request must be greater than or equal in size to the specified PVC {name}"
        raise Waiting("ProvisioningFailed", message, "Warning")
    return str(context.state / "volumes" / source["spec"]["volumeName"])


def _snapshot_source(context: Context, namespace: str, name: str, wanted: int) -> str:
    snapshot = context.get("volumesnapshots", namespace, name)
    status = (snapshot or {}).get("status") or {}
    if not status.get("readyToUse"):
        what = f"DataSource Type VolumeSnapshot by Name {name}"
        message = f"error getting handle for {what}: snapshot is not Ready"
        raise Waiting("ProvisioningFailed", message, "Warning")
    size = quantity_bytes(status.get("restoreSize") or 0)
    if wanted < size:
        message = f"requested volume size {wanted} is less than the size {size} for the source snapshot {name}"
        raise Waiting("ProvisioningFailed", message, "Warning")
    return str(context.state / "snapshots" / status["boundVolumeSnapshotContentName"])


def claim_reference(claim: Object) -> Object:
    """Name a claim in a claimRef."""
    metadata = claim["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "uid": metadata["uid"],
        "resourceVersion": metadata["resourceVersion"],
    }


def new_volume(claim: Object, name: str, storage_class: Object) -> Object:
    """Make the volume for a claim."""
    spec: Object = {
        "accessModes": claim["spec"]["accessModes"],
        "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
        "claimRef": claim_reference(claim),
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
            "finalizers": [PV_PROTECTION],
        },
        "spec": spec,
    }


def class_of(context: Context, claim: Object) -> Object | None:
    """Find the claim's StorageClass; None where it has none; the default is written into the claim."""
    name = claim["spec"].get("storageClassName")
    if name is None:
        return _give_default_class(context, claim)
    if name == "":
        return None
    found = context.get("storageclasses", "", name)
    if found is None:
        raise Waiting("ProvisioningFailed", f'storageclass.storage.k8s.io "{name}" not found', "Warning")
    return found


def _give_default_class(context: Context, claim: Object) -> Object | None:
    for found in context.list("storageclasses"):
        if (found["metadata"].get("annotations") or {}).get(DEFAULT_CLASS) == "true":
            name = found["metadata"]["name"]

            def change(current: Object, name: str = name) -> None:
                current["spec"].setdefault("storageClassName", name)

            context.registry.modify(context.resources["persistentvolumeclaims"], *key_of(claim), change)
            claim["spec"]["storageClassName"] = name
            return found
    return None


def note_provisioner(context: Context, claim: Object) -> None:
    """Write who provisions the claim."""

    def change(current: Object) -> None:
        annotations = current["metadata"].setdefault("annotations", {})
        for prefix in ("volume.kubernetes.io", "volume.beta.kubernetes.io"):
            annotations[f"{prefix}/storage-provisioner"] = PROVISIONER

    context.registry.modify(context.resources["persistentvolumeclaims"], *key_of(claim), change)


def static_volume(context: Context, claim: Object) -> Object | None:
    """Find a free volume of the claim's class, where nothing provisions it."""
    if claim["spec"].get("storageClassName") != "":
        return None
    wanted = quantity_bytes(claim["spec"]["resources"]["requests"]["storage"])
    for volume in context.list("persistentvolumes"):
        spec = volume["spec"]
        fits = quantity_bytes(spec["capacity"]["storage"]) >= wanted
        if not spec.get("claimRef") and not spec.get("storageClassName") and fits:
            return volume
    return None
