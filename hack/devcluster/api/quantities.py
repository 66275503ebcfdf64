"""Quantities, such as `1Gi`; whether a text is one is checked by `problems`."""

from __future__ import annotations

from decimal import Decimal

_SUFFIXES: dict[str, int | Decimal] = {
    "": 1,
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "P": 10**15,
    "E": 10**18,
    "m": Decimal("0.001"),
    "u": Decimal("0.000001"),
    "n": Decimal("0.000000001"),
}
_SUFFIXES |= {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60}


def quantity_bytes(text: str | int) -> int:
    """Read a quantity as whole bytes, rounded up."""
    number = str(text).strip()
    digits = number.rstrip("kKMGTPEimun")
    value = Decimal(digits) * _SUFFIXES[number[len(digits) :]]
    return int(value.to_integral_value(rounding="ROUND_CEILING"))
