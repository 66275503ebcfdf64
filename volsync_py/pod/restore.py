"""The restore: one snapshot, chosen from the list, and the proof of what came back.

The proof is restic's exit code together with its error lines; its summary counts files that it could not
write. Device nodes that the mover may not make are left out and named. A repository that is not there is made, so that
"restore if there is a backup, else start empty" works; whether an empty result may be published is decided by the rule
for images.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from volsync_py.contract.options import arguments
from volsync_py.contract.report import ErrorClass, Outcome, RestoredFacts, StepReport
from volsync_py.core.names import SNAPSHOT_HOST
from volsync_py.core.selection import SelectionError, is_snapshot, select
from volsync_py.pod import in_the_way, left_alone, shortfall
from volsync_py.pod.completed import CompletedRestic
from volsync_py.pod.disk import sync_volume
from volsync_py.pod.environment import MoverError
from volsync_py.pod.humanlog import size
from volsync_py.pod.restic_words import described
from volsync_py.pod.session import Session

# How many hosts and paths a message lists, enough to recognise one's own.
_MOST_NAMES = 5
# How each file is written: whatever is there, with its holes. Labels of the old node's security module mean nothing on
# the new one; no pod of ours may set the trusted ones.
HOW_WRITTEN = (
    *("-t", ".", "--overwrite", "always", "--sparse"),
    *("--exclude-xattr", "security.*", "--exclude-xattr", "trusted.*"),
)


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
        _nothing(session, snapshots)
    else:
        _restore(session, chosen)
    sync_volume(session.data)


def _previous(session: Session) -> int:
    text = session.environ.get("SELECT_PREVIOUS") or "0"
    try:
        return int(text)
    except ValueError:
        raise SelectionError(f"previous {text!r} is no number") from None


def _snapshots(session: Session) -> list[dict[str, Any]]:
    ended = session.restic.run("snapshots", "--no-lock")
    if not ended.ok and (ended.code == 10 or ended.missing_bucket):
        session.init(ended)
        return []
    return listed(session.must(ended, 3))


def listed(ended: CompletedRestic) -> list[dict[str, Any]]:
    """Return the snapshots that restic has listed."""
    if not isinstance(ended.document, list) or not all(map(is_snapshot, ended.document)):
        # A list that cannot be read does not mean that the repository is empty.
        raise MoverError(ErrorClass.UNKNOWN, "restic listed no snapshots, or something that is none", 3)
    return ended.document


def _nothing(session: Session, snapshots: list[dict[str, Any]]) -> None:
    session.log("No eligible snapshots found")
    options = session.run.restore
    wanted = f"id {options.snapshot}" if options.snapshot else f"host {options.host}, path {session.data}"
    if session.environ.get("RESTORE_AS_OF"):
        wanted += f", not after {session.environ['RESTORE_AS_OF']}"
    text = f"none of the repository's snapshots is eligible ({wanted}); {_there(snapshots)}"
    # An image without data may be published only when there is nothing that could have been in it.
    _refuse_unless_allowed(session, text, strict=bool(options.snapshot or (snapshots and options.publishes_image)))
    if snapshots and not options.on_missing_snapshot:
        session.log(f"Warning: {text}")
        session.add(StepReport("restore", Outcome.WARNING, ErrorClass.NO_ELIGIBLE_SNAPSHOT, text))
    _restores_no_data(session)


def _refuse_unless_allowed(session: Session, text: str, *, strict: bool) -> None:
    choice = session.run.restore.on_missing_snapshot
    if choice == "Fail" or (strict and choice != "Continue"):
        raise MoverError(ErrorClass.NO_ELIGIBLE_SNAPSHOT, text)


def _restores_no_data(session: Session) -> None:
    session.log("=== No data will be restored ===")
    session.update(nothing_to_restore=True)


def _there(snapshots: list[dict[str, Any]]) -> str:
    """Return whose snapshots there are."""
    hosts = sorted({str(s.get("hostname")) for s in snapshots})
    paths = sorted({str(path) for s in snapshots for path in s.get("paths") or []})

    def some(names: list[str]) -> str:
        return ", ".join(names[:_MOST_NAMES]) + (" …" if len(names) > _MOST_NAMES else "")

    return f"there are {len(snapshots)}, of host {some(hosts)} and path {some(paths)}" if snapshots else "it has none"


def _notice_whole_path(session: Session, chosen: dict[str, Any]) -> None:
    """Tell of a snapshot of somebody else whose tree begins at `/`: it comes back below its old path.

    `restic backup .` and `restic backup /data` record the same path; only the root of the tree shows which it was.
    """
    options, paths = session.run.restore, [str(path) for path in chosen.get("paths") or []]
    ours = options.host == SNAPSHOT_HOST and not options.snapshot
    if ours or options.sub_path or len(paths) != 1:
        return
    first = "/" + paths[0].strip("/").split("/")[0]
    ended = session.restic.run("ls", str(chosen["id"]), "/", "--no-lock")
    if ended.ok and ended.nodes == (first,):
        session.log(
            f"restoring below .{first}, which is all that the snapshot's root holds: "
            f"if it was made of the whole path, subPath: {paths[0]} restores what is in it"
        )


def _source(session: Session, identity: str) -> str:
    """Return the part of the snapshot that comes back, as restic takes it."""
    below = session.run.restore.sub_path.strip("/")
    return f"{identity}:/{below}" if below else identity


def _selection(session: Session, identity: str) -> list[str]:
    """Return the command line of a restore, but for its target and what it does there."""
    options = session.run.restore
    args = ["restore", _source(session, identity), *arguments(options)]
    if _deletes(session) and not options.include:
        # The file system's own folder is in no snapshot, and may not be deletable.
        args += ["--exclude", "/lost+found"]
    return args


def _deletes(session: Session) -> bool:
    return "--delete" in session.environ.get("RESTORE_OPTIONS", "").split()


def _options(session: Session) -> list[str]:
    """Return what a restore does with what is there."""
    return [*HOW_WRITTEN, "--delete"] if _deletes(session) else list(HOW_WRITTEN)


def _write(session: Session, selection: list[str]) -> tuple[CompletedRestic, list[str]]:
    """Restore the selection; return the end, and which device nodes were left out."""
    with ExitStack() as held:
        further = in_the_way.clear(session, held, *selection)
        if session.run.restore.verify:
            further = ["--verify"]
        ended = session.locked(*selection, *_options(session), *further)
        # Ends because each round removes something.
        while _deletes(session) and in_the_way.clear_folders(session, ended):
            ended = session.locked(*selection, *_options(session), *further)
    left_out = shortfall.left_out(ended, verified="--verify" in further)
    if not left_out:
        shortfall.explain(session, ended)
        session.must(ended)
    return ended, left_out


def _restore(session: Session, chosen: dict[str, Any]) -> None:
    identity, options = str(chosen["id"]), session.run.restore
    session.log(f"Selected restic snapshot with id: {identity[:8]}")
    if session.environ.get("RESTORE_OPTIONS"):
        session.log(f"RESTORE_OPTIONS: {session.environ['RESTORE_OPTIONS']}")
    with session.step("restore", "Starting restore"):
        session.log(f"restoring {described(chosen)} to .")
        _notice_whole_path(session, chosen)
        if _deletes(session):
            left_alone.check(session, _source(session, identity))
        ended, left_out = _write(session, _selection(session, identity))
        if not left_out and ended.failed:
            raise MoverError(ErrorClass.UNKNOWN, f"{ended.failed} items were not restored; the first: {ended.items[0]}")
        summary = ended.message("summary")
        if not summary:
            # Only what restic says that it has done, has been done.
            raise MoverError(ErrorClass.UNKNOWN, "restic ended without an error and without a word on what it restored")
        files = int(summary.get("total_files") or 0) + int(summary.get("files_skipped") or 0)
        count = int(summary.get("total_bytes") or 0) + int(summary.get("bytes_skipped") or 0)
        # A part that is not there proves nothing, unlike a snapshot in which there is nothing.
        unmatched = not files and bool(options.include or options.exclude or options.sub_path.strip("/"))
        if unmatched:
            text = f"nothing in snapshot {identity[:8]} matches include, exclude and subPath"
            _refuse_unless_allowed(session, text, strict=True)
            session.log(f"Warning: {text}")
    if unmatched:
        _restores_no_data(session)
        return
    if left_out:
        _tell_left_out(session, left_out)
    files -= len(left_out)
    session.log(f"Restored {files} files and folders, {size(count)}")
    session.update(restored=RestoredFacts(identity, str(chosen.get("time") or ""), files, count))


def _tell_left_out(session: Session, paths: list[str]) -> None:
    why = shortfall.may_be_privileged(session)
    names = ", ".join(shortfall.shown(path, session.restic.redact) for path in paths[:_MOST_NAMES])
    names += " …" if len(paths) > _MOST_NAMES else ""
    text = f"{len(paths)} device nodes were left out, which the mover may not make ({why}exclude them): {names}"
    session.log(f"Warning: {text}")
    session.add(StepReport("restore", Outcome.WARNING, ErrorClass.PARTIAL, text))
