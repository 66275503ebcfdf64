"""Which snapshot somebody wants back: from what was typed to the fields of a destination, and in words. Pure."""

from __future__ import annotations

import re
from datetime import datetime, tzinfo
from typing import Any

from attrs import frozen

from volsync_py.commands.common.typed_time import parsed_time, written
from volsync_py.core.objects import Object, mapping
from volsync_py.core.stored_times import time_in
from volsync_py.core.times import format_rfc3339
from volsync_py.health.words import ago, count, plain, size

_SNAPSHOT = re.compile(r"[0-9a-f]{4,64}")


@frozen
class Point:
    """What is to come back; of nothing, the newest snapshot."""

    at: datetime | None = None
    snapshot: str = ""
    previous: int = 0
    # It is the newest one that was asked for, and the rest says which that was then.
    newest: bool = False

    def pinned(self, status: Object, now: datetime) -> Point:
        """Return what the newest snapshot is by now, so that what was told is what comes, also if a backup ends."""
        if self != Point():
            return self
        last = str(mapping(status, "restic", "lastSnapshot").get("id"))
        return Point(snapshot=last, newest=True) if _SNAPSHOT.fullmatch(last) else Point(at=now, newest=True)

    def fields(self) -> Object:
        """Return what says so in `spec.restic` of a destination."""
        if self.snapshot:
            return {"snapshot": self.snapshot}
        wanted: Object = {"restoreAsOf": format_rfc3339(self.at)} if self.at else {}
        return {**wanted, "previous": self.previous} if self.previous else wanted

    def words(self, status: Object, now: datetime) -> str:
        """Return which snapshot that is, as far as the status of the source knows; the mover chooses it."""
        last, all_known = mapping(status, "restic", "lastSnapshot"), mapping(status, "restic", "snapshots")
        newest = time_in(last, "time")
        if self.snapshot and not (self.newest and last.get("id") == self.snapshot):
            known = _is(last) if str(last.get("id")).startswith(self.snapshot) else ", if the repository has it"
            return f"the snapshot {plain(self.snapshot)}{known}"
        if self.previous or (self.at and not self.newest and (newest is None or self.at < newest)):
            until = f" that was made by {written(self.at)}" if self.at else ""
            nth = f"the one {self.previous} before the newest snapshot" if self.previous else "the newest snapshot"
            return f"{nth}{until}; {_are(all_known)}"
        return f"the newest snapshot{_is(last, now) if newest else f'; {_are(all_known)}'}"

    def doubt(self, status: Object) -> str:
        """Return why there may be no such snapshot, "" if nothing speaks against it."""
        known = mapping(status, "restic", "snapshots")
        oldest, number = time_in(known, "oldest"), known.get("count")
        if self.at and oldest is not None and self.at < oldest:
            return f"the status knows of no snapshot that old: the oldest is of {written(oldest)}"
        if isinstance(number, int) and not self.snapshot and self.previous >= number:
            return f"the status knows of {count(number, 'snapshot')} only"
        return ""


def newest_of(destination: Object) -> Point:
    """Return which snapshot was the newest when a destination was made that was to restore it."""
    restic: Any = (destination.get("spec") or {}).get("restic") or {}
    return Point(time_in(restic, "restoreAsOf"), str(restic.get("snapshot") or ""), newest=True)


def point(at: str, snapshot: str, previous: int | None, now: datetime, zone: tzinfo | None = None) -> Point:
    """Return what was asked for; ValueError says why it makes no sense. The zone is this machine's if none is given."""
    if snapshot and (at or previous is not None):
        raise ValueError("--snapshot names one: leave --at and --previous out")
    if snapshot and not _SNAPSHOT.fullmatch(snapshot):
        raise ValueError(f"--snapshot: {plain(snapshot)!r} is no id: give at least four of its digits (0-9, a-f)")
    return Point(parsed_time(at, now, zone) if at else None, snapshot, previous or 0)


def _is(last: Object, now: datetime | None = None) -> str:
    """Return what is known of the last snapshot."""
    made = time_in(last, "time")
    if made is None:
        return ""
    numbers = [n for n in (last.get(k) for k in ("filesNew", "filesChanged", "filesUnmodified")) if isinstance(n, int)]
    when = f" ({ago(made, now)})" if now else ""
    holds = f", {count(sum(numbers), 'file')}, {size(last.get('bytesProcessed'))}" if numbers else ""
    return f", as far as its status knows {plain(last.get('id'))[:8]} of {written(made)}{when}{holds}"


def _are(known: Object) -> str:
    number, oldest, newest = known.get("count"), time_in(known, "oldest"), time_in(known, "newest")
    if not isinstance(number, int) or oldest is None or newest is None:
        return "its status does not say which there are"
    return f"its status knows of {count(number, 'snapshot')}, from {written(oldest)} to {written(newest)}"
