"""The one reader of JSON that comes from outside: whatever a text is, there is a bounded value or there is none.

Annotations are anybody's, reports are those of pods, records lie on volumes, lines are those of a program, and objects
hold what their users put in. So texts have a longest length and documents a deepest level, numbers that 64 bits do not
hold count as absent, and no text, whatever it holds, makes a reader raise anything else than `Unreadable`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any, Final

# No document of ours, of restic's or of Kubernetes' own types is half as deep; Python fails at about a thousand.
DEEPEST: Final = 64
# What the API's integers and restic's counters are.
LARGEST: Final = 2**63 - 1
# As many digits as the largest has.
_MOST_DIGITS = 19
# A word in a document, such as a name, a class, an id, or a time.
LONGEST_WORD: Final = 253


class Unreadable(ValueError):
    """The text holds no value that may be used; the text of the error quotes nothing of it."""


def _integer(digits: str) -> int | None:
    if len(digits) > _MOST_DIGITS + 1:
        return None
    value = int(digits)
    return value if -LARGEST <= value <= LARGEST else None


def _real(digits: str) -> float | None:
    value = float(digits)
    return value if abs(value) <= LARGEST else None


def _constant(name: str) -> Any:
    raise Unreadable(f"{name} is no JSON")


# Made once: `json.loads` would make a new one for each text.
_DECODER = json.JSONDecoder(parse_int=_integer, parse_float=_real, parse_constant=_constant)


def read_json(text: str | bytes, *, most: int) -> Any:
    """Return the value of a text of at most so many characters or bytes; Unreadable if it has none that is fit."""
    if len(text) > most:
        raise Unreadable("it is too long")
    try:
        value = _DECODER.decode(text if isinstance(text, str) else text.decode())
    except Unreadable:
        raise
    except RecursionError:
        raise Unreadable("it is nested too deeply") from None
    except ValueError:
        raise Unreadable("it is no JSON") from None
    if is_too_deep(value):
        raise Unreadable("it is nested too deeply")
    return value


def read_object(text: str | bytes, *, most: int) -> dict[str, Any] | None:
    """Return the object in a text, or None if there is none that can be read."""
    try:
        value = read_json(text, most=most)
    except Unreadable:
        return None
    return value if isinstance(value, dict) else None


def is_too_deep(value: Any) -> bool:
    """Return whether a value has more levels than any that is meant."""
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [part for one in level for part in _parts(one)]
        if not level:
            return False
    return True


def _parts(value: Any) -> Collection[Any]:
    if isinstance(value, dict):
        return [part for part in value.values() if isinstance(part, dict | list)]
    return [part for part in value if isinstance(part, dict | list)] if isinstance(value, list) else ()


def text_of(data: dict[str, Any], key: str, *, most: int = LONGEST_WORD) -> str:
    """Return the text of a field, cut after so many characters and fit to be written again; "" if there is none."""
    value = data.get(key)
    return writable(value[:most]) if isinstance(value, str) else ""


def number_of(data: dict[str, Any], key: str, *, most: int = LARGEST) -> int:
    """Return the whole number of a field, from 0 up to `most`; 0 if there is none."""
    return int(real_of(data, key, most=most))


def real_of(data: dict[str, Any], key: str, *, most: int = LARGEST) -> float:
    """Return the number of a field, from 0 up to `most`; 0 if there is none."""
    value = data.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= most:
        return 0
    return value


def list_of(data: dict[str, Any], key: str, *, most: int) -> list[Any]:
    """Return the first so many items of a field; [] if there are none."""
    value = data.get(key)
    return value[:most] if isinstance(value, list) else []


def writable(text: str) -> str:
    """Return a text that can be encoded: a half of a character, which JSON can hold, becomes a question mark."""
    return text.encode(errors="replace").decode()


# ---- what is stored by others, where one odd part must not make the rest unreadable

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


def read_stored(raw: bytes) -> Any:
    """Return the value of a text without what is nested too deeply in it; ValueError if it is no JSON.

    Everybody may keep such a thing in an object of a kind that allows any field, and lists hold the objects of all.
    """
    try:
        return json.loads(raw)
    except RecursionError:
        return json.loads(_without_depths(raw))


def without_depths(value: Any) -> Any:
    """Return a value with None in place of what is nested too deeply; the same one if nothing is."""
    return _cut(value, DEEPEST) if is_too_deep(value) else value


def _cut(value: Any, levels: int) -> Any:
    if not isinstance(value, dict | list):
        return value
    if not levels:
        return None
    if isinstance(value, dict):
        return {key: _cut(part, levels - 1) for key, part in value.items()}
    return [_cut(part, levels - 1) for part in value]


def _without_depths(raw: bytes) -> bytes:
    """Return a JSON text with `null` in place of what is below the deepest level."""
    kept: list[bytes] = []
    depth, start = 0, 0
    for token in _TOKEN.finditer(raw):
        opens, closes = token[0] in (b"[", b"{"), token[0] in (b"]", b"}")
        if opens:
            depth += 1
            if depth == DEEPEST + 1:
                kept += [raw[start : token.start()], b"null"]
        elif closes:
            if depth == DEEPEST + 1:
                start = token.end()
            depth -= 1
    return b"".join([*kept, raw[start:]])
