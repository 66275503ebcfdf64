"""A pattern that finds a text however it is written: as it is, quoted as Go does, in JSON, in a URL, in XML."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

_SHORT_ESCAPES = {"\n": "n", "\r": "r", "\t": "t", "\a": "a", "\b": "b", "\f": "f", "\v": "v"}
# Beside what is kept, as much is looked at: longer than a secret in any of its spellings, but for keys, which are
# hidden line by line.
_BESIDE = 4096
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;|&quot;", "'": "&#39;|&apos;"}


def pattern_of(texts: Iterable[str]) -> re.Pattern[str] | None:
    """Return a pattern that matches each of the texts in every spelling, the longest first; None if there is none."""
    wanted = sorted(set(texts), key=lambda text: (-len(text), text))
    return re.compile("|".join(map(_spelled, wanted))) if wanted else None


def beginning(text: str, most: int, redact: Callable[[str], str]) -> str:
    """Return the beginning of a text; of one that is cut, secrets go first: half of one is not recognised any more."""
    if len(text) <= most:
        return text
    masked = redact(text[: most + _BESIDE])
    # Masking makes the text shorter, and its end may be half a secret again.
    return (masked if len(text) <= most + _BESIDE else masked[:-_BESIDE])[:most]


def ending(text: str, most: int, redact: Callable[[str], str]) -> str:
    """Return the end of a text, as `beginning` its beginning."""
    if len(text) <= most:
        return text
    masked = redact(text[-most - _BESIDE :])
    return (masked if len(text) <= most + _BESIDE else masked[_BESIDE:])[-most:]


def _spelled(text: str) -> str:
    if text.isascii() and text.isdigit():
        # A number is not masked inside a longer one, which is another number.
        return rf"(?<!\d){text}(?!\d)"
    return "".join(map(_character, text))


@lru_cache(maxsize=1024)
def _character(one: str) -> str:
    """Return what matches one character: itself, with backslashes before it, by its bytes or its number."""
    data = one.encode(errors="surrogateescape")
    forms = []
    if one in _SHORT_ESCAPES:
        forms.append(r"\\+" + _SHORT_ESCAPES[one])
    if one in _ENTITIES:
        forms.append(_ENTITIES[one])
    if one == " ":
        forms.append(r"\+")
    if "\udc80" <= one <= "\udcff":
        # A byte that is no text, which a reader may have replaced.
        forms.append("\ufffd")
    forms.append("".join(rf"%(?:25)*{_hexadecimal(f'{byte:02x}')}" for byte in data))
    forms.append("".join(rf"\\+x{_hexadecimal(f'{byte:02x}')}" for byte in data))
    if ord(one) < 0x100:
        forms.append(rf"\\+x{_hexadecimal(f'{ord(one):02x}')}")
    units = one.encode("utf-16-be", errors="surrogatepass").hex()
    forms.append("".join(rf"\\+u{_hexadecimal(units[i : i + 4])}" for i in range(0, len(units), 4)))
    if ord(one) > 0xFFFF:
        forms.append(rf"\\+U{_hexadecimal(f'{ord(one):08x}')}")
    # Last, because each of the others may begin with it.
    forms.append(r"\\+" if one == "\\" else re.escape(one) if one.isalnum() else r"\\*" + re.escape(one))
    return f"(?:{'|'.join(forms)})"


def _hexadecimal(digits: str) -> str:
    return "".join(f"[{digit}{digit.upper()}]" if digit.isalpha() else digit for digit in digits)
