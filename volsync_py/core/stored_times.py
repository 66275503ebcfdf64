"""The times in a status, which somebody with another clock, or another idea of a time, may have stored."""

from __future__ import annotations

from datetime import datetime

from volsync_py.core.merge import merged
from volsync_py.core.objects import Object
from volsync_py.core.times import format_rfc3339, instant, parse_rfc3339, past

# Fields of a status that hold the time of something that has happened.
_HAPPENED = ("lastSyncTime", "lastSyncStartTime")
_HAPPENED_TO_REPOSITORY = ("lastPruned", "lastChecked")


def not_ahead(status: Object, now: datetime) -> Object:
    """Return a status in which nothing has happened later than now.

    A clock was wrong when it was written; a schedule, a prune or a check would wait until that time has come.
    """
    changes: Object = {key: format_rfc3339(now) for key in _HAPPENED if _is_ahead(status.get(key), now)}
    restic = status.get("restic")
    if isinstance(restic, dict):
        ahead = {key: format_rfc3339(now) for key in _HAPPENED_TO_REPOSITORY if _is_ahead(restic.get(key), now)}
        changes |= {"restic": ahead} if ahead else {}
    conditions = status.get("conditions") or []
    if any(_is_ahead(c.get("lastTransitionTime"), now) for c in conditions):
        changes["conditions"] = [
            c | {"lastTransitionTime": format_rfc3339(past(c.get("lastTransitionTime"), now))} for c in conditions
        ]
    return merged(status, changes) if changes else status


def _is_ahead(value: object, now: datetime) -> bool:
    return instant(value, now) > now


def time_in(status: Object, key: str) -> datetime | None:
    """Return a time of a status as far as it can be reckoned with, or None."""
    value = status.get(key)
    try:
        # `instant` bounds what was read, so that it can be calculated with.
        return instant(value, parse_rfc3339(value)) if isinstance(value, str) else None
    except ValueError:
        return None
