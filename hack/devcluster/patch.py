"""Patches: JSON merge, JSON patch, and strategic merge as far as kubectl needs it for the kinds served."""

from __future__ import annotations

import copy
from typing import Any

from hack.devcluster.errors import StatusError

# The field that identifies an item of a list that strategic merge merges.
_MERGE_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "env": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "ports": "containerPort",
    "conditions": "type",
    "ownerReferences": "uid",
    "imagePullSecrets": "name",
}


def apply_patch(kind: str, target: dict[str, Any], patch: Any) -> dict[str, Any]:
    """Return `target` with a patch of the given media type applied."""
    if kind == "application/json-patch+json":
        patched: dict[str, Any] = _json_patch(copy.deepcopy(target), patch)
        return patched
    if not isinstance(patch, dict):
        raise StatusError(400, "BadRequest", "the patch is no object")
    strategic = kind in ("application/strategic-merge-patch+json", "application/apply-patch+yaml")
    return _merge(target, patch, strategic=strategic)


def _merge(target: Any, patch: dict[str, Any], *, strategic: bool) -> dict[str, Any]:
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if strategic and key.startswith("$"):
            continue
        before = result.get(key)
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            result[key] = _merge(before, value, strategic=strategic)
        elif strategic and isinstance(value, list) and key in _MERGE_KEYS and isinstance(before, list):
            result[key] = _merge_list(before, value, _MERGE_KEYS[key])
        else:
            result[key] = value
    return result


def _merge_list(before: list[Any], patch: list[Any], key: str) -> list[Any]:
    items = {i.get(key): i for i in before if isinstance(i, dict)}
    for item in patch:
        if not isinstance(item, dict):
            continue
        if item.get("$patch") == "delete":
            items.pop(item.get(key), None)
        else:
            items[item.get(key)] = _merge(items.get(item.get(key)), item, strategic=True)
    return list(items.values())


def _json_patch(target: Any, operations: list[dict[str, Any]]) -> Any:
    for operation in operations:
        path = [p.replace("~1", "/").replace("~0", "~") for p in operation["path"].split("/")[1:]]
        parent = target
        for key in path[:-1]:
            parent = parent[int(key)] if isinstance(parent, list) else parent[key]
        last: Any = path[-1]
        if isinstance(parent, list):
            last = len(parent) if last == "-" else int(last)
        what = operation["op"]
        try:
            if what == "remove":
                del parent[last]
            elif what == "test":
                if parent[last] != operation["value"]:
                    raise StatusError(422, "Invalid", f"test of {operation['path']} failed")
            elif isinstance(parent, list) and what == "add":
                parent.insert(last, operation["value"])
            else:
                parent[last] = operation["value"]
        except (KeyError, IndexError) as error:
            raise StatusError(422, "Invalid", f"{operation['path']} does not exist") from error
    return target
