"""What a pass says in the conditions of a status: Synchronizing, Healthy, Maintained and Verified.

`Synchronizing` is exactly VolSync's; the others are ours. A condition is set only from what is known now.
"""

from __future__ import annotations

from datetime import datetime

from volsync_py.core.conditions import get_condition, set_condition
from volsync_py.core.objects import Object
from volsync_py.core.result import Success, Trouble
from volsync_py.core.times import past

SYNCHRONIZING = "Synchronizing"
# The reason of `Healthy` while the API server refuses a request for a cause of the cluster's; it is made again at this
# pace.
REFUSED = "Refused"
REFUSED_SECONDS = 60.0
HEALTHY = "Healthy"
MAINTAINED = "Maintained"
VERIFIED = "Verified"
# The reason of `Synchronizing` while a run waits for a slot, and for nothing else.
WAITING_FOR_MOVER = "WaitingForMover"
WAITING_FOR_SCHEDULE = "Waiting for next scheduled synchronization"
_SUCCEEDED = ("True", "Succeeded", "The last synchronization succeeded")
_NOT_YET_RUN = ("Unknown", "NotYetRun", "No synchronization has finished yet")


class ConditionWriter:
    """A status that is being made, and the words for what has become of the resource."""

    def __init__(self, status: Object, generation: int, now: datetime) -> None:
        self.status = status
        self.now = now
        self._generation = generation

    def error(self, trouble: Trouble) -> None:
        """Say that the pass cannot go on."""
        self.say(SYNCHRONIZING, "False", "Error", trouble.text)
        self.say(HEALTHY, "False", trouble.reason, trouble.text)

    def in_progress(self, waiting: str, *, for_slot: bool) -> None:
        """Say that the run is under way, and what it waits for."""
        reason = WAITING_FOR_MOVER if for_slot else "SyncInProgress"
        self.say(SYNCHRONIZING, "True", reason, waiting or "Synchronization in-progress")

    def waits_for_schedule(self, zone_problem: str) -> None:
        """Say that the next slot is to come, and why it is not in the zone that somebody counts on."""
        message = f"{WAITING_FOR_SCHEDULE}, in UTC: {zone_problem}" if zone_problem else WAITING_FOR_SCHEDULE
        self.say(SYNCHRONIZING, "False", "WaitingForSchedule", message)

    def not_yet_healthy(self) -> None:
        """Say what is known of a resource of which nothing was said yet: one of VolSync's may have run for years."""
        if self.condition(HEALTHY) is None:
            self.say(HEALTHY, *(_SUCCEEDED if self.status.get("lastSyncTime") else _NOT_YET_RUN))

    def unhealthy(self, trouble: Trouble) -> None:
        """Say what keeps the run from its end, although it goes on."""
        self.say(HEALTHY, "False", trouble.reason, trouble.text)

    def recovered(self) -> None:
        """Take back what was said of a trouble that is over; a failed attempt is over only at success."""
        healthy = self.condition(HEALTHY)
        if healthy is not None and healthy.get("status") != "False":
            return
        self.say(HEALTHY, *(_SUCCEEDED if self.status.get("lastSyncTime") else _NOT_YET_RUN))

    def succeeded(self, success: Success) -> None:
        """Say that a run has ended well, and what of it deserves a look."""
        if success.warning is not None:
            self.say(HEALTHY, "True", success.warning.reason, success.warning.text)
        else:
            self.say(HEALTHY, *_SUCCEEDED)
        self._maintained(success)

    def _maintained(self, success: Success) -> None:
        before = self.condition(MAINTAINED) or {}
        if isinstance(success.maintained, Trouble):
            self.say(MAINTAINED, "False", success.maintained.reason, success.maintained.text)
        elif success.postponed is not None:
            # An earlier failure stays on record while the upkeep waits.
            if before.get("status") != "False":
                self.say(MAINTAINED, "True", success.postponed.reason, success.postponed.text)
        elif success.maintained:
            self.say(MAINTAINED, "True", "Succeeded", "Retention, prune and check are up to date")

    def verified(self, told: tuple[str, str, str] | tuple[()]) -> None:
        """Say what became of the last verification: status, reason and message; (): nobody wants one any more."""
        if told:
            self.say(VERIFIED, *told)
        elif self.condition(VERIFIED) is not None:
            self.status["conditions"] = [c for c in self.status["conditions"] if c.get("type") != VERIFIED]

    def unhealthy_for_seconds(self) -> float:
        """Return how long `Healthy` has been as it is."""
        condition = self.condition(HEALTHY)
        since = past((condition or {}).get("lastTransitionTime"), self.now)
        return (self.now - since).total_seconds()

    def condition(self, kind: str) -> Object | None:
        """Return a condition as it is so far."""
        return get_condition(self.status.get("conditions") or [], kind)

    def say(self, kind: str, status: str, reason: str, message: str) -> None:
        """Set a condition."""
        generation = None if kind == SYNCHRONIZING else self._generation
        self.status["conditions"] = set_condition(
            self.status.get("conditions") or [],
            kind,
            status,
            reason,
            message,
            self.now,
            observed_generation=generation,
        )
