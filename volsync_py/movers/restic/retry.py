"""Attempts of a run: what is recorded of one that failed, and what the next one waits for.

The record is the status' `attempt`, which lasts until a run succeeds. A retryable failure waits for its time; a
terminal one as well, or for a change that can help: of the spec, of the Secret, of the certificate authority, of the
size of a volume that was full, or a run asked for by annotation.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from volsync_py.api.spec import Replication
from volsync_py.contract.report import ErrorClass
from volsync_py.core.actions import Action, Event, EventType
from volsync_py.core.attempt import Attempt
from volsync_py.core.defaults import RETRY_LONGEST
from volsync_py.core.labels import Annotation
from volsync_py.core.objects import Object, annotations_of
from volsync_py.core.result import StepResult, Trouble
from volsync_py.core.times import format_rfc3339, instant, past
from volsync_py.core.trigger import TriggerKind
from volsync_py.core.view import Kind, Read, ReadKind, View
from volsync_py.movers.restic.job_state import ended_at
from volsync_py.movers.restic.lock_holder import is_to_be_removed
from volsync_py.movers.restic.outcome import (
    TERMINAL_LEAST,
    WAITING,
    is_terminal,
    known,
    next_attempt,
    trouble,
)
from volsync_py.movers.restic.preflight import certificate_read
from volsync_py.movers.restic.run_record import RunRecord
from volsync_py.movers.restic.turns import wait_for_init
from volsync_py.volumes.claims import capacity_of

# How often the Secret is looked at while only a change of it can help: every minute for ten, then every five.
_POLL = timedelta(minutes=1)
_POLL_SLOW = timedelta(minutes=5)
_POLL_SLOW_AFTER = timedelta(minutes=10)


def failed_attempt(
    replication: Replication, view: View, job: Object, error_class: str, message: str, *, locked_by: str = ""
) -> Attempt | None:
    """Return the record of a failed Job, or None if it is recorded already; `locked_by`: see `lock_holder`."""
    if is_on_record(replication, view, job):
        return None
    count = Attempt.of(replication.status).count + 1
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
    return Attempt(
        count=count,
        error_class=error_class,
        message=message,
        failed_at=_failed_at(view, job),
        next_at=format_rfc3339(retry) if retry else "",
        generation=record.generation or replication.generation,
        secret_version=record.secret,
        custom_ca_version=str(annotations_of(job).get(Annotation.CUSTOM_CA_VERSION) or ""),
        target_size=(_target_size(replication, view) if full else None) or "",
        run_now=record.run_now,
        locked_by=locked_by,
    )


def is_on_record(replication: Replication, view: View, job: Object) -> bool:
    """Return whether the failure of a Job is recorded already."""
    return Attempt.of(replication.status).failed_at == _failed_at(view, job)


def _failed_at(view: View, job: Object) -> str:
    return format_rfc3339(ended_at(job, view.server_now) or view.server_now)


def ended(attempt: Attempt, message: str, removal: tuple[Action, ...], **status: Object) -> StepResult:
    """Return the end of a failed Job: its removal, its record, and what is told of it, with the whole message."""
    told = trouble(attempt.error_class, message)
    event = Event(EventType.WARNING, told.reason, "Synchronize", told.text)
    # Others wait for the end of what goes on; what only a change can mend goes on for nobody.
    stands = is_terminal(attempt.error_class)
    return StepResult(
        actions=(*removal, event),
        status={"attempt": attempt.as_json(), **status},
        error=told if stands else None,
        unhealthy=None if stands else told,
        requeue_after_seconds=1.0,
    )


def last_failure(replication: Replication) -> Trouble | None:
    """Return the failure on record, if there is one and it is more than a wait."""
    attempt = Attempt.of(replication.status)
    error_class = known(attempt.error_class)
    if not error_class or error_class in WAITING:
        # A Job that waits unusually long says so by itself.
        return None
    return trouble(error_class, attempt.message)


def wait_for_retry(replication: Replication, view: View) -> StepResult | None:
    """Return what to wait for after a failed attempt, or None if it is time for the next one."""
    attempt = Attempt.of(replication.status)
    error_class = known(attempt.error_class)
    if not error_class or attempt.generation != replication.generation:
        return None
    if replication.trigger.run_now not in ("", attempt.run_now, replication.status.get("lastRunNow")):
        return None
    due = _due(attempt, error_class, replication, view)
    if error_class == ErrorClass.REPOSITORY_MISSING:
        return wait_for_init(replication, view, attempt, due or view.now)
    if due is not None and view.now >= due:
        return None
    if error_class == ErrorClass.REPOSITORY_LOCKED and is_to_be_removed(replication, view):
        return None
    cause = trouble(error_class, attempt.message)
    wait = None if due is None else (due - view.now).total_seconds() + 0.1
    if not is_terminal(error_class):
        return StepResult(unhealthy=cause, requeue_after_seconds=wait)
    if _mended(replication, view, attempt):
        return None
    lasted = view.server_now - past(attempt.failed_at, view.server_now)
    poll = (_POLL_SLOW if lasted > _POLL_SLOW_AFTER else _POLL).total_seconds()
    return StepResult(error=cause, requeue_after_seconds=poll if wait is None else min(wait, poll))


def _due(attempt: Attempt, error_class: str, replication: Replication, view: View) -> datetime | None:
    """Return when the next attempt may begin, or None: only after a change.

    Later than any pace makes it, it is of a clock that was wrong; who waited for it would wait for ever.
    """
    if not attempt.next_at:
        return None if is_terminal(error_class) else view.now
    due = instant(attempt.next_at, view.now)
    latest = view.now + max(TERMINAL_LEAST, view.settings.retry_longest, RETRY_LONGEST)
    slot = _next_slot(replication, view.now) if is_terminal(error_class) else None
    return due if due <= max(latest, slot or latest) else view.now


def _tried(replication: Replication, attempt: Attempt) -> list[tuple[Read, str]]:
    """Return what the attempt was made with, as it can be read now, and its version then."""
    tried = [(Read(ReadKind.SECRET, replication.restic.repository), attempt.secret_version)]
    authority = certificate_read(replication.restic.custom_ca)
    # Attempts of an older manager have no record of it.
    if authority is not None and attempt.custom_ca_version:
        tried.append((authority, attempt.custom_ca_version))
    return tried


def _mended(replication: Replication, view: View, attempt: Attempt) -> bool:
    """Return whether something of what the attempt was made with has changed since."""
    tried = _tried(replication, attempt)
    view.require(*(read for read, _ in tried))
    for read, version in tried:
        found = view.read(read.kind, read.name)
        if found is not None and found["metadata"]["resourceVersion"] != version:
            return True
    full, now = attempt.target_size, _target_size(replication, view)
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
