"""The backup: optimistic, one process where one will do.

Nothing asks first whether the repository exists: restic says so itself (exit 10) within milliseconds.
Retention, prune and check follow, and whatever becomes of them, a backup that was made is a success.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from hashlib import sha256
from pathlib import Path
from typing import Any

from volsync_py.restic.environment import MoverError
from volsync_py.restic.humanlog import clock, size
from volsync_py.restic.process import Ended
from volsync_py.restic.report import ErrorClass, Outcome, SnapshotCounts, SnapshotFacts, StepReport
from volsync_py.restic.retention import Kept, keeps_all
from volsync_py.restic.session import Session

_LOST_AND_FOUND = "lost+found"
_COUNTED = re.compile(r"last|hourly|daily|weekly|monthly|yearly")
_POLICY_FILE = "volsync-py-retention.json"


def backup(session: Session) -> bool:
    """Back the volume up; False if it is empty and was skipped, which ends the run."""
    session.log("== Checking directory for content ===")
    if _is_empty(session.data) and session.run.backup.emptySource != "Backup":
        if session.run.backup.emptySource == "Fail":
            raise MoverError(ErrorClass.SOURCE_EMPTY, "the source volume is empty")
        session.log("== Directory is empty skipping backup ===")
        session.update(skipped_empty=True)
        return False
    ended = _backup_step(session)
    if _missing(ended):
        session.update(steps=session.report.steps[:-1])
        session.init()
        ended = _backup_step(session)
    _finish(session, ended)
    return True


def _is_empty(directory: str) -> bool:
    try:
        return not any(entry.name != _LOST_AND_FOUND for entry in os.scandir(directory))
    except OSError as error:
        raise MoverError(ErrorClass.CONFIGURATION, f"the volume cannot be read: {error.strerror}") from None


def _missing(ended: Ended) -> bool:
    return not ended.ok and (ended.code == 10 or ended.missing_bucket) and not _saved(ended)


def _saved(ended: Ended) -> str:
    return str(ended.message("summary").get("snapshot_id") or "")


def _backup_step(session: Session) -> Ended:
    with session.step("backup", "Starting backup"):
        ended = session.locked("backup", ".", *_options(session))
        if not (_missing(ended) or (ended.code == 3 and _saved(ended) and ended.stopped is None)):
            session.must(ended)
    return ended


def _options(session: Session) -> list[str]:
    run, options = session.run, session.run.backup
    args = ["--host", run.host, "--group-by", "host,paths"]
    if not _is_empty(session.data):
        # An absolute path is the volume's root and no folder of that name further down. Of a volume that holds nothing
        # else it stays, because restic refuses to back nothing up.
        args += ["--exclude", f"{session.data.rstrip('/')}/{_LOST_AND_FOUND}"]
    for tag in run.tags:
        args += ["--tag", tag]
    for flag, values in (("--exclude", options.excludePatterns), ("--exclude-if-present", options.excludeIfPresent)):
        for value in values:
            args += [flag, value]
    if options.excludeCaches:
        args.append("--exclude-caches")
    for flag, text in (
        ("--exclude-larger-than", options.excludeLargerThan),
        ("--compression", options.compression),
        ("--pack-size", options.packSize),
        ("--read-concurrency", options.readConcurrency),
        ("--limit-upload", options.uploadKiBps),
        ("--limit-download", options.downloadKiBps),
    ):
        if text:
            args += [flag, str(text)]
    return args


def _finish(session: Session, ended: Ended) -> None:
    if _missing(ended):
        raise MoverError(ErrorClass.REPOSITORY_MISSING, ended.cause, 10)
    summary = ended.message("summary")
    failed = ended.errors()
    facts = _facts(summary, len(failed))
    session.update(snapshot=facts, items=tuple(failed))
    added = int(summary.get("data_added") or 0)
    packed = int(summary.get("data_added_packed") or 0)
    session.log(f"Added to the repository: {size(added)} ({size(packed)} stored)")
    files = int(summary.get("total_files_processed") or 0)
    duration = clock(float(summary.get("total_duration") or 0))
    session.log(f"processed {files} files, {size(facts.bytes_processed)} in {duration}")
    session.log(f"snapshot {facts.id[:8]} saved")
    if ended.code == 3:
        text = f"{len(failed)} items could not be read; the first: {failed[0] if failed else ended.cause}"
        session.log(f"Warning: {text}")
        session.update(steps=session.report.steps[:-1])
        session.add(StepReport("backup", Outcome.WARNING, ErrorClass.PARTIAL, text))


def _facts(summary: dict[str, Any], failed: int) -> SnapshotFacts:
    def number(key: str) -> int:
        return int(summary.get(key) or 0)

    return SnapshotFacts(
        id=str(summary.get("snapshot_id") or ""),
        # What `restic snapshots` shows: when the backup began.
        time=str(summary.get("backup_start") or ""),
        files_new=number("files_new"),
        files_changed=number("files_changed"),
        files_unmodified=number("files_unmodified"),
        bytes_processed=number("total_bytes_processed"),
        bytes_added=number("data_added_packed"),
        files_failed=failed,
    )


# ---- after the backup


def retention_options(session: Session) -> list[str]:
    """Return the policy as arguments; anything but --keep-… with a value is refused."""
    words = shlex.split(session.environ.get("FORGET_OPTIONS", ""))
    for flag, value in zip(words[::2], [*words[1::2], ""], strict=False):
        if not re.fullmatch(r"--keep-[a-z-]+", flag) or not re.fullmatch(r"[0-9a-z-]+", value) or value[0] == "-":
            raise MoverError(ErrorClass.CONFIGURATION, f"spec.restic.retain: {flag} {value!r} is no retention rule")
    rules = session.run.retention
    for unit in ("Hourly", "Daily", "Weekly", "Monthly", "Yearly"):
        value = getattr(rules, f"within{unit}")
        if value:
            words += [f"--keep-within-{unit.lower()}", value]
    for tag in rules.keepTags:
        words += ["--keep-tag", tag]
    return words


def forget(session: Session) -> None:
    """Apply the retention policy, unless it is sure that it would remove nothing."""
    if not session.run.grants.forget:
        session.add(StepReport("forget", Outcome.SKIPPED, message="the repository is damaged"))
        return
    try:
        policy = retention_options(session)
    except MoverError as error:
        session.log(f"ERROR: {error.message}")
        session.add(StepReport("forget", Outcome.FAILED, error.error_class, error.message))
        return
    if not policy:
        return
    kept = _on_record(session, policy)
    if kept is not None and keeps_all(_rules(policy), kept):
        _remember(session, policy, kept)
        session.add(StepReport("forget", Outcome.SKIPPED, message="the policy keeps every snapshot"))
        return
    args = ["--host", session.run.host, "--path", session.data, "--group-by", "host,paths", *policy]
    ended = session.maintenance("forget", "Starting forget", "forget", *args)
    groups = [g for g in ended.document or [] if isinstance(g, dict)] if isinstance(ended.document, list) else []
    if ended.ok and groups:
        left = [s for g in groups for s in g.get("keep") or []]
        removed = sum(len(g.get("remove") or []) for g in groups)
        session.log(f"retention: {len(left)} snapshots kept, {removed} removed")
        _remember(session, policy, [Kept(str(s["time"]), tuple(s.get("tags") or ())) for s in left])


def _rules(policy: list[str]) -> list[tuple[str, str]]:
    return [(flag.removeprefix("--keep-"), value) for flag, value in zip(policy[::2], policy[1::2], strict=True)]


def _on_record(session: Session, policy: list[str]) -> list[Kept] | None:
    """Return what the last forget with this policy left, and the new snapshot; None if that is not on record."""
    try:
        data = json.loads(_policy_path(session).read_text(encoding="utf-8"))
        if data["policy"] != policy or data["of"] != _group(session):
            return None
        kept = [Kept(time, tuple(tags)) for time, tags in data["snapshots"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    made = session.report.snapshot
    return [*kept, Kept(made.time, tuple(session.run.tags))] if made is not None and made.id else None


def _remember(session: Session, policy: list[str], kept: list[Kept]) -> None:
    times = sorted(s.time for s in kept)
    session.update(snapshots=SnapshotCounts(len(kept), times[0] if times else "", times[-1] if times else ""))
    data = {"policy": policy, "of": _group(session), "snapshots": [(s.time, s.tags) for s in kept]}
    try:
        _policy_path(session).write_text(json.dumps(data), encoding="utf-8")
    except OSError as error:
        session.log(f"the retention record cannot be kept: {error.strerror}; forget runs each time")


def _policy_path(session: Session) -> Path:
    return Path(session.environ["RESTIC_CACHE_DIR"]) / _POLICY_FILE


def _group(session: Session) -> str:
    """Return what tells this group of snapshots from others: repository, host and path."""
    parts = (session.environ["RESTIC_REPOSITORY"], session.run.host, session.data)
    return sha256("\n".join(parts).encode()).hexdigest()[:16]


def prune(session: Session) -> None:
    """Free the space of what is no longer referred to."""
    if not session.run.grants.prune:
        session.add(StepReport("prune", Outcome.SKIPPED, message="another mover uses the repository"))
        return
    args = []
    if session.run.prune.maxUnused:
        args += ["--max-unused", session.run.prune.maxUnused]
    if session.run.prune.maxRepackSize:
        args += ["--max-repack-size", session.run.prune.maxRepackSize]
    session.maintenance("prune", "Starting prune", "prune", *args)


def check(session: Session) -> None:
    """Check the repository; a check that finds errors means that it is damaged."""
    if session.run.check is None:
        return
    subset = session.run.check.subset
    args = ["--read-data-subset", subset] if subset else []
    ended = session.maintenance("check", "Starting check", "check", *args)
    if not ended.ok and ended.stopped is None and ended.message("summary").get("num_errors"):
        last = session.report.steps[-1]
        damaged = StepReport("check", Outcome.FAILED, ErrorClass.REPOSITORY_DAMAGED, last.message, last.seconds)
        session.update(steps=(*session.report.steps[:-1], damaged))


def unlock(session: Session) -> None:
    """Remove stale locks, as asked for; a repository that does not exist has none."""
    session.log("=== Starting unlock ===")
    ended = session.restic.run("unlock")
    if ended.ok:
        session.log("successfully removed locks")
        session.add(StepReport("unlock", Outcome.SUCCEEDED))
    elif ended.code == 10 or ended.missing_bucket:
        session.log("there is no repository yet, and so no lock")
        session.add(StepReport("unlock", Outcome.SKIPPED))
    else:
        session.log("ERROR: failure unlocking repository")
        session.must(ended, 3)
