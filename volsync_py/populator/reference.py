"""Which claims are filled from a destination, and the names by which their objects know them.

Names and labels are VolSync's, so that a claim that one manager began to fill is filled by the other.
"""

from __future__ import annotations

from volsync_py.core.labels import POPULATOR_LABEL_PREFIX, Label
from volsync_py.core.names import checksum
from volsync_py.core.objects import Object, labels_of

GROUP, KIND = "volsync.backube", "ReplicationDestination"
_TEMPORARY_PREFIX = "vs-prime-"
# What the API server allows.
_LONGEST_LABEL = 63
# Each change of a snapshot calls for all of its readers, and anybody may write labels on one of his. So many claims at
# once load a driver enough; the others take their turns.
MOST_READERS = 100
# A hyphen and the eight digits of a checksum.
_CHECKSUM_LENGTH = 9


def destination_of(claim: Object) -> str:
    """Return the name of the destination that a claim is to be filled from, "" if there is none."""
    source = claim["spec"].get("dataSourceRef") or {}
    is_one = (source.get("apiGroup"), source.get("kind")) == (GROUP, KIND)
    return str(source.get("name") or "") if is_one else ""


def names_another_namespace(claim: Object) -> bool:
    """Return whether the destination is to be one of another namespace."""
    space = (claim["spec"].get("dataSourceRef") or {}).get("namespace")
    return bool(space) and space != claim["metadata"]["namespace"]


def temporary_name(uid: str) -> str:
    """Return the name of the temporary claim for the claim with that UID."""
    return _TEMPORARY_PREFIX + uid


def uid_of_temporary(claim: Object) -> str:
    """Return the UID of the claim that a temporary claim is for, "" if it is none."""
    name = str(claim["metadata"]["name"])
    is_one = Label.POPULATOR_FOR in labels_of(claim)
    return name.removeprefix(_TEMPORARY_PREFIX) if is_one and name.startswith(_TEMPORARY_PREFIX) else ""


def in_use_label(uid: str) -> str:
    """Return the label of a snapshot that the claim with that UID is being filled from."""
    return POPULATOR_LABEL_PREFIX + uid


def is_read_by(snapshot: Object, uid: str) -> bool:
    """Return whether a snapshot is labelled for the claim with that UID."""
    return in_use_label(uid) in labels_of(snapshot)


def count_readers(snapshot: Object) -> int:
    """Return how many claims a snapshot is labelled for."""
    return sum(1 for key in labels_of(snapshot) if key.startswith(POPULATOR_LABEL_PREFIX))


def readers_of(snapshot: Object) -> list[str]:
    """Return the UIDs of the claims that a snapshot is labelled for; none of one with more labels than we ever set."""
    if count_readers(snapshot) > MOST_READERS:
        return []
    labels = labels_of(snapshot)
    return [key.removeprefix(POPULATOR_LABEL_PREFIX) for key in labels if key.startswith(POPULATOR_LABEL_PREFIX)]


def label_value(name: str) -> str:
    """Return a claim's name as a label's value; one that is too long ends in a checksum."""
    # Differs from VolSync: its labels have the name as it is, and longer ones are refused.
    if len(name) <= _LONGEST_LABEL:
        return name
    return f"{name[: _LONGEST_LABEL - _CHECKSUM_LENGTH]}-{checksum(name)}"
