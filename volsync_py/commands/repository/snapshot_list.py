"""The snapshots of a repository: as restic lists them, which is meant by a word, and how they are shown. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from attrs import frozen

from volsync_py.bounded_json import Unreadable, list_of, number_of, read_json, text_of
from volsync_py.core.selection import SelectionError, Snapshot, is_snapshot, select, snapshot_time
from volsync_py.health.columns import Column, Table, table
from volsync_py.health.words import count, lasting, plain, size

# What one snapshot has of tags and rules, at most.
_MOST_WORDS = 1000
_MOST_SNAPSHOTS = 1_000_000
_COLUMNS = (
    Column("ID"),
    Column("TIME"),
    Column("AGE", leaves=4),
    Column("NEW", leaves=1),
    Column("CHANGED", leaves=2),
    Column("SIZE"),
    Column("ADDED", leaves=3),
    Column("KEPT BY", least=12),
    Column("TAGS", least=8),
    Column("HOST", least=8),
)


@frozen
class Listed:
    """One snapshot; `kept_by`: the rules of the resource's retention that keep it, None if it has none for it."""

    raw: Snapshot
    kept_by: tuple[str, ...] | None
    own: bool

    @property
    def id(self) -> str:
        """Its id."""
        return str(self.raw["id"])

    def as_json(self) -> dict[str, Any]:
        """Return it as it is printed for programs."""
        kept: dict[str, Any] = {} if self.kept_by is None else {"keptBy": list(self.kept_by)}
        return {**self.raw, **kept}


def listed(answer: bytes, host: str, path: str) -> list[Listed]:
    """Return the snapshots in an answer, oldest first: restic's list, or what a dry run of `forget` says of groups."""
    try:
        data = read_json(answer, most=len(answer))
    except Unreadable:
        data = None
    rows = [one for one in data if isinstance(one, dict)] if isinstance(data, list) else []
    found: dict[str, Listed] = {}
    for row in rows:
        if "keep" in row or "remove" in row:
            found |= {one.id: one for one in _of_group(row, host, path)}
        elif is_snapshot(row):
            found[str(row["id"])] = Listed(row, None, is_own(row, host, path))
    return sorted(found.values(), key=lambda one: (snapshot_time(one.raw), one.id))


def _of_group(group: dict[str, Any], host: str, path: str) -> Iterable[Listed]:
    reasons: dict[str, tuple[str, ...]] = {}
    for reason in list_of(group, "reasons", most=_MOST_SNAPSHOTS):
        snapshot = reason.get("snapshot") if isinstance(reason, dict) else None
        if isinstance(snapshot, dict):
            reasons[str(snapshot.get("id"))] = tuple(map(str, list_of(reason, "matches", most=_MOST_WORDS)))
    for name in ("keep", "remove"):
        for raw in list_of(group, name, most=_MOST_SNAPSHOTS):
            if is_snapshot(raw):
                own = is_own(raw, host, path)
                yield Listed(raw, reasons.get(str(raw["id"]), ()) if own else None, own)


def is_own(raw: Snapshot, host: str, path: str) -> bool:
    """Return whether a snapshot is one of the resource's volume."""
    return raw.get("hostname") == host and path in list_of(raw, "paths", most=_MOST_WORDS)


def chosen(found: Sequence[Listed], word: str, host: str, path: str, *, at: str = "", previous: int = 0) -> Snapshot:
    """Return the snapshot that is meant; SelectionError says why there is none."""
    identity = "" if word in ("", "latest") else word
    one = select((s.raw for s in found), host=host, path=path, as_of=at, previous=previous, identity=identity)
    if one is None:
        what = f"no snapshot begins with {identity!r}" if identity else "no snapshot is as old as that"
        raise SelectionError(f"{what}: volsync-py snapshots lists them")
    return one


def shown_as(found: Sequence[Listed], now: datetime, width: int, *, hosts: bool) -> Table:
    """Return the lines for people, newest first; what no snapshot has is left out."""
    rows = [_row(one, now) for one in reversed(found)]
    columns = zip(_COLUMNS, zip(*rows, strict=True), strict=True)
    told = [any(cells) and (hosts or column.head != "HOST") for column, cells in columns]
    kept = [[cell for cell, is_told in zip(row, told, strict=True) if is_told] for row in rows]
    return table([column for column, is_told in zip(_COLUMNS, told, strict=True) if is_told], kept, width)


def _row(one: Listed, now: datetime) -> list[str]:
    summary = one.raw.get("summary")
    numbers: dict[str, Any] = summary if isinstance(summary, dict) else {}
    time = snapshot_time(one.raw)
    kept = "" if one.kept_by is None else ", ".join(_rule(rule) for rule in one.kept_by) or "nothing"
    return [
        one.id[:8],
        written(time),
        lasting(now - time),
        str(number_of(numbers, "files_new")) if numbers else "",
        str(number_of(numbers, "files_changed")) if numbers else "",
        size(number_of(numbers, "total_bytes_processed")) if numbers else "",
        size(number_of(numbers, "data_added_packed")) if numbers else "",
        plain(kept),
        plain(",".join(list_of(one.raw, "tags", most=_MOST_WORDS))),
        plain(text_of(one.raw, "hostname")),
    ]


def written(time: datetime) -> str:
    """Return the time of a snapshot so that `--at` takes it."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"


def _rule(match: str) -> str:
    """Return restic's name of a rule without the word that each has."""
    return match.removesuffix(" snapshot")


def verdict(found: Sequence[Listed], shown: Sequence[Listed]) -> str:
    """Return the line below the table."""
    leaving = sum(one.kept_by == () for one in shown)
    others = len(found) - len(shown)
    parts = [count(len(shown), "snapshot")]
    if leaving:
        parts.append(f"{leaving} of them kept by no rule, and gone after the next backup")
    if others:
        parts.append(f"{others} of other hosts or paths, shown with --all-hosts")
    return "; ".join(parts)
