"""Claims, snapshots, and pods that use them, in short."""

from __future__ import annotations

from hack.devcluster.api.objects import Object
from tests.integration.devcluster.controllers_harness import Cluster

CLAIMS, VOLUMES, SNAPSHOTS = "persistentvolumeclaims", "persistentvolumes", "volumesnapshots"


def bound(cluster: Cluster, name: str) -> bool:
    return cluster.phase(name, CLAIMS) == "Bound"


def snapshot(cluster: Cluster, name: str, claim: str) -> Object:
    source = {"persistentVolumeClaimName": claim}
    api = "snapshot.storage.k8s.io/v1"
    return cluster.create(SNAPSHOTS, api, "VolumeSnapshot", name, spec={"source": source})


def ready(cluster: Cluster, name: str) -> bool:
    return bool(cluster.status(SNAPSHOTS, name).get("readyToUse"))


def from_snapshot(name: str) -> Object:
    return {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": name}


def bringing(name: str, **spec: object) -> Object:
    """Return what a pod spec has that brings a claim along, as its volume of that name."""
    wanted = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}, **spec}
    template = {"metadata": {"labels": {"of": "a-pod"}}, "spec": wanted}
    return {
        "volumes": [{"name": name, "ephemeral": {"volumeClaimTemplate": template}}],
        "container": {"volumeMounts": [{"name": name, "mountPath": "/data"}]},
    }


def using(claim: str) -> Object:
    return {
        "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": claim}}],
        "container": {"volumeMounts": [{"name": "v", "mountPath": "/data"}]},
    }
