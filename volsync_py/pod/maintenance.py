"""What follows a backup: retention, prune, check; and unlock, which goes before.

Whatever becomes of them, a backup that was made is a success. None of what removes data is done in a repository that is
known to be damaged.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime

from volsync_py.contract.options import arguments
from volsync_py.contract.report import ErrorClass, Outcome, SnapshotCounts, StepReport
from volsync_py.contract.run_document import Run
from volsync_py.core.selection import Snapshot, of_the_future, snapshot_time
from volsync_py.pod.completed import CompletedRestic
from volsync_py.pod.environment import MoverError
from volsync_py.pod.record import Record, cache_of, forget_record, group_known, group_of, holding, load, save
from volsync_py.pod.retention import Kept, is_newest, keeps_all
from volsync_py.pod.session import Session

_BANNER = "Starting forget"
# With 65 bytes for each, far below what a command line may hold.
_MOST_IDS = 1000


def retention_rules(environ: Mapping[str, str], document: Run) -> list[str]:
    """Return the policy as arguments; anything but --keep-… with a value is refused."""
    words = shlex.split(environ.get("FORGET_OPTIONS", ""))
    for flag, value in zip(words[::2], [*words[1::2], ""], strict=False):
        if not re.fullmatch(r"--keep-[a-z-]+", flag) or not re.fullmatch(r"[0-9a-z-]+", value) or value[0] == "-":
            raise MoverError(ErrorClass.CONFIGURATION, f"spec.restic.retain: {flag} {value!r} is no retention rule")
    return words + arguments(document.retention)


def forget(session: Session) -> None:
    """Apply the retention policy, unless it is sure that it would remove nothing."""
    if not session.run.grants.forget or session.damaged:
        _leave_out(session, "forget", "the repository is damaged")
        return
    policy = retention_rules(session.environ, session.run)
    made = session.report.snapshot
    if not policy or made is None:
        return
    new = Kept(made.time, tuple(session.run.tags), made.id, not session.incomplete)
    record = load(cache_of(session))
    known = group_known(record, holding(cache_of(session), new.id), policy, group_of(session), new)
    if known:
        session.group = frozenset(kept.id for kept in known)
    if known and keeps_all(_rules(policy), known):
        _remember(session, policy, known)
        _leave_out(session, "forget", "the policy keeps every snapshot")
        return
    args = ["--host", session.run.host, "--path", session.data, "--group-by", "host,paths", *policy]
    partial = {kept.id for kept in record.snapshots if not kept.complete} if record is not None else set()
    # restic may choose by itself only where its choice cannot be wrong.
    sure = known and not session.incomplete and not (record and record.others) and is_newest(new, known)
    left = _forget(session, args) if sure else _forget_what_may_go(session, args, partial)
    if left is not None:
        partial |= {new.id} if session.incomplete else set()
        _remember(session, policy, [_kept(snapshot, partial) for snapshot in left])


def _forget(session: Session, args: list[str]) -> list[Snapshot] | None:
    """Run forget; return the snapshots that it left, or None if it failed."""
    ended = session.maintenance("forget", _BANNER, "forget", *args, answers=True)
    if not ended.ok or not ended.document:
        return None
    keep, remove = _groups(session, ended)
    session.log(f"retention: {len(keep)} snapshots kept, {len(remove)} removed")
    return keep


def _forget_what_may_go(session: Session, args: list[str], partial: set[str]) -> list[Snapshot] | None:
    """Have restic plan, and take away what may go.

    Whatever the policy says, what was just backed up stays; so does the newest complete snapshot, if the new one lacks
    files; and all stay while one is of the future.
    """
    session.log(f"=== {_BANNER} ===")
    plan = session.locked("forget", "--dry-run", *args, ask=False)
    if not plan.ok or not plan.document:
        session.failed("forget", plan.error_class, plan.cause)
        return None
    keep, remove = _groups(session, plan)
    ahead = of_the_future([*keep, *remove], datetime.now(UTC))
    if ahead:
        session.failed("forget", ErrorClass.CLOCK_SKEWED, f"{ahead}; nothing is removed")
        return None
    why = _must_stay(session, [*keep, *remove], partial)
    stays = [snapshot for snapshot in remove if snapshot["id"] in why]
    for snapshot in stays:
        session.log(f"retention: {str(snapshot['id'])[:8]} is kept, because {why[snapshot['id']]}")
    keep += stays
    ids = [str(snapshot["id"]) for snapshot in remove if snapshot not in stays]
    for at in range(0, max(len(ids), 1), _MOST_IDS):
        some = ids[at : at + _MOST_IDS]
        if some and not session.maintenance("forget", "", "forget", *some).ok:
            return None
    if not ids:
        session.add(StepReport("forget", Outcome.SUCCEEDED))
    session.log(f"retention: {len(keep)} snapshots kept, {len(ids)} removed")
    return keep


def _must_stay(session: Session, snapshots: list[Snapshot], partial: set[str]) -> dict[str, str]:
    """Return the ids of what stays whatever the policy says, each with the reason."""
    made = session.report.snapshot
    why = {made.id: "it was just made"} if made is not None else {}
    complete = newest_complete(snapshots, session, partial) if session.incomplete else None
    return why if complete is None else {**why, str(complete["id"]): "no later snapshot is complete"}


def newest_complete(snapshots: list[Snapshot], session: Session, partial: set[str]) -> Snapshot | None:
    """Return the newest snapshot that is not known to lack files; what the manager has on record goes before."""
    made, on_record = session.report.snapshot, session.run.history
    if on_record.last_snapshot != on_record.complete_snapshot:
        partial = {*partial, on_record.last_snapshot}
    earlier = [s for s in snapshots if made is None or s.get("id") != made.id]
    for snapshot in earlier:
        if snapshot.get("id") == on_record.complete_snapshot:
            return snapshot
    whole = [s for s in earlier if s.get("id") not in partial]
    return max(whole, key=snapshot_time, default=None)


def _groups(session: Session, ended: CompletedRestic) -> tuple[list[Snapshot], list[Snapshot]]:
    """Return the snapshots that forget keeps and removes, and note them."""
    found = ended.document if isinstance(ended.document, list) else []
    # Of somebody's snapshots of several paths, restic makes a group of its own.
    groups = [g for g in found if isinstance(g, dict) and g.get("paths") == [session.data]]
    keep, remove = ([s for g in groups for s in g.get(name) or []] for name in ("keep", "remove"))
    session.group = frozenset(str(s["id"]) for s in (*keep, *remove))
    return keep, remove


def _kept(snapshot: Snapshot, partial: set[str]) -> Kept:
    identity = str(snapshot["id"])
    return Kept(str(snapshot["time"]), tuple(snapshot.get("tags") or ()), identity, identity not in partial)


def _leave_out(session: Session, name: str, why: str) -> None:
    session.log(f"{name} is left out: {why}")
    session.add(StepReport(name, Outcome.SKIPPED, message=why))


def _rules(policy: list[str]) -> list[tuple[str, str]]:
    return [(flag.removeprefix("--keep-"), value) for flag, value in zip(policy[::2], policy[1::2], strict=True)]


def _remember(session: Session, policy: list[str], kept: list[Kept]) -> None:
    """Keep for the next run what is there now; without the cache's word on the repository, nothing is known then."""
    times = sorted(s.time for s in kept)
    session.update(snapshots=SnapshotCounts(len(kept), times[0] if times else "", times[-1] if times else ""))
    made, cache = session.report.snapshot, cache_of(session)
    now = holding(cache, made.id) if made is not None else None
    try:
        if now is None:
            forget_record(cache)
        else:
            others = now.snapshots - {s.id for s in kept}
            save(cache, Record(tuple(policy), group_of(session), now.repository, tuple(kept), others))
    except OSError as error:
        session.log(f"the retention record cannot be kept: {error.strerror}; forget runs each time")


def prune(session: Session) -> None:
    """Free the space of what is no longer referred to."""
    if not session.run.grants.prune or session.damaged:
        why = "the repository is damaged" if session.damaged else "another mover uses the repository"
        _leave_out(session, "prune", why)
        return
    ended = session.maintenance("prune", "Starting prune", "prune", *arguments(session.run.prune))
    if ended.ok and ended.left:
        session.update(repository_bytes=ended.left)


def check(session: Session) -> None:
    """Check the repository; a check that finds errors means that it is damaged."""
    if session.run.check is None:
        return
    ended = session.maintenance("check", "Starting check", "check", *check_options(session), answers=True)
    if ended.found_damage:
        last = session.report.steps[-1]
        damaged = StepReport("check", Outcome.FAILED, ErrorClass.REPOSITORY_DAMAGED, last.message, last.seconds)
        session.update(steps=(*session.report.steps[:-1], damaged))


def check_options(session: Session) -> list[str]:
    """Return what of the packs is read as arguments."""
    subset = session.run.check.subset if session.run.check is not None else ""
    return ["--read-data-subset", subset] if subset else []


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
