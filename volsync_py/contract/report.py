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

from attrs import evolve, frozen

from volsync_py.bounded_json import number_of, read_object, writable
from volsync_py.contract.codec import as_json, read, wire
from volsync_py.contract.log_lines import matters
from volsync_py.core.names import LONGEST_HOST_NAME

VERSION = 1
# What the kubelet keeps of a termination message.
MOST_BYTES = 4096
# People read this list; it is not an inventory.
MOST_ITEMS = 20
# Enough items to see of what kind they are.
_FEWEST_ITEMS = 5
# Causes are one sentence; a longer text is somebody's stack trace.
LONGEST_MESSAGE = 500
# Texts are cut to these lengths, one after the other, until the report fits; with the last, sixteen steps always do.
_SHORTER_MESSAGES = (100, 0)
# Names of files may be longer; this much tells which one it is.
_LONGEST_ITEM = 300
# A run has half as many steps.
_MOST_STEPS = 16
# What a process can end with.
_LARGEST_CODE = 255
# "process … on …": two words, a number, and a host.
LONGEST_HOLDER = LONGEST_HOST_NAME + 24
# A century; no calendar ends before that.
_OLDEST_LOCK_SECONDS = 100 * 365 * 86_400
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
    NOT_AS_BACKED_UP = "NotAsBackedUp"
    CLOCK_SKEWED = "ClockSkewed"
    UNKNOWN = "Unknown"


@frozen
class StepReport:
    """One step of the run: unlock, init, backup, forget, history, prune, check, restore, prove or command."""

    name: str
    outcome: Outcome
    error_class: str = wire("", key="class", known=ErrorClass)
    message: str = wire("", most=LONGEST_MESSAGE)
    seconds: float = 0.0


@frozen
class SnapshotFacts:
    """The snapshot that a backup made, as the status has it; sizes in bytes."""

    id: str
    time: str = ""
    files_new: int = 0
    files_changed: int = 0
    files_unmodified: int = 0
    bytes_processed: int = 0
    bytes_added: int = 0
    files_failed: int = 0


@frozen
class SnapshotCounts:
    """What retention left in the repository, as the status has it."""

    count: int = wire(most=_MOST_SNAPSHOTS)
    oldest: str = ""
    newest: str = ""


@frozen
class RestoredFacts:
    """The proof of a restore, as the status has it: which snapshot, and how much of it; size in bytes."""

    id: str
    time: str = ""
    files: int = 0
    bytes: int = 0


@frozen
class ProvenFacts:
    """What a verification looked at: which snapshot, and how much came back as it was backed up; size in bytes."""

    id: str
    time: str = ""
    files: int = 0
    bytes: int = 0
    # Whether a command looked at it, and what that exited with.
    command_ran: bool = False
    command_code: int = wire(0, most=_LARGEST_CODE)


@frozen
class Report:
    """The whole report."""

    outcome: Outcome
    error_class: str = wire("", key="class", known=ErrorClass)
    message: str = wire("", most=LONGEST_MESSAGE)
    exit_code: int = wire(0, most=_LARGEST_CODE)
    steps: tuple[StepReport, ...] = wire((), most=_MOST_STEPS)
    skipped_empty: bool = False
    initialized: bool = False
    repository_id: str = wire("", key="repositoryID")
    snapshot: SnapshotFacts | None = None
    snapshots: SnapshotCounts | None = None
    restored: RestoredFacts | None = None
    nothing_to_restore: bool = False
    proven: ProvenFacts | None = None
    # The host whose lock ended the run, when the manager is to say whether it is still there.
    lock_host: str = wire("", most=LONGEST_HOST_NAME)
    # Whose lock the run has met last, and how old that was: made, or renewed.
    lock_holder: str = wire("", most=LONGEST_HOLDER)
    lock_age_seconds: int = wire(0, most=_OLDEST_LOCK_SECONDS)
    # What a prune has left in the repository; 0: not known, because with the backup there is something.
    repository_bytes: int = 0
    items: tuple[str, ...] = wire((), most=MOST_ITEMS, inner=_LONGEST_ITEM)
    log: str = wire("", most=MOST_BYTES)
    log_truncated: bool = False

    def failed(self, error_class: str, message: str, exit_code: int) -> Report:
        """Return the report of a run that has failed: whatever it had restored by then, nothing of it is proved."""
        ended = evolve(self, outcome=Outcome.FAILED, error_class=error_class, message=message, exit_code=exit_code)
        return evolve(ended, restored=None, nothing_to_restore=False)

    def to_json(self) -> str:
        """Return the document, at most 4,096 bytes of UTF-8."""
        one = _with_shorter_messages(evolve(self, items=self.items[:MOST_ITEMS]), LONGEST_MESSAGE)
        for fewest, keep in ((_FEWEST_ITEMS, self.outcome != Outcome.FAILED), (0, False)):
            while _size(one) > MOST_BYTES and len(one.items) > fewest:
                one = evolve(one, items=one.items[:-1])
            one = _with_less_log(one, keep)
        for most in _SHORTER_MESSAGES:
            if _size(one) <= MOST_BYTES:
                break
            one = _with_shorter_messages(one, most)
        return _encode(one)

    @classmethod
    def from_json(cls, text: str) -> Report | None:
        """Return the report in a termination message, or None if there is none in it."""
        data = read_object(text, most=MOST_BYTES)
        return read(cls, data) if data is not None and number_of(data, "version") else None


def _with_shorter_messages(report: Report, most: int) -> Report:
    steps = tuple(evolve(step, message=_sentence(step.message, most)) for step in report.steps)
    return evolve(report, message=_sentence(report.message, most), steps=steps)


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
    steps = tuple(evolve(step, seconds=round(step.seconds, 2)) for step in report.steps)
    told = {"version": VERSION, **as_json(evolve(report, steps=steps))}
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    # Names of files need not be text; what is not becomes a question mark here.
    return text.encode(errors="replace").decode()


def _size(report: Report) -> int:
    return len(_encode(report).encode())
