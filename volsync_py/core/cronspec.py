"""The dialect of schedules: five fields or a descriptor, as the Go library robfig/cron v3 reads them.

Only the text is dealt with here; `core.schedule` finds the instants. No Python library reads this
dialect: equal ends of a range, stars with a step, day 7 and lists with empty parts all differ.
"""

from __future__ import annotations

import re
from datetime import timedelta

from attrs import frozen

from volsync_py.core.durations import parse_go_duration

# Five lists of all their values have some five hundred characters.
LONGEST_SCHEDULE = 1024
DESCRIPTORS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTHS = {name: n for n, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}
_DAYS = {name: n for n, name in enumerate("sun mon tue wed thu fri sat".split())}
_ONE_SECOND = timedelta(seconds=1)


class ScheduleError(ValueError):
    """A schedule that cannot be used; the text is one clause that says why."""


@frozen
class Field:
    """The values that a field allows; `star` when it was written as an unstepped `*` or `?`."""

    values: frozenset[int]
    star: bool


@frozen
class Fields:
    """A parsed expression."""

    minute: Field
    hour: Field
    day_of_month: Field
    month: Field
    day_of_week: Field


@frozen
class Every:
    """A fixed pause after the last time, in whole seconds."""

    pause: timedelta


@frozen
class _Bounds:
    name: str
    least: int
    most: int
    names: dict[str, int]


_FIELDS = (
    _Bounds("minute", 0, 59, {}),
    _Bounds("hour", 0, 23, {}),
    _Bounds("day of month", 1, 31, {}),
    _Bounds("month", 1, 12, _MONTHS),
    _Bounds("day of week", 0, 6, _DAYS),
)


def split_zone(text: str) -> tuple[str | None, str]:
    """Return the zone of a `TZ=` or `CRON_TZ=` prefix, or None, and the rest."""
    if not text.startswith(("TZ=", "CRON_TZ=")):
        return None, text
    prefix, space, rest = text.partition(" ")
    if not space:
        raise ScheduleError(f"nothing follows the time zone in {text!r}")
    return prefix.partition("=")[2], rest.strip()


def parse_expression(text: str) -> Fields | Every:
    """Return the meaning of a schedule without its zone; ScheduleError for what the Go library refuses."""
    if not text:
        raise ScheduleError("the schedule is empty")
    if text.startswith("@"):
        return _descriptor(text)
    parts = text.split()
    if len(parts) != len(_FIELDS):
        raise ScheduleError(f"expected 5 fields, found {len(parts)}: {text!r}")
    return Fields(*(_field(part, bounds) for part, bounds in zip(parts, _FIELDS, strict=True)))


def _descriptor(text: str) -> Fields | Every:
    if text in DESCRIPTORS:
        return parse_expression(DESCRIPTORS[text])
    if not text.startswith("@every "):
        raise ScheduleError(f"unknown descriptor {text!r}")
    try:
        pause = parse_go_duration(text.removeprefix("@every "))
    except ValueError as error:
        raise ScheduleError(str(error)) from None
    return Every(max(pause - pause % _ONE_SECOND, _ONE_SECOND))


def _field(text: str, bounds: _Bounds) -> Field:
    values: set[int] = set()
    star = False
    for part in filter(None, text.split(",")):
        allowed, is_star = _range(part, bounds)
        values.update(allowed)
        star = star or is_star
    return Field(frozenset(values), star)


def _range(text: str, bounds: _Bounds) -> tuple[range, bool]:
    ends, *steps = text.split("/")
    low, *high = ends.split("-")
    if len(steps) > 1:
        raise ScheduleError(f"too many slashes in {text!r}")
    star = low in ("*", "?")
    if star:
        first, last = bounds.least, bounds.most
    elif len(high) > 1:
        raise ScheduleError(f"too many hyphens in {text!r}")
    else:
        first = _number(low, bounds)
        last = _number(high[0], bounds) if high else first
    step = 1
    if steps:
        step = _number(steps[0], None)
        last = last if high else bounds.most
        star = star and step <= 1
    _check(first, last, step, text, bounds)
    return range(first, last + 1, step), star


def _check(first: int, last: int, step: int, text: str, bounds: _Bounds) -> None:
    if first < bounds.least or last > bounds.most:
        raise ScheduleError(f"{text!r} is out of range for {bounds.name} ({bounds.least}-{bounds.most})")
    if first > last:
        raise ScheduleError(f"{text!r} begins after its end")
    if step == 0:
        raise ScheduleError(f"{text!r} has a step of zero")


def _number(text: str, bounds: _Bounds | None) -> int:
    if bounds is not None and text.lower() in bounds.names:
        return bounds.names[text.lower()]
    if not re.fullmatch(r"[+-]?[0-9]{1,9}", text):
        raise ScheduleError(f"{text!r} is not a number")
    value = int(text)
    if value < 0:
        raise ScheduleError(f"{text!r} is negative")
    return value
