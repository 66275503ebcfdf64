"""What a decision is: one answer to "what is to be done now", complete and without side effects.

`StepResult` is what a mover says of its part of a pass; `Decision` is what the whole pass comes to.
"""

from __future__ import annotations

from attrs import field, frozen

from volsync_py.core.actions import Action, Ref
from volsync_py.core.objects import Object
from volsync_py.core.remains import deletion


@frozen
class Trouble:
    """Something that stops a pass, told so that the reader knows what to do.

    `reason` is a CamelCase word for conditions and metrics, `message` names the field or object and the
    cause, `next_step` what to do about it.
    """

    reason: str
    message: str
    next_step: str = ""

    @property
    def text(self) -> str:
        """Return the sentence for a condition."""
        return f"{self.message} – {self.next_step}" if self.next_step else self.message


@frozen
class Success:
    """The mover has done its work for this run.

    `status` are the fields of the resource's status that the run sets, as a merge patch; `image` is what
    a destination publishes, None on a source. `maintained` tells of retention, prune and check: None when
    none of them ran; `postponed` is what of them is due and had to wait. `manual` is the tag that the run
    was started for, None if that is not on record.
    """

    status: Object = field(factory=dict)
    image: Object | None = None
    warning: Trouble | None = None
    maintained: Trouble | bool | None = None
    postponed: Trouble | None = None
    run_now: str = ""
    manual: str | None = None


@frozen
class UnderLock:
    """What is decided and carried out by one at a time: nobody who holds the same lock does either meanwhile."""

    lock: str
    actions: tuple[Action, ...]


@frozen
class StepResult:
    """What one look at the mover came to; exactly one of the outcomes or "in progress".

    `error` stops the pass (Synchronizing=False); `unhealthy` goes on trying (Synchronizing stays True).
    `status` is a merge patch of status fields.
    """

    actions: tuple[Action, ...] = ()
    # What is to be done under a lock once `actions` are done.
    under_lock: UnderLock | None = None
    status: Object = field(factory=dict)
    success: Success | None = None
    error: Trouble | None = None
    unhealthy: Trouble | None = None
    # What the run waits for, by name; "" when it goes on. A step without actions has to say what it waits for.
    waiting: str = ""
    # The run waits for a slot and nothing else, so it begins as soon as it has one.
    waits_for_slot: bool = False
    requeue_after_seconds: float | None = None


@frozen
class Beside:
    """What goes on beside the runs, in their pauses: the verification of what they have made.

    `status` is a merge patch; `verified` is the condition: its status, reason and message, None to leave it as it is,
    () for none.
    """

    actions: tuple[Action, ...] = ()
    status: Object = field(factory=dict)
    verified: tuple[str, str, str] | tuple[()] | None = None
    requeue_after_seconds: float | None = None


def until_gone(obj: Object) -> StepResult:
    """Return the wait for an object that is being deleted, however long that takes."""
    return StepResult(waiting=f"Waiting for the end of {Ref.of(obj)}, which is {deletion(obj)}")


@frozen
class Sync:
    """What a finished run adds to the metrics."""

    duration_seconds: float
    missed_intervals: int = 0


@frozen
class Decision:
    """Everything to be done about one resource now, in order.

    With `lock`, that is not all: as soon as it is done and the lock is held, it is decided again what is left.
    `beside` is done last, and is none of the run's: what is refused of it keeps no run, and is said of it alone.
    """

    actions: tuple[Action, ...] = ()
    beside: tuple[Action, ...] = ()
    lock: str = ""
    requeue_after_seconds: float | None = None
    out_of_sync: bool | None = None
    finished: Sync | None = None
    failed_class: str = ""


def soonest(*delays: float | None) -> float | None:
    """Return the shortest of the delays that are set."""
    return min((d for d in delays if d is not None), default=None)
