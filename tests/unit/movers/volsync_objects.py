"""VolSync's names for the objects of a resource, and the objects as it makes them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zlib import crc32

Object = dict[str, Any]
CREATED_BY = "app.kubernetes.io/created-by"
CLEANUP = "volsync.backube/cleanup"
BACKOFF_LIMIT = 8
# The script that its Jobs start.
COMMAND = ["/mover-restic/entry.sh"]
# What a label of a pod can hold, and so the name of a Job.
_LONGEST_JOB_NAME = 63


def names_of(one: Object) -> dict[str, str]:
    """Return VolSync's names for the objects of a resource."""
    name = one["metadata"]["name"]
    prefix = "volsync-src-" if one["kind"] == "ReplicationSource" else "volsync-dst-"
    job = prefix + name
    return {
        "job": job if len(job) <= _LONGEST_JOB_NAME else f"{prefix}{crc32(name.encode()):08x}",
        "account": prefix + name,
        "cache": f"{prefix}{name}-cache",
        "copy": f"volsync-{name}-src",
        "data": one["spec"]["restic"].get("destinationPVC") or f"volsync-{name}-dest",
    }


def reference_to(one: Object) -> Object:
    meta = {"name": one["metadata"]["name"], "uid": one["metadata"]["uid"]}
    return {
        "apiVersion": one["apiVersion"],
        "kind": one["kind"],
        **meta,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def made_for(one: Object, kind: str, name: str, source: str) -> Object:
    meta = {"name": name, "namespace": one["metadata"]["namespace"], "ownerReferences": [reference_to(one)]}
    spec: Object = {}
    if kind == "PersistentVolumeClaim":
        spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        spec["storageClassName"] = one["spec"]["restic"].get("storageClassName") or "fast"
        if source:
            of = "VolumeSnapshot" if source == name else "PersistentVolumeClaim"
            spec["dataSource"] = {"kind": of, "name": source}
    elif kind == "VolumeSnapshot":
        spec = {"source": {"persistentVolumeClaimName": source}}
        if one["spec"]["restic"].get("volumeSnapshotClassName"):
            spec["volumeSnapshotClassName"] = one["spec"]["restic"]["volumeSnapshotClassName"]
    return {"apiVersion": "v1", "kind": kind, "metadata": meta, "spec": spec}


def job_spec(one: Object, claim: str, cache: str) -> Object:
    key = {"name": one["spec"]["restic"]["repository"], "key": "RESTIC_REPOSITORY", "optional": False}
    container: Object = {"name": "restic", "command": COMMAND, "image": "quay.io/backube/volsync:latest"}
    container["args"] = ["backup"] if one["kind"] == "ReplicationSource" else ["restore"]
    container["env"] = [{"name": "RESTIC_REPOSITORY", "valueFrom": {"secretKeyRef": key}}]
    volumes = [{"name": n, "persistentVolumeClaim": {"claimName": c}} for n, c in (("data", claim), ("cache", cache))]
    paused = bool(one["spec"].get("paused"))
    template = {
        "metadata": {"labels": {CREATED_BY: "volsync"}},
        "spec": {"containers": [container], "volumes": volumes},
    }
    return {"backoffLimit": BACKOFF_LIMIT, "parallelism": 0 if paused else 1, "template": template}


def told(when: datetime) -> str:
    """Return a time as a status has it."""
    return f"{when.replace(microsecond=0):%Y-%m-%dT%H:%M:%SZ}"


def labels_of(obj: Object) -> dict[str, str]:
    found: dict[str, str] = obj["metadata"].get("labels") or {}
    return found
