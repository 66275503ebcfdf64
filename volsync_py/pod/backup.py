"""The backup: optimistic, one process where one will do.

Nothing asks first whether the repository exists: restic says so itself (exit 10) within milliseconds.
"""

from __future__ import annotations

import os
import re
from typing import Any

from attrs import evolve

from volsync_py.bounded_json import number_of, real_of, text_of
from volsync_py.contract.options import arguments
from volsync_py.contract.report import ErrorClass, Outcome, SnapshotCounts, SnapshotFacts
from volsync_py.pod.classify import FORBIDDEN_ADVICE
from volsync_py.pod.completed import CompletedRestic
from volsync_py.pod.disk import class_of
from volsync_py.pod.environment import MoverError
from volsync_py.pod.humanlog import clock, size
from volsync_py.pod.session import Session

_LOST_AND_FOUND = "lost+found"
_SNAPSHOT_ID = re.compile(r"[0-9a-f]{64}")


def backup(session: Session) -> bool:
    """Back the volume up; False if it is empty and was skipped, which ends the run."""
    session.log("== Checking directory for content ===")
    meaning = session.run.backup.empty_source
    if _is_empty(session.data):
        if meaning == "Fail":
            raise MoverError(ErrorClass.SOURCE_EMPTY, "the source volume is empty")
        if meaning == "Backup" and not os.listdir(session.data):
            text = "the source volume has nothing in it, not even a folder, and restic makes no snapshot of that"
            raise MoverError(ErrorClass.SOURCE_EMPTY, text)
        if meaning != "Backup":
            session.log("== Directory is empty skipping backup ===")
            session.update(skipped_empty=True)
            return False
    _look_for_locks(session)
    ended = _backup_step(session)
    if _missing(ended):
        session.update(steps=session.report.steps[:-1])
        session.init(ended)
        ended = _backup_step(session)
    _finish(session, ended)
    return True


def _look_for_locks(session: Session) -> None:
    """Ask about a lock that lets a backup pass and nothing after it, if this resource was VolSync's until now.

    What forget would do asks for the repository alone, and then restic names a lock that is in the way.
    """
    if session.run.locks.look_first:
        ended = session.locked("forget", "--dry-run", "--keep-last", "1", "--host", session.run.host)
        if session.report.lock_host:
            session.must(ended)


def _is_empty(directory: str) -> bool:
    try:
        with os.scandir(directory) as entries:
            return not any(entry.name != _LOST_AND_FOUND for entry in entries)
    except OSError as error:
        advice = f"; {FORBIDDEN_ADVICE}" if isinstance(error, PermissionError) else ""
        raise MoverError(class_of(error), f"the volume cannot be read: {error.strerror}{advice}") from None


def _missing(ended: CompletedRestic) -> bool:
    return not ended.ok and (ended.code == 10 or ended.missing_bucket) and not _saved(ended)


def _saved(ended: CompletedRestic) -> str:
    """Return the id of the snapshot that was made; "" if restic names none, and then there is none."""
    found = ended.message("summary").get("snapshot_id")
    return found if isinstance(found, str) and _SNAPSHOT_ID.fullmatch(found) else ""


def _backup_step(session: Session) -> CompletedRestic:
    with session.step("backup", "Starting backup"):
        ended = session.locked("backup", ".", *backup_options(session))
        if _missing(ended):
            return ended
        if not (ended.code == 3 and _saved(ended) and ended.stopped is None):
            session.must(ended)
        if not _saved(ended):
            raise MoverError(ErrorClass.UNKNOWN, "restic ended without an error and named no snapshot", by_restic=True)
    return ended


def backup_options(session: Session) -> list[str]:
    """Return what the run says of the backup as arguments."""
    args = [*arguments(session.run), "--group-by", "host,paths", *arguments(session.run.backup)]
    if not _is_empty(session.data):
        # An absolute path is the volume's root and no folder of that name further down. Of a volume that holds nothing
        # else it stays, because restic refuses to back nothing up.
        args += ["--exclude", f"{session.data.rstrip('/')}/{_LOST_AND_FOUND}"]
    return args


def _finish(session: Session, ended: CompletedRestic) -> None:
    if _missing(ended):
        raise MoverError(ErrorClass.REPOSITORY_MISSING, ended.cause, 10)
    summary = ended.message("summary")
    facts = _facts(summary, ended)
    # From here on the backup is made, whatever becomes of the words about it.
    session.incomplete = ended.code == 3
    # The repository is damaged, and older snapshots may hold the last copy of a file: remove none of them.
    session.damaged = session.incomplete and ended.damaged
    session.update(snapshot=facts)
    if session.report.initialized:
        session.update(snapshots=SnapshotCounts(1, facts.time, facts.time))
    with session.aside("backup"):
        session.update(items=ended.items)
        _tell(session, summary, facts)
        if session.incomplete:
            _warn(session, ended)


def _tell(session: Session, summary: dict[str, Any], facts: SnapshotFacts) -> None:
    _tell_parent(session, summary)
    added, packed = number_of(summary, "data_added"), facts.bytes_added
    session.log(f"Added to the repository: {size(added)} ({size(packed)} stored)")
    files, duration = number_of(summary, "total_files_processed"), clock(real_of(summary, "total_duration"))
    session.log(f"processed {files} files, {size(facts.bytes_processed)} in {duration}")
    session.log(f"snapshot {facts.id[:8]} saved")


def _tell_parent(session: Session, summary: dict[str, Any]) -> None:
    """Say what restic does not in JSON, where it is certain: what can be unchanged has been compared with a parent."""
    if session.report.initialized:
        session.log("no parent snapshot found, will read all files")
    elif any(summary.get(f"{what}_{how}") for what in ("files", "dirs") for how in ("changed", "unmodified")):
        session.log("using parent snapshot")


def _warn(session: Session, ended: CompletedRestic) -> None:
    """Make of the step that succeeded one with a warning: the snapshot is there, and something is not right."""
    error_class = ErrorClass.PARTIAL
    first = ended.said.errors[0] if ended.said.errors else ended.cause
    text = f"{ended.failed} items could not be read; the first: {ended.items[0] if ended.items else first}"
    if ended.damaged:
        error_class = ErrorClass.REPOSITORY_DAMAGED
        text = f"the backup was made, but the repository is damaged: {first}"
    elif ended.said.trouble is not None:
        # restic only compares with the parent's trees; files of those that it cannot read are read from the volume.
        trouble = ended.said.trouble
        error_class = trouble.error_class
        text = f"the backup was made, but not everything was to be had from the repository: {first}"
        text += f"; {trouble.advice}" if trouble.advice else ""
    session.log(f"Warning: {text}")
    *before, step = session.report.steps
    session.update(steps=tuple(before))
    session.add(evolve(step, outcome=Outcome.WARNING, error_class=error_class, message=text))


def _facts(summary: dict[str, Any], ended: CompletedRestic) -> SnapshotFacts:
    return SnapshotFacts(
        id=_saved(ended),
        # What `restic snapshots` shows: when the backup began.
        time=text_of(summary, "backup_start"),
        files_new=number_of(summary, "files_new"),
        files_changed=number_of(summary, "files_changed"),
        files_unmodified=number_of(summary, "files_unmodified"),
        bytes_processed=number_of(summary, "total_bytes_processed"),
        bytes_added=number_of(summary, "data_added_packed"),
        files_failed=ended.failed,
    )
