"""The state machine of a restic mover: prepare, run the Job, judge it, clean up.

One object serves one pass over one resource. What a source and a destination do differently is in the
subclasses `SourceWork` and `DestinationWork`: the volume, the Job's options, and what a success means.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from hashlib import sha256
from typing import Any

from volsync_py.api.spec import Replication
from volsync_py.api.view import UNREAD, Kind, Read, ReadKind, View
from volsync_py.core import names
from volsync_py.core.actions import Action, Create, Event, EventType, Object, Patch, Ref, delete
from volsync_py.core.labels import Annotation, Label
from volsync_py.core.owners import has_owner, is_controlled_by
from volsync_py.core.result import StepResult, Trouble
from volsync_py.movers.restic import objects as make
from volsync_py.movers.restic.attempts import failure, hold
from volsync_py.movers.restic.belongings import ensure_cache, missing_account
from volsync_py.movers.restic.environment import Variables
from volsync_py.movers.restic.job_state import JobState, Phase, delete_job, has_ended, job_state
from volsync_py.movers.restic.logfilter import status_logs
from volsync_py.movers.restic.outcome import info, is_terminal
from volsync_py.movers.restic.preflight import neighbour, obstacle, reads_for, repository_of
from volsync_py.movers.restic.run_record import RunRecord
from volsync_py.restic.report import Report
from volsync_py.restic.run import Deadlines, Grants, Run
from volsync_py.volumes.claims import is_block
from volsync_py.volumes.image import removal
from volsync_py.volumes.in_use import Placement, placement_beside
from volsync_py.volumes.point_in_time import in_the_way

# A Job that gets no pod is looked at again so often.
_PODLESS_SECONDS = 60.0


class ResticWork(ABC):
    """What the replication machine asks of a mover (see `core.replication.Work`)."""

    def __init__(self, replication: Replication, view: View) -> None:
        self.replication, self.view = replication, view
        self.spec = replication.restic
        self.owner = replication.object
        self.uid = replication.uid
        self.job_name = names.job_name(replication.role, replication.name)
        self.cache_name = names.cache_name(replication.role, replication.name)

    # ---- for the machine

    def in_flight(self) -> bool:
        """Tell whether the run has a Job."""
        return self._job() is not None

    def synchronize(self) -> StepResult:
        """Return the next step of the run."""
        job = self._job()
        if job is None:
            return self._start()
        if not is_controlled_by(job, self.uid):
            return StepResult(error=in_the_way(job))
        if job["metadata"].get("deletionTimestamp"):
            return StepResult()
        return self._judge(job)

    def remains(self) -> bool:
        """Tell whether something of the last run is still there."""
        return bool(self._leftovers()) or bool(self._job_pods())

    def cleanup(self, publishing: str | None) -> tuple[Action, ...]:
        """Return the removal of what runs left behind."""
        actions: list[Action] = []
        for obj in self._leftovers():
            if obj["kind"] == Kind.SNAPSHOT:
                gone = removal(self.owner, obj)
                actions += [gone] if gone else []
            elif not obj["metadata"].get("deletionTimestamp"):
                actions.append(delete_job(obj) if obj["kind"] == Kind.JOB else delete(obj))
        return tuple(actions)

    def _leftovers(self) -> list[Object]:
        kinds = (Kind.JOB, Kind.CLAIM, Kind.SNAPSHOT)
        return [
            o
            for kind in kinds
            for o in self.view.objects.of_kind(kind)
            if (o["metadata"].get("labels") or {}).get(Label.CLEANUP) == self.uid and has_owner(o, self.uid)
        ]

    # ---- what differs

    @abstractmethod
    def prepare(self) -> tuple[Object | None, StepResult]:
        """Return the claim to mount and the creations that go before the Job; None: not yet."""

    @abstractmethod
    def job_options(self, secret: Object, grants: Grants) -> tuple[list[str], Variables, RunRecord]:
        """Return arguments, environment and record of an attempt."""

    @abstractmethod
    def succeeded(self, state: JobState, record: RunRecord) -> StepResult:
        """Return what a finished Job means."""

    def named_claim(self, path: str, name: str) -> Object | Trouble:
        """Return a claim that the user names in the field `path`, if restic can work on it."""
        claim = self.view.objects.get(Kind.CLAIM, name)
        if claim is None:
            text = f"{path}: PersistentVolumeClaim {name!r} not found"
            return Trouble("Configuration", text, "create it, or correct the name")
        if is_block(claim):
            text = f"{path}: {name!r} is a block device, restic works on file systems"
            return Trouble("Configuration", text, "use a claim with volumeMode Filesystem")
        return claim

    # ---- the Job that is there

    def _job(self) -> Object | None:
        return self.view.objects.get(Kind.JOB, self.job_name)

    def _job_pods(self) -> list[Object]:
        pods = self.view.objects.of_kind(Kind.POD)
        return [p for p in pods if (p["metadata"].get("labels") or {}).get("job-name") == self.job_name]

    def _judge(self, job: Object) -> StepResult:
        state = job_state(job, self._job_pods(), self.view.now)
        if state.phase in (Phase.SUCCEEDED, Phase.FAILED) and state.report is None and state.pod is not None:
            name = state.pod["metadata"]["name"]
            if self.view.read(ReadKind.POD_LOG, name) is UNREAD:
                return StepResult(needs=(Read(ReadKind.POD_LOG, name),))
        if state.phase is Phase.SUCCEEDED:
            return self.succeeded(state, RunRecord.of(job))
        if state.phase is Phase.FAILED:
            return self.failed(job, state.error_class, state.message, state)
        return self._running(job, state)

    def _running(self, job: Object, state: JobState) -> StepResult:
        wanted = 0 if self.replication.paused else 1
        actions: tuple[Action, ...] = ()
        if job["spec"].get("parallelism") != wanted:
            actions = (Patch(Ref.of(job), {"spec": {"parallelism": wanted}}, job["metadata"]["uid"]),)
        message, delay = state.message, None
        if state.phase is Phase.PODLESS:
            events = self.view.read(ReadKind.FAILED_CREATE_EVENTS, self.job_name)
            if events is UNREAD:
                return StepResult(needs=(Read(ReadKind.FAILED_CREATE_EVENTS, self.job_name),))
            message, delay = (str(events[-1]) if events else message), _PODLESS_SECONDS
        if state.look_again_at is not None:
            delay = max((state.look_again_at - self.view.now).total_seconds(), 0.0) + 1.0
        trouble = None
        if state.error_class and not self.replication.paused:
            trouble = Trouble(state.error_class, message, info(state.error_class).next_step)
        return StepResult(actions=actions, unhealthy=trouble, requeue_after_seconds=delay)

    def failed(self, job: Object, error_class: str, message: str, state: JobState) -> StepResult:
        """Return the record of a failed attempt and the removal of its Job."""
        actions: list[Action] = [delete_job(job)]
        if is_terminal(error_class):
            actions += [a for a in self.cleanup(None) if a not in actions]
        attempt = failure(self.replication, self.view, job, error_class, message)
        if attempt is None:
            # Recorded already; only the removal was not carried out.
            return StepResult(actions=tuple(actions))
        status = {"attempt": attempt, "latestMoverStatus": self.mover_status(state, successful=False)}
        trouble = Trouble(error_class, message, info(error_class).next_step)
        event = Event(EventType.WARNING, error_class, "Synchronize", trouble.text)
        return StepResult(actions=(*actions, event), status=status, unhealthy=trouble, requeue_after_seconds=1.0)

    def mover_status(self, state: JobState, *, successful: bool) -> Object:
        """Return `latestMoverStatus`."""
        settings = self.view.settings
        if state.report is not None:
            log = state.report.log
        else:
            name = state.pod["metadata"]["name"] if state.pod else ""
            log = self.view.read(ReadKind.POD_LOG, name) if name else ""
        text = status_logs(
            str(log or ""), successful=successful, max_bytes=settings.log_max_bytes, debug=settings.log_debug
        )
        return {"result": "Successful" if successful else "Failed", "logs": text or None}

    # ---- making a Job

    def _start(self) -> StepResult:
        waiting = hold(self.replication, self.view)
        if waiting is not None:
            return waiting
        if self._job_pods():
            # The old pod must have ended: never two movers of one resource.
            return StepResult()
        if not self.view.may_begin:
            return StepResult(waiting=f"Waiting for a mover: at most {self.view.settings.max_movers} run at once")
        claim, before = self.prepare()
        if claim is None:
            return before
        needs = reads_for(self.replication, self.view, claim)
        if needs:
            return StepResult(needs=needs)
        trouble = obstacle(self.replication, self.view)
        if trouble is not None:
            return StepResult(error=trouble)
        cache = ensure_cache(self.replication, self.view, claim)
        if isinstance(cache, StepResult):
            return cache
        job = self._new_job(claim)
        if isinstance(job, StepResult):
            return job
        return StepResult(
            actions=(*before.actions, *cache, *missing_account(self.replication, self.view), Create(job, self.uid))
        )

    def _new_job(self, claim: Object) -> Object | StepResult:
        secret = self.view.read(ReadKind.SECRET, self.spec.repository)
        label = repository_of(self.view, secret)
        placement = Placement()
        pod = neighbour(self.view, claim) if self.spec.is_direct else None
        if pod is not None:
            node = self.view.read(ReadKind.NODE, pod["spec"]["nodeName"])
            beside = placement_beside(pod, node) if node is not None else None
            if beside is None:
                text = f"unable to find kubernetes.io/hostname label from node {pod['spec']['nodeName']!r}"
                return StepResult(error=Trouble("Configuration", text, "label the node"))
            placement = beside
        others = self.view.read(ReadKind.JOBS_OF_REPOSITORY, label) or []
        alone = all(map(has_ended, others))
        args, variables, record = self.job_options(secret, Grants(init=alone, prune=alone))
        settings = self.view.settings
        return make.job_object(
            make.JobPlan(
                owner=self.owner,
                name=self.job_name,
                args=tuple(args),
                image=settings.image,
                service_account=self.spec.service_account
                or names.account_name(self.replication.role, self.replication.name),
                variables=variables,
                data_claim=claim["metadata"]["name"],
                cache_claim=self.cache_name,
                # The same for each attempt of this resource, so that restic knows its own dead locks.
                hostname="m-" + sha256(self.uid.encode()).hexdigest()[:16],
                repository=label,
                record=record.to_json(),
                paused=self.replication.paused,
                read_only=self._read_only(claim),
                security_context=self.spec.security_context,
                resources=self.spec.resources,
                affinity=self.spec.affinity,
                pod_labels=self.spec.pod_labels,
                placement=placement,
                tolerations=self.spec.tolerations,
                custom_ca=self._ca(),
                mover_volumes=self.spec.mover_volumes,
            )
        )

    def _read_only(self, claim: Object) -> bool:
        return False

    def _ca(self) -> make.CertificateAuthority | None:
        ca = self.spec.custom_ca
        if not ca:
            return None
        secret = str(ca.get("secretName") or "")
        return make.CertificateAuthority(ca["key"], secret, "" if secret else str(ca.get("configMapName") or ""))

    def variables(self, secret: Object, document: Run, **more: Any) -> Variables:
        """Return the environment's variable part."""
        return Variables(
            secret_name=self.spec.repository,
            secret_keys=frozenset(secret.get("data") or {}),
            run=document.to_json(),
            proxies=self.view.settings.proxies,
            debug=Annotation.DEBUG_MOVER in (self.owner["metadata"].get("annotations") or {}),
            custom_ca=bool(self.spec.custom_ca),
            privileged=self.view.privileged,
            **more,
        )

    def deadlines(self) -> Deadlines:
        """Return the deadlines that the manager was told."""
        settings = self.view.settings
        return Deadlines(settings.contact_seconds, settings.retry_lock_seconds, settings.stall_seconds)

    def record(self, secret: Object, **more: Any) -> RunRecord:
        """Return the record of an attempt."""
        return RunRecord(
            run_now=self.replication.trigger.run_now,
            secret=str(secret["metadata"]["resourceVersion"]),
            generation=int(self.owner["metadata"].get("generation") or 0),
            **more,
        )


def unhealthy_step(report: Report | None, names_: tuple[str, ...]) -> Trouble | bool | None:
    """Return what retention, prune and check came to: a trouble, True, or None when none of them ran."""
    steps = [s for s in report.steps if s.name in names_] if report is not None else []
    for step in steps:
        if step.error_class:
            return Trouble(step.error_class, f"{step.name}: {step.message}", info(step.error_class).next_step)
    return True if steps else None
