"""The restore: one snapshot, chosen from the list, and the proof of what came back.

The proof is restic's exit code together with its error lines; its summary counts files that it could not
write. A repository that is not there is made, so that "restore if there is a backup, else start empty"
works; whether an empty result may be published is decided by the rule for images.
"""

from __future__ import annotations

import os
from typing import Any

from volsync_py.core.names import SNAPSHOT_HOST
from volsync_py.restic import hardlinks
from volsync_py.restic.environment import MoverError
from volsync_py.restic.humanlog import size
from volsync_py.restic.report import ErrorClass, RestoredFacts
from volsync_py.restic.selection import SelectionError, select
from volsync_py.restic.session import Session


def restore(session: Session) -> None:
    """Restore the chosen snapshot into the volume."""
    snapshots = _snapshots(session)
    options = session.run.restore
    try:
        chosen = select(
            snapshots,
            host=options.host,
            path=session.data,
            tags=options.tags,
            as_of=session.environ.get("RESTORE_AS_OF", ""),
            previous=_previous(session),
            identity=options.snapshot,
        )
    except SelectionError as error:
        raise MoverError(ErrorClass.CONFIGURATION, str(error)) from None
    if chosen is None:
        _nothing(session, bool(snapshots))
    else:
        _restore(session, chosen)
    os.sync()


def _previous(session: Session) -> int:
    text = session.environ.get("SELECT_PREVIOUS") or "0"
    try:
        return int(text)
    except ValueError:
        raise SelectionError(f"previous {text!r} is no number") from None


def _snapshots(session: Session) -> list[dict[str, Any]]:
    ended = session.restic.run("snapshots", "--no-lock")
    if not ended.ok and (ended.code == 10 or ended.missing_bucket):
        session.init()
        return []
    session.must(ended, 3)
    return [s for s in ended.document or [] if isinstance(s, dict)]


def _nothing(session: Session, others: bool) -> None:
    session.log("No eligible snapshots found")
    options = session.run.restore
    # An image without data may be published only when there is nothing that could have been in it.
    strict = bool(options.snapshot) or (others and options.publishesImage)
    if options.onMissingSnapshot == "Fail" or (strict and options.onMissingSnapshot != "Continue"):
        wanted = f"id {options.snapshot}" if options.snapshot else f"host {options.host}, path {session.data}"
        raise MoverError(ErrorClass.NO_ELIGIBLE_SNAPSHOT, f"none of the repository's snapshots is eligible ({wanted})")
    session.log("=== No data will be restored ===")
    session.update(nothing_to_restore=True)


def _notice_whole_path(session: Session, chosen: dict[str, Any]) -> None:
    """Tell of a snapshot of somebody else whose tree begins at `/`: it comes back below its old path.

    `restic backup .` and `restic backup /data` record the same path; only the root of the tree shows which it was.
    """
    options, paths = session.run.restore, [str(path) for path in chosen.get("paths") or []]
    ours = options.host == SNAPSHOT_HOST and not options.snapshot
    if ours or options.subPath or len(paths) != 1:
        return
    first = "/" + paths[0].strip("/").split("/")[0]
    ended = session.restic.run("ls", str(chosen["id"]), "/", "--no-lock")
    nodes = [m.get("path") for m in ended.messages if m["message_type"] == "node"]
    if ended.ok and nodes == [first]:
        session.log(
            f"restoring below .{first}, which is all that the snapshot's root holds: "
            f"if it was made of the whole path, subPath: {paths[0]} restores what is in it"
        )


def _restore(session: Session, chosen: dict[str, Any]) -> None:
    identity, options = str(chosen["id"]), session.run.restore
    session.log(f"Selected restic snapshot with id: {identity[:8]}")
    if session.environ.get("RESTORE_OPTIONS"):
        session.log(f"RESTORE_OPTIONS: {session.environ['RESTORE_OPTIONS']}")
    source = identity
    if options.subPath.strip("/"):
        source += ":/" + options.subPath.strip("/")
    # Labels of the old node's security module mean nothing on the new one.
    args = ["-t", ".", "--overwrite", "always", "--sparse", "--exclude-xattr", "security.*"]
    for flag, values in (("--include", options.include), ("--exclude", options.exclude)):
        for value in values:
            args += [flag, value]
    if "--delete" in session.environ.get("RESTORE_OPTIONS", "").split():
        args.append("--delete")
        if not options.include:
            # The file system's own folder is in no snapshot, and may not be deletable.
            args += ["--exclude", "/lost+found"]
    with session.step("restore", "Starting restore"):
        session.log(f"restoring snapshot {identity[:8]} of {chosen.get('time')} to .")
        _notice_whole_path(session, chosen)
        hardlinks.release(session, "restore", source, *args)
        verify = ["--verify"] if options.verify else []
        ended = session.must(session.locked("restore", source, *args, *verify))
        errors = ended.errors()
        if errors:
            raise MoverError(ErrorClass.UNKNOWN, f"{len(errors)} items were not restored; the first: {errors[0]}")
    summary = ended.message("summary")
    files = int(summary.get("total_files") or 0) + int(summary.get("files_skipped") or 0)
    count = int(summary.get("total_bytes") or 0) + int(summary.get("bytes_skipped") or 0)
    session.log(f"Restored {files} files and folders, {size(count)}")
    session.update(restored=RestoredFacts(identity, str(chosen.get("time") or ""), files, count))
