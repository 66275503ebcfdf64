"""Kubernetes objects as plain dictionaries, and what is asked of them everywhere."""

from __future__ import annotations

from typing import Any

# As the API server sends them; what has not been set is missing, or None.
Object = dict[str, Any]


def labels_of(obj: Object) -> Object:
    """Return an object's labels; changes of what is returned may be lost."""
    return obj["metadata"].get("labels") or {}


def annotations_of(obj: Object) -> Object:
    """Return an object's annotations; changes of what is returned may be lost."""
    return obj["metadata"].get("annotations") or {}


def status_of(obj: Object) -> Object:
    """Return an object's status; changes of what is returned may be lost."""
    return obj.get("status") or {}


def mapping(value: object, *path: str) -> Object:
    """Return the mapping at a path, {} where there is none, whatever is there instead."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def mappings(value: object) -> list[Object]:
    """Return the mappings of a list, [] where there is none."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def is_deleting(obj: Object) -> bool:
    """Return whether the API server has been asked to delete an object, which is still there."""
    return bool(obj["metadata"].get("deletionTimestamp"))
