"""A time as people type it: of a day, in a zone of their own or with one. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

from volsync_py.health.words import plain

_DAYS = {"today": 0, "yesterday": 1}
_WRITE_TIME = (
    "write a day and a time, like 2026-11-29T03:00:00Z, or in your zone like '2026-11-29 03:00' or 'yesterday 03:00'"
)


def parsed_time(text: str, now: datetime, zone: tzinfo | None) -> datetime:
    """Return the instant of an option; ValueError says what is wrong with it. The zone is this machine's if none."""
    words = text.strip().split()
    try:
        if len(words) == 2 and words[0].lower() in _DAYS:
            day = now.astimezone(zone).date() - timedelta(days=_DAYS[words[0].lower()])
            words[0] = day.isoformat()
        if not words or ":" not in words[-1]:
            raise ValueError
        found = datetime.fromisoformat("T".join(words).upper())
        if found.tzinfo is None:
            found = found.replace(tzinfo=zone) if zone else found.astimezone()
        late = found > now
    except (ValueError, OverflowError):
        raise ValueError(f"--at: {plain(text)!r} is no time: {_WRITE_TIME}") from None
    if late:
        raise ValueError(f"--at: {written(found)} is still to come; the newest snapshot comes without --at")
    return found


def written(instant: datetime | None) -> str:
    """Return a time with its zone."""
    return "" if instant is None else instant.isoformat(sep=" ", timespec="seconds")
