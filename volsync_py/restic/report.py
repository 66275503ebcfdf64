"""What the mover tells the manager at its end: one JSON document in the pod's termination message.

Kubernetes keeps 4,096 bytes of it, so the document is made to fit. What decides is kept whatever happens: how the run
and each step ended, and the proof of it. Words give way: most of the list of unreadable items first, then the lines of
the log that nobody looks for, those that people do, and last the sentences; it says when the log was cut.
Reading is lenient, because the mover of a run may be older or newer than the manager, and total, because a pod may say
anything: each text is cut, each number is one that a status can hold, and a class that is not ours is Unknown.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any

from attrs import evolve, frozen

from volsync_py.bounded_json import list_of, number_of, read_object, real_of, text_of, writable
from volsync_py.core.names import LONGEST_HOST_NAME
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
# Sixteen steps fit with the first of these, and with the last one in any case.
_SHORTER_MESSAGES = (100, 0)
# Names of files may be longer; this much tells which one it is.
_LONGEST_ITEM = 300
# A run has half as many.
_MOST_STEPS = 16
# What a process can end with.
_LARGEST_CODE = 255
# What a field of 32 bits holds.
_MOST_SNAPSHOTS = 2**31 - 1


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
    BACKUPS_GONE = "BackupsGone"
    STALLED = "Stalled"
    UNKNOWN = "Unknown"


@frozen
class StepReport:
    """One step of the run: unlock, init, backup, forget, history, prune, check, restore or verify."""

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
            "message": _sentence(self.message, LONGEST_MESSAGE),
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
    # The host whose lock ended the run, when the manager is to say whether it is still there.
    lock_host: str = ""
    items: tuple[str, ...] = ()
    log: str = ""
    log_truncated: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
        return {
            "version": VERSION,
            "outcome": self.outcome.value,
            "class": self.error_class,
            "message": _sentence(self.message, LONGEST_MESSAGE),
            "exitCode": self.exit_code,
            "steps": [s.as_json() for s in self.steps],
            "skippedEmpty": self.skipped_empty,
            "initialized": self.initialized,
            "repositoryID": self.repository_id,
            "snapshot": self.snapshot.as_json() if self.snapshot else None,
            "snapshots": self.snapshots.as_json() if self.snapshots else None,
            "restored": self.restored.as_json() if self.restored else None,
            "nothingToRestore": self.nothing_to_restore,
            "lockHost": self.lock_host,
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
        for most in _SHORTER_MESSAGES:
            if _size(one) <= MOST_BYTES:
                break
            steps = tuple(evolve(step, message=_sentence(step.message, most)) for step in one.steps)
            one = evolve(one, message=_sentence(one.message, most), steps=steps)
        return _encode(one)

    @classmethod
    def from_json(cls, text: str) -> Report | None:
        """Return the report in a termination message, or None if there is none in it."""
        data = read_object(text, most=MOST_BYTES)
        if data is None or not number_of(data, "version"):
            return None
        outcome = _outcome(data)
        if outcome is None:
            return None
        return cls(
            outcome=outcome,
            error_class=_class(data),
            message=text_of(data, "message", most=LONGEST_MESSAGE),
            exit_code=number_of(data, "exitCode", most=_LARGEST_CODE),
            steps=tuple(s for s in map(_step, list_of(data, "steps", most=_MOST_STEPS)) if s is not None),
            skipped_empty=data.get("skippedEmpty") is True,
            initialized=data.get("initialized") is True,
            repository_id=text_of(data, "repositoryID"),
            snapshot=_snapshot(data.get("snapshot")),
            snapshots=_counts(data.get("snapshots")),
            restored=_restored(data.get("restored")),
            nothing_to_restore=data.get("nothingToRestore") is True,
            lock_host=text_of(data, "lockHost", most=LONGEST_HOST_NAME),
            items=tuple(writable(i[:_LONGEST_ITEM]) for i in list_of(data, "items", most=MOST_ITEMS) if _is_text(i)),
            log=text_of(data, "log", most=MOST_BYTES),
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


def _sentence(text: str, most: int) -> str:
    """Return the beginning of a text that takes at most so many bytes in the document, where some signs take six."""
    text = writable(text[:most])
    if _bytes(text) <= most:
        return text
    room = most
    for at, sign in enumerate(text):
        room -= _bytes(sign)
        if room < 0:
            return text[:at]
    return text


def _bytes(text: str) -> int:
    """Return how many bytes a text takes between its quotation marks."""
    return len(json.dumps(text, ensure_ascii=False).encode()) - 2


def _encode(report: Report) -> str:
    text = json.dumps(report.as_json(), ensure_ascii=False, separators=(",", ":"))
    # Names of files need not be text; what is not becomes a question mark here.
    return text.encode(errors="replace").decode()


def _size(report: Report) -> int:
    return len(_encode(report).encode())


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _outcome(data: dict[str, Any]) -> Outcome | None:
    found = data.get("outcome")
    return Outcome(found) if isinstance(found, str) and found in list(Outcome) else None


def _class(data: dict[str, Any]) -> str:
    """Return the class of a report or step; it becomes a condition's reason and a metric's label."""
    found = text_of(data, "class")
    return found if found in ("", *ErrorClass) else ErrorClass.UNKNOWN.value


def _step(data: Any) -> StepReport | None:
    outcome = _outcome(data) if isinstance(data, dict) else None
    if outcome is None:
        return None
    message = text_of(data, "message", most=LONGEST_MESSAGE)
    return StepReport(text_of(data, "name"), outcome, _class(data), message, float(real_of(data, "seconds")))


def _snapshot(data: Any) -> SnapshotFacts | None:
    if not isinstance(data, dict) or not text_of(data, "id"):
        return None
    return SnapshotFacts(
        text_of(data, "id"),
        text_of(data, "time"),
        number_of(data, "filesNew"),
        number_of(data, "filesChanged"),
        number_of(data, "filesUnmodified"),
        number_of(data, "bytesProcessed"),
        number_of(data, "bytesAdded"),
        number_of(data, "filesFailed"),
    )


def _counts(data: Any) -> SnapshotCounts | None:
    if not isinstance(data, dict):
        return None
    count = number_of(data, "count", most=_MOST_SNAPSHOTS)
    return SnapshotCounts(count, text_of(data, "oldest"), text_of(data, "newest"))


def _restored(data: Any) -> RestoredFacts | None:
    if not isinstance(data, dict) or not text_of(data, "id"):
        return None
    return RestoredFacts(text_of(data, "id"), text_of(data, "time"), number_of(data, "files"), number_of(data, "bytes"))
