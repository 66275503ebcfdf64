"""How full a claim is, by what its last snapshot holds. Pure."""

from __future__ import annotations

from volsync_py.core.objects import Object, mapping
from volsync_py.core.quantity import parse_quantity


def bytes_in(source: Object) -> int | None:
    """Return the bytes of a source's last snapshot, None if nobody knows."""
    found = mapping(source, "status", "restic", "lastSnapshot").get("bytesProcessed")
    return found if isinstance(found, int) and not isinstance(found, bool) and found >= 0 else None


def bytes_of(claim: Object | None) -> int | None:
    """Return the bytes of a claim's volume, None if nobody knows."""
    found = mapping(claim, "status", "capacity").get("storage")
    try:
        return int(parse_quantity(found)) if found else None
    except ValueError:
        return None


def percent_full(held: int | None, room: int | None) -> int | None:
    """Return how many hundredths of a volume what was backed up takes."""
    return round(100 * held / room) if held is not None and room else None
