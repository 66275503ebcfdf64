"""Attempts of a run: what is recorded of one that failed, and what the next one waits for.

The record is the status' `attempt`, which lasts until a run succeeds. A retryable failure waits for its time; a
terminal one as well, or for a change that can help: of the spec, of the Secret, of the certificate authority, of the
size of a volume that was full, or a run asked for by annotation.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from volsync_py.api.spec import Replication
from volsync_py.contract.report import ErrorClass
from volsync_py.core.actions import Object
from volsync_py.core.labels import Annotation
from volsync_py.core.result import StepResult, Trouble
from volsync_py.core.times import format_rfc3339, instant, past
from volsync_py.core.trigger import TriggerKind
from volsync_py.core.view import Kind, Read, ReadKind, View
from volsync_py.movers.restic.lock_holder import is_to_be_removed
from volsync_py.movers.restic.outcome import (
    RETRY_LONGEST,
    TERMINAL_LEAST,
    WAITING,
    info,
    is_terminal,
    known,
    next_attempt,
)
from volsync_py.movers.restic.preflight import certificate_read
from volsync_py.movers.restic.run_record import RunRecord
from volsync_py.movers.restic.turns import wait_for_init
from volsync_py.volumes.claims import capacity_of

# How often the Secret is looked at while only a change of it can help: every minute for ten, then every five.
_POLL = timedelta(minutes=1)
_POLL_SLOW = timedelta(minutes=5)
_POLL_SLOW_AFTER = timedelta(minutes=10)
# The status is no place for a log.
_MESSAGE_CHARACTERS = 500


def failure(
    replication: Replication, view: View, job: Object, error_class: str, message: str, *, locked_by: str = ""
) -> Object | None:
    """Return the record of a failed Job, or None if it is recorded already; `locked_by`: see `lock_holder`."""
    attempt = replication.status.get("attempt") or {}
    when = format_rfc3339(_ended_at(job, view.server_now))
    if attempt.get("lastFailureTime") == when:
        return None
    count = int(attempt.get("count") or 0) + 1
    retry = next_attempt(
        error_class,
        count,
        view.now,
        uid=replication.uid,
        next_slot=_next_slot(replication, view.now),
        first=view.settings.retry_first,
        longest=view.settings.retry_longest,
    )
    record = RunRecord.of(job)
    full = error_class == ErrorClass.TARGET_FULL
    return {
        "count": count,
        "lastError": {"class": error_class, "message": message[:_MESSAGE_CHARACTERS]},
        "lastFailureTime": when,
        "nextAttemptTime": format_rfc3339(retry) if retry else None,
        "observedGeneration": record.generation or _generation(replication),
        "secretVersion": record.secret,
        "customCAVersion": (job["metadata"].get("annotations") or {}).get(Annotation.CUSTOM_CA_VERSION),
        "targetSize": _target_size(replication, view) if full else None,
        "runNow": record.run_now,
        "lockedBy": locked_by or None,
    }


def last_failure(replication: Replication) -> Trouble | None:
    """Return the failure on record, if there is one and it is more than a wait."""
    error = (replication.status.get("attempt") or {}).get("lastError") or {}
    error_class = known(error.get("class"))
    if not error_class or error_class in WAITING:
        # Whoever waits longer than is usual says so himself.
        return None
    return Trouble(error_class, str(error.get("message") or ""), info(error_class).next_step)


def hold(replication: Replication, view: View) -> StepResult | None:
    """Return what to wait for after a failed attempt, or None if it is time for the next one."""
    attempt = replication.status.get("attempt") or {}
    error = attempt.get("lastError") or {}
    error_class = known(error.get("class"))
    if not error_class or attempt.get("observedGeneration") != _generation(replication):
        return None
    if replication.trigger.run_now not in ("", attempt.get("runNow"), replication.status.get("lastRunNow")):
        return None
    due = _due(attempt, error_class, replication, view)
    if error_class == ErrorClass.REPOSITORY_MISSING:
        return wait_for_init(replication, view, attempt, due or view.now)
    if due is not None and view.now >= due:
        return None
    if error_class == ErrorClass.REPOSITORY_LOCKED and is_to_be_removed(replication, view):
        return None
    trouble = Trouble(error_class, str(error.get("message") or ""), info(error_class).next_step)
    wait = None if due is None else (due - view.now).total_seconds() + 0.1
    if not is_terminal(error_class):
        return StepResult(unhealthy=trouble, requeue_after_seconds=wait)
    if _mended(replication, view, attempt):
        return None
    lasted = view.server_now - past(attempt.get("lastFailureTime"), view.server_now)
    poll = (_POLL_SLOW if lasted > _POLL_SLOW_AFTER else _POLL).total_seconds()
    return StepResult(unhealthy=trouble, requeue_after_seconds=poll if wait is None else min(wait, poll))


def _due(attempt: Object, error_class: str, replication: Replication, view: View) -> datetime | None:
    """Return when the next attempt may begin, or None: only after a change.

    Later than any pace makes it, it is of a clock that was wrong; who waited for it would wait for ever.
    """
    if not attempt.get("nextAttemptTime"):
        return None
    due = instant(attempt["nextAttemptTime"], view.now)
    latest = view.now + max(TERMINAL_LEAST, view.settings.retry_longest, RETRY_LONGEST)
    slot = _next_slot(replication, view.now) if is_terminal(error_class) else None
    return due if due <= max(latest, slot or latest) else view.now


def _tried(replication: Replication, attempt: Object) -> list[tuple[Read, str]]:
    """Return what the attempt was made with, as it can be read now, and its version then."""
    tried = [(Read(ReadKind.SECRET, replication.restic.repository), str(attempt.get("secretVersion") or ""))]
    authority = certificate_read(replication.restic.custom_ca)
    # Attempts of an older manager have no record of it.
    if authority is not None and attempt.get("customCAVersion"):
        tried.append((authority, str(attempt["customCAVersion"])))
    return tried


def _mended(replication: Replication, view: View, attempt: Object) -> bool:
    """Return whether something of what the attempt was made with has changed since."""
    tried = _tried(replication, attempt)
    view.require(*(read for read, _ in tried))
    for read, version in tried:
        found = view.read(read.kind, read.name)
        if found is not None and found["metadata"]["resourceVersion"] != version:
            return True
    full, now = attempt.get("targetSize"), _target_size(replication, view)
    return bool(full and now) and full != now


def _target_size(replication: Replication, view: View) -> str | None:
    """Return the size of a claim that the user named to restore into; that of our own follows the spec."""
    name = replication.restic.destination_claim
    claim = view.objects.get(Kind.CLAIM, name) if name else None
    size = capacity_of(claim) if claim is not None else None
    return None if size is None else str(size)


def _next_slot(replication: Replication, now: datetime) -> datetime | None:
    """Return the next time at which a run would start by itself; without a trigger that is always."""
    trigger = replication.trigger
    return now if trigger.kind is TriggerKind.ALWAYS else trigger.slot_after(now)


def _generation(replication: Replication) -> int:
    return int(replication.object["metadata"].get("generation") or 0)


def _ended_at(job: Object, now: datetime) -> datetime:
    conditions = (job.get("status") or {}).get("conditions") or []
    times = [c["lastTransitionTime"] for c in conditions if c.get("status") == "True" and c.get("lastTransitionTime")]
    return instant(max(times), now) if times else now
