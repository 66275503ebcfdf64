"""One line of the log for each step of a run: what was made, changed and deleted, and what became of it.

The names are those of kubectl, of the conditions and of the metrics. A pass that changes nothing says nothing. What is
said of a run is what its status says, to whoever may read that: no Secret gets there.
"""

from __future__ import annotations

import structlog

from volsync_py.core.actions import Ref
from volsync_py.core.attempt import Attempt
from volsync_py.core.condition_writer import HEALTHY, SYNCHRONIZING
from volsync_py.core.objects import Object, mapping, mappings

log = structlog.get_logger()
# Of `Synchronizing`: that a run has ended, and nothing else.
_ENDED = {"WaitingForManual", "WaitingForSchedule"}


def created(obj: Object) -> None:
    """Say that an object was created."""
    ref = Ref.of(obj)
    log.info("object created", object=str(ref), of_namespace=ref.namespace)


def changed(ref: Ref) -> None:
    """Say that an object was changed, besides a status."""
    log.info("object changed", object=str(ref), of_namespace=ref.namespace)


def deleted(ref: Ref) -> None:
    """Say that an object was deleted; what holds it up may still do so."""
    log.info("object deleted", object=str(ref), of_namespace=ref.namespace)


def status_written(before: Object, after: Object) -> None:
    """Say what a status tells of runs and conditions that it did not tell before, and each cause once."""
    was, conditions = _conditions(before), _conditions(after)
    said = _attempt(before, after, conditions) | _end(before, after, was, conditions)
    news = {kind for kind, condition in conditions.items() if _is_news(was.get(kind), condition)}
    if HEALTHY in news | said and _message(conditions, SYNCHRONIZING) == _message(conditions, HEALTHY):
        said.add(SYNCHRONIZING)
    for kind, condition in conditions.items():
        if kind in news - said:
            _condition(condition)


def _conditions(status: Object) -> dict[str, Object]:
    return {str(one.get("type")): one for one in mappings(status.get("conditions"))}


def _attempt(before: Object, after: Object, conditions: dict[str, Object]) -> set[str]:
    """Say that an attempt has failed, if one has; return the conditions that say the same."""
    told, attempt = Attempt.of(before), Attempt.of(after)
    if not attempt or (attempt.count, attempt.failed_at) == (told.count, told.failed_at):
        return set()
    healthy = conditions.get(HEALTHY, {})
    is_cause = (healthy.get("status"), healthy.get("reason")) == ("False", attempt.error_class)
    log.warning(
        "attempt failed",
        attempts=attempt.count,
        reason=attempt.error_class,
        # The condition's has the next step as well.
        message=_message(conditions, HEALTHY) if is_cause else attempt.message,
        next_attempt=attempt.next_at,
    )
    return {HEALTHY} if is_cause else set()


def _end(before: Object, after: Object, was: dict[str, Object], conditions: dict[str, Object]) -> set[str]:
    """Say that a run has ended well, if one has; return the conditions that say the same."""
    ended = after.get("lastSyncTime")
    if ended is None or ended == before.get("lastSyncTime"):
        return set()
    snapshot = mapping(after, "restic", "lastSnapshot")
    log.info(
        "run ended well",
        duration=after.get("lastSyncDuration"),
        snapshot=snapshot.get("id"),
        bytes_added=snapshot.get("bytesAdded"),
    )
    said = set()
    # A warning is told, and so is its end.
    if conditions.get(HEALTHY, {}).get("reason") == "Succeeded" and was.get(HEALTHY, {}).get("status") != "True":
        said.add(HEALTHY)
    if conditions.get(SYNCHRONIZING, {}).get("reason") in _ENDED:
        said.add(SYNCHRONIZING)
    return said


def _message(conditions: dict[str, Object], kind: str) -> object:
    return conditions.get(kind, {}).get("message")


def _is_news(before: Object | None, after: Object) -> bool:
    return before is None or any(before.get(name) != after.get(name) for name in ("status", "reason"))


def _condition(after: Object) -> None:
    kind, status, reason, message = (after.get(name) for name in ("type", "status", "reason", "message"))
    # That nothing runs is no bad news.
    if status == "False" and kind != SYNCHRONIZING:
        log.warning("condition set", condition=kind, status=status, reason=reason, message=message)
    else:
        log.info("condition set", condition=kind, status=status, reason=reason, message=message)
