"""What state a source or destination is in, as people ask for it: read from what its status says. Pure.

A status is read as it is stored, by whoever, of this operator or of VolSync: what cannot be read counts as absent.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache

from attrs import frozen

from volsync_py.core.attempt import Attempt
from volsync_py.core.condition_writer import HEALTHY, MAINTAINED, SYNCHRONIZING, VERIFIED
from volsync_py.core.objects import Object, mapping
from volsync_py.core.stored_times import time_in
from volsync_py.core.times import format_rfc3339
from volsync_py.health.words import plain

# An operator that runs has looked at a new resource within seconds; one that is just being installed gets some minutes.
_UNSERVED_AFTER = timedelta(minutes=5)
_SEPARATOR = " – "
# What says when slots are.
_OF_SLOTS = frozenset({"manual", "schedule", "timeZone"})
# A slot of each of ten thousand sources.
_MOST_SLOTS = 10_000


class State(StrEnum):
    """What is said of a resource, the worst first."""

    FAILING = "failing"
    # A slot has passed, and so has as much time as lies between two, without a run that ended well.
    OVERDUE = "overdue"
    # No operator has said anything of it.
    UNSERVED = "unserved"
    # Other volumes are backed up into its repository, where their snapshots cannot be told from its own.
    SHARED = "shared"
    # Backups are made, but retention, prune or check fail.
    UPKEEP = "upkeep"
    # Backups are made, but the last one that was restored for a proof did not come back whole.
    UNPROVED = "unproved"
    WARNING = "warning"
    NEW = "new"
    PAUSED = "paused"
    RUNNING = "running"
    FINE = "fine"


# In these somebody has to look at it.
NEEDS_YOU = frozenset({State.FAILING, State.OVERDUE, State.UNSERVED, State.SHARED, State.UPKEEP, State.UNPROVED})
# Of these the resource's own conditions say nothing.
NO_CONDITION_TELLS = frozenset({State.OVERDUE, State.UNSERVED, State.SHARED})
# These are listed without being asked for.
NOT_WELL = NEEDS_YOU | {State.WARNING}


@frozen
class Health:
    """One resource."""

    kind: str
    namespace: str
    name: str
    state: State
    # A class of failure, or another reason; "" where all is well.
    reason: str = ""
    cause: str = ""
    next_step: str = ""
    since: datetime | None = None
    attempts: int = 0
    next_attempt: datetime | None = None
    last: datetime | None = None
    next: datetime | None = None
    repository: str = ""

    @property
    def needs_you(self) -> bool:
        """Whether somebody has to look at it."""
        return self.state in NEEDS_YOU

    @property
    def is_source(self) -> bool:
        """Whether it backs up."""
        return self.kind == "ReplicationSource"


def health_of(obj: Object, now: datetime) -> Health:
    """Return the state of a resource at a time of the server's clock."""
    meta, status = obj["metadata"], mapping(obj, "status")
    attempt = Attempt.of(status)
    state, said = _state(obj, status, now)
    cause, _, step = plain(said.get("message") or "").rpartition(_SEPARATOR)
    return Health(
        kind=str(obj.get("kind")),
        namespace=str(meta.get("namespace") or ""),
        name=str(meta["name"]),
        state=state,
        reason=plain(said.get("reason") or ""),
        cause=cause or step,
        next_step=step if cause else "",
        since=time_in(said, "lastTransitionTime"),
        attempts=attempt.count,
        next_attempt=_later(attempt.next_at, now),
        last=time_in(status, "lastSyncTime"),
        next=time_in(status, "nextSyncTime"),
        repository=repository_of(obj),
    )


def condition(status: Object, kind: str) -> Object:
    """Return a condition, {} if there is none."""
    found = status.get("conditions")
    conditions = found if isinstance(found, list) else []
    return next((c for c in conditions if isinstance(c, dict) and c.get("type") == kind), {})


