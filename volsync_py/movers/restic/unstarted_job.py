"""A Job whose mover has not run: whether it is waited for, or made again.

A Job's template is frozen, so nothing that is mended reaches it: it is made again when spec, Secret or image change.
Nothing is lost with it, because its mover has done nothing yet. Otherwise it is waited for, without an end where
somebody else decides when it starts: a scheduler, a queue, an init container.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from attrs import evolve

from volsync_py.api.spec import Replication
from volsync_py.core.attempt import Attempt
from volsync_py.core.objects import Object, status_of
from volsync_py.core.result import StepResult, soonest, until_gone
from volsync_py.core.times import format_rfc3339, past
from volsync_py.core.view import ReadKind, View
from volsync_py.movers.restic.job_state import PENDING_PATIENCE, JobState, delete_job, job_state
from volsync_py.movers.restic.masked import without_passwords
from volsync_py.movers.restic.outcome import WAITING, ClusterError, next_attempt, trouble
from volsync_py.movers.restic.pods import has_started
from volsync_py.movers.restic.retry import ended, failed_attempt
from volsync_py.movers.restic.run_record import RunRecord
from volsync_py.movers.restic.turns import is_asked
from volsync_py.volumes.in_use import HOSTNAME_LABEL

# Classes that say that the mover has not run.
NEVER_STARTED = WAITING | {
    ClusterError.IMAGE_UNAVAILABLE,
    ClusterError.START_ERROR,
    ClusterError.VOLUME_UNAVAILABLE,
    ClusterError.POD_REJECTED,
}
# A large volume may take hours to be cloned, or to be given its fsGroup, and begins again with each pod.
VOLUME_PATIENCE = timedelta(days=1)
# A cluster that is scaled up, or a queue, takes this long without anybody having to do something.
WAITING_PATIENCE = timedelta(minutes=30)
# Secrets are not watched: the Secret is read every minute for ten minutes, then every five.
_POLL_SECONDS = 60.0
_POLL_SLOW_SECONDS = 300.0
_POLL_SLOW_AFTER = timedelta(minutes=10)


def without_pod(view: View, job: Object, state: JobState) -> JobState:
    """Return what is known of a Job that has no pod, with the last word of the cluster on why."""
    told = view.read(ReadKind.FAILED_CREATE_EVENTS, job["metadata"]["name"])
    return evolve(state, message=str(told[-1]) if told else state.message)


def abandon_unstarted_job(
    replication: Replication, view: View, job: Object, pods: list[Object], state: JobState, *, outdated: bool
) -> StepResult | None:
    """Return the end of a Job whose mover has not run, or the wait for it.

    `outdated`: what the Job mounts is to be made anew. None: the mover has run, or may just be on its way.
    """
    # The Job may count a running pod that is not in the store yet: two watches have no common order.
    if any(map(has_started, pods)) or status_of(job).get("ready"):
        return None
    if is_asked(job) and (later := _known(job, pods, state, view.server_now)) is not None:
        return _given_up(replication, view, job, later)
    if state.error_class not in NEVER_STARTED:
        return None
    due = _due(replication, view, job, pods, state)
    over = due is not None and view.server_now >= due
    if over or outdated or _changed(replication, view, RunRecord.of(job)):
        return _given_up(replication, view, job, state)
    return _waited_for(replication, view, job, state, due)


def _known(job: Object, pods: list[Object], state: JobState, now: datetime) -> JobState | None:
    """Return what a Job that has not started would be said to wait for; None: that is not known."""
    if state.error_class not in NEVER_STARTED:
        state = without_passwords(job_state(job, pods, now + PENDING_PATIENCE))
    return state if state.error_class in NEVER_STARTED else None


def _given_up(replication: Replication, view: View, job: Object, state: JobState) -> StepResult:
    """Return the end of a Job, on record: the next one is made at once, and may initialise only after a change."""
    attempt = failed_attempt(replication, view, job, state.error_class, state.message)
    waiting = until_gone(job).waiting
    # A pod that becomes ready meanwhile changes the Job, which then stays.
    removal = evolve(delete_job(job), resource_version=str(job["metadata"].get("resourceVersion") or ""))
    if attempt is None:
        return StepResult(actions=(removal,), waiting=waiting)
    # No further pause: the run has waited already.
    step = ended(evolve(attempt, next_at=format_rfc3339(view.now)), state.message, (removal,))
    quiet = _is_quiet(replication, view, job, state)
    return evolve(step, waiting=waiting, unhealthy=None if quiet else step.unhealthy)


def _waited_for(replication: Replication, view: View, job: Object, state: JobState, due: datetime | None) -> StepResult:
    slow = view.server_now >= past(job["metadata"]["creationTimestamp"], view.server_now) + _POLL_SLOW_AFTER
    left = None if due is None else (due - view.server_now).total_seconds() + 0.1
    look = soonest(_POLL_SLOW_SECONDS if slow else _POLL_SECONDS, left)
    if _is_quiet(replication, view, job, state):
        return StepResult(waiting=f"Waiting for the mover's start: {state.message}", requeue_after_seconds=look)
    return StepResult(unhealthy=trouble(state.error_class, state.message), requeue_after_seconds=look)


def _is_quiet(replication: Replication, view: View, job: Object, state: JobState) -> bool:
    """Return whether a Job waits for somebody else, and not so long that the user has to be told of trouble."""
    if state.error_class not in WAITING:
        return False
    waited = view.server_now - past(job["metadata"]["creationTimestamp"], view.server_now)
    if Attempt.of(replication.status).error_class in NEVER_STARTED:
        # The Job before this one has waited, too.
        waited = max(waited, view.now - past(replication.status.get("lastSyncStartTime"), view.now))
    return waited < WAITING_PATIENCE


def _due(replication: Replication, view: View, job: Object, pods: list[Object], state: JobState) -> datetime | None:
    """Return when a Job is made again although nothing has changed; None: never.

    Its image may be found by then, its volume may be attached elsewhere, and the pod beside which it was placed may run
    on another node.
    """
    if state.error_class in WAITING and not (state.error_class == ClusterError.NOT_SCHEDULED and _is_placed(job)):
        return None
    since = max(past(one["metadata"]["creationTimestamp"], view.server_now) for one in (job, *pods))
    if state.error_class == ClusterError.VOLUME_UNAVAILABLE:
        return since + VOLUME_PATIENCE
    count = Attempt.of(replication.status).count + 1
    settings = view.settings
    found = next_attempt(
        state.error_class,
        count,
        since,
        uid=replication.uid,
        next_slot=None,
        first=settings.retry_first,
        longest=settings.retry_longest,
    )
    return found or since + VOLUME_PATIENCE


def _is_placed(job: Object) -> bool:
    """Return whether a Job is bound to the node on which its volume was in use."""
    spec = ((job["spec"].get("template") or {}).get("spec")) or {}
    return HOSTNAME_LABEL in (spec.get("nodeSelector") or {})


def _changed(replication: Replication, view: View, record: RunRecord) -> bool:
    """Return whether a Job that is made now would be another one; what is not on record has not changed."""
    if record.image and record.image != view.settings.image:
        return True
    if record.is_ours and record.generation != replication.generation:
        return True
    name = replication.restic.repository
    secret = view.read(ReadKind.SECRET, name) if name else None
    if record.secret and secret is not None and secret["metadata"]["resourceVersion"] != record.secret:
        return True
    return replication.trigger.run_now not in ("", record.run_now, replication.status.get("lastRunNow"))
