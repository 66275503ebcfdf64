"""Instants as the API writes them: RFC 3339, whole seconds, UTC."""

from __future__ import annotations

from datetime import UTC, datetime


def format_rfc3339(instant: datetime) -> str:
    """Return the instant with whole seconds, like `2026-11-24T04:24:42Z`."""
    return instant.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def parse_rfc3339(text: str) -> datetime:
    """Return the instant in UTC; ValueError if the text is none, names no zone, or is beyond the calendar."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text!r} is beyond the calendar") from None
