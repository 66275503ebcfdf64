"""Which Jobs of a repository a mover waits for: before `init`, and before prune and check.

A Job that may initialise is waited for while its pod runs. One that has not started for a minute is asked, by an
annotation, to give the right up: the pass over its own resource then deletes it, and makes it again without
(`unstarted_job.py`). Nobody else deletes it, because only that pass sees its pods; and nobody gets the right before it
is gone with its pod. Before prune and check nobody is asked: restic's own locks keep them apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from attrs import evolve

from volsync_py.api.spec import Replication
from volsync_py.contract.report import ErrorClass
from volsync_py.core.actions import Patch, Ref
from volsync_py.core.attempt import Attempt
from volsync_py.core.defaults import RETRY_LONGEST
from volsync_py.core.labels import Annotation, Label
from volsync_py.core.objects import Object, annotations_of, is_deleting, status_of
from volsync_py.core.result import StepResult
from volsync_py.core.times import format_rfc3339, instant, past
from volsync_py.core.view import ReadKind, View
from volsync_py.movers.restic.job_state import has_ended
from volsync_py.movers.restic.outcome import trouble
from volsync_py.movers.restic.preflight import repository_of
from volsync_py.movers.restic.repository import check_secret
from volsync_py.movers.restic.run_record import RunRecord

# A pod of a healthy cluster runs within seconds; the time that an answer to the question may take is the same.
PATIENCE = timedelta(minutes=1)
# The answer is one pass over another resource and the end of a pod that has done nothing.
_ANSWER_SECONDS = 5.0
# Who waits looks first when a short init is over, then after half of what it has waited, and no later than this.
_LOOK_FIRST_SECONDS = 10.0
_LOOK_LAST_SECONDS = 300.0
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def is_paused_without_pod(job: Object) -> bool:
    """Return whether a Job is paused and has no pod.

    One that the Job controller has not seen yet may be about to get its pod, whatever it says.
    """
    status = status_of(job)
    if (job.get("spec") or {}).get("parallelism") != 0 or status.get("active") or status.get("terminating"):
        return False
    return bool(status.get("startTime")) or not RunRecord.of(job).granted


def holders(jobs: Iterable[Object]) -> list[Object]:
    """Return those of a repository's Jobs that may initialise it and can have a pod."""
    return [job for job in jobs if _may_have_a_pod(job) and _is_granted(job)]


def in_use_by(jobs: Iterable[Object], now: datetime) -> list[Object]:
    """Return those of a repository's Jobs beside which neither prune nor check is begun.

    A mover takes a lock of the repository as soon as it runs, and nothing before. One that begins during a prune waits
    for restic's lock, as movers of another cluster do.
    """
    return [job for job in jobs if _may_have_a_pod(job) and not _has_not_begun(job, now)]


def is_asked(job: Object) -> bool:
    """Return whether another mover waits for the right that a Job has."""
    return _is_granted(job) and _asked_at(job) is not None


def wait_for_init(replication: Replication, view: View, attempt: Attempt, due: datetime) -> StepResult | None:
    """Return the wait for the mover that may initialise the repository, or None if it is time for an attempt.

    `due` is when it is tried although that mover still runs: it has long made the repository when it backs up for days.
    """
    secret = view.read(ReadKind.SECRET, replication.restic.repository)
    if check_secret(replication.restic.repository, secret) is not None:
        return None
    label = repository_of(view, secret)
    found = holders(view.read(ReadKind.JOBS_OF_REPOSITORY, label))
    now = view.server_now
    first = next((job for job in found if _is_awaited(job, now)), next(iter(found), None))
    awaited = first is not None and _is_awaited(first, now)
    # Whoever keeps it from the question, or from the answer, keeps nobody from his attempts.
    if view.now >= due and (not awaited or view.now >= due + RETRY_LONGEST):
        return None
    missing = trouble(ErrorClass.REPOSITORY_MISSING, attempt.message)
    seconds = max((due - view.now).total_seconds(), 0.0) + 0.1
    if first is None:
        return StepResult(unhealthy=missing, requeue_after_seconds=seconds)
    told = f"waiting for {_called(first, replication, label)}, which may initialise the repository"
    waited = (now - past(attempt.failed_at, now)).total_seconds()
    look = _look_seconds(first, now, waited)
    return StepResult(
        actions=() if replication.paused else _questions(found, now),
        unhealthy=evolve(missing, next_step=told),
        waiting=told[:1].upper() + told[1:],
        requeue_after_seconds=look if awaited else min(look, seconds),
    )


def _may_have_a_pod(job: Object) -> bool:
    return not has_ended(job) and not is_paused_without_pod(job)


def _is_granted(job: Object) -> bool:
    record = RunRecord.of(job)
    # What is not on record may be anything.
    return record.granted or not record.is_ours


def _has_not_begun(job: Object, now: datetime) -> bool:
    """Return whether a Job has had no ready pod for as long as it may keep others waiting."""
    created = job["metadata"].get("creationTimestamp")
    if status_of(job).get("ready") or not created:
        return False
    return now >= past(created, now) + PATIENCE


def _is_awaited(job: Object, now: datetime) -> bool:
    """Return whether a Job is about to start, or to give up its right."""
    if status_of(job).get("ready"):
        return False
    if not _has_not_begun(job, now):
        return True
    asked = _asked_at(job)
    if asked is None:
        # What is being deleted is not asked any more, and may be so for ever.
        return not is_deleting(job)
    # A time in the future is none of ours, and nobody waits for it.
    return timedelta(0) <= now - asked < PATIENCE


def _asked_at(job: Object) -> datetime | None:
    """Return when a Job was asked, or None; anybody may write an annotation, and one that is no time is old."""
    value = annotations_of(job).get(Annotation.TURN_WANTED)
    return None if value is None else instant(value, _LONG_AGO)


def _questions(jobs: Iterable[Object], now: datetime) -> tuple[Patch, ...]:
    """Return what asks those that have not begun for their right; each is asked once."""
    changes: Object = {"metadata": {"annotations": {str(Annotation.TURN_WANTED): format_rfc3339(now)}}}
    late = (j for j in jobs if _has_not_begun(j, now) and not is_deleting(j))
    unasked = (job for job in late if _asked_at(job) is None)
    return tuple(Patch(Ref.of(job), changes, job["metadata"]["uid"], is_request=True) for job in unasked)


def _look_seconds(job: Object, now: datetime, waited: float) -> float:
    look = min(max(waited / 2, _LOOK_FIRST_SECONDS), _LOOK_LAST_SECONDS)
    if not _is_awaited(job, now):
        return look
    if _has_not_begun(job, now):
        return _ANSWER_SECONDS
    created = job["metadata"].get("creationTimestamp")
    left = (past(created, now) + PATIENCE - now).total_seconds() if created else look
    return min(look, max(left, 0.0) + 0.1)


def _called(job: Object, replication: Replication, label: str) -> str:
    """Return what a Job is called; the names of another namespace are nobody's business here."""
    meta = job["metadata"]
    if meta.get("namespace") == replication.object["metadata"]["namespace"]:
        return f"Job/{meta['name']}"
    return f"a mover of another namespace (kubectl get jobs -A -l {Label.REPOSITORY}={label})"
