"""Times as the API writes them: UTC, in whole seconds."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> str:
    """Return the time as the API writes it."""
    return timestamp(datetime.now(UTC).timestamp())


def timestamp(seconds: float) -> str:
    """Write seconds since the epoch as the API does."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds_of(text: str) -> float:
    """Read the API's time as seconds since the epoch."""
    return datetime.fromisoformat(text).timestamp()
