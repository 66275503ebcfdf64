"""restic's own notations: what its parser takes, and within which bounds.

restic reads most options only when it gets to them, and so after the backup was made. What it would refuse then is
refused here. A test gives restic what is accepted here, and the other way round.
"""

from __future__ import annotations

import posixpath
import re

# restic counts bytes in a signed integer of 64 bits.
_MOST_BYTES = 2**63 - 1
# With more hours than these, restic's arithmetic of nanoseconds overflows; a century has 876,600.
_MOST_OF_A_UNIT = 999_999
# restic parts packs by the first byte of their names.
_MOST_PARTS = 256
_DURATION_PART = re.compile(r"([0-9]{1,20})([ymdh])")
_SIZE = re.compile(r"([0-9]{1,20})([kKmMgGtT]?)")
_PERCENT = re.compile(r"([0-9]{1,20}(?:\.[0-9]{1,20})?)%")
_PART = re.compile(r"([1-9][0-9]{0,2})/([1-9][0-9]{0,2})")
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
# What starts and ends where in restic's patterns; Go's path/filepath.Match.
_ESCAPE, _STAR = "\\", "*"


def duration(text: str) -> dict[str, int] | None:
    """Return the numbers of a duration such as 5m21d by their units, or None if restic reads none in it.

    restic knows y, m, d and h, and no weeks; of a unit that is there twice, the last one counts.
    """
    parts = _DURATION_PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    numbers = {unit: int(number) for number, unit in parts}
    return numbers if all(int(number) <= _MOST_OF_A_UNIT for number, _ in parts) else None


def is_size(text: str) -> bool:
    """Return whether restic takes it for a number of bytes, such as 500M."""
    found = _SIZE.fullmatch(text)
    return found is not None and int(found[1]) * 1024 ** _POWERS[found[2].lower()] <= _MOST_BYTES


def percentage(text: str) -> float | None:
    """Return the value of a percentage such as 5%, as restic rounds it; None if it is none."""
    found = _PERCENT.fullmatch(text)
    return float(found[1]) if found is not None else None


def part(text: str) -> tuple[int, int] | None:
    """Return k and n of a part k/n of the packs, or None if restic knows no such part."""
    found = _PART.fullmatch(text)
    if found is None or not int(found[1]) <= int(found[2]) <= _MOST_PARTS:
        return None
    return int(found[1]), int(found[2])


def is_pattern(text: str) -> bool:
    """Return whether restic takes it for a pattern of include or exclude: Go's filepath.Match for each name in it."""
    if not text or "\0" in text:
        return False
    # Without a rest, `!` is the current folder.
    path = posixpath.normpath(text.removeprefix("!") or ".")
    return all(_is_glob(name) for name in path.split("/"))


def _is_glob(name: str) -> bool:
    rest = name
    while rest:
        chunk, rest = _chunk(rest.lstrip(_STAR))
        if not _is_chunk(chunk):
            return False
    return True


def _chunk(text: str) -> tuple[str, str]:
    """Part a glob at its first star that is in no class."""
    in_class, at = False, 0
    while at < len(text):
        sign = text[at]
        if sign == _ESCAPE and at + 1 < len(text):
            at += 1
        elif sign == "[":
            in_class = True
        elif sign == "]":
            in_class = False
        elif sign == _STAR and not in_class:
            break
        at += 1
    return text[:at], text[at:]


def _is_chunk(chunk: str) -> bool:
    at = 0
    while at < len(chunk):
        if chunk[at] == _ESCAPE:
            if at + 1 == len(chunk):
                return False
            at += 2
        elif chunk[at] == "[":
            end = _end_of_class(chunk, at + 1)
            if end is None:
                return False
            at = end
        else:
            at += 1
    return True


def _end_of_class(chunk: str, at: int) -> int | None:
    """Return where a class ends that begins before `at`, or None if it does not."""
    if chunk[at : at + 1] == "^":
        at += 1
    first = True
    while True:
        if not first and chunk[at : at + 1] == "]":
            return at + 1
        first = False
        low = _end_of_sign(chunk, at)
        if low is None:
            return None
        at = low
        if chunk[at] == "-":
            high = _end_of_sign(chunk, at + 1)
            if high is None:
                return None
            at = high


def _end_of_sign(chunk: str, at: int) -> int | None:
    """Return where a sign of a class ends; None if there is none, or nothing after it."""
    if chunk[at : at + 1] in ("", "-", "]"):
        return None
    if chunk[at] == _ESCAPE:
        at += 1
    return at + 1 if at + 1 < len(chunk) else None


def is_read_data(text: str) -> bool:
    """Return whether it is a part of the packs, such as 1/7 or 5%, that a check is to read."""
    percent = percentage(text)
    return part(text) is not None or (percent is not None and 0 < percent <= 100)
