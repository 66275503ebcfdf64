"""Which snapshot is meant, chosen from what the repository lists, without VolSync's guesses."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from volsync_py.bounded_json import list_of
from volsync_py.core.times import parse_rfc3339

Snapshot = dict[str, Any]
# Clocks that are set by nothing differ by so much.
_MOST_AHEAD = timedelta(minutes=5)
# More than any snapshot has of paths or tags.
_MOST_WORDS = 100_000


class SelectionError(ValueError):
    """What was asked for makes no sense; the text says why."""


def parse_instant(text: str) -> datetime:
    """Return an RFC 3339 instant; SelectionError if it is none."""
    try:
        return parse_rfc3339(text)
    except ValueError as error:
        raise SelectionError(f"restoreAsOf {text!r} is no RFC 3339 time: {error}") from None


def is_snapshot(value: Any) -> bool:
    """Return whether a value of restic's list is a snapshot that can be chosen by what is known of it."""
    if not isinstance(value, dict) or not re.fullmatch(r"[0-9a-f]{8,64}", str(value.get("id"))):
        return False
    named = [*list_of(value, "paths", most=_MOST_WORDS), *list_of(value, "tags", most=_MOST_WORDS)]
    try:
        snapshot_time(value)
    except (KeyError, ValueError, OverflowError):
        return False
    return all(isinstance(one, str) for one in named)


def snapshot_time(snapshot: Snapshot) -> datetime:
    """Return when a snapshot was taken, in UTC."""
    return parse_snapshot_time(str(snapshot["time"])).astimezone(UTC)


def parse_snapshot_time(text: str) -> datetime:
    """Return a time in the zone it is written in; restic writes nanoseconds, which Python cannot hold."""
    head, dot, rest = text.partition(".")
    if dot:
        digits = len(rest) - len(rest.lstrip("0123456789"))
        text = f"{head}.{rest[: min(digits, 6)]:0<6}{rest[digits:]}"
    return datetime.fromisoformat(text)


def eligible(snapshots: Iterable[Snapshot], *, host: str, path: str, tags: Iterable[str] = ()) -> list[Snapshot]:
    """Return the snapshots of one volume, newest first; one of several paths is of more than the volume."""
    wanted = set(tags)
    found = [
        s
        for s in snapshots
        if s.get("hostname") == host
        and list_of(s, "paths", most=_MOST_WORDS) == [path]
        and wanted <= set(list_of(s, "tags", most=_MOST_WORDS))
    ]
    return sorted(found, key=lambda s: (snapshot_time(s), str(s.get("id"))), reverse=True)


def of_the_future(snapshots: Iterable[Snapshot], now: datetime) -> str:
    """Return what is to be said of a snapshot that a wrong clock has dated, "" without one.

    Every order by time is wrong while there is one.
    """
    latest = max(snapshots, key=snapshot_time, default=None)
    if latest is None or snapshot_time(latest) <= now + _MOST_AHEAD:
        return ""
    return f"snapshot {str(latest['id'])[:8]} is of {latest['time']}, which is later than now"


def select(
    snapshots: Iterable[Snapshot],
    *,
    host: str,
    path: str,
    tags: Iterable[str] = (),
    as_of: str = "",
    previous: int = 0,
    identity: str = "",
) -> Snapshot | None:
    """Return the snapshot to restore, or None if none is eligible."""
    listed = list(snapshots)
    if identity:
        matching = [s for s in listed if str(s.get("id", "")).startswith(identity)]
        if len(matching) > 1:
            raise SelectionError(f"snapshot {identity!r} is ambiguous: {len(matching)} snapshots begin so")
        return matching[0] if matching else None
    if previous < 0:
        raise SelectionError(f"previous must not be negative, it is {previous}")
    candidates = eligible(listed, host=host, path=path, tags=tags)
    if as_of:
        limit = parse_instant(as_of)
        # The limit has whole seconds, and so a snapshot of that second counts.
        candidates = [s for s in candidates if snapshot_time(s).replace(microsecond=0) <= limit]
    return candidates[previous] if previous < len(candidates) else None
