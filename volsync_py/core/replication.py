"""The replication machine: what happens to one custom resource now.

The state is derived, never stored: a start time in the status means a run is under way, none means that
the last one is being cleaned up or that the resource is idle. One pass decides everything that can be
decided, so that a run costs two status writes: one that starts it and one that ends it. Status writes
come before the writes they announce, except after a refusal; after a crash, what they announced is derived again.

The machine knows triggers, times and conditions; what the run does is the mover's business (`Mover`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeGuard

from attrs import evolve, field, frozen

from volsync_py.core.actions import Action, Delete, Patch, PatchStatus, Ref
from volsync_py.core.attempt import Attempt
from volsync_py.core.condition_writer import HEALTHY, SYNCHRONIZING, ConditionWriter
from volsync_py.core.conditions import get_condition
from volsync_py.core.durations import format_go_duration
from volsync_py.core.last_days import DayResult, LastDays
from volsync_py.core.merge import difference, merged
from volsync_py.core.objects import Object, is_deleting, status_of
from volsync_py.core.remains import still_there
from volsync_py.core.result import Beside, Decision, StepResult, Success, Sync, Trouble, UnderLock, soonest
from volsync_py.core.stored_times import not_ahead, time_in
from volsync_py.core.times import format_rfc3339
from volsync_py.core.trigger import Trigger, TriggerKind

__all__ = [
    "HEALTHY",
    "SYNCHRONIZING",
    "CustomResource",
    "Mover",
    "decide",
    "decide_error",
    "decide_refused",
    "running_since",
]

# Events bring every change; this look is for the case that one was missed.
SAFETY_SECONDS = 300.0
# A schedule of years must not become a timer that overflows; the next reconcile sets it again.
LONGEST_TIMER_SECONDS = 86400.0
# How often an error is looked at again: every minute at first …
ERROR_POLL_SECONDS = 60.0
# … and every five minutes once it has lasted ten.
ERROR_POLL_SLOW_SECONDS = 300.0
ERROR_POLL_SLOW_AFTER_SECONDS = 600.0


class Mover(Protocol):
    """What the machine asks of a mover; a mover is made anew for each pass, from what is seen then."""

    def synchronize(self) -> StepResult:
        """Return the next step of the run that is under way."""
        ...

    def first(self) -> tuple[Action, ...]:
        """Return what comes before everything else, in whatever state the resource is, also while it is deleted."""
        ...

    def cleanup(self, publishing: str | None) -> tuple[Action, ...]:
        """Return the removal of what runs left behind.

        `publishing` is the name of the image that this pass publishes; None leaves the published one.
        """
        ...

    def remains(self) -> Sequence[Object]:
        """Return what of the last run is still there, so that no other one may start."""
        ...

    def in_flight(self) -> bool:
        """Return whether the run has got as far as a Job, so that it is to be finished as it was begun."""
        ...

    def shown_seconds(self) -> float:
        """Return how much longer the Job of the last run is to be seen, unless another run is due; 0: it may go."""
        ...

    def beside(self, status: Object, *, pause: bool) -> Beside:
        """Return what goes on beside the runs; without a `pause` between them it ends, and nothing of it begins."""
        ...

    def refused(self, status: Object, trouble: Trouble) -> Beside:
        """Return what becomes of what goes on beside the runs, of which the API server has refused something."""
        ...


@frozen
class CustomResource:
    """The custom resource, as far as the machine is concerned."""

    object: Object
    trigger: Trigger
    # What makes the spec unusable; None when nothing does.
    trouble: Trouble | None = None
    # Sub-objects that a fresh status shows.
    fresh_status: Object = field(factory=dict)

    @property
    def status(self) -> Object:
        """The status as stored; {} before the first write."""
        return status_of(self.object)

    @property
    def generation(self) -> int:
        """The generation of the spec."""
        return int(self.object["metadata"].get("generation") or 0)


def decide(resource: CustomResource, work: Mover, now: datetime, *, held: str = "") -> Decision:
    """Return everything to be done about the resource now, by somebody who holds the lock `held`."""
    first = work.first()
    if is_deleting(resource.object):
        # The garbage collector deletes its objects; new ones would only be collected as well.
        return Decision(first)
    decision = _Pass(resource, work, now, held).decide()
    done = [action.ref for action in first if isinstance(action, Patch)]
    rest = (a for a in decision.actions if not (isinstance(a, Patch | Delete) and a.ref in done))
    return evolve(decision, actions=(*first, *rest)) if first else decision


def decide_error(resource: CustomResource, trouble: Trouble, now: datetime) -> Decision:
    """Return the status write that tells of a request that the API server refused."""
    one = _Pass(resource, _NoWork(), now)
    one.error(trouble)
    return one.decision(())


def decide_refused(resource: CustomResource, work: Mover, trouble: Trouble, now: datetime) -> Decision:
    """Return what becomes of a request beside the runs that the API server refused; nothing is said of the runs."""
    return _Pass(resource, work, now).refused(trouble)


def running_since(status: Object) -> datetime | None:
    """Return when the run under way was started, or None."""
    return time_in(status, "lastSyncStartTime")


class _NoWork:
    def synchronize(self) -> StepResult:
        return StepResult()

    def first(self) -> tuple[Action, ...]:
        return ()

    def cleanup(self, publishing: str | None) -> tuple[Action, ...]:
        return ()

    def remains(self) -> Sequence[Object]:
        return ()

    def in_flight(self) -> bool:
        return False

    def shown_seconds(self) -> float:
        return 0.0

    def beside(self, status: Object, *, pause: bool) -> Beside:
        return Beside()

    def refused(self, status: Object, trouble: Trouble) -> Beside:
        return Beside()


class _Pass(ConditionWriter):
    """One pass over one resource; it collects changes of the status and writes them once."""

    def __init__(self, resource: CustomResource, work: Mover, now: datetime, held: str = "") -> None:
        super().__init__(not_ahead(merged(resource.fresh_status, resource.status), now), resource.generation, now)
        self.resource = resource
        self.work = work
        self.trigger = resource.trigger
        self.old = resource.status
        self.held = held
        self.finished: Sync | None = None
        self.failed_class = ""
        # No run is under way, due, or kept from beginning.
        self.pause = False

    def decide(self) -> Decision:
        if self.resource.trouble is not None and not self._finishing():
            self.error(self.resource.trouble)
            if running_since(self.status) is not None:
                return self.decision(())
            return self._tidied(tuple(action for action in self.work.cleanup(None) if _deletes_job(action)))
        if running_since(self.status) is not None:
            return self._synchronize()
        if time_in(self.status, "lastSyncTime") is None:
            return self._first()
        return self._idle(self.work.cleanup(None))

    def _finishing(self) -> bool:
        """Return whether a run is to be ended although the spec was broken meanwhile."""
        return running_since(self.status) is not None and self.work.in_flight()

    def _first(self) -> Decision:
        start = self.trigger.first_start(self.now)
        if start > self.now:
            self.waits_for_schedule(self.trigger.zone_problem)
            self.not_yet_healthy()
            self.status["nextSyncTime"] = format_rfc3339(start)
            return self.decision((), delay=self._until(start))
        return self._start()

    def _start(self) -> Decision:
        self.status["lastSyncStartTime"] = format_rfc3339(self.now)
        self.not_yet_healthy()
        return self._synchronize()

    def _synchronize(self) -> Decision:
        step = self.work.synchronize()
        self.status = merged(self.status, step.status)
        if step.success is not None:
            return self._complete(step.success, step.actions)
        if step.error is not None:
            self.error(step.error)
            self._failed(step.error, step, DayResult.STOPPED)
            delay = soonest(step.requeue_after_seconds, self._error_poll())
            return self.decision(step.actions, delay=delay)
        self.in_progress(step.waiting, for_slot=step.waits_for_slot)
        if step.unhealthy is not None:
            self.unhealthy(step.unhealthy)
            self._failed(step.unhealthy, step, DayResult.FAILED)
        elif self._is_over():
            self.recovered()
        # No safety look for who waits for a slot: there may be ten thousand, and each is enqueued when it gets one.
        safety = None if step.waits_for_slot else SAFETY_SECONDS
        delay = soonest(step.requeue_after_seconds, safety)
        return self.decision(step.actions, under_lock=step.under_lock, delay=delay)

    def _failed(self, trouble: Trouble, step: StepResult, result: DayResult) -> None:
        """Keep what an attempt has come to, if the step is the end of one."""
        if step.status.get("attempt"):
            self.failed_class = trouble.reason
            self._keep_result(self.now, result)

    def _keep_result(self, instant: datetime, result: DayResult) -> None:
        """Keep what became of a run, in the zone of its schedule: there it has the same number of slots each day."""
        zone = self.trigger.schedule.zone if self.trigger.schedule is not None else UTC
        day, today = (one.astimezone(zone).date() for one in (instant, self.now))
        self.status["lastDays"] = LastDays.of(self.status).with_result(day, result, today).as_json()

    def _is_over(self) -> bool:
        """Return whether what Healthy says of a trouble is over: it is not of the attempt that has failed."""
        failed, healthy = Attempt.of(self.status), self.condition(HEALTHY) or {}
        return not failed.error_class or healthy.get("reason") != failed.error_class

    def _complete(self, success: Success, actions: tuple[Action, ...]) -> Decision:
        started = running_since(self.status) or self.now
        # The clock may have been set back since.
        duration = max(self.now - started, timedelta(0))
        missed = self.trigger.missed_deadline(time_in(self.status, "lastSyncTime"), self.now)
        self.finished = Sync(duration.total_seconds(), missed_intervals=int(missed))
        # A run belongs to the day of its slot, and one that took long to the day on which it helped.
        tried = bool(Attempt.of(self.status))
        self._keep_result(self.now if tried else started, DayResult.WARNED if success.warning else DayResult.GOOD)
        self.status = merged(self.status, success.status)
        self.status["lastSyncTime"] = format_rfc3339(self.now)
        self.status["lastSyncDuration"] = format_go_duration(duration)
        for gone in ("lastSyncStartTime", "attempt"):
            self.status.pop(gone, None)
        # Differs from VolSync: a tag that was set while the run was under way is not served by it.
        self._put("lastManualSync", self.trigger.manual if success.manual is None else success.manual)
        self._put("lastRunNow", success.run_now or self.status.get("lastRunNow", ""))
        if success.image is not None:
            self.status["latestImage"] = success.image
        self.succeeded(success)
        publishing = success.image["name"] if success.image is not None else None
        return self._idle((*actions, *self.work.cleanup(publishing)))

    def _idle(self, cleanup: tuple[Action, ...]) -> Decision:
        last = time_in(self.status, "lastSyncTime") or self.now
        slot = self.trigger.next_sync(last, self.now)
        due = self.trigger.is_due(
            slot,
            self.now,
            last_manual=str(self.status.get("lastManualSync") or ""),
            last_run_now=str(self.status.get("lastRunNow") or ""),
        )
        self._put("nextSyncTime", format_rfc3339(slot) if slot is not None else "")
        there = self.work.remains()
        remains = bool(cleanup) or bool(there)
        if due and not remains and self.resource.trouble is None:
            return self._start()
        if due and remains:
            if self.finished is None and len(there) == len(cleanup) and all(map(_deletes_job, cleanup)):
                # The Job of the last run was still to be seen, and is gone before anybody could read of it.
                return Decision(cleanup, requeue_after_seconds=SAFETY_SECONDS)
            # Differs from VolSync: what remains is named, for it may do so for ever.
            self.say(SYNCHRONIZING, "False", "CleaningUp", f"Cleaning up: {still_there(there)}".rstrip(": "))
            return self.decision(cleanup, delay=SAFETY_SECONDS)
        if self.trigger.kind == TriggerKind.MANUAL:
            self.say(SYNCHRONIZING, "False", "WaitingForManual", "Waiting for manual trigger")
        elif self.trigger.kind == TriggerKind.SCHEDULE:
            self.waits_for_schedule(self.trigger.zone_problem)
        if self.resource.trouble is not None:
            self.error(self.resource.trouble)
        else:
            self.recovered()
            self.pause = True
        return self._tidied(cleanup, delay=self._until(slot) if slot is not None else None)

    def _tidied(self, cleanup: tuple[Action, ...], *, delay: float | None = None) -> Decision:
        """Return the clean-up after a run that no other one follows: an ended Job is shown, and then in nobody's way.

        A copy is storage, and somebody may decide to keep it.
        """
        shown = self.work.shown_seconds() if any(map(_deletes_job, cleanup)) else 0.0
        if shown > 0:
            cleanup, delay = tuple(a for a in cleanup if not _deletes_job(a)), soonest(delay, shown)
        put_off = (evolve(a, deferrable=True) if _deletes_job(a) else a for a in cleanup)
        return self.decision(tuple(put_off), delay=delay)

    # ---- the status

    def _put(self, key: str, value: str) -> None:
        if value:
            self.status[key] = value
        else:
            self.status.pop(key, None)

    def _status_write(self) -> tuple[Action, ...]:
        """Return the write of what has changed since the last write, and count it as written."""
        self.status["observedGeneration"] = self.resource.generation
        changes = difference(self.old, self.status)
        if not changes:
            return ()
        meta = self.resource.object["metadata"]
        return (PatchStatus(Ref.of(self.resource.object), changes, meta["resourceVersion"]),)

    def decision(
        self, actions: tuple[Action, ...], *, under_lock: UnderLock | None = None, delay: float | None = None
    ) -> Decision:
        """Return the decision: the status, what it announces, and what that prepares for, if its lock is held."""
        lock = under_lock.lock if under_lock is not None and under_lock.lock != self.held else ""
        if under_lock is not None and not lock:
            actions = (*actions, *under_lock.actions)
        beside = self._with(self.work.beside(self.status, pause=self.pause))
        delay = soonest(delay, beside.requeue_after_seconds)
        last = time_in(self.status, "lastSyncTime")
        missed = last is None or self.trigger.missed_deadline(last, self.now)
        decision = Decision(
            beside=beside.actions,
            lock=lock,
            requeue_after_seconds=delay,
            out_of_sync=False if self.finished is not None else (True if missed else None),
            finished=self.finished,
            failed_class=self.failed_class,
        )
        if not self._is_refused():
            return evolve(decision, actions=(*self._status_write(), *actions))
        if lock:
            # The status is written with the actions under the lock, and the metrics count it then.
            return evolve(decision, actions=actions, finished=None, failed_class="")
        return evolve(decision, actions=(*actions, *self._status_write()))

    def refused(self, trouble: Trouble) -> Decision:
        """Return what becomes of what goes on beside the runs, of which something was refused."""
        beside = self._with(self.work.refused(self.status, trouble))
        return Decision(self._status_write(), beside=beside.actions, requeue_after_seconds=beside.requeue_after_seconds)

    def _with(self, beside: Beside) -> Beside:
        """Return what goes on beside the runs; what it says is in the status by then."""
        self.status = merged(self.status, beside.status)
        if beside.verified is not None:
            self.verified(beside.verified)
        delay = beside.requeue_after_seconds
        return evolve(beside, requeue_after_seconds=None if delay is None else min(delay, LONGEST_TIMER_SECONDS))

    def _is_refused(self) -> bool:
        """Return whether the API server refuses something of a run that is on record, so that the status comes last.

        It would say now that the run goes on and at once that it does not, and each of both calls for the next pass.
        """
        said = get_condition(self.old.get("conditions") or [], SYNCHRONIZING) or {}
        # A status without it is VolSync's, or its fields were dropped: write it first, and see whether it is kept.
        is_ours = "observedGeneration" in self.old
        return is_ours and running_since(self.old) is not None and said.get("reason") == "Error"

    def _error_poll(self) -> float:
        slow = self.unhealthy_for_seconds() >= ERROR_POLL_SLOW_AFTER_SECONDS
        return ERROR_POLL_SLOW_SECONDS if slow else ERROR_POLL_SECONDS

    def _until(self, instant: datetime) -> float:
        # A slot that passed between two looks at the clock still gets its timer.
        return min(max((instant - self.now).total_seconds(), 0.0) + 0.01, LONGEST_TIMER_SECONDS)


def _deletes_job(action: Action) -> TypeGuard[Delete]:
    return isinstance(action, Delete) and action.ref.kind == "Job"
