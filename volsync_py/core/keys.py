"""Values of the repository Secret that restic would refuse, whoever looks first: the manager or the mover."""

from __future__ import annotations

from volsync_py.core.locations import Fault

# What restic takes for a size of packs in MiB; 0 is its own default.
_PACK_SIZES = range(4, 129)
_COMPRESSIONS = ("auto", "off", "max", "fastest", "better")
# restic reads numbers of 32 bits.
_MOST = 2**32 - 1
# White space at the ends of these was typed by nobody, so restic gets them without.
NUMBERS_AND_WORDS = ("RESTIC_PACK_SIZE", "RESTIC_READ_CONCURRENCY", "RESTIC_COMPRESSION")


def value_fault(name: str, value: str) -> Fault | None:
    """Return what is wrong with a value; "" and what is not looked at here are fine."""
    text = value.strip()
    if not text or name not in NUMBERS_AND_WORDS:
        return None
    if name == "RESTIC_COMPRESSION":
        if text in _COMPRESSIONS:
            return None
        return Fault(f"{name} in the repository Secret is no compression", f"use one of {', '.join(_COMPRESSIONS)}")
    # int() of a text without an end costs without an end.
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None
    if number is None or number > _MOST:
        return Fault(f"{name} in the repository Secret is no number", "give a number, or remove the key")
    if name == "RESTIC_PACK_SIZE" and number and number not in _PACK_SIZES:
        return Fault(f"{name} in the repository Secret is not between 4 and 128 (MiB)", "correct it, or remove the key")
    return None
