"""Who holds one of the slots that `--max-movers` counts, and who waits for one: read off the objects.

A slot is held by a mover that is about to run or runs, and kept by a run whose copy is being made. It is held only by
what is alive: not by what is paused, has failed or is being deleted, not for ever by a pod that never starts, a
snapshot that never becomes ready or a mover that never ends. What loses its slot is not stopped: it only
counts no more.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import Enum

from volsync_py.api.spec import Replication
from volsync_py.core.actions import Event, EventType
from volsync_py.core.attempt import Attempt
from volsync_py.core.condition_writer import WAITING_FOR_MOVER
from volsync_py.core.conditions import get_condition
from volsync_py.core.labels import Label
from volsync_py.core.objects import Object, is_deleting, labels_of, status_of
from volsync_py.core.replication import SYNCHRONIZING, running_since
from volsync_py.core.result import StepResult
from volsync_py.core.times import parse_rfc3339
from volsync_py.core.view import ReadKind, View
from volsync_py.movers.restic.job_state import has_ended, started
from volsync_py.movers.restic.pods import has_started

# Provisioning, attaching and pulling an image take minutes at most where they work; a copy of a large volume may take
# longer, but loads the storage more than the movers that are counted.
START_PATIENCE = timedelta(minutes=10)
# The first backup of a large volume may take days, and is not to be stopped. After a day, others have waited enough.
LONGEST_HELD = timedelta(days=1)
# A run is looked at every five minutes at least: it is told in one or two of these looks.
_TOLD = timedelta(minutes=6)
# Whoever waits for a slot is called when there is one; a look in between only keeps the metric of lateness right.
_WAITER_SECONDS = 3600.0


class SlotUse(Enum):
    """What a resource has to do with slots."""

    HOLDS = "holds"
    # Keeps the slot that it has, and takes none: its Job may have been deleted, and another may have the slot now.
    COPIES = "copies"
    WAITS = "waits"
    NONE = "none"


def slot_use(
    resource: Object, job: Object | None, pods: Iterable[Object], copies: Iterable[Object], now: datetime
) -> SlotUse:
    """Return what a resource does; `job` is its own or None, `pods` are of that, `copies` are what it controls."""
    status, spec = status_of(resource), resource.get("spec") or {}
    if is_deleting(resource) or running_since(status) is None or "external" in spec:
        return SlotUse.NONE
    if job is not None and is_live(job):
        return SlotUse.HOLDS if holds_slot(job, pods, now) else SlotUse.NONE
    said = (get_condition(status.get("conditions") or [], SYNCHRONIZING) or {}).get("reason")
    if said == WAITING_FOR_MOVER:
        return SlotUse.WAITS
    if job is None and said != "Error" and _is_being_copied(resource, copies, now):
        return SlotUse.COPIES
    return SlotUse.NONE


def in_a_slot(replication: Replication, view: View, step: StepResult) -> StepResult:
    """Return a step that needs a slot, or the wait for one; who waits is kept from nothing else."""
    most = view.settings.max_movers
    if not most or view.read(ReadKind.SLOT):
        return step
    text = f"Waiting for a mover: at most {most} run at once"
    return StepResult(waiting=text, waits_for_slot=True, requeue_after_seconds=_WAITER_SECONDS)


def is_live(job: Object) -> bool:
    """Return whether a Job has a pod, or is about to get one."""
    if job["spec"].get("parallelism") == 0 or is_deleting(job):
        return False
    return not has_ended(job)


def overlong(job: Object, now: datetime) -> tuple[Event, ...]:
    """Return the event of a mover that has just run for so long that it holds no slot any more."""
    over = now - started(job, now) - LONGEST_HELD
    if not timedelta(0) <= over < _TOLD:
        return ()
    note = "the mover has been running for a day: it no longer counts for --max-movers, so others may begin"
    return (Event(EventType.WARNING, "MoverRunsLong", "Synchronize", note),)


def due(resource: Object) -> str:
    """Return since when a run is due: a schedule's slot comes before the pass that noticed it."""
    status = status_of(resource)
    begun = str(status.get("lastSyncStartTime") or "")
    return min(begun, str(status.get("nextSyncTime") or begun))


def holds_slot(job: Object | None, pods: Iterable[Object], now: datetime) -> bool:
    """Return whether a Job's mover runs, or is about to, and has not held its slot for too long."""
    if job is None or not is_live(job):
        return False
    if now - started(job, now) < START_PATIENCE:
        return True
    return now - started(job, now) < LONGEST_HELD and any(map(has_started, pods))


def _is_being_copied(resource: Object, copies: Iterable[Object], now: datetime) -> bool:
    """Return whether a copy has been begun for the attempt that comes next, and may yet become ready."""
    uid = resource["metadata"]["uid"]
    made = max(
        (
            str(copy["metadata"]["creationTimestamp"])
            for copy in copies
            if labels_of(copy).get(Label.CLEANUP) == uid and not is_deleting(copy)
        ),
        default="",
    )
    # Copies are kept for the retries of a run, which ask for a slot each.
    failed = Attempt.of(status_of(resource)).failed_at
    return made > failed and now - parse_rfc3339(made) < START_PATIENCE
