"""The instants of a schedule, as the Go library robfig/cron v3 finds them.

An instant belongs to a schedule if the local clock then shows a time that the fields allow: what the
clock skips in spring does not run, what it shows twice in autumn runs twice. croniter steps naive local
time over fields that our own parser has expanded; the time zone's offsets are dealt with here.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from attrs import frozen
from croniter import CroniterBadDateError, croniter

from volsync_py.core.cronspec import Every, Field, Fields, ScheduleError, parse_expression, split_zone

__all__ = ["Schedule", "ScheduleError", "parse_schedule", "parse_zone"]

# The Go library gives up after five years.
_MOST_YEARS = 5
# Fields have whole minutes, and a second is the finest that a zone's offset changes at.
_ONE_SECOND = timedelta(seconds=1)


@frozen
class Schedule:
    """A parsed schedule in its time zone."""

    text: str
    zone: tzinfo
    rule: Fields | Every

    def next_after(self, instant: datetime) -> datetime | None:
        """Return the first instant strictly after the given one, or None: never within five years."""
        if isinstance(self.rule, Every):
            return instant.astimezone(UTC).replace(microsecond=0) + self.rule.pause
        expression = _expression(self.rule)
        if expression is None:
            return None
        return self._next(expression, instant.astimezone(UTC))

    def _next(self, expression: str, instant: datetime) -> datetime | None:
        limit = instant.astimezone(self.zone).year + _MOST_YEARS
        after = instant
        while True:
            offset = self._offset(after)
            # From here on the local clock is the UTC clock plus `offset`, until the offset changes.
            naive = _step(expression, (after + offset).replace(tzinfo=None))
            if naive is None or naive.year > limit:
                return None
            found = naive.replace(tzinfo=UTC) - offset
            if self._offset(found) == offset and found > instant:
                return found
            # Stands a second before the change, so that the change itself is still found.
            change = self._change(after, found)
            if change is None:
                after = max(found, after + _ONE_SECOND)
                continue
            again = self._from(expression, change, instant)
            if again is not None:
                return again
            after = change

    def _from(self, expression: str, change: datetime, instant: datetime) -> datetime | None:
        """Return `change` itself if it belongs to the schedule."""
        local = change.astimezone(self.zone).replace(tzinfo=None)
        naive = _step(expression, local - _ONE_SECOND)
        return change if naive == local and change > instant else None

    def _offset(self, instant: datetime) -> timedelta:
        return instant.astimezone(self.zone).utcoffset() or timedelta(0)

    def _change(self, low: datetime, high: datetime) -> datetime | None:
        """Return the first whole second in (low, high] at which the offset is no longer that of `low`."""
        before = self._offset(low)
        low = low.replace(microsecond=0)
        step = timedelta(days=14)
        # Two changes may cancel each other out within months, never within two weeks.
        probe = low
        while probe < high:
            probe = min(probe + step, high)
            if self._offset(probe) != before:
                break
            low = probe
        else:
            return None
        while probe - low > _ONE_SECOND:
            middle = (low + (probe - low) / 2).replace(microsecond=0)
            if self._offset(middle) == before:
                low = middle
            else:
                probe = middle
        return probe


def parse_schedule(text: str, default_zone: tzinfo) -> Schedule:
    """Return the schedule; ScheduleError says why there is none."""
    zone_name, expression = split_zone(text)
    zone = default_zone if zone_name is None else parse_zone(zone_name or "UTC")
    return Schedule(text, zone, parse_expression(expression))


def parse_zone(name: str) -> tzinfo:
    """Return an IANA time zone by name; ScheduleError if there is none of that name."""
    if name == "UTC":
        # Go reads no file for it, either: one that is mounted at /etc/localtime may have come to lie there.
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ScheduleError(f"unknown time zone {name!r}") from None


def _step(expression: str, naive: datetime) -> datetime | None:
    try:
        found = croniter(expression, naive, max_years_between_matches=_MOST_YEARS + 1).get_next(datetime)
    except CroniterBadDateError:
        return None
    assert isinstance(found, datetime)
    return found


def _expression(fields: Fields) -> str | None:
    """Return fields that croniter reads without any rule of its own; None when no time matches."""
    if not all((fields.minute.values, fields.hour.values, fields.month.values)):
        return None
    days, weekdays = fields.day_of_month, fields.day_of_week
    if days.star or weekdays.star:
        # Both must match, so the one that is no star decides; croniter takes `*` as "no restriction".
        if not (days.values and weekdays.values):
            return None
        day = "*" if days.star else _list(days, 31)
        weekday = "*" if weekdays.star else _list(weekdays, 7)
    elif not (days.values or weekdays.values):
        return None
    elif len(days.values) == 31 or len(weekdays.values) == 7:
        # Either may match and one always does.
        day = weekday = "*"
    elif not days.values or not weekdays.values:
        day = _list(days, 31) if days.values else "*"
        weekday = _list(weekdays, 7) if weekdays.values else "*"
    else:
        day, weekday = _list(days, 31), _list(weekdays, 7)
    parts = (_list(fields.minute, 60), _list(fields.hour, 24), day, _list(fields.month, 12), weekday)
    return " ".join(parts)


def _list(field: Field, size: int) -> str:
    return "*" if len(field.values) == size else ",".join(map(str, sorted(field.values)))
