"""What follows a backup: retention, prune, check; and unlock, which goes before.

Whatever becomes of them, a backup that was made is a success. None of what removes data is done in a repository that is
known to be damaged.
"""

from __future__ import annotations

import json
import re
import shlex
from hashlib import sha256
from pathlib import Path

from volsync_py.bounded_json import read_json
from volsync_py.restic.environment import MoverError
from volsync_py.restic.report import ErrorClass, Outcome, SnapshotCounts, StepReport
from volsync_py.restic.retention import Kept, keeps_all
from volsync_py.restic.session import Session

# A line of a record is a hundred bytes; this is one of a hundred thousand snapshots.
_MOST_BYTES = 16 * 1024 * 1024
_POLICY_FILE = "volsync-py-retention.json"


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
    if not session.run.grants.forget or session.damaged:
        _leave_out(session, "forget", "the repository is damaged")
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
        _leave_out(session, "forget", "the policy keeps every snapshot")
        return
    args = ["--host", session.run.host, "--path", session.data, "--group-by", "host,paths", *policy]
    ended = session.maintenance("forget", "Starting forget", "forget", *args)
    groups = [g for g in ended.document or [] if isinstance(g, dict)] if isinstance(ended.document, list) else []
    if ended.ok and groups:
        left = [s for g in groups for s in g.get("keep") or []]
        removed = sum(len(g.get("remove") or []) for g in groups)
        session.log(f"retention: {len(left)} snapshots kept, {removed} removed")
        _remember(session, policy, [Kept(str(s["time"]), tuple(s.get("tags") or ())) for s in left])


def _leave_out(session: Session, name: str, why: str) -> None:
    session.log(f"{name} is left out: {why}")
    session.add(StepReport(name, Outcome.SKIPPED, message=why))


def _rules(policy: list[str]) -> list[tuple[str, str]]:
    return [(flag.removeprefix("--keep-"), value) for flag, value in zip(policy[::2], policy[1::2], strict=True)]


def _on_record(session: Session, policy: list[str]) -> list[Kept] | None:
    """Return what the last forget with this policy left, and the new snapshot; None if that is not on record."""
    try:
        with _policy_path(session).open("rb") as file:
            data = read_json(file.read(_MOST_BYTES + 1), most=_MOST_BYTES)
        if data["policy"] != policy or data["of"] != _group(session):
            return None
        kept = [Kept(str(time), tuple(map(str, tags))) for time, tags in data["snapshots"]]
        keeps_all(_rules(policy), kept)
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
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
    if not session.run.grants.prune or session.damaged:
        why = "the repository is damaged" if session.damaged else "another mover uses the repository"
        _leave_out(session, "prune", why)
        return
    session.maintenance("prune", "Starting prune", "prune", *prune_options(session))


def prune_options(session: Session) -> list[str]:
    """Return the limits of a prune as arguments."""
    limits = session.run.prune
    named = (("--max-unused", limits.maxUnused), ("--max-repack-size", limits.maxRepackSize))
    return [word for flag, value in named if value for word in (flag, value)]


def check(session: Session) -> None:
    """Check the repository; a check that finds errors means that it is damaged."""
    if session.run.check is None:
        return
    subset = session.run.check.subset
    args = ["--read-data-subset", subset] if subset else []
    ended = session.maintenance("check", "Starting check", "check", *args)
    if ended.found_damage:
        last = session.report.steps[-1]
        damaged = StepReport("check", Outcome.FAILED, ErrorClass.REPOSITORY_DAMAGED, last.message, last.seconds)
        session.update(steps=(*session.report.steps[:-1], damaged))


def unlock(session: Session) -> None:
    """Remove stale locks, as asked for; a repository that does not exist has none."""
    session.log("=== Starting unlock ===")
    wrong_clock = session.wrong_clock()
    if wrong_clock:
        session.log(f"ERROR: {wrong_clock}")
        session.add(StepReport("unlock", Outcome.WARNING, ErrorClass.REPOSITORY_LOCKED, wrong_clock))
        return
    ended = session.restic.run("unlock")
    if ended.ok:
        session.log("successfully removed locks")
        session.add(StepReport("unlock", Outcome.SUCCEEDED))
    elif ended.code == 10 or ended.missing_bucket:
        session.log("there is no repository yet, and so no lock")
        session.add(StepReport("unlock", Outcome.SKIPPED))
    else:
        session.must(ended, 3)
