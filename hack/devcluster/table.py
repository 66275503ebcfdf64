"""Tables, as kubectl asks for them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hack.devcluster.resources import Resource

_BUILT_IN = {
    "pods": (("Status", ".status.phase"), ("Node", ".spec.nodeName")),
    "jobs": (("Succeeded", ".status.succeeded"), ("Failed", ".status.failed")),
    "persistentvolumeclaims": (
        ("Status", ".status.phase"),
        ("Volume", ".spec.volumeName"),
        ("Capacity", ".status.capacity.storage"),
        ("StorageClass", ".spec.storageClassName"),
    ),
    "volumesnapshots": (("ReadyToUse", ".status.readyToUse"), ("SourcePVC", ".spec.source.persistentVolumeClaimName")),
    "events": (("Type", ".type"), ("Reason", ".reason"), ("Message", ".message")),
    "namespaces": (("Status", ".status.phase"),),
}


def as_table(res: Resource, items: list[dict[str, Any]], version: str) -> dict[str, Any]:
    """Return a Table of the objects."""
    columns = [(c["name"], c["jsonPath"], c.get("type", "string")) for c in res.columns]
    columns = columns or [(name, path, "string") for name, path in _BUILT_IN.get(res.plural, ())]
    if not any(name == "Age" for name, _, _ in columns):
        columns.append(("Age", ".metadata.creationTimestamp", "date"))
    definitions = [{"name": "Name", "type": "string", "format": "name"}]
    definitions += [{"name": name, "type": "string"} for name, _, _ in columns]
    rows = []
    for item in items:
        cells: list[Any] = [item["metadata"]["name"]]
        cells += [_cell(item, path, kind) for _, path, kind in columns]
        rows.append({"cells": cells, "object": item})
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": version},
        "columnDefinitions": definitions,
        "rows": rows,
    }


def _cell(item: dict[str, Any], path: str, kind: str) -> Any:
    value: Any = item
    if "[?(" in path:
        head, rest = path.split("[?(", 1)
        wanted = rest.split('"')[1]
        found: list[dict[str, Any]] = _walk(item, head) or []
        value = next((c for c in found if c.get("type") == wanted), {}).get(rest.rpartition(".")[2])
    else:
        value = _walk(item, path)
    if kind == "date" and isinstance(value, str):
        return _age(value)
    return "" if value is None else str(value)


def _walk(value: Any, path: str) -> Any:
    for key in filter(None, path.split(".")):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _age(text: str) -> str:
    seconds = int((datetime.now(UTC) - datetime.fromisoformat(text)).total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if abs(seconds) >= size * 2:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
