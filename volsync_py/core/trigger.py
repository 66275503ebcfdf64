"""When a resource synchronizes: manual tags, schedules, always, and one extra run on request.

Everything is computed from the spec, the status and `now`; nothing is remembered. The first run comes at
once, whatever the trigger, unless the user asked to wait for the first slot.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

from attrs import frozen

from volsync_py.core.cronspec import Every
from volsync_py.core.local_zone import AssumedUtc
from volsync_py.core.schedule import Schedule

_ONE_SECOND = timedelta(seconds=1)


class TriggerKind(StrEnum):
    """What starts a run; a manual tag wins over a schedule."""

    MANUAL = "manual"
    SCHEDULE = "schedule"
    ALWAYS = "always"


@frozen
class Trigger:
    """The trigger of one resource; `schedule` is None when it has none or when it cannot be read."""

    uid: str
    created: datetime
    manual: str = ""
    schedule: Schedule | None = None
    has_schedule: bool = False
    jitter: timedelta = timedelta(0)
    starting_deadline: timedelta | None = None
    run_on_create: bool = True
    run_now: str = ""

    @property
    def kind(self) -> TriggerKind:
        """Which of the triggers counts."""
        if self.manual:
            return TriggerKind.MANUAL
        return TriggerKind.SCHEDULE if self.has_schedule else TriggerKind.ALWAYS

    @property
    def offset(self) -> timedelta:
        """The fixed delay of this resource after each slot, in [0, jitter)."""
        fraction = int.from_bytes(sha256(self.uid.encode()).digest()[:6], "big") / 2**48
        return timedelta(seconds=int(self.jitter.total_seconds() * fraction))

    @property
    def zone_problem(self) -> str:
        """Why its schedule is in UTC although somebody has asked for another zone, else empty."""
        schedule = self.schedule
        if schedule is None or isinstance(schedule.rule, Every) or not isinstance(schedule.zone, AssumedUtc):
            return ""
        return schedule.zone.why

    def slot_after(self, instant: datetime) -> datetime | None:
        """Return the first slot, with this resource's delay, strictly after the instant."""
        if self.kind != TriggerKind.SCHEDULE or self.schedule is None:
            return None
        slot = self.schedule.next_after(instant - self.offset)
        return None if slot is None else slot + self.offset

    def first_start(self, now: datetime) -> datetime:
        """Return when a resource that has never run may start."""
        if self.run_on_create or self.kind != TriggerKind.SCHEDULE or self.run_now:
            return now
        return self.next_sync(self.created, now) or now

    def next_sync(self, last: datetime, now: datetime) -> datetime | None:
        """Return the next slot to serve after the run that ended at `last`.

        Slots that were missed while a run took long, or while no manager ran, are one late run at most;
        with a starting deadline, those that are too late are given up.
        """
        slot = self.slot_after(last)
        if self.starting_deadline is None or slot is None or slot + self.starting_deadline >= now:
            return slot
        # Years of slots may have passed: start just before the first that is not too late; slots have whole seconds.
        earliest = (now - self.starting_deadline).replace(microsecond=0)
        if earliest + self.starting_deadline < now:
            earliest += _ONE_SECOND
        assert self.schedule is not None
        if isinstance(self.schedule.rule, Every):
            pause = self.schedule.rule.pause
            return slot + -((slot - earliest) // pause) * pause
        return self.slot_after(earliest - _ONE_SECOND)

    def is_due(self, slot: datetime | None, now: datetime, *, last_manual: str, last_run_now: str) -> bool:
        """Return whether an idle resource is to start a run now."""
        if self.run_now and self.run_now != last_run_now:
            return True
        if self.kind == TriggerKind.MANUAL:
            return self.manual != last_manual
        if self.kind == TriggerKind.SCHEDULE:
            return slot is not None and now >= slot
        return True

    def missed_deadline(self, last: datetime | None, now: datetime) -> bool:
        """Return whether the run of the first slot after `last` should have ended by now."""
        deadline = None if last is None else self.deadline_after(last)
        return deadline is not None and deadline < now

    def deadline_after(self, last: datetime) -> datetime | None:
        """Return when the run of the first slot after `last` should have ended: at the second."""
        first = self.slot_after(last)
        return None if first is None else self.slot_after(first)
