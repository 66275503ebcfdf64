"""What is known of a repository's snapshots without asking it: restic's own cache, and what the last forget left.

restic lists the snapshots in every backup, keeps a copy of each in its cache, as `<repository>/snapshots/<two
digits>/<snapshot>`, and takes away those that are gone. So the cache shows which repository this is and what it holds;
what of that is ours, and of when, is in our record. Where the two do not agree exactly, nothing is known.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from attrs import frozen

from volsync_py.bounded_json import read_json
from volsync_py.pod.retention import Kept
from volsync_py.pod.session import Session

# A line of a record is two hundred bytes; this is one of some eighty thousand snapshots.
_MOST_BYTES = 16 * 1024 * 1024
_RECORD = "volsync-py-retention.json"
_VERSION = 2
_ID = re.compile(r"[0-9a-f]{64}")


@frozen
class Holding:
    """The repository and the ids of all its snapshots, whoever's they are."""

    repository: str
    snapshots: frozenset[str]


@frozen
class Record:
    """What a forget with this policy left of this group of snapshots, and which others there were beside it."""

    policy: tuple[str, ...]
    group: str
    repository: str
    snapshots: tuple[Kept, ...]
    others: frozenset[str]


def holding(cache: Path, made: str) -> Holding | None:
    """Return what the repository held when the snapshot `made` was made, or None if the cache does not show it."""
    if not _ID.fullmatch(made):
        return None
    try:
        for folder in sorted(cache.iterdir()):
            if not _ID.fullmatch(folder.name) or not (folder / "snapshots" / made[:2] / made).is_file():
                continue
            ids = (file.name for digits in (folder / "snapshots").iterdir() for file in digits.iterdir())
            return Holding(folder.name, frozenset(name for name in ids if _ID.fullmatch(name)))
    except OSError:
        return None
    return None


def group_known(
    record: Record | None, now: Holding | None, policy: Iterable[str], group: str, made: Kept
) -> list[Kept]:
    """Return the snapshots of the group, the new one among them; [] unless it is certain that there are no others."""
    if record is None or now is None or not made.id:
        return []
    if (record.policy, record.group, record.repository) != (tuple(policy), group, now.repository):
        return []
    if now.snapshots != {made.id, *record.others, *(kept.id for kept in record.snapshots)}:
        return []
    return [*record.snapshots, made]


def load(cache: Path) -> Record | None:
    """Return the record of the cache volume, or None if there is none that can be read."""
    try:
        with (cache / _RECORD).open("rb") as file:
            data = read_json(file.read(_MOST_BYTES + 1), most=_MOST_BYTES)
        if data["version"] != _VERSION:
            return None
        return Record(
            tuple(map(str, data["policy"])),
            str(data["group"]),
            str(data["repository"]),
            tuple(
                Kept(str(time), tuple(map(str, tags)), str(i), full is True)
                for i, time, tags, full in data["snapshots"]
            ),
            frozenset(map(str, data["others"])),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def save(cache: Path, record: Record) -> None:
    """Write the record; OSError if that cannot be."""
    data = {
        "version": _VERSION,
        "policy": record.policy,
        "group": record.group,
        "repository": record.repository,
        "snapshots": [(kept.id, kept.time, kept.tags, kept.complete) for kept in record.snapshots],
        "others": sorted(record.others),
    }
    # Who may write to the cache volume may leave a link there to a file that only the mover may write to.
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(cache / _RECORD, flags, 0o666), "w", encoding="utf-8") as file:
        file.write(json.dumps(data))


def forget_record(cache: Path) -> None:
    """Take the record away, so that restic is asked next time; OSError if that cannot be."""
    (cache / _RECORD).unlink(missing_ok=True)


def cache_of(session: Session) -> Path:
    """Return the cache volume."""
    return Path(session.environ["RESTIC_CACHE_DIR"])


def group_of(session: Session) -> str:
    """Return what tells this group of snapshots from others: where the repository is, host and path."""
    parts = (session.environ["RESTIC_REPOSITORY"], session.run.host, session.data)
    return sha256("\n".join(parts).encode()).hexdigest()[:16]
