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


def is_deleting(obj: Object) -> bool:
    """Return whether the API server has been asked to delete an object, which is still there."""
    return bool(obj["metadata"].get("deletionTimestamp"))
