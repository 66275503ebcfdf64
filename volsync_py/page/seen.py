"""What the page shows of each resource: read once from its object, leniently."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache

from attrs import frozen

from volsync_py.core.durations import parse_go_duration
from volsync_py.core.objects import Object, mapping
from volsync_py.core.stored_times import time_in
from volsync_py.health.sharing import healths
from volsync_py.health.state import Health, State
from volsync_py.page.days import bad_days, letters_of

_STATES = list(State)
# A page has one for each source, and the next page mostly the same.
_MOST_DURATIONS = 4096


@frozen
class Seen:
    """One resource; what is not known is None."""

    health: Health
    letters: str
    # What is backed up, or restored into.
    claim: str
    # The name of the Secret; nothing of what is in it is known here.
    secret: str
    began: datetime | None
    ended: datetime | None
    # Bytes of the last snapshot, and those that it has put into the repository.
    size: int | None
    added: int | None
    proved: datetime | None

    @property
    def full_name(self) -> str:
        """Namespace and name."""
        return f"{self.health.namespace}/{self.health.name}"

    @property
    def order(self) -> tuple[int, int, str]:
        """The worst first."""
        return _STATES.index(self.health.state), -bad_days(self.letters), self.full_name


@frozen
class Picture:
    """All that one page shows, at one moment, with times in the zone of `now`."""

    found: Sequence[Seen]
    now: datetime
    # The last day of the strips.
    last: date
    # "the namespace media", or "any namespace".
    where: str
    with_namespace: bool

    @property
    def sources(self) -> list[Seen]:
        """Those that back up."""
        return [one for one in self.found if one.health.is_source]

    def name_of(self, one: Seen) -> str:
        """Return what a resource is called here."""
        return one.full_name if self.with_namespace else one.health.name


def picture_of(objects: Sequence[Object], now: datetime, where: str, *, with_namespace: bool) -> Picture:
    """Return what is shown of objects, the worst first."""
    last = last_day(objects, now)
    known = zip(objects, healths(objects, now), strict=True)
    found = sorted((seen(obj, health, now, last) for obj, health in known), key=lambda one: one.order)
    return Picture(found, now, last, where, with_namespace)


def last_day(objects: Sequence[Object], now: datetime) -> date:
    """Return the last day of the strips."""
    today = now.date()
    # The operator's zone may be in tomorrow by now; who is further ahead had a wrong clock.
    tomorrow = today + timedelta(days=1)
    ahead = any(mapping(obj, "status", "lastDays").get("until") == tomorrow.isoformat() for obj in objects)
    return tomorrow if ahead else today


def seen(obj: Object, health: Health, now: datetime, last: date) -> Seen:
    """Return what is shown of one object in this state."""
    restic, status = mapping(obj.get("spec"), "restic"), mapping(obj.get("status"))
    snapshot = mapping(status, "restic", "lastSnapshot")
    began, ended = time_in(status, "lastSyncStartTime"), None
    if began is None and health.last is not None:
        ended = min(health.last, now)
        took = status.get("lastSyncDuration")
        began = ended - (_duration(took) if isinstance(took, str) else timedelta(0))
    claim = mapping(obj.get("spec")).get("sourcePVC") or restic.get("destinationPVC")
    return Seen(
        health=health,
        letters=letters_of(obj, last, now, health.state),
        claim=claim if isinstance(claim, str) else "",
        secret=restic["repository"] if isinstance(restic.get("repository"), str) else "",
        began=began,
        ended=ended,
        size=_bytes(snapshot.get("bytesProcessed")),
        added=_bytes(snapshot.get("bytesAdded")),
        proved=time_in(mapping(status, "restic", "lastVerified"), "time"),
    )


@lru_cache(maxsize=_MOST_DURATIONS)
def _duration(value: str) -> timedelta:
    """Return a duration that somebody has stored, none if it cannot be one."""
    try:
        found = parse_go_duration(value)
    except ValueError:
        return timedelta(0)
    # A year is longer than any run, and can be reckoned with.
    return min(max(found, timedelta(0)), timedelta(days=365))


def _bytes(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
