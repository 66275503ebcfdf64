"""Which mover of a repository may do what only one of them may at a time: `init`, `prune` and `check`.

A mover gets its grants when its Job is made, if no other Job of the repository is live, and keeps them, because a
pod's template cannot be changed. So that a Job that rests does not keep them from all others without limit:

- A Job that is made paused gets none.
- A Job that is paused and has no pod left does not count. It never goes on as it is: it is made again, and so asks
  anew. Until then it counts, and goes on only if it has not changed since that was seen.
- The attempt that follows one whose pod could not be started gets none.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from attrs import evolve

from volsync_py.api.spec import Replication
from volsync_py.core.actions import Action, Object
from volsync_py.core.merge import merged
from volsync_py.movers.restic.job_state import delete_job, has_ended, scaled
from volsync_py.movers.restic.run_record import RunRecord
from volsync_py.movers.restic.stuck import NEVER_STARTED


def may_be_granted(replication: Replication, secret: Object, others: Iterable[Object]) -> bool:
    """Tell whether a Job that is made now may have the grants; `others` are the Jobs of the repository."""
    if replication.paused or _could_not_be_started(replication, secret):
        return False
    return all(has_ended(job) or is_at_rest(job) for job in others)


def _could_not_be_started(replication: Replication, secret: Object) -> bool:
    """Tell whether the last attempt was made of the same, and its pod never ran."""
    attempt = replication.status.get("attempt") or {}
    return (
        (attempt.get("lastError") or {}).get("class") in NEVER_STARTED
        and attempt.get("observedGeneration") == replication.object["metadata"].get("generation")
        and attempt.get("secretVersion") == secret["metadata"]["resourceVersion"]
    )


def is_at_rest(job: Object) -> bool:
    """Tell whether a Job is paused and has no pod.

    One that the Job controller has not seen yet may be about to get its pod, whatever it says.
    """
    status = job.get("status") or {}
    if (job.get("spec") or {}).get("parallelism") != 0 or status.get("active") or status.get("terminating"):
        return False
    return bool(status.get("startTime")) or not RunRecord.of(job).granted


def going_on(job: Object, now: datetime) -> Action:
    """Return what makes a paused Job go on."""
    wanted = scaled(job, 1, now)
    if not RunRecord.of(job).is_ours:
        return wanted
    if is_at_rest(job):
        # Differs from VolSync: it goes on as a new Job, because another one may have the grants by now.
        return delete_job(job)
    version = {"metadata": {"resourceVersion": job["metadata"]["resourceVersion"]}}
    return evolve(wanted, changes=merged(wanted.changes, version))
