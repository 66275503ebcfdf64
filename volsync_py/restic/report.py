"""What the mover tells the manager at its end: one JSON document in the pod's termination message.

Kubernetes keeps 4,096 bytes of it, so the document is made to fit: most of the list of unreadable items gives way
first, then the lines of the log that nobody looks for, and last those that people do; it says when the log was cut.
Reading is lenient, because the mover of a run may be older or newer than the manager.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any

from attrs import evolve, frozen

from volsync_py.restic.lines import matters

VERSION = 1
# What the kubelet keeps of a termination message.
MOST_BYTES = 4096
# A list for people to read, not an inventory.
MOST_ITEMS = 20
# Enough to see what kind of items they are.
_FEWEST_ITEMS = 5
# Causes are one sentence; a longer text is somebody's stack trace.
LONGEST_MESSAGE = 500


class Outcome(StrEnum):
    """How a run, or a step of it, ended."""

    SUCCEEDED = "Succeeded"
    WARNING = "Warning"
    FAILED = "Failed"
    SKIPPED = "Skipped"


class ErrorClass(StrEnum):
    """What restic, or the mover around it, can fail of."""

    PARTIAL = "Partial"
    REPOSITORY_MISSING = "RepositoryMissing"
    REPOSITORY_HALF_INITIALIZED = "RepositoryHalfInitialized"
    REPOSITORY_DAMAGED = "RepositoryDamaged"
    REPOSITORY_LOCKED = "RepositoryLocked"
    WRONG_PASSWORD = "WrongPassword"
    UNREACHABLE = "Unreachable"
    ACCESS_DENIED = "AccessDenied"
    TARGET_FULL = "TargetFull"
    CACHE_FULL = "CacheFull"
    OUT_OF_MEMORY = "OutOfMemory"
    INTERRUPTED = "Interrupted"
    CONFIGURATION = "Configuration"
    NO_ELIGIBLE_SNAPSHOT = "NoEligibleSnapshot"
    SOURCE_EMPTY = "SourceEmpty"
    STALLED = "Stalled"
    UNKNOWN = "Unknown"


@frozen
class StepReport:
    """One step of the run: unlock, init, backup, forget, prune, check, restore or verify."""

    name: str
    outcome: Outcome
    error_class: str = ""
    message: str = ""
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Return the step as a JSON object."""
        return {
            "name": self.name,
            "outcome": self.outcome.value,
            "class": self.error_class,
            "message": self.message[:LONGEST_MESSAGE],
            "seconds": round(self.seconds, 2),
        }


@frozen
class SnapshotFacts:
    """The snapshot that a backup made; sizes in bytes."""

    id: str
    time: str
    files_new: int = 0
    files_changed: int = 0
    files_unmodified: int = 0
    bytes_processed: int = 0
    bytes_added: int = 0
    files_failed: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the facts under the names that the status has for them."""
        return {
            "id": self.id,
            "time": self.time,
            "filesNew": self.files_new,
            "filesChanged": self.files_changed,
            "filesUnmodified": self.files_unmodified,
            "bytesProcessed": self.bytes_processed,
            "bytesAdded": self.bytes_added,
            "filesFailed": self.files_failed,
        }


@frozen
class SnapshotCounts:
    """What retention left in the repository."""

    count: int
    oldest: str = ""
    newest: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the counts under the names that the status has for them."""
        return {"count": self.count, "oldest": self.oldest, "newest": self.newest}


