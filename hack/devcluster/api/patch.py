"""Patches: JSON merge, JSON patch, and strategic merge as far as kubectl needs it for the kinds served.

Guarantees: `apply_patch` leaves its target as it was; what cannot be applied is 400 or 422, never another error.
"""

from __future__ import annotations

import copy
from typing import Any

from hack.devcluster.api.errors import StatusError, bad_request

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
# Lists of plain values that strategic merge adds to.
_MERGED_SETS = ("finalizers",)
_DELETE_FROM = "$deleteFromPrimitiveList/"


def merge_key(field: str, items: list[Any]) -> str | None:
    """Return what identifies the items of a list; None where the list is one value."""
    key = _MERGE_KEYS.get(field)
    if key == "containerPort" and not any(isinstance(i, dict) and key in i for i in items):
        # Services name theirs by another field.
        key = "port"
    return key if key and all(isinstance(i, dict) for i in items) else None


def apply_patch(kind: str, target: dict[str, Any], patch: Any) -> dict[str, Any]:
    """Return `target` with a patch of the given media type applied."""
    if kind == "application/json-patch+json":
        patched = _json_patch(copy.deepcopy(target), patch)
        if not isinstance(patched, dict):
            raise StatusError(422, "Invalid", "the patched document is no object")
        return patched
    if not isinstance(patch, dict):
        raise bad_request("the patch is no object")
    strategic = kind in ("application/strategic-merge-patch+json", "application/apply-patch+yaml")
    return _merge(copy.deepcopy(target), patch, strategic=strategic)


def _merge(target: Any, patch: dict[str, Any], *, strategic: bool) -> dict[str, Any]:
    result = dict(target) if isinstance(target, dict) else {}
    if strategic and patch.get("$patch") in ("replace", "delete"):
        result = {}
        patch = {} if patch["$patch"] == "delete" else patch
    for key, value in patch.items():
        if strategic and key.startswith("$"):
            _directive(result, key, value)
            continue
        before = result.get(key)
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            result[key] = _merge(before, value, strategic=strategic)
        elif strategic and isinstance(value, list) and isinstance(before, list):
            result[key] = _merge_list(key, before, value)
        else:
            result[key] = value
    return result


def _directive(result: dict[str, Any], key: str, value: Any) -> None:
    field = key.removeprefix(_DELETE_FROM)
    if field != key and isinstance(value, list) and isinstance(result.get(field), list):
        result[field] = [one for one in result[field] if one not in value]
    elif key == "$retainKeys" and isinstance(value, list):
        for name in set(result) - {str(one) for one in value}:
            del result[name]


def _merge_list(field: str, before: list[Any], patch: list[Any]) -> list[Any]:
    if field in _MERGED_SETS:
        return [*before, *(one for one in patch if one not in before)]
    key = merge_key(field, [*before, *patch])
    if key is None:
        return patch
    if any(item.get("$patch") == "replace" for item in patch):
        return [item for item in patch if "$patch" not in item]
    items = {str(i.get(key)): i for i in before}
    for item in patch:
        name = str(item.get(key))
        if item.get("$patch") == "delete":
            items.pop(name, None)
        else:
            items[name] = _merge(items.get(name), item, strategic=True)
    return list(items.values())


def _json_patch(target: Any, operations: Any) -> Any:
    if not isinstance(operations, list):
        raise bad_request("a JSON patch is a list of operations")
    for operation in operations:
        try:
            target = _step(target, operation)
        except StatusError:
            raise
        except (KeyError, IndexError, ValueError, TypeError, AttributeError):
            raise StatusError(422, "Invalid", f"the operation cannot be applied: {operation!r}") from None
    return target


def _pointer(text: str) -> list[str]:
    return [p.replace("~1", "/").replace("~0", "~") for p in text.split("/")[1:]]


def _find(target: Any, path: list[str]) -> Any:
    for key in path:
        target = target[int(key)] if isinstance(target, list) else target[key]
    return target


def _step(target: Any, operation: dict[str, Any]) -> Any:
    what, path = operation["op"], _pointer(operation["path"])
    if what in ("move", "copy"):
        source = _pointer(operation["from"])
        value = copy.deepcopy(_find(target, source))
        if what == "move":
            target = _step(target, {"op": "remove", "path": operation["from"]})
        return _step(target, {"op": "add", "path": operation["path"], "value": value})
    if not path:
        return operation["value"]
    parent = _find(target, path[:-1])
    last: Any = path[-1]
    if isinstance(parent, list):
        last = len(parent) if last == "-" else int(last)
    if what == "remove":
        del parent[last]
    elif what == "test":
        if parent[last] != operation["value"]:
            raise StatusError(422, "Invalid", f"test of {operation['path']} failed")
    elif what == "add" and isinstance(parent, list):
        parent.insert(last, operation["value"])
    elif what in ("add", "replace"):
        if what == "replace":
            parent[last]
        parent[last] = operation["value"]
    else:
        raise bad_request(f"Unexpected kind: {what}")
    return target
