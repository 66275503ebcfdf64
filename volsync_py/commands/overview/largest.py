"""Which sources are large and which grow, from what their statuses say of their last run. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from attrs import frozen

from volsync_py.core.durations import parse_go_duration
from volsync_py.core.objects import Object, mapping
from volsync_py.health.columns import Column, table
from volsync_py.health.fullness import bytes_in, bytes_of, percent_full
from volsync_py.health.words import count, plain, size

_NONE = "-"
_COLUMNS = (
    Column("NAME", least=20),
    Column("SIZE", right=True),
    Column("ADDED", right=True),
    Column("TOOK", right=True),
    Column("FILES", leaves=2, right=True),
    Column("SNAPSHOTS", leaves=1, right=True),
    Column("CLAIM", leaves=3, right=True),
    Column("FULL", right=True),
)


@frozen
class Row:
    """One source; what is not known is None."""

    namespace: str
    name: str
    # What the last snapshot holds, in bytes and files.
    size: int | None
    files: int | None
    # Bytes that the last run has added to the repository.
    added: int | None
    took: timedelta | None
    snapshots: int | None
    # Bytes of the claim that is backed up.
    claim: int | None

    @property
    def full(self) -> int | None:
        """How many hundredths of the claim what was backed up takes."""
        return percent_full(self.size, self.claim)


@frozen
class Largest:
    """Sources in an order."""

    rows: Sequence[Row]
    with_namespace: bool
    # Before --most.
    found: int

    @classmethod
    def of(
        cls,
        sources: Sequence[Object],
        claims: Mapping[tuple[str, str], Object],
        key: str,
        *,
        most: int,
        with_namespace: bool,
    ) -> Largest:
        """Sort sources by a key, those that have nothing to sort by last; claims by namespace and name."""
        rows = [_row(source, claims) for source in sources]
        rows.sort(key=lambda row: (row.namespace, row.name))
        rows.sort(key=lambda row: _number(getattr(row, key)), reverse=True)
        return cls(rows[:most] if most else rows, with_namespace, len(rows))

    def lines(self, width: int) -> Iterator[str]:
        """Return the lines to print."""
        if not self.found:
            yield "no sources"
            return
        sizes, added = ([getattr(row, name) for row in self.rows] for name in ("size", "added"))
        held = f"hold {size(sum(n for n in sizes if n is not None))}"
        grew = f"the last runs added {size(sum(n for n in added if n is not None))}"
        which = f"the first {len(self.rows)} of {count(self.found, 'source')}"
        yield f"{which if len(self.rows) < self.found else count(self.found, 'source')}: they {held}, {grew}"
        yield ""
        fits = table(_COLUMNS, [self._cells(row) for row in self.rows], width)
        yield from fits.lines()
        if fits.left_out:
            yield fits.hint()

    def as_json(self) -> list[dict[str, Any]]:
        """Return all of it for programs: bytes and seconds."""
        return [
            {
                "namespace": row.namespace,
                "name": row.name,
                "bytes": row.size,
                "bytesAdded": row.added,
                "seconds": row.took.total_seconds() if row.took is not None else None,
                "files": row.files,
                "snapshots": row.snapshots,
                "claimBytes": row.claim,
                "percentOfClaim": row.full,
            }
            for row in self.rows
        ]

    def _cells(self, row: Row) -> tuple[str, ...]:
        return (
            f"{row.namespace}/{row.name}" if self.with_namespace else row.name,
            size(row.size) if row.size is not None else _NONE,
            size(row.added) if row.added is not None else _NONE,
            _short(row.took),
            str(row.files) if row.files is not None else _NONE,
            str(row.snapshots) if row.snapshots is not None else _NONE,
            size(row.claim) if row.claim is not None else _NONE,
            f"{row.full} %" if row.full is not None else _NONE,
        )


def _row(source: Object, claims: Mapping[tuple[str, str], Object]) -> Row:
    meta, status = source["metadata"], mapping(source, "status")
    restic = mapping(status, "restic")
    last, kept = mapping(restic, "lastSnapshot"), mapping(restic, "snapshots")
    namespace, claim = plain(meta.get("namespace") or ""), mapping(source, "spec").get("sourcePVC")
    files = [_int(last.get(name)) for name in ("filesNew", "filesChanged", "filesUnmodified")]
    return Row(
        namespace=namespace,
        name=plain(meta["name"]),
        size=bytes_in(source),
        files=sum(n for n in files if n is not None) if any(n is not None for n in files) else None,
        added=_int(last.get("bytesAdded")),
        took=_duration(status.get("lastSyncDuration")),
        snapshots=_int(kept.get("count")),
        claim=bytes_of(claims.get((namespace, claim)) if isinstance(claim, str) else None),
    )


def _duration(text: Any) -> timedelta | None:
    try:
        return parse_go_duration(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _short(duration: timedelta | None) -> str:
    if duration is None:
        return _NONE
    minutes, seconds = divmod(round(duration.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"


def _number(value: Any) -> float:
    if value is None:
        return -1.0
    return float(value.total_seconds() if isinstance(value, timedelta) else value)


def _int(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
