"""Conditions of a status: setting one leaves the others, also those of somebody else, as they are."""

from __future__ import annotations

from datetime import datetime

from volsync_py.core.objects import Object
from volsync_py.core.times import format_rfc3339

# The API allows more, but nobody reads it, and a status must stay small.
LONGEST_MESSAGE = 1024


def get_condition(conditions: list[Object], kind: str) -> Object | None:
    """Return the condition of that type, or None."""
    return next((c for c in conditions if c.get("type") == kind), None)


def set_condition(
    conditions: list[Object],
    kind: str,
    status: str,
    reason: str,
    message: str,
    now: datetime,
    *,
    observed_generation: int | None = None,
) -> list[Object]:
    """Return the list with the condition set; its transition time moves only when `status` flips."""
    if len(message) > LONGEST_MESSAGE:
        message = message[: LONGEST_MESSAGE - 1] + "…"
    wanted: Object = {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": format_rfc3339(now),
    }
    if observed_generation is not None:
        wanted["observedGeneration"] = observed_generation
    before = get_condition(conditions, kind)
    if before is None:
        return [*conditions, wanted]
    if before.get("status") == status and before.get("lastTransitionTime"):
        wanted["lastTransitionTime"] = before["lastTransitionTime"]
    return [wanted if c is before else c for c in conditions]
