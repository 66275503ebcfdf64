"""Durations in Go's notation, as VolSync's status and users' fields write them.

`lastSyncDuration` is read by scripts that know Go's format, so it is reproduced exactly: units joined
without spaces, fractions without trailing zeros, `ms`, `µs` and `ns` below a second.
"""

from __future__ import annotations

import re
from datetime import timedelta
from fractions import Fraction

_UNITS = {
    "ns": Fraction(1, 1_000_000_000),
    "us": Fraction(1, 1_000_000),
    "µs": Fraction(1, 1_000_000),  # U+00B5
    "μs": Fraction(1, 1_000_000),  # U+03BC
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "m": Fraction(60),
    "h": Fraction(3600),
}
_TERM = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")
# What Go can hold: nanoseconds in 63 bits.
_LONGEST_NANOSECONDS = 2**63 - 1


def format_go_duration(duration: timedelta) -> str:
    """Return a duration as Go's `Duration.String` does, such as `1m33.5s`, `500µs`, `1h0m0s` or `0s`."""
    microseconds = duration // timedelta(microseconds=1)
    sign = "-" if microseconds < 0 else ""
    microseconds = abs(microseconds)
    if microseconds == 0:
        return "0s"
    if microseconds < 1000:
        return f"{sign}{microseconds}µs"
    if microseconds < 1_000_000:
        return f"{sign}{_decimal(microseconds, 1000)}ms"
    minutes, rest = divmod(microseconds, 60_000_000)
    seconds = f"{_decimal(rest, 1_000_000)}s"
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{sign}{hours}h{minutes}m{seconds}"
    return f"{sign}{minutes}m{seconds}" if minutes else f"{sign}{seconds}"


def _decimal(value: int, unit: int) -> str:
    whole, part = divmod(value, unit)
    digits = str(part).rjust(len(str(unit)) - 1, "0").rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)


def parse_go_duration(text: str) -> timedelta:
    """Return the duration that Go's `ParseDuration` reads; ValueError for what it refuses."""
    body = text[1:] if text[:1] in ("+", "-") else text
    if body == "0":
        return timedelta(0)
    seconds, position = Fraction(0), 0
    while match := _TERM.match(body, position):
        seconds += Fraction(match[1].rstrip(".")) * _UNITS[match[2]]
        position = match.end()
    if not body or position != len(body):
        raise ValueError(f"{text!r} is not a duration such as 90s, 10m or 1h30m")
    if seconds * 1_000_000_000 > _LONGEST_NANOSECONDS:
        raise ValueError(f"{text!r} is too long")
    duration = timedelta(microseconds=int(seconds * 1_000_000))
    return -duration if text.startswith("-") else duration
