"""What a look at a claim that is being filled comes to."""

from __future__ import annotations

from attrs import field, frozen

from volsync_py.core.actions import Action, Event


@frozen
class Step:
    """What is to be done, in order; `waiting` is what the claim waits for, told now and then and not each time."""

    actions: tuple[Action, ...] = ()
    waiting: Event | None = field(default=None, kw_only=True)
    requeue_after_seconds: float | None = field(default=None, kw_only=True)
