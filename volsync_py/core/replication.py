"""The replication machine: what happens to one custom resource now.

The state is derived, never stored: a start time in the status means a run is under way, none means that
the last one is being cleaned up or that the resource is idle. One pass decides everything that can be
decided, so that a run costs two status writes: one that starts it and one that ends it. Status writes
come before the writes they announce; after a crash, what they announced is derived again.

The machine knows triggers, times and conditions; what the run does is the mover's business (`Work`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from attrs import field, frozen

from volsync_py.core.actions import Action, Object, PatchStatus, Ref
from volsync_py.core.conditions import get_condition, set_condition
from volsync_py.core.durations import format_go_duration
from volsync_py.core.merge import difference, merged
from volsync_py.core.result import Decision, StepResult, Success, Sync, Trouble, soonest
from volsync_py.core.times import format_rfc3339, parse_rfc3339
from volsync_py.core.trigger import Trigger, TriggerKind

# Events bring every change; this look is for the case that one was missed.
SAFETY_SECONDS = 300.0
# A schedule of years must not become a timer that overflows; the pass just sets it again.
LONGEST_TIMER_SECONDS = 86400.0
# What is polled while an error lasts: every minute at first …
ERROR_POLL_SECONDS = 60.0
# … and every five minutes once it has lasted ten.
ERROR_POLL_SLOW_SECONDS = 300.0
ERROR_POLL_SLOW_AFTER_SECONDS = 600.0

SYNCHRONIZING = "Synchronizing"
HEALTHY = "Healthy"
MAINTAINED = "Maintained"
WAITING_FOR_SCHEDULE = "Waiting for next scheduled synchronization"


class Work(Protocol):
    """What the machine asks of a mover; a mover is made anew for each pass, from what is seen then."""

    def synchronize(self) -> StepResult:
        """Return the next step of the run that is under way."""
        ...

    def cleanup(self, publishing: str | None) -> tuple[Action, ...]:
        """Return the removal of what runs left behind.

        `publishing` is the name of the image that this pass publishes; None leaves the published one.
        """
        ...

    def remains(self) -> bool:
        """Tell whether something of the last run is still there, so that no other one may start."""
        ...

    def in_flight(self) -> bool:
        """Tell whether the run has got as far as a Job, so that it is to be finished as it was begun."""
        ...


@frozen
class Resource:
    """The custom resource, as far as the machine is concerned."""

    object: Object
    trigger: Trigger
    # What makes the spec unusable; None when nothing does.
    trouble: Trouble | None = None
    # Sub-objects that a fresh status shows (spec 1.7).
    fresh_status: Object = field(factory=dict)

    @property
    def status(self) -> Object:
        """The status as stored; {} before the first write."""
        return self.object.get("status") or {}

    @property
    def generation(self) -> int:
        """The generation of the spec."""
        return int(self.object["metadata"].get("generation") or 0)


def decide(resource: Resource, work: Work, now: datetime) -> Decision:
    """Return everything to be done about the resource now."""
    if resource.object["metadata"].get("deletionTimestamp"):
        # Garbage collection does the rest; new children would only be collected too.
        return Decision()
    return _Pass(resource, work, now).decide()


def decide_error(resource: Resource, trouble: Trouble, now: datetime) -> Decision:
    """Return the status write that tells of a request that the API server refused."""
    one = _Pass(resource, _NoWork(), now)
    one.error(trouble)
    return one.decision(())


def running_since(status: Object) -> datetime | None:
    """Return when the run under way was started, or None."""
    return _time(status, "lastSyncStartTime")


class _NoWork:
    def synchronize(self) -> StepResult:
        return StepResult()

    def cleanup(self, publishing: str | None) -> tuple[Action, ...]:
        return ()

    def remains(self) -> bool:
        return False

    def in_flight(self) -> bool:
        return False


class _Pass:
    """One pass over one resource; it collects changes of the status and writes them once."""

    def __init__(self, resource: Resource, work: Work, now: datetime) -> None:
        self.resource = resource
        self.work = work
        self.now = now
        self.trigger = resource.trigger
        self.old = resource.status
        self.status: Object = merged(resource.fresh_status, self.old)
        self.finished: Sync | None = None
        self.failed_class = ""

    def decide(self) -> Decision:
        if self.resource.trouble is not None and not self._finishing():
            self.error(self.resource.trouble)
            return self.decision(())
        if running_since(self.status) is not None:
            return self._synchronize()
        if _time(self.status, "lastSyncTime") is None:
            return self._first()
        return self._idle(self.work.cleanup(None))

    def _finishing(self) -> bool:
        """Tell whether a run is to be ended although the spec was broken meanwhile."""
        return running_since(self.status) is not None and self.work.in_flight()

    def _first(self) -> Decision:
        start = self.trigger.first_start(self.now)
        if start > self.now:
            self._set(SYNCHRONIZING, "False", "WaitingForSchedule", WAITING_FOR_SCHEDULE)
            self._not_yet_healthy()
            self.status["nextSyncTime"] = format_rfc3339(start)
            return self.decision((), delay=self._until(start))
        return self._start()

    def _start(self) -> Decision:
        self.status["lastSyncStartTime"] = format_rfc3339(self.now)
        self._not_yet_healthy()
        return self._synchronize()

    def _synchronize(self) -> Decision:
        step = self.work.synchronize()
        if step.needs:
            return Decision(needs=step.needs)
        return self._apply(step)

    def _apply(self, step: StepResult) -> Decision:
        self.status = merged(self.status, step.status)
        if step.success is not None:
            return self._complete(step.success, step.actions)
        if step.error is not None:
            self.error(step.error)
            delay = soonest(step.requeue_after_seconds, self._error_poll())
            return self.decision(step.actions, delay=delay)
        if step.waiting:
            self._set(SYNCHRONIZING, "True", "WaitingForMover", step.waiting)
        else:
            self._set(SYNCHRONIZING, "True", "SyncInProgress", "Synchronization in-progress")
        if step.unhealthy is not None:
            self._set(HEALTHY, "False", step.unhealthy.reason, step.unhealthy.text)
            self.failed_class = step.unhealthy.reason if step.status.get("attempt") else ""
        elif "attempt" not in self.status:
            self._recovered()
        delay = soonest(step.requeue_after_seconds, SAFETY_SECONDS)
        return self.decision(step.actions, delay=delay)

    def _complete(self, success: Success, actions: tuple[Action, ...]) -> Decision:
        started = running_since(self.status) or self.now
        seconds = max((self.now - started).total_seconds(), 0.0)
        missed = self.trigger.missed_deadline(_time(self.old, "lastSyncTime"), self.now)
        self.finished = Sync(seconds, missed_intervals=int(missed))
        self.status = merged(self.status, success.status)
        self.status["lastSyncTime"] = format_rfc3339(self.now)
        self.status["lastSyncDuration"] = format_go_duration(self.now - started)
        for gone in ("lastSyncStartTime", "attempt"):
            self.status.pop(gone, None)
        self._put("lastManualSync", self.trigger.manual)
        self._put("lastRunNow", success.run_now or self.status.get("lastRunNow", ""))
        if success.image is not None:
            self.status["latestImage"] = success.image
        if success.warning is not None:
            self._set(HEALTHY, "True", success.warning.reason, success.warning.text)
        else:
            self._set(HEALTHY, "True", "Succeeded", "The last synchronization succeeded")
        self._maintained(success.maintained)
        publishing = success.image["name"] if success.image is not None else None
        return self._idle((*actions, *self.work.cleanup(publishing)))

    def _idle(self, cleanup: tuple[Action, ...]) -> Decision:
        last = _time(self.status, "lastSyncTime") or self.now
        slot = self.trigger.next_sync(last, self.now)
        due = self.trigger.is_due(
            slot,
            self.now,
            last_manual=str(self.status.get("lastManualSync") or ""),
            last_run_now=str(self.status.get("lastRunNow") or ""),
        )
        self._put("nextSyncTime", format_rfc3339(slot) if slot is not None else "")
        remains = bool(cleanup) or self.work.remains()
        if due and not remains and self.resource.trouble is None:
            return self._start()
        if due and remains:
            self._set(SYNCHRONIZING, "False", "CleaningUp", "Cleaning up")
            return self.decision(cleanup, delay=SAFETY_SECONDS)
        if self.trigger.kind == TriggerKind.MANUAL:
            self._set(SYNCHRONIZING, "False", "WaitingForManual", "Waiting for manual trigger")
        elif self.trigger.kind == TriggerKind.SCHEDULE:
            self._set(SYNCHRONIZING, "False", "WaitingForSchedule", WAITING_FOR_SCHEDULE)
        if self.resource.trouble is not None:
            self.error(self.resource.trouble)
        else:
            self._recovered()
        delay = self._until(slot) if slot is not None else None
        return self.decision(cleanup, delay=delay)

    # ---- the status

    def error(self, trouble: Trouble) -> None:
        """Say that the pass cannot go on."""
        self._set(SYNCHRONIZING, "False", "Error", trouble.text)
        self._set(HEALTHY, "False", trouble.reason, trouble.text)

    def _not_yet_healthy(self) -> None:
        """Say of a resource that has never run that nothing is known, unless something already is."""
        healthy = get_condition(self.status.get("conditions") or [], HEALTHY)
        if healthy is None:
            self._set(HEALTHY, "Unknown", "NotYetRun", "No synchronization has finished yet")

    def _recovered(self) -> None:
        """Take back what was said of a trouble that is over; a failed attempt is over only at success."""
        healthy = get_condition(self.status.get("conditions") or [], HEALTHY)
        if healthy is not None and healthy.get("status") != "False":
            return
        if _time(self.status, "lastSyncTime") is not None:
            self._set(HEALTHY, "True", "Succeeded", "The last synchronization succeeded")
        else:
            self._set(HEALTHY, "Unknown", "NotYetRun", "No synchronization has finished yet")

    def _maintained(self, maintained: Trouble | bool | None) -> None:
        if isinstance(maintained, Trouble):
            self._set(MAINTAINED, "False", maintained.reason, maintained.text)
        elif maintained:
            self._set(MAINTAINED, "True", "Succeeded", "Retention, prune and check are up to date")

    def _set(self, kind: str, status: str, reason: str, message: str) -> None:
        before = self.status.get("conditions") or []
        generation = None if kind == SYNCHRONIZING else self.resource.generation
        self.status["conditions"] = set_condition(
            before, kind, status, reason, message, self.now, observed_generation=generation
        )

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

    def decision(self, actions: tuple[Action, ...], *, delay: float | None = None) -> Decision:
        """Return the decision: the status first, then what it announces."""
        last = _time(self.status, "lastSyncTime")
        missed = last is None or self.trigger.missed_deadline(last, self.now)
        out_of_sync = False if self.finished is not None else (True if missed else None)
        return Decision(
            actions=(*self._status_write(), *actions),
            requeue_after_seconds=delay,
            out_of_sync=out_of_sync,
            finished=self.finished,
            failed_class=self.failed_class,
        )

    def _error_poll(self) -> float:
        condition = get_condition(self.status.get("conditions") or [], HEALTHY)
        since = parse_rfc3339(condition["lastTransitionTime"]) if condition else self.now
        lasted = (self.now - since).total_seconds()
        return ERROR_POLL_SLOW_SECONDS if lasted >= ERROR_POLL_SLOW_AFTER_SECONDS else ERROR_POLL_SECONDS

    def _until(self, instant: datetime) -> float:
        # A slot that passed between two looks at the clock still gets its timer.
        return min(max((instant - self.now).total_seconds(), 0.0) + 0.01, LONGEST_TIMER_SECONDS)


def _time(status: Object, key: str) -> datetime | None:
    value = status.get(key)
    if not isinstance(value, str):
        return None
    try:
        return parse_rfc3339(value)
    except ValueError:
        return None
