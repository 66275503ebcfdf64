"""What was asked for when a claim or a snapshot of ours was made, kept on it as an annotation.

An admission policy may store something else, and does so each time: an object that is compared only with what is
wanted now would be made anew for ever. Whoever reads the record has seen that the object is ours. What an object holds,
such as the volume it was copied from, is never read off its record.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from attrs import frozen

from volsync_py.bounded_json import list_of, read_object
from volsync_py.core.labels import Annotation
from volsync_py.core.objects import Object, annotations_of
from volsync_py.core.quantity import parse_quantity

# Names have 253 characters and access modes are few; nothing of ours comes near it.
_MOST_CHARACTERS = 4096
# Kubernetes knows four.
_MOST_MODES = 10


@frozen
class Request:
    """Which volume, or which snapshot, is asked for; a class of None is the cluster's default."""

    size: Any = None
    volume_class: str | None = None
    access_modes: tuple[str, ...] = ()

    @classmethod
    def in_spec(cls, spec: Object) -> Request:
        """Return what a claim's or a snapshot's spec asks for."""
        size = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
        given = spec.get("storageClassName", spec.get("volumeSnapshotClassName"))
        return cls(size, given, tuple(spec.get("accessModes") or ()))

    def is_met_by(self, other: Request) -> bool:
        """Return whether another request comes to the same; where no class is asked for, any is as good."""
        return (
            bytes_of(self.size) == bytes_of(other.size)
            and self.volume_class in (None, other.volume_class)
            and sorted(self.access_modes) == sorted(other.access_modes)
        )


def with_record(obj: Object) -> Object:
    """Return a new object with what it asks for on record."""
    one = Request.in_spec(obj["spec"])
    record = {"size": one.size, "class": one.volume_class, "accessModes": list(one.access_modes)}
    text = json.dumps({key: value for key, value in record.items() if value not in (None, [])}, sort_keys=True)
    meta = obj["metadata"]
    return {
        **obj,
        "metadata": {**meta, "annotations": {**meta.get("annotations", {}), str(Annotation.ASKED_FOR): text}},
    }


def requests_of(obj: Object) -> tuple[Request, ...]:
    """Return what an object of ours asks for as it is stored, and what it was made with if that is on record."""
    stored = Request.in_spec(obj.get("spec") or {})
    text = annotations_of(obj).get(Annotation.ASKED_FOR)
    data = read_object(text, most=_MOST_CHARACTERS) if isinstance(text, str) else None
    if data is None:
        return (stored,)
    size, given = data.get("size"), data.get("class")
    modes = (mode for mode in list_of(data, "accessModes", most=_MOST_MODES) if isinstance(mode, str))
    record = Request(
        size if isinstance(size, str | int) else None, given if isinstance(given, str) else None, tuple(modes)
    )
    return (stored, record)


def is_of_class(obj: Object, wanted: str | None) -> bool:
    """Return whether an object of ours has a class, or was made with it; None: any is as good."""
    return wanted is None or any(one.volume_class == wanted for one in requests_of(obj))


def bytes_of(size: Any) -> Decimal | None:
    """Return a quantity in bytes; None if there is none, or it is none, whoever wrote it."""
    try:
        return None if size is None else parse_quantity(size)
    except ValueError:
        return None


def is_smaller(sizes: Iterable[Any], wanted: Any) -> bool:
    """Return whether each of some sizes is known, and less than what is wanted."""
    least, known = bytes_of(wanted), [bytes_of(size) for size in sizes]
    return least is not None and all(size is not None and size < least for size in known)
