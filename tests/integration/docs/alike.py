"""Whether what a page shows is what was printed, apart from what differs each time."""

from __future__ import annotations

import re
from collections.abc import Iterator

_ANYTHING = "…"
# Times, ids, and numbers with their units: what a sample has of its own.
_OWN = re.compile(
    r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?)?(Z|[+-]\d\d:\d\d)?"
    r"|\d{8}t\d{6}z"
    r"|\b[0-9a-f]{8,64}\b"
    r"|\d+(:\d+)+"
    r"|(\d+h)?(\d+m)?\d+(\.\d+)?s\b"
    r"|\d+(\.\d+)?( ?([KMGT]?i?B|[%smh]|Gi)\b| ?%| (second|minute|hour|day)s?\b)?",
    re.IGNORECASE,
)
# What is counted may be one or several; where a word begins a line says nothing of a number before it.
_COUNTED = re.compile(r"\b(\w+?)((?<=ch)es|s)\b")


def matches(expected: str, printed: str) -> bool:
    """Return whether a text was printed, with anything where an ellipsis is, and any space between words."""
    parts = [r"\s+".join(map(re.escape, part.split())) for part in expected.split(_ANYTHING)]
    return re.search(r"\s*.*?\s*".join(parts), printed, re.DOTALL) is not None


def alike(sample: str, printed: str) -> bool:
    """Return whether a sample is like what was printed, with other numbers, times and ids."""
    return matches(_blurred(sample), _blurred(printed))


def unlike(sample: str, pictures: str) -> Iterator[str]:
    """Return the lines of a sample like which there is none in other samples."""
    return (line for line in sample.splitlines() if not alike(line, pictures))


def _blurred(text: str) -> str:
    """Return a text with the same sign for whatever differs; a line may be broken elsewhere, too."""
    return _COUNTED.sub(r"\1", _OWN.sub("#", " ".join(text.split())))