@frozen
class RestoredFacts:
    """The proof of a restore: which snapshot, and how much of it; size in bytes."""

    id: str
    time: str
    files: int = 0
    bytes: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the facts under the names that the status has for them."""
        return {"id": self.id, "time": self.time, "files": self.files, "bytes": self.bytes}


@frozen
class Report:
    """The whole report."""

    outcome: Outcome
    error_class: str = ""
    message: str = ""
    exit_code: int = 0
    steps: tuple[StepReport, ...] = ()
    skipped_empty: bool = False
    initialized: bool = False
    repository_id: str = ""
    snapshot: SnapshotFacts | None = None
    snapshots: SnapshotCounts | None = None
    restored: RestoredFacts | None = None
    nothing_to_restore: bool = False
    items: tuple[str, ...] = ()
    log: str = ""
    log_truncated: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
        return {
            "version": VERSION,
            "outcome": self.outcome.value,
            "class": self.error_class,
            "message": self.message[:LONGEST_MESSAGE],
            "exitCode": self.exit_code,
            "steps": [s.as_json() for s in self.steps],
            "skippedEmpty": self.skipped_empty,
            "initialized": self.initialized,
            "repositoryID": self.repository_id,
            "snapshot": self.snapshot.as_json() if self.snapshot else None,
            "snapshots": self.snapshots.as_json() if self.snapshots else None,
            "restored": self.restored.as_json() if self.restored else None,
            "nothingToRestore": self.nothing_to_restore,
            "items": list(self.items[:MOST_ITEMS]),
            "log": self.log,
            "logTruncated": self.log_truncated,
        }

    def to_json(self) -> str:
        """Return the document, at most 4,096 bytes of UTF-8."""
        one = evolve(self, items=self.items[:MOST_ITEMS])
        for fewest, keep in ((_FEWEST_ITEMS, self.outcome != Outcome.FAILED), (0, False)):
            while _size(one) > MOST_BYTES and len(one.items) > fewest:
                one = evolve(one, items=one.items[:-1])
            one = _with_less_log(one, keep)
        while _size(one) > MOST_BYTES and one.steps:
            one = evolve(one, steps=one.steps[:-1])
        if _size(one) > MOST_BYTES:
            one = evolve(one, message=one.message[:100])
        return _encode(one)

    @classmethod
    def from_json(cls, text: str) -> Report | None:
        """Return the report in a termination message, or None if there is none in it."""
        try:
            data = json.loads(text)
        except ValueError:
            return None
        if not isinstance(data, dict) or not isinstance(data.get("version"), int):
            return None
        try:
            outcome = Outcome(str(data.get("outcome")))
        except ValueError:
            return None
        return cls(
            outcome=outcome,
            error_class=_text(data, "class"),
            message=_text(data, "message"),
            exit_code=_number(data, "exitCode"),
            steps=tuple(s for s in map(_step, _list(data, "steps")) if s is not None),
            skipped_empty=data.get("skippedEmpty") is True,
            initialized=data.get("initialized") is True,
            repository_id=_text(data, "repositoryID"),
            snapshot=_snapshot(data.get("snapshot")),
            snapshots=_counts(data.get("snapshots")),
            restored=_restored(data.get("restored")),
            nothing_to_restore=data.get("nothingToRestore") is True,
            items=tuple(str(i) for i in _list(data, "items")),
            log=_text(data, "log"),
            log_truncated=data.get("logTruncated") is True,
        )


def _with_less_log(report: Report, keep: bool) -> Report:
    """Take lines away from the log's beginning until the report fits; with `keep` only those that do not matter."""
    lines = report.log.splitlines()
    while _size(report) > MOST_BYTES:
        candidates = [i for i, line in enumerate(lines) if not (keep and matters(line))]
        if not candidates:
            break
        # Half of what is there, so that a long log costs few tries.
        away = set(candidates[: (len(candidates) + 1) // 2])
        lines = [line for i, line in enumerate(lines) if i not in away]
        report = evolve(report, log="\n".join(lines), log_truncated=True)
    return report


def _encode(report: Report) -> str:
    text = json.dumps(report.as_json(), ensure_ascii=False, separators=(",", ":"))
    # Names of files need not be text; what is not becomes a question mark here.
    return text.encode(errors="replace").decode()


def _size(report: Report) -> int:
    return len(_encode(report).encode())


def _text(data: dict[str, Any], key: str) -> str:
    value = data.get(key)
    return value if isinstance(value, str) else ""


def _number(data: dict[str, Any], key: str) -> int:
    value = data.get(key)
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0


def _list(data: dict[str, Any], key: str) -> list[Any]:
    value = data.get(key)
    return value if isinstance(value, list) else []


def _step(data: Any) -> StepReport | None:
    if not isinstance(data, dict):
        return None
    try:
        outcome = Outcome(str(data.get("outcome")))
    except ValueError:
        return None
    seconds = data.get("seconds")
    return StepReport(
        _text(data, "name"),
        outcome,
        _text(data, "class"),
        _text(data, "message"),
        float(seconds) if isinstance(seconds, int | float) else 0.0,
    )


def _snapshot(data: Any) -> SnapshotFacts | None:
    if not isinstance(data, dict) or not _text(data, "id"):
        return None
    return SnapshotFacts(
        _text(data, "id"),
        _text(data, "time"),
        _number(data, "filesNew"),
        _number(data, "filesChanged"),
        _number(data, "filesUnmodified"),
        _number(data, "bytesProcessed"),
        _number(data, "bytesAdded"),
        _number(data, "filesFailed"),
    )


def _counts(data: Any) -> SnapshotCounts | None:
    if not isinstance(data, dict):
        return None
    return SnapshotCounts(_number(data, "count"), _text(data, "oldest"), _text(data, "newest"))


def _restored(data: Any) -> RestoredFacts | None:
    if not isinstance(data, dict) or not _text(data, "id"):
        return None
    return RestoredFacts(_text(data, "id"), _text(data, "time"), _number(data, "files"), _number(data, "bytes"))
