"""Instants as the API writes them: RFC 3339, whole seconds, UTC."""

from __future__ import annotations

from datetime import UTC, datetime

# Nobody means a time outside these, and a century can be added to both without an overflow.
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2500, 1, 1, tzinfo=UTC)


def format_rfc3339(instant: datetime) -> str:
    """Return the instant with whole seconds, like `2026-11-24T04:24:42Z`."""
    return instant.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def parse_rfc3339(text: str) -> datetime:
    """Return the instant in UTC; ValueError if the text is none, names no zone, or is beyond the calendar."""
    # RFC 3339 has `t` and `z` as well, Python has not.
    instant = datetime.fromisoformat(text.upper())
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text!r} is beyond the calendar") from None


def instant(value: object, otherwise: datetime) -> datetime:
    """Return the instant that somebody has stored, within a calendar to reckon in; `otherwise` if it is none."""
    try:
        found = parse_rfc3339(value) if isinstance(value, str) else otherwise
    except ValueError:
        return otherwise
    return min(max(found, _FIRST), _LAST)


def past(value: object, now: datetime) -> datetime:
    """Return an instant of something that has happened: not later than now, whatever is stored; now if it is none.

    `now` is of the clock that the instant is of.
    """
    return min(instant(value, now), now)
