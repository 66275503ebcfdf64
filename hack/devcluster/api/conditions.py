"""Conditions of a status, as every part of a cluster sets and reads them."""

from __future__ import annotations

from typing import Any

from hack.devcluster.api.objects import Object
from hack.devcluster.api.times import now


def set_condition(
    conditions: list[Object], type_: str, status: str, reason: str = "", message: str = "", **more: Any
) -> None:
    """Set a condition in place; its transition time moves when the status does."""
    fresh: Object = {"type": type_, "status": status, "lastTransitionTime": now(), **more}
    if reason:
        fresh["reason"] = reason
    if message:
        fresh["message"] = message
    for index, old in enumerate(conditions):
        if old["type"] == type_:
            if old["status"] == status:
                fresh["lastTransitionTime"] = old.get("lastTransitionTime", fresh["lastTransitionTime"])
            # What it said before it says no more.
            kept = {key: value for key, value in old.items() if key not in ("reason", "message")}
            conditions[index] = {**kept, **fresh}
            return
    conditions.append(fresh)


def has_condition(obj: Object, type_: str, status: str = "True") -> bool:
    """Return whether a condition has that status."""
    found = obj.get("status", {}).get("conditions") or []
    return any(one["type"] == type_ and one["status"] == status for one in found)
