"""The proof of a backup: its newest snapshot comes back into an empty volume, whole and as it was backed up.

restic reads each restored file back and compares it with the hashes of the snapshot. What it says that it has restored
is not taken for it: the volume is counted, and compared with what the snapshot holds. No lock is taken, so that no
backup, retention or prune ever waits for a proof; a prune may then take away what is about to be read, and another look
at the index shows where it is by then.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

from attrs import evolve

from volsync_py.bounded_json import number_of
from volsync_py.contract.report import ErrorClass, ProvenFacts
from volsync_py.contract.run_document import Verification
from volsync_py.core.selection import eligible, of_the_future, parse_snapshot_time, snapshot_time
from volsync_py.pod import shortfall
from volsync_py.pod.completed import CompletedRestic
from volsync_py.pod.environment import MoverError
from volsync_py.pod.humanlog import size
from volsync_py.pod.proof_command import run_command
from volsync_py.pod.restic_words import described
from volsync_py.pod.restore import HOW_WRITTEN, listed
from volsync_py.pod.session import Session

_LOST_AND_FOUND = "lost+found"
# What restic says of a repository that is not there.
_NO_REPOSITORY = 10


def prove(session: Session) -> None:
    """Restore the newest snapshot, compare what came back with it, and let the command look at it."""
    wanted = session.run.verification or Verification()
    with session.step("prove", "Starting verification"):
        chosen = _newest(session, wanted)
        facts = ProvenFacts(str(chosen["id"]), str(chosen.get("time") or ""))
        session.update(proven=facts)
        session.log(f"restoring {described(chosen)} to .")
        _restore(session, facts.id)
        files, count = _compare(session, facts.id)
        facts = evolve(facts, files=files, bytes=count)
        session.update(proven=facts)
        session.log(
            f"Verified snapshot {facts.id[:8]}: {files} files and folders, {size(count)}, as they were backed up"
        )
    if wanted.command:
        with session.step("command", "Starting the command of the verification"):
            _look(session, wanted, facts)


def _look(session: Session, wanted: Verification, facts: ProvenFacts) -> None:
    """Let the command look at what came back; whatever it says but 0 is a failed verification."""
    ended = run_command(session, wanted, facts.id)
    session.update(proven=evolve(facts, command_ran=True, command_code=ended.code))
    quoted = f"; its last words: {ended.words}" if ended.words else ""
    if ended.is_late:
        text = f"the command had not ended after {wanted.command_seconds:g} s{quoted}"
        raise MoverError(ErrorClass.NOT_AS_BACKED_UP, text)
    if ended.code:
        raise MoverError(ErrorClass.NOT_AS_BACKED_UP, f"the command exited with {ended.code}{quoted}")


def _newest(session: Session, wanted: Verification) -> dict[str, Any]:
    """Return the newest snapshot of this volume, which is not older than the last backup on record."""
    ended = session.restic.run("snapshots", "--no-lock")
    if ended.code == _NO_REPOSITORY or ended.missing_bucket:
        raise MoverError(ErrorClass.BACKUPS_GONE, "the repository is not there any more", ended.code)
    snapshots = listed(session.must(ended))
    found = eligible(snapshots, host=session.run.host, path=session.data)
    if not found:
        text = f"the repository holds no snapshot of host {session.run.host} and path {session.data}"
        raise MoverError(ErrorClass.BACKUPS_GONE, text)
    ahead = of_the_future(found, datetime.now(UTC))
    if ahead:
        raise MoverError(ErrorClass.CLOCK_SKEWED, f"{ahead}: a restore takes it before all that are made until then")
    gone = wanted.snapshot and not any(s["id"] == wanted.snapshot for s in found)
    if gone and snapshot_time(found[0]) < _recorded(wanted):
        text = f"snapshot {wanted.snapshot[:8]}, the last backup on record, is not in the repository any more"
        raise MoverError(ErrorClass.BACKUPS_GONE, text)
    return found[0]


def _recorded(wanted: Verification) -> Any:
    try:
        return parse_snapshot_time(wanted.snapshot_time)
    except ValueError:
        raise MoverError(ErrorClass.CONFIGURATION, f"{wanted.snapshot_time!r} is no time of a snapshot") from None


def _restore(session: Session, identity: str) -> None:
    """Restore, and have restic read back what it has written."""
    ended = _restored(session, identity)
    if not ended.ok and (ended.damaged or ended.error_class == ErrorClass.REPOSITORY_DAMAGED):
        session.log("something is not where the index says, which a prune may have moved meanwhile: looking once more")
        ended = _restored(session, identity)
    shortfall.explain(session, ended)
    session.must(ended)
    if ended.failed:
        raise MoverError(ErrorClass.UNKNOWN, f"{ended.failed} items were not restored; the first: {ended.items[0]}")


def _restored(session: Session, identity: str) -> CompletedRestic:
    return session.restic.run("restore", identity, *HOW_WRITTEN, "--verify", "--no-lock")


def _compare(session: Session, identity: str) -> tuple[int, int]:
    """Return how many entries and bytes came back, which are as many as the snapshot holds."""
    ended = session.must(session.restic.run("stats", identity, "--mode", "restore-size", "--no-lock"))
    held = ended.document if isinstance(ended.document, dict) else {}
    if "total_file_count" not in held or "total_size" not in held:
        raise MoverError(ErrorClass.UNKNOWN, "restic stats ended without an error and without a word")
    files, count = number_of(held, "total_file_count"), number_of(held, "total_size")
    found_files, found_count = counted(session.data)
    # The file system's own folder may be in the snapshot as well.
    own = int(os.path.isdir(os.path.join(session.data, _LOST_AND_FOUND)))
    if found_count != count or not found_files - own <= files <= found_files:
        text = (
            f"the snapshot holds {files} files and folders of {count} bytes, and {found_files} of {found_count} bytes"
        )
        raise MoverError(ErrorClass.NOT_AS_BACKED_UP, f"{text} came back")
    return files, count


def counted(folder: str) -> tuple[int, int]:
    """Return how many entries are below a folder, and the bytes of its files, of linked ones once."""
    entries = count = 0
    linked: set[tuple[int, int]] = set()
    folders = [folder]
    while folders:
        with os.scandir(folders.pop()) as inside:
            for entry in inside:
                entries += 1
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    found = entry.stat(follow_symlinks=False)
                    if found.st_nlink == 1 or (found.st_dev, found.st_ino) not in linked:
                        count += found.st_size
                    if found.st_nlink > 1:
                        linked.add((found.st_dev, found.st_ino))
    return entries, count
