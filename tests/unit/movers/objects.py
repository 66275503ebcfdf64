"""The custom resources that decisions are tried on, what they name, and what is made for them."""

from __future__ import annotations

import base64
from typing import Any

from tests.unit.movers.seen import created, decision_on

KEYS = {"RESTIC_REPOSITORY": "s3:http://s/b", "RESTIC_PASSWORD": "p"}


def claim(name: str, **spec: Any) -> dict[str, Any]:
    wanted = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}}
    wanted |= {"storageClassName": "fast", "volumeName": "pv", **spec}
    status = {"phase": "Bound", "accessModes": wanted["accessModes"], "capacity": {"storage": "3Gi"}}
    meta = {"name": name, "namespace": "ns", "uid": f"uid-{name}"}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": wanted, "status": status}


def secret(name: str = "repository", **data: str) -> dict[str, Any]:
    encoded = {k: base64.b64encode(v.encode()).decode() for k, v in {**KEYS, **data}.items()}
    meta = {"name": name, "namespace": "ns", "resourceVersion": "7"}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": encoded}


def resource(kind: str, spec: dict[str, Any], **status: Any) -> dict[str, Any]:
    meta = {"name": "n", "namespace": "ns", "uid": "u", "generation": 1, "resourceVersion": "1"}
    meta["creationTimestamp"] = "2026-11-24T11:59:00Z"
    return {"apiVersion": "volsync.backube/v1alpha1", "kind": kind, "metadata": meta, "spec": spec, "status": status}


def source(*more: dict[str, Any], annotations: dict[str, str] | None = None, **restic: Any) -> list[dict[str, Any]]:
    wanted = {"repository": "repository", "copyMethod": "Direct", **restic}
    one = resource("ReplicationSource", {"sourcePVC": "data", "trigger": {"manual": "m"}, "restic": wanted})
    one["metadata"]["annotations"] = annotations or {}
    return [one, claim("data"), *([] if any(o["kind"] == "Secret" for o in more) else [secret()]), *more]


def destination(*more: dict[str, Any], **restic: Any) -> list[dict[str, Any]]:
    wanted = {"repository": "repository", "copyMethod": "Direct", "destinationPVC": "data", **restic}
    one = resource("ReplicationDestination", {"trigger": {"manual": "m"}, "restic": wanted})
    return [one, claim("data"), secret(), *more]


def job_of(objects: list[dict[str, Any]]) -> dict[str, Any]:
    return created(decision_on(objects), "Job")


def pod_of(objects: list[dict[str, Any]]) -> dict[str, Any]:
    spec: dict[str, Any] = job_of(objects)["spec"]["template"]["spec"]
    return spec


def container_of(objects: list[dict[str, Any]]) -> dict[str, Any]:
    container: dict[str, Any] = pod_of(objects)["containers"][0]
    return container


def env_of(objects: list[dict[str, Any]]) -> dict[str, Any]:
    return {e["name"]: e.get("value", e.get("valueFrom")) for e in container_of(objects)["env"]}
