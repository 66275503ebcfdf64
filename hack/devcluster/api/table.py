"""Tables, as kubectl asks for them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from hack.devcluster.api.objects import Object
from hack.devcluster.api.resources import Resource

# A path into the object, or what makes the cell of it.
Cell = str | Callable[[Object], Any]
_SHORT_MODES = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}
_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


def _containers(pod: Object) -> list[Object]:
    return (pod.get("status") or {}).get("containerStatuses") or []


def _pod_ready(pod: Object) -> str:
    return f"{sum(bool(c.get('ready')) for c in _containers(pod))}/{len(pod['spec'].get('containers') or [])}"


def _pod_status(pod: Object) -> str:
    """Say in one word how a pod is, as kubectl does."""
    status = pod.get("status") or {}
    shown = str(status.get("reason") or status.get("phase") or "")
    for index, one in enumerate(status.get("initContainerStatuses") or []):
        state = one.get("state") or {}
        ended = state.get("terminated")
        if ended is not None and ended.get("exitCode") == 0:
            continue
        word = (ended or state.get("waiting") or {}).get("reason")
        if word and word != "PodInitializing":
            return f"Init:{word}"
        return f"Init:{index}/{len(pod['spec']['initContainers'])}"
    for one in reversed(_containers(pod)):
        state = one.get("state") or {}
        shown = (state.get("waiting") or {}).get("reason") or (state.get("terminated") or {}).get("reason") or shown
    if pod["metadata"].get("deletionTimestamp") and status.get("phase") not in ("Succeeded", "Failed"):
        return "Terminating"
    return shown


def _restarts(pod: Object) -> str:
    return str(sum(int(c.get("restartCount") or 0) for c in _containers(pod)))


def _job_status(job: Object) -> str:
    conditions = {c["type"] for c in (job.get("status") or {}).get("conditions") or [] if c.get("status") == "True"}
    for kind in ("Complete", "Failed"):
        if kind in conditions:
            return kind
    if job["metadata"].get("deletionTimestamp"):
        return "Terminating"
    return next(
        (kind for kind in ("Suspended", "FailureTarget", "SuccessCriteriaMet") if kind in conditions), "Running"
    )


def _completions(job: Object) -> str:
    wanted = job["spec"].get("completions")
    return f"{(job.get('status') or {}).get('succeeded', 0)}/{1 if wanted is None else wanted}"


def _duration(job: Object) -> str:
    status = job.get("status") or {}
    if not status.get("startTime"):
        return ""
    return _span(status["startTime"], status.get("completionTime"))


def _modes(field: Object) -> str:
    return ",".join(_SHORT_MODES.get(mode, mode) for mode in field.get("accessModes") or [])


def _node_status(node: Object) -> str:
    conditions = (node.get("status") or {}).get("conditions") or []
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    return ("Ready" if ready else "NotReady") + (",SchedulingDisabled" if node["spec"].get("unschedulable") else "")


def _claim_of(volume: Object) -> str:
    claim = volume["spec"].get("claimRef") or {}
    return f"{claim.get('namespace')}/{claim.get('name')}" if claim else ""


def _class_name(obj: Object) -> str:
    default = (obj["metadata"].get("annotations") or {}).get(_DEFAULT_CLASS) == "true"
    return f"{obj['metadata']['name']} (default)" if default else obj["metadata"]["name"]


def _about(event: Object) -> str:
    about = event.get("involvedObject") or {}
    return f"{str(about.get('kind', '')).lower()}/{about.get('name', '')}"


def _last_seen(event: Object) -> str:
    return _span(event.get("lastTimestamp") or event.get("eventTime") or event["metadata"]["creationTimestamp"])


_BUILT_IN: dict[str, tuple[tuple[str, Cell], ...]] = {
    "pods": (("Ready", _pod_ready), ("Status", _pod_status), ("Restarts", _restarts)),
    "jobs": (("Status", _job_status), ("Completions", _completions), ("Duration", _duration)),
    "persistentvolumeclaims": (
        ("Status", lambda o: "Terminating" if o["metadata"].get("deletionTimestamp") else _walk(o, ".status.phase")),
        ("Volume", ".spec.volumeName"),
        ("Capacity", ".status.capacity.storage"),
        ("Access Modes", lambda o: _modes(o.get("status") or {})),
        ("StorageClass", ".spec.storageClassName"),
    ),
    "persistentvolumes": (
        ("Capacity", ".spec.capacity.storage"),
        ("Access Modes", lambda o: _modes(o["spec"])),
        ("Reclaim Policy", ".spec.persistentVolumeReclaimPolicy"),
        ("Status", ".status.phase"),
        ("Claim", _claim_of),
        ("StorageClass", ".spec.storageClassName"),
    ),
    "storageclasses": (
        ("Provisioner", ".provisioner"),
        ("ReclaimPolicy", ".reclaimPolicy"),
        ("VolumeBindingMode", ".volumeBindingMode"),
        ("AllowVolumeExpansion", lambda o: str(bool(o.get("allowVolumeExpansion"))).lower()),
    ),
    "nodes": (("Status", _node_status), ("Roles", lambda o: "<none>"), ("Version", ".status.nodeInfo.kubeletVersion")),
    "volumesnapshots": (
        ("ReadyToUse", lambda o: str(bool((o.get("status") or {}).get("readyToUse"))).lower()),
        ("SourcePVC", ".spec.source.persistentVolumeClaimName"),
        ("RestoreSize", ".status.restoreSize"),
        ("SnapshotClass", ".spec.volumeSnapshotClassName"),
    ),
    "events": (("Type", ".type"), ("Reason", ".reason"), ("Object", _about), ("Message", ".message")),
    "namespaces": (("Status", ".status.phase"),),
    "secrets": (("Type", ".type"), ("Data", lambda o: str(len(o.get("data") or {})))),
    "configmaps": (("Data", lambda o: str(len(o.get("data") or {}))),),
}


def as_table(res: Resource, items: list[Object], meta: Object) -> Object:
    """Return a Table of the objects; `meta` is a list's."""
    columns: list[tuple[str, Cell, str, int]] = [
        (c["name"], c["jsonPath"], c.get("type", "string"), int(c.get("priority") or 0)) for c in res.columns
    ]
    columns = columns or [(name, cell, "string", 0) for name, cell in _BUILT_IN.get(res.plural, ())]
    if res.plural == "events":
        columns.insert(0, ("Last Seen", _last_seen, "string", 0))
    elif not any(name == "Age" for name, *_ in columns):
        columns.append(("Age", ".metadata.creationTimestamp", "date", 0))
    definitions: list[Object] = [] if res.plural == "events" else [{"name": "Name", "type": "string", "format": "name"}]
    definitions += [{"name": name, "type": "string", "priority": priority} for name, _, _, priority in columns]
    rows = []
    for item in items:
        name = _class_name(item) if res.plural == "storageclasses" else item["metadata"]["name"]
        cells: list[Any] = [] if res.plural == "events" else [name]
        cells += [_cell(item, path, kind) for _, path, kind, _ in columns]
        rows.append({"cells": cells, "object": item})
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": meta,
        "columnDefinitions": definitions,
        "rows": rows,
    }


def _cell(item: Object, cell: Cell, kind: str) -> Any:
    value: Any = item
    if not isinstance(cell, str):
        value = cell(item)
    elif "[?(" in cell:
        head, rest = cell.split("[?(", 1)
        wanted = rest.split('"')[1]
        found: list[Object] = _walk(item, head) or []
        value = next((c for c in found if c.get("type") == wanted), {}).get(rest.rpartition(".")[2])
    else:
        value = _walk(item, cell)
    if kind == "date" and isinstance(value, str):
        return _span(value)
    return "" if value is None else str(value)


def _walk(value: Any, path: str) -> Any:
    for key in filter(None, path.split(".")):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _span(start: str, end: str | None = None) -> str:
    """Say how long it is from one time to another, or to now."""
    try:
        last = datetime.fromisoformat(end) if end else datetime.now(UTC)
        seconds = int((last - datetime.fromisoformat(start)).total_seconds())
    except (ValueError, TypeError):
        return "<invalid>"
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if abs(seconds) >= size * 2:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
