"""A Job whose pod never starts: when it is given up for another one.

A Job's template is frozen, so nothing that is mended reaches it; and as long as it is there it keeps others of its
repository from `init` and `prune`. Nothing is lost with it, because its mover has done nothing yet.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from volsync_py.api.spec import Replication
from volsync_py.api.view import UNREAD, Read, ReadKind, View
from volsync_py.core.actions import Action, Event, EventType, Object
from volsync_py.core.result import StepResult, Trouble
from volsync_py.core.times import format_rfc3339, past
from volsync_py.movers.restic.attempts import failure
from volsync_py.movers.restic.job_state import JobState, delete_job
from volsync_py.movers.restic.outcome import ClusterError, info, next_attempt
from volsync_py.movers.restic.pods import has_started
from volsync_py.movers.restic.run_record import RunRecord

# With these, no container has run.
NEVER_STARTED = frozenset(
    {
        ClusterError.NOT_SCHEDULED,
        ClusterError.IMAGE_UNAVAILABLE,
        ClusterError.START_ERROR,
        ClusterError.VOLUME_UNAVAILABLE,
        ClusterError.POD_REJECTED,
    }
)
# A large volume may take hours to be cloned, or to be given its fsGroup, and begins again with each pod.
VOLUME_PATIENCE = timedelta(days=1)
# The Secret is no object that is watched.
_POLL_SECONDS = 60.0


def given_up(
    replication: Replication, view: View, job: Object, pods: list[Object], state: JobState, message: str
) -> StepResult | None:
    """Return the end of a Job that cannot start, what has to be read to know that, or None: it is waited for."""
    if state.error_class not in NEVER_STARTED or any(map(has_started, pods)):
        return None
    read = Read(ReadKind.SECRET, replication.restic.repository)
    if read.name and read not in view.reads:
        return StepResult(needs=(read,))
    record = RunRecord.of(job)
    if not _changed(replication, view, record) and view.server_now < due(replication, view, job, pods, state):
        return None
    attempt = failure(replication, view, job, state.error_class, message)
    if attempt is None:
        return StepResult(actions=(delete_job(job),))
    # The wait was before.
    attempt["nextAttemptTime"] = format_rfc3339(view.now)
    trouble = Trouble(state.error_class, message, info(state.error_class).next_step)
    event = Event(EventType.WARNING, state.error_class, "Synchronize", trouble.text)
    actions: tuple[Action, ...] = (delete_job(job), event)
    return StepResult(actions=actions, status={"attempt": attempt}, unhealthy=trouble, requeue_after_seconds=1.0)


def due(replication: Replication, view: View, job: Object, pods: list[Object], state: JobState) -> datetime:
    """Return when a Job is given up although nothing has changed: its image or its node may be found anew."""
    since = max(past(one["metadata"]["creationTimestamp"], view.server_now) for one in (job, *pods))
    if state.error_class == ClusterError.VOLUME_UNAVAILABLE:
        return since + VOLUME_PATIENCE
    count = int((replication.status.get("attempt") or {}).get("count") or 0) + 1
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


def look_again_seconds(replication: Replication, view: View, job: Object, pods: list[Object], state: JobState) -> float:
    """Return when to look whether anything has changed."""
    left = (due(replication, view, job, pods, state) - view.server_now).total_seconds()
    return min(max(left, 0.0) + 0.1, _POLL_SECONDS)


def _changed(replication: Replication, view: View, record: RunRecord) -> bool:
    """Tell whether a Job that is made now would be another one; what is not on record has not changed."""
    if record.image and record.image != view.settings.image:
        return True
    if record.is_ours and record.generation != int(replication.object["metadata"].get("generation") or 0):
        return True
    secret = view.read(ReadKind.SECRET, replication.restic.repository)
    if record.secret and secret not in (None, UNREAD) and secret["metadata"]["resourceVersion"] != record.secret:
        return True
    return replication.trigger.run_now not in ("", record.run_now, replication.status.get("lastRunNow"))
