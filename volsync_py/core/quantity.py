"""Kubernetes' quantities: `1Gi`, `500M`, `1.5e3`, and nothing that the API server refuses."""

from __future__ import annotations

import re
from decimal import Decimal

_NUMBER = r"[0-9]+\.?[0-9]*|\.[0-9]+"
_QUANTITY = re.compile(rf"([+-]?(?:{_NUMBER}))([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?", re.ASCII)
_SUFFIXES: dict[str, Decimal] = {
    "": Decimal(1),
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "k": Decimal("1e3"),
    "M": Decimal("1e6"),
    "G": Decimal("1e9"),
    "T": Decimal("1e12"),
    "P": Decimal("1e15"),
    "E": Decimal("1e18"),
    **{f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", start=1)},
}
# Nobody has a volume of 10**60 bytes; a larger exponent only costs memory.
_LARGEST_EXPONENT = 60


def parse_quantity(value: object) -> Decimal:
    """Return the value of a quantity, a string or an integer; ValueError if it is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    match = _QUANTITY.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a quantity such as 1Gi or 500M")
    number, suffix = Decimal(match[1]), match[2] or ""
    if suffix in _SUFFIXES:
        return number * _SUFFIXES[suffix]
    exponent = int(suffix[1:])
    if abs(exponent) > _LARGEST_EXPONENT:
        raise ValueError(f"{value!r} is out of range")
    return number * Decimal(10) ** exponent
