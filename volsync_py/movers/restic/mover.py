"""The state machine of a restic mover: prepare, run the Job, judge it, clean up.

One object serves one pass over one resource. What a source and a destination do differently is in the
subclasses `SourceMover` and `DestinationMover`: the volume, the Job's options, and what a success means.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from attrs import evolve

from volsync_py.api.spec import Replication
from volsync_py.contract.run_document import Grants
from volsync_py.core import names
from volsync_py.core.actions import Action, Create, Delete, delete
from volsync_py.core.attempt import Attempt
from volsync_py.core.labels import Label
from volsync_py.core.objects import Object, is_deleting, labels_of
from volsync_py.core.owners import has_owner, is_controlled_by
from volsync_py.core.result import Beside, StepResult, Trouble, UnderLock, soonest, until_gone
from volsync_py.core.view import Kind, ReadKind, View
from volsync_py.movers.restic.cache_volume import ensure_cache, replaces, unbound_claim_events
from volsync_py.movers.restic.job_environment import Variables
from volsync_py.movers.restic.job_state import JobState, Phase, delete_job, has_failed, job_state, set_parallelism
from volsync_py.movers.restic.lock_holder import locked_by, own_host_name, with_lock
from volsync_py.movers.restic.logfilter import status_logs
from volsync_py.movers.restic.masked import masked, without_passwords
from volsync_py.movers.restic.new_job import job_for
from volsync_py.movers.restic.outcome import is_terminal, trouble
from volsync_py.movers.restic.placement import place
from volsync_py.movers.restic.pods import pods_of
from volsync_py.movers.restic.preflight import check_preconditions, left_behind, repository_of
from volsync_py.movers.restic.pull_secrets import ensure_copies
from volsync_py.movers.restic.repository_grants import grants_for, resume_job
from volsync_py.movers.restic.retry import ended, failed_attempt, is_on_record, last_failure, wait_for_retry
from volsync_py.movers.restic.run_record import RunRecord
from volsync_py.movers.restic.service_account import ensure_account
from volsync_py.movers.restic.shown_job import seconds_after_failure, seconds_after_success
from volsync_py.movers.restic.slots import in_a_slot, overlong
from volsync_py.movers.restic.takeover import label_repository
from volsync_py.movers.restic.unstarted_job import abandon_unstarted_job, without_pod
from volsync_py.volumes.image import delete_or_release
from volsync_py.volumes.point_in_time import in_the_way

# A Job that gets no pod is looked at again so often.
_PODLESS_SECONDS = 60.0
# A run has failed when this many attempts in a row have; what is over by then was no failure.
_TRIES = 3


class ResticMover(ABC):
    """What the replication machine asks of a mover (see `core.replication.Mover`)."""

    def __init__(self, replication: Replication, view: View) -> None:
        self.replication, self.view = replication, view
        self.spec = replication.restic
        self.owner = replication.object
        self.uid = replication.uid
        self.job_name = names.job_name(replication.role, replication.name)
        self.cache_name = names.cache_name(replication.role, replication.name)

    # ---- for the machine

    def first(self) -> tuple[Action, ...]:
        """Return what comes before everything else."""
        return ()

    def in_flight(self) -> bool:
        """Return whether the run has a Job, and not only the one of an attempt that has failed."""
        job = self._job()
        return job is not None and not (has_failed(job) and is_on_record(self.replication, self.view, job))

    def shown_seconds(self) -> float:
        """Return how much longer the Job of the last run is left for those who look for it."""
        job = self._job()
        ours = job is not None and is_controlled_by(job, self.uid)
        return seconds_after_success(self.view, job) if job is not None and ours else 0.0

    def beside(self, status: Object, *, pause: bool) -> Beside:
        """Return what goes on beside the runs: nothing, unless a backup is to be verified."""
        return Beside()

    def refused(self, status: Object, trouble: Trouble) -> Beside:
        """Return what becomes of what goes on beside the runs, of which the API server has refused something."""
        return Beside()

    def synchronize(self) -> StepResult:
        """Return the next step of the run."""
        step = self._step()
        cause = last_failure(self.replication)
        if cause is None or step.success or step.error or step.unhealthy:
            return step
        # What an earlier pass said may be over; that the last attempt has failed is not, until one succeeds.
        return evolve(step, unhealthy=cause)

    def _step(self) -> StepResult:
        job = self._job()
        if job is None:
            return self._start()
        if not is_controlled_by(job, self.uid):
            return StepResult(error=in_the_way(job))
        if is_deleting(job):
            return evolve(until_gone(job), error=self._stopped_by(job))
        return self._judge(job)

    def remains(self) -> list[Object]:
        """Return what of the last run is still there; a pod without its Job is the next run's concern."""
        return self._leftovers()

    def cleanup(self, publishing: str | None) -> tuple[Action, ...]:
        """Return the removal of what runs left behind."""
        actions: list[Action] = []
        for obj in self._leftovers():
            if obj["kind"] == Kind.SNAPSHOT:
                gone = delete_or_release(self.owner, obj)
                actions += [gone] if gone else []
            elif not is_deleting(obj):
                actions.append(delete_job(obj) if obj["kind"] == Kind.JOB else delete(obj))
        return tuple(actions)

    def _leftovers(self) -> list[Object]:
        kinds = (Kind.JOB, Kind.CLAIM, Kind.SNAPSHOT)
        beside = names.verification_name(self.replication.name)
        return [
            o
            for kind in kinds
            for o in self.view.objects.of_kind(kind)
            if labels_of(o).get(Label.CLEANUP) == self.uid
            and has_owner(o, self.uid)
            and o["metadata"]["name"] != beside
        ]

    def _stopped_by(self, job: Object) -> Trouble | None:
        """Return the failure of this Job on record, if only a change leads to another one and none has come."""
        if not is_on_record(self.replication, self.view, job):
            return None
        waiting = wait_for_retry(self.replication, self.view)
        return waiting.error if waiting is not None else None

    # ---- what differs

    @abstractmethod
    def prepare(self) -> tuple[Object | None, StepResult]:
        """Return the claim to mount and the creations that go before the Job; None: not yet."""

    @abstractmethod
    def job_options(self, secret: Object, grants: Grants) -> tuple[list[str], Variables, RunRecord]:
        """Return arguments, environment and record of an attempt."""

    @abstractmethod
    def succeeded(self, job: Object, state: JobState, record: RunRecord) -> StepResult:
        """Return what a finished Job means."""

    def is_outdated(self, data: Object) -> bool:
        """Return whether a volume of the Job would be made anew; `data` is the claim that it works on."""
        cache = ensure_cache(self.replication, self.view, data, in_use=True)
        return isinstance(cache, StepResult) and replaces(cache)

    # ---- the Job that is there

    def _job(self) -> Object | None:
        return self.view.objects.get(Kind.JOB, self.job_name)

    def _judge(self, job: Object) -> StepResult:
        pods = pods_of(self.view, job)
        state = without_passwords(job_state(job, pods, self.view.server_now))
        if state.phase is Phase.SUCCEEDED:
            return self.succeeded(job, state, RunRecord.of(job))
        if state.phase is Phase.FAILED:
            return self.failed(job, state.error_class, state.message, state)
        labelled = label_repository(self.view, job)
        step = self._running(job, pods, state)
        # The deletion is of the Job as it was seen.
        if any(isinstance(action, Delete) for action in step.actions):
            return step
        return evolve(step, actions=(*step.actions, *labelled))

    def _running(self, job: Object, pods: list[Object], state: JobState) -> StepResult:
        delay = None
        if state.phase is Phase.PODLESS:
            state, delay = without_pod(self.view, job, state), _PODLESS_SECONDS
        if state.look_again_at is not None:
            delay = max((state.look_again_at - self.view.server_now).total_seconds(), 0.0) + 1.0
        if self.replication.paused:
            rest = () if job["spec"].get("parallelism") == 0 else (set_parallelism(job, 0, self.view.server_now),)
            return StepResult(actions=rest, requeue_after_seconds=delay)
        if job["spec"].get("parallelism") == 0:
            again = resume_job(job, self.view.server_now)
            step = StepResult(actions=(again,), requeue_after_seconds=delay)
            return step if isinstance(again, Delete) else in_a_slot(self.replication, self.view, step)
        data = self.view.objects.get(Kind.CLAIM, RunRecord.of(job).claim)
        outdated = data is not None and self.is_outdated(data)
        step = self._alive(job, pods, state, outdated=outdated)
        if step.actions:
            return step
        told = unbound_claim_events(self.replication, self.view, RunRecord.of(job).claim, pods)
        long = overlong(job, self.view.server_now) if self.view.settings.max_movers else ()
        delay = soonest(delay, step.requeue_after_seconds)
        return evolve(step, actions=(*told, *long), requeue_after_seconds=delay)

    def _alive(self, job: Object, pods: list[Object], state: JobState, *, outdated: bool) -> StepResult:
        """Return what becomes of a Job that has not ended."""
        step = abandon_unstarted_job(self.replication, self.view, job, pods, state, outdated=outdated)
        if step is not None:
            return step
        return StepResult(unhealthy=trouble(state.error_class, state.message) if state.error_class else None)

    def failed(self, job: Object, error_class: str, message: str, state: JobState) -> StepResult:
        """Return the record of a failed attempt, and the removal of its Job once it has been shown."""
        left = tuple(a for a in self.cleanup(None) if a != delete_job(job)) if is_terminal(error_class) else ()
        holder = locked_by(job, state.report, state.pod, own_host_name(self.replication))
        attempt = failed_attempt(self.replication, self.view, job, error_class, message, locked_by=holder)
        if attempt is None:
            return self._failed_before(job, left)
        attempt = with_lock(attempt, state.report, Attempt.of(self.replication.status))
        told = self.mover_status(state, successful=False)
        if not is_terminal(error_class) and attempt.count < _TRIES:
            # Differs from VolSync: others read `Failed` as "given up"; `attempt` tells from the first.
            told["result"] = None
        removal = () if seconds_after_failure(attempt, self.view, job) > 0 else (delete_job(job),)
        return ended(attempt, message, (*removal, *left), latestMoverStatus=told)

    def _failed_before(self, job: Object, left: tuple[Action, ...]) -> StepResult:
        """Return the wait for the next attempt beside the Job of the last one, or the Job's removal."""
        waiting = wait_for_retry(self.replication, self.view)
        shown = seconds_after_failure(Attempt.of(self.replication.status), self.view, job)
        if waiting is None or shown <= 0:
            # The end of the Job calls for the next pass; the delay is for the case that nobody tells of it.
            error = waiting.error if waiting is not None else None
            return StepResult(error=error, actions=(delete_job(job), *left), requeue_after_seconds=1.0)
        delay = soonest(waiting.requeue_after_seconds, shown)
        return evolve(waiting, actions=(*left, *waiting.actions), requeue_after_seconds=delay)

    def log_of(self, state: JobState) -> str:
        """Return the mover's log: the end of it that is in its report, else what the kubelet has."""
        if state.report is not None and state.report.log:
            return state.report.log
        # A mover that was killed leaves the report that it began with, and no log in it.
        log = self.view.read(ReadKind.POD_LOG, state.pod["metadata"]["name"]) if state.pod is not None else ""
        return masked(str(log or ""))

    def mover_status(self, state: JobState, *, successful: bool) -> Object:
        """Return `latestMoverStatus`."""
        settings = self.view.settings
        text = status_logs(
            self.log_of(state), successful=successful, max_bytes=settings.log_max_bytes, debug=settings.log_debug
        )
        return {"result": "Successful" if successful else "Failed", "logs": text or None}

    # ---- making a Job

    def _start(self) -> StepResult:
        waiting = wait_for_retry(self.replication, self.view) or left_behind(self.replication, self.view, self.job_name)
        if waiting is not None:
            return waiting
        step = self._made()
        # A Job that is made paused has no mover.
        if self.replication.paused or not _begins(step):
            return step
        return in_a_slot(self.replication, self.view, step)

    def _made(self) -> StepResult:
        """Return the creations that come next, or what keeps them from being made."""
        claim, before = self.prepare()
        if claim is None:
            return before
        error = check_preconditions(self.replication, self.view, claim)
        if error is not None:
            return StepResult(error=error)
        cache = ensure_cache(self.replication, self.view, claim)
        if isinstance(cache, StepResult):
            return cache
        step = self._new_job(claim)
        if step.under_lock is None:
            return step
        return evolve(step, actions=(*before.actions, *cache, *ensure_account(self.replication, self.view)))

    def _new_job(self, claim: Object) -> StepResult:
        """Return the Job, made by one at a time in its repository: two never both may initialise it."""
        placement = place(self.replication, self.view, claim)
        if isinstance(placement, StepResult):
            return placement
        secret = self.view.read(ReadKind.SECRET, self.spec.repository)
        label = repository_of(self.view, secret)
        others = self.view.read(ReadKind.JOBS_OF_REPOSITORY, label)
        job = job_for(
            self.replication,
            self.view,
            claim,
            self.job_options(secret, grants_for(self.replication, secret, others, self.view.server_now)),
            repository=label,
            placement=placement,
            read_only=self._read_only(claim),
        )
        # No store shows what is written of Secrets, so it is decided once, by who makes the Job.
        copies = ensure_copies(self.replication, self.view)
        return StepResult(under_lock=UnderLock(label, (*copies, Create(job, self.uid))))

    def _read_only(self, claim: Object) -> bool:
        return False


def _begins(step: StepResult) -> bool:
    """Return whether a step makes a copy or a Job."""
    return step.under_lock is not None or any(isinstance(action, Create) for action in step.actions)
