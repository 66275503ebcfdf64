"""Which mover of a repository may initialise it, and which may prune and check.

Two movers that initialise at once make two master keys, and backups that nobody can read. So one gets the right when
its Job is made, if no other Job of the repository has it, and keeps it as long as the Job is there, because a pod's
template cannot be changed. So that a Job that rests does not keep it from all others:

- A Job that is made paused does not get it.
- A Job that is paused and has no pod left does not count. One of ours never goes on as it is: it is made again, and so
  asks anew. Until then it counts, and goes on only if it has not changed since that was seen.
- A Job whose pod does not start is made again without it as soon as somebody waits for it (`turns.py`).
- The attempt that follows one whose pod could not be started does not get it.

Prune and check, which need the repository for themselves, are left out while another mover has a ready pod, or is
about to have one.
"""

from __future__ import annotations

from datetime import datetime

from attrs import evolve

from volsync_py.api.spec import Replication
from volsync_py.contract.run_document import Grants
from volsync_py.core.actions import Action
from volsync_py.core.attempt import Attempt
from volsync_py.core.merge import merged
from volsync_py.core.objects import Object
from volsync_py.movers.restic.job_state import delete_job, set_parallelism
from volsync_py.movers.restic.run_record import RunRecord
from volsync_py.movers.restic.turns import holders, in_use_by, is_paused_without_pod
from volsync_py.movers.restic.unstarted_job import NEVER_STARTED


def grants_for(replication: Replication, secret: Object, others: list[Object], now: datetime) -> Grants:
    """Return what a Job that is made now may do; `others` are the Jobs of the repository."""
    if replication.paused:
        return Grants(init=False, prune=False)
    init = not _could_not_be_started(replication, secret) and not holders(others)
    return Grants(init=init, prune=not in_use_by(others, now))


def _could_not_be_started(replication: Replication, secret: Object) -> bool:
    """Return whether the last attempt was made of the same, and its pod never ran."""
    attempt = Attempt.of(replication.status)
    return (
        attempt.error_class in NEVER_STARTED
        and attempt.generation == replication.generation
        and attempt.secret_version == secret["metadata"]["resourceVersion"]
    )


def resume_job(job: Object, now: datetime) -> Action:
    """Return what makes a paused Job go on."""
    wanted = set_parallelism(job, 1, now)
    if not RunRecord.of(job).is_ours:
        return wanted
    if is_paused_without_pod(job):
        # Differs from VolSync: it goes on as a new Job, because another one may have the right to initialise by now.
        return delete_job(job)
    version = {"metadata": {"resourceVersion": job["metadata"]["resourceVersion"]}}
    return evolve(wanted, changes=merged(wanted.changes, version))
