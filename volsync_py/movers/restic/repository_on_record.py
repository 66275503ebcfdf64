"""What a source's status has on record of its repository: which one it is, what was backed up, whether it is damaged.

The status is the only memory: a mover is told what is on record, and says whether it is still so. It is read leniently,
because an older version, or somebody, may have written it.
"""

from __future__ import annotations

from volsync_py.bounded_json import number_of, text_of
from volsync_py.contract.codec import as_json
from volsync_py.contract.notations import part, percentage
from volsync_py.contract.report import ErrorClass, Report
from volsync_py.contract.run_document import History
from volsync_py.core.objects import Object, mapping
from volsync_py.movers.restic.run_record import RunRecord

_EVERYTHING = "100%"


def history(restic: Object, place: str) -> History:
    """Return what `status.restic` has on record of the repository at a place; nothing if it was another place."""
    if text_of(restic, "repositoryHash") not in ("", place):
        return History()
    last = mapping(restic, "lastSnapshot")
    complete = text_of(restic, "completeSnapshot")
    if not complete and not number_of(last, "filesFailed"):
        complete = text_of(last, "id")
    return History(text_of(restic, "repositoryID"), text_of(last, "id"), complete)


def facts(report: Report, record: RunRecord, restic: Object, place: str) -> Object:
    """Return what a report tells of the backup and the repository."""
    told: Object = {}
    classes = {step.name: step.error_class for step in report.steps}
    if report.snapshot is not None:
        told["lastSnapshot"] = as_json(report.snapshot)
        told["repositoryHash"] = place or None
        if not classes.get("backup") and not record.damaged:
            told["completeSnapshot"] = report.snapshot.id
        elif history(restic, place).complete_snapshot != text_of(restic, "completeSnapshot"):
            told["completeSnapshot"] = history(restic, place).complete_snapshot or None
    if report.snapshots is not None:
        told["snapshots"] = {k: v for k, v in as_json(report.snapshots).items() if v}
    elif classes.get("history"):
        # The snapshots that were counted are gone, and nobody has counted since.
        told["snapshots"] = None
    if report.repository_id:
        told["repositoryID"] = report.repository_id
    return told


def size(report: Report, restic: Object, place: str, now: str) -> Object:
    """Return what is known of the repository's size: a prune tells, and nobody does of another repository."""
    if report.repository_bytes > 0:
        return {"repositorySize": {"bytes": report.repository_bytes, "time": now}}
    hashed = text_of(restic, "repositoryHash")
    moved = report.snapshot is not None and bool(hashed) and hashed != place
    gone = any(step.name == "history" and step.error_class for step in report.steps)
    return {"repositorySize": None} if (moved or gone) and "repositorySize" in restic else {}


def is_damaged(restic: Object) -> bool:
    """Return whether damage has been found that no check has shown to be mended."""
    return text_of(restic, "lastCheckResult") == ErrorClass.REPOSITORY_DAMAGED


def subset_due(read_data: str, restic: Object) -> str:
    """Return what of the packs the next check reads: while the repository is damaged, what was found to be damaged.

    Which packs a percentage read is not known any more, so everything is read then. What the index and the snapshots
    refer to is checked each time.
    """
    last = text_of(restic, "lastCheckSubset")
    if not is_damaged(restic):
        return next_subset(read_data, last)
    if not last or percentage(read_data) == 100 or part(read_data) == (1, 1):
        return read_data
    return last if part(last) is not None else _EVERYTHING


def checked(report: Report, record: RunRecord, restic: Object, now: str) -> Object:
    """Return what a check came to, and damage that another step has met; a check that was not carried out stays due."""
    damaged = ErrorClass.REPOSITORY_DAMAGED.value
    step = next((s for s in report.steps if s.name == "check"), None)
    told: Object = {}
    if step is not None and record.check and step.error_class in ("", damaged):
        told = {
            "lastChecked": now,
            "lastCheckResult": step.error_class or "Succeeded",
            "lastCheckSubset": record.check_subset or None,
        }
    met = {s.name for s in report.steps if s.error_class == damaged} - {"check"}
    if told.get("lastCheckResult", damaged if is_damaged(restic) else "") == damaged:
        return told
    if "prune" in met and record.check_subset != _EVERYTHING:
        # A prune reads the packs that it moves, which no other step has read.
        return {**told, "lastCheckResult": damaged, "lastCheckSubset": _EVERYTHING}
    if met and not told:
        return {"lastCheckResult": damaged, "lastCheckSubset": None}
    return told


def next_subset(read_data: str, last: str) -> str:
    """Return what of the packs the next check reads; `k/n` goes on from the last one, so that n checks read all."""
    given, done = part(read_data), part(last)
    if given is None or done is None or given[1] != done[1]:
        return read_data
    return f"{done[0] % given[1] + 1}/{given[1]}"
