"""Server-side apply: what a manager applied before and no longer does goes, what is another's is a conflict.

Only appliers are remembered: a field that somebody updated without applying belongs to nobody here.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from hack.devcluster.api.call import APPLY, Call
from hack.devcluster.api.errors import StatusError, bad_request
from hack.devcluster.api.objects import Object
from hack.devcluster.api.patch import apply_patch, merge_key
from hack.devcluster.api.times import now

# Steps to a field: `f:name`, or `k:{...}` for an item of a list that is merged by a key.
Path = tuple[str, ...]
_IDENTITY = {("f:apiVersion",), ("f:kind",), *((("f:metadata", f"f:{name}")) for name in ("name", "namespace"))}


def applied(call: Call, old: Object | None, body: Any) -> Object:
    """Return the object as the manager's apply makes it."""
    if not isinstance(body, dict):
        raise bad_request("the patch is no object")
    manager = call.query.get("fieldManager", "")
    if not manager:
        raise StatusError(422, "Invalid", "fieldManager: Required value: is required for apply patch")
    given = {key: value for key, value in body.items() if key != "metadata"}
    given["metadata"] = {**(body.get("metadata") or {}), "name": call.target.name}
    given["metadata"].pop("managedFields", None)
    wanted = {path for path, _ in _fields(given, ()) if path not in _IDENTITY}
    owned = _owned((old or {}).get("metadata") or {}, call.target.subresource)
    mine = owned.pop(manager, set())
    if old is not None:
        _settle(call, old, given, owned, wanted)
    new = apply_patch(APPLY, old or {}, given)
    others: set[Path] = set().union(*owned.values()) if owned else set()
    for path in sorted(mine - wanted - others, key=len, reverse=True):
        _remove(new, path)
    owned[manager] = wanted
    kept = [
        e for e in new["metadata"].get("managedFields") or [] if e.get("subresource", "") != call.target.subresource
    ]
    fresh = [_entry(call, name, fields, old) for name, fields in owned.items() if fields]
    new["metadata"]["managedFields"] = [*kept, *fresh]
    return new


def _settle(call: Call, old: Object, given: Object, owned: dict[str, set[Path]], wanted: set[Path]) -> None:
    """Refuse to change another applier's fields, or take them away from it."""
    before, now = dict(_fields(old, ())), dict(_fields(given, ()))
    causes = []
    for name, fields in owned.items():
        taken = {p for p in fields & wanted if before.get(p) != now.get(p)}
        for path in sorted(taken):
            causes.append(
                {"reason": "FieldManagerConflict", "message": f'conflict with "{name}"', "field": _text(path)}
            )
        fields -= taken
    if causes and not call.flag("force"):
        what = "1 conflict" if len(causes) == 1 else f"{len(causes)} conflicts"
        text = "; ".join(f"{cause['message']}: {cause['field']}" for cause in causes)
        raise StatusError(409, "Conflict", f"Apply failed with {what}: {text}", {"causes": causes})


def _fields(value: Any, path: Path, field: str = "") -> Iterator[tuple[Path, Any]]:
    """Yield the paths of all values; an item of a merged list is one besides its fields."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _fields(inner, (*path, f"f:{key}"), key)
        return
    key = merge_key(field, value) if isinstance(value, list) and value else None
    if key is None:
        yield path, value
        return
    for item in value:
        step = (*path, f"k:{json.dumps({key: item.get(key)}, separators=(',', ':'))}")
        yield step, None
        yield from _fields(item, step)


def _text(path: Path) -> str:
    return "".join(f".{step[2:]}" if step.startswith("f:") else f"[{step[2:]}]" for step in path)


def _remove(obj: Any, path: Path) -> None:
    """Take a field away, and the objects that are empty without it."""
    step, rest = path[0], path[1:]
    if step.startswith("k:"):
        wanted: Object = json.loads(step[2:])
        found = next((i for i in obj if isinstance(i, dict) and wanted.items() <= i.items()), None)
        if found is None:
            return
        if rest:
            # The key itself goes with its item.
            if (rest[0][2:],) != tuple(wanted):
                _remove(found, rest)
        else:
            obj.remove(found)
        return
    name = step[2:]
    if not isinstance(obj, dict) or name not in obj:
        return
    if rest:
        _remove(obj[name], rest)
        if obj[name] not in ({}, []):
            return
    del obj[name]


def _owned(meta: Object, subresource: str) -> dict[str, set[Path]]:
    found = [e for e in meta.get("managedFields") or [] if e.get("operation") == "Apply"]
    return {e["manager"]: set(_paths(e["fieldsV1"])) for e in found if e.get("subresource", "") == subresource}


def _paths(tree: Object, path: Path = ()) -> Iterator[Path]:
    if path and (not tree or "." in tree):
        yield path
    for step, inner in tree.items():
        if step != ".":
            yield from _paths(inner, (*path, step))


def _entry(call: Call, manager: str, fields: set[Path], old: Object | None) -> Object:
    tree: Object = {}
    for path in sorted(fields, key=len):
        at = tree
        for step in path:
            at = at.setdefault(step, {})
        if path[-1].startswith("k:"):
            at["."] = {}
    before = ((old or {}).get("metadata") or {}).get("managedFields") or []
    known: Object = next((e for e in before if (e["manager"], e["fieldsV1"]) == (manager, tree)), {})
    entry: Object = {
        "manager": manager,
        "operation": "Apply",
        "apiVersion": call.target.resource.api_version,
        "fieldsType": "FieldsV1",
        "fieldsV1": tree,
        "time": known.get("time") or now(),
    }
    if call.target.subresource:
        entry["subresource"] = call.target.subresource
    return copy.deepcopy(entry)
