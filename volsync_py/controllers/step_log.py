"""One line of the log for each step of a run: what was made, changed and deleted, and what became of it.

The names are those of kubectl, of the conditions and of the metrics. A pass that changes nothing says nothing. What is
said of a run is what its status says, to whoever may read that: no Secret gets there.
"""

from __future__ import annotations

import structlog

from volsync_py.core.actions import Ref
from volsync_py.core.attempt import Attempt
from volsync_py.core.condition_writer import SYNCHRONIZING
from volsync_py.core.conditions import get_condition
from volsync_py.core.objects import Object, mapping, mappings

log = structlog.get_logger()


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
    """Say what a status tells of runs and conditions that it did not tell before."""
    told, attempt = Attempt.of(before), Attempt.of(after)
    if attempt and (attempt.count, attempt.failed_at) != (told.count, told.failed_at):
        log.warning(
            "attempt failed",
            attempts=attempt.count,
            reason=attempt.error_class,
            message=attempt.message,
            next_attempt=attempt.next_at,
        )
    ended = after.get("lastSyncTime")
    if ended is not None and ended != before.get("lastSyncTime"):
        snapshot = mapping(after, "restic", "lastSnapshot")
        log.info(
            "run ended well",
            duration=after.get("lastSyncDuration"),
            snapshot=snapshot.get("id"),
            bytes_added=snapshot.get("bytesAdded"),
        )
    for condition in mappings(after.get("conditions")):
        _condition(get_condition(mappings(before.get("conditions")), str(condition.get("type"))), condition)


def _condition(before: Object | None, after: Object) -> None:
    kind, status, reason = (after.get(name) for name in ("type", "status", "reason"))
    if before is not None and (before.get("status"), before.get("reason")) == (status, reason):
        return
    # That nothing runs is no bad news.
    if status == "False" and kind != SYNCHRONIZING:
        log.warning("condition set", condition=kind, status=status, reason=reason, message=after.get("message"))
    else:
        log.info("condition set", condition=kind, status=status, reason=reason, message=after.get("message"))
