"""How times and sizes are worded, and what others have written is shown. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

# (from how many seconds on, how many of them make one, its name): the largest unit of which there are at least two.
_UNITS = ((2 * 86400, 86400, "day"), (2 * 3600, 3600, "hour"), (120, 60, "minute"), (0, 1, "second"))
_SIZES = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def plain(text: object, *, lines: bool = False) -> str:
    """Return a text that somebody else has written, as it may go to a terminal: without what would control it.

    A status is written by whoever may, and a log holds names of files.
    """
    whole = str(text)
    if whole.isprintable():
        return whole
    kept = (" " if c in "\n\r\t" and not (lines and c == "\n") else c for c in whole)
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in kept)


def count(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def shortened(name: str, most: int) -> str:
    """Return a name with at most so many characters; one that is longer shows that it goes on."""
    return name if len(name) <= most else f"{name[: max(most - 1, 0)]}…"


def abridged(text: str, most: int) -> str:
    """Return a text with at most so many characters; a longer one loses its middle, where names differ least."""
    if len(text) <= most:
        return text
    end = max(most - 1, 0) // 2
    return f"{text[: max(most - 1 - end, 0)]}…{text[len(text) - end :]}"


def listed(names: Sequence[str], most: int) -> str:
    """Return names as a part of a sentence, the first of them, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def lasting(duration: timedelta) -> str:
    """Return a duration in its largest unit that it has two of."""
    seconds = max(int(duration.total_seconds()), 0)
    size, name = next((size, name) for least, size, name in _UNITS if seconds >= least)
    return count(seconds // size, name)


def ago(instant: datetime, now: datetime) -> str:
    """Return how long ago something was, or in how long it will be."""
    return f"in {lasting(instant - now)}" if instant > now else f"{lasting(now - instant)} ago"


def size(number: object) -> str:
    """Return a number of bytes in the unit of which there are fewest; "?" for what is none."""
    if not isinstance(number, int) or isinstance(number, bool):
        return "?"
    value, unit = float(number), 0
    while value >= 1024 and unit < len(_SIZES) - 1:
        value, unit = value / 1024, unit + 1
    return f"{number} B" if unit == 0 else f"{value:.1f} {_SIZES[unit]}"