def _state(obj: Object, status: Object, now: datetime) -> tuple[State, Object]:
    """Return the state, and the condition that says so, or what would be one."""
    healthy, maintained = condition(status, HEALTHY), condition(status, MAINTAINED)
    synchronizing = condition(status, SYNCHRONIZING)
    if mapping(obj, "spec").get("paused") is True:
        return State.PAUSED, {}
    if healthy.get("status") == "False":
        return State.FAILING, healthy
    if not healthy and synchronizing.get("reason") == "Error":
        return State.FAILING, synchronizing
    if not healthy and mapping(status, "latestMoverStatus").get("result") == "Failed":
        return State.FAILING, {"reason": "Failed", "message": "the last mover failed; its log is in the status"}
    missed = _missed(obj, status, now)
    if missed:
        return State.OVERDUE, missed
    created = time_in(obj["metadata"], "creationTimestamp")
    if not status and created is not None and now - created > _UNSERVED_AFTER:
        return State.UNSERVED, {
            "reason": "NotServed",
            "message": f"no operator has looked at it{_SEPARATOR}see whether one runs, and serves this namespace",
            "lastTransitionTime": obj["metadata"]["creationTimestamp"],
        }
    if maintained.get("status") == "False":
        return State.UPKEEP, maintained
    verified = condition(status, VERIFIED)
    if verified.get("status") == "False":
        return State.UNPROVED, verified
    if healthy.get("status") == "True" and healthy.get("reason") != "Succeeded":
        return State.WARNING, healthy
    if time_in(status, "lastSyncStartTime") is not None:
        return State.RUNNING, {**synchronizing, "lastTransitionTime": status["lastSyncStartTime"]}
    return (State.NEW if time_in(status, "lastSyncTime") is None else State.FINE), {}


def _missed(obj: Object, status: Object, now: datetime) -> Object:
    """Return what would be a condition of a slot that was missed, {} if none was."""
    slot = time_in(status, "nextSyncTime")
    if slot is None or slot >= now:
        return {}
    interval = interval_of(obj, slot)
    if interval is None or now - slot <= interval:
        return {}
    running = time_in(status, "lastSyncStartTime") is not None
    step = "see what the run that is under way waits for" if running else "see whether the operator runs"
    message = f"its slot passed without a run that ended, and so did the one after it{_SEPARATOR}{step}"
    return {"reason": "Overdue", "message": message, "lastTransitionTime": status["nextSyncTime"]}


def interval_of(obj: Object, slot: datetime) -> timedelta | None:
    """Return the time between the two slots that follow one; None without a schedule that can be read.

    The zone of a schedule that names none is the manager's, which nobody knows here. It moves both slots alike.
    """
    # The delay of each resource moves both slots alike, too.
    trigger = mapping(obj, "spec", "trigger").items()
    words = frozenset((name, said) for name, said in trigger if name in _OF_SLOTS and isinstance(said, str))
    return _interval_after(words, slot)


@lru_cache(maxsize=_MOST_SLOTS)
def _interval_after(words: frozenset[tuple[str, str]], slot: datetime) -> timedelta | None:
    """Return it for a trigger: sources share slots, and who waits for its turn is asked about again and again."""
    # Schedules are read with a calendar, which takes longer to import than all the rest; most overviews need none.
    from volsync_py.api.fields import Fields
    from volsync_py.api.triggers import trigger_of

    obj = {"metadata": {"creationTimestamp": format_rfc3339(slot)}}
    trigger = trigger_of(obj, Fields("spec", {"trigger": dict(words)}), UTC)
    first = trigger.slot_after(slot)
    second = None if first is None else trigger.slot_after(first)
    return None if first is None or second is None else second - first


def repository_of(obj: Object) -> str:
    """Return what is the same for the same repository, as far as anybody knows."""
    secret = plain(mapping(obj, "spec", "restic").get("repository") or "")
    known = mapping(obj, "status", "restic").get("repositoryHash")
    return plain(known) if known else f"{obj['metadata'].get('namespace')}/{secret}"


def _later(text: str, now: datetime) -> datetime | None:
    found = time_in({"time": text}, "time") if text else None
    return found if found is not None and found > now else None
