"""JSON merge patches (RFC 7386) on plain values, the smallest patch between two of them, and what is lost of one."""

from __future__ import annotations

from typing import Any

from volsync_py.core.objects import Object


def merged(target: Object, changes: Object) -> Object:
    """Return `target` with `changes` applied; neither is modified."""
    result = dict(target)
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            before = result.get(key)
            result[key] = merged(before if isinstance(before, dict) else {}, value)
        else:
            result[key] = value
    return result


def difference(old: Object, new: Object) -> Object:
    """Return the merge patch that turns `old` into `new`; {} when there is nothing to do."""
    patch: dict[str, Any] = {key: None for key in old if key not in new}
    for key, value in new.items():
        before = old.get(key)
        if isinstance(value, dict) and isinstance(before, dict):
            inner = difference(before, value)
            if inner:
                patch[key] = inner
        elif key not in old or before != value:
            patch[key] = value
    return patch


def lost(changes: Object, kept: Any, path: str = "") -> list[str]:
    """Return the paths of what a merge patch sets and what was kept lacks; values may have been put another way."""
    missing: list[str] = []
    for key, value in changes.items():
        where = f"{path}.{key}"
        if value is None:
            continue
        if not isinstance(kept, dict) or key not in kept:
            missing.append(where)
        elif isinstance(value, dict):
            missing += lost(value, kept[key], where)
        elif isinstance(value, list) and isinstance(kept[key], list):
            pairs = zip(value, kept[key], strict=False)
            missing += [p for one, other in pairs if isinstance(one, dict) for p in lost(one, other, f"{where}[]")]
    return missing
