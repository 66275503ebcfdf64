"""The state machine of a restic mover: prepare, run the Job, judge it, clean up.

One object serves one pass over one resource. What a source and a destination do differently is in the
subclasses `SourceWork` and `DestinationWork`: the volume, the Job's options, and what a success means.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from volsync_py.api.spec import Replication
from volsync_py.api.view import UNREAD, Kind, Read, ReadKind, View
from volsync_py.core import names
from volsync_py.core.actions import Action, Create, Event, EventType, Object, Patch, Propagation, Ref, delete
from volsync_py.core.labels import Annotation, Label
from volsync_py.core.owners import has_owner, is_controlled_by
from volsync_py.core.quantity import parse_quantity
from volsync_py.core.result import StepResult, Trouble
from volsync_py.core.times import format_rfc3339, parse_rfc3339
from volsync_py.movers.restic import objects as make
from volsync_py.movers.restic.environment import Variables
from volsync_py.movers.restic.job_state import JobState, Phase, job_state
from volsync_py.movers.restic.logfilter import status_logs
from volsync_py.movers.restic.outcome import info, is_terminal, next_attempt
from volsync_py.movers.restic.repository import check_secret, decoded, repository_label
from volsync_py.movers.restic.run_record import RunRecord
from volsync_py.restic.report import Report
from volsync_py.restic.run import Deadlines, Grants, Run
from volsync_py.volumes.claims import claim_object, is_block, requested
from volsync_py.volumes.image import removal
from volsync_py.volumes.in_use import Placement, placement_beside, pod_using, shared_by_nodes
from volsync_py.volumes.point_in_time import in_the_way

DEFAULT_CACHE_SIZE = "1Gi"
# How often the Secret is looked at while only a change of it can help: every minute for ten, then every five.
_POLL = timedelta(minutes=1)
_POLL_SLOW = timedelta(minutes=5)
_POLL_SLOW_AFTER = timedelta(minutes=10)
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
                how = Propagation.FOREGROUND if obj["kind"] == Kind.JOB else Propagation.BACKGROUND
                actions.append(delete(obj, how))
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
        attempt = self.replication.status.get("attempt") or {}
        when = format_rfc3339(_ended_at(job, self.view.now))
        actions: list[Action] = [delete(job, Propagation.FOREGROUND)]
        if is_terminal(error_class):
            actions += [a for a in self.cleanup(None) if a not in actions]
        if attempt.get("lastFailureTime") == when:
            # Recorded already; only the removal was not carried out.
            return StepResult(actions=tuple(actions))
        count = int(attempt.get("count") or 0) + 1
        slot = self.replication.trigger.slot_after(self.view.now)
        settings = self.view.settings
        retry = next_attempt(
            error_class,
            count,
            self.view.now,
            uid=self.uid,
            next_slot=slot,
            first=settings.retry_first,
            longest=settings.retry_longest,
        )
        record = RunRecord.of(job)
        status = {
            "attempt": {
                "count": count,
                "lastError": {"class": error_class, "message": message[:500]},
                "lastFailureTime": when,
                "nextAttemptTime": format_rfc3339(retry) if retry else None,
                "observedGeneration": record.generation or int(self.owner["metadata"].get("generation") or 0),
                "secretVersion": record.secret,
                "runNow": record.run_now,
            },
            "latestMoverStatus": self.mover_status(state, successful=False),
        }
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
        waiting = self._hold()
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
        needs = self._needs(claim)
        if needs:
            return StepResult(needs=needs)
        trouble = self._check(claim)
        if trouble is not None:
            return StepResult(error=trouble)
        if isinstance(made := self._account(), Trouble):
            return StepResult(error=made)
        cache = self._cache(claim)
        if isinstance(cache, StepResult):
            return cache
        job = self._new_job(claim)
        if isinstance(job, StepResult):
            return job
        return StepResult(actions=(*before.actions, *cache, *made, Create(job, self.uid)))

    def _hold(self) -> StepResult | None:
        """Return what to wait for after a failed attempt, or None if it is time."""
        attempt = self.replication.status.get("attempt") or {}
        error_class = str((attempt.get("lastError") or {}).get("class") or "")
        if not error_class:
            return None
        now = self.view.now
        if attempt.get("observedGeneration") != self.owner["metadata"].get("generation"):
            return None
        if self.replication.trigger.run_now not in (
            "",
            attempt.get("runNow"),
            self.replication.status.get("lastRunNow"),
        ):
            return None
        due = parse_rfc3339(attempt["nextAttemptTime"]) if attempt.get("nextAttemptTime") else None
        if due is not None and now >= due:
            return None
        trouble = Trouble(error_class, str(attempt["lastError"].get("message") or ""), info(error_class).next_step)
        wait = None if due is None else (due - now).total_seconds() + 0.1
        if not is_terminal(error_class):
            return StepResult(unhealthy=trouble, requeue_after_seconds=wait)
        secret = self.view.read(ReadKind.SECRET, self.spec.repository)
        if secret is UNREAD:
            return StepResult(needs=(Read(ReadKind.SECRET, self.spec.repository),))
        if secret is not None and secret["metadata"]["resourceVersion"] != attempt.get("secretVersion"):
            return None
        since = parse_rfc3339(attempt["lastFailureTime"])
        poll = (_POLL_SLOW if now - since > _POLL_SLOW_AFTER else _POLL).total_seconds()
        return StepResult(unhealthy=trouble, requeue_after_seconds=poll if wait is None else min(wait, poll))

    def _needs(self, claim: Object) -> tuple[Read, ...]:
        wanted = [Read(ReadKind.SECRET, self.spec.repository)]
        ca = self.spec.custom_ca
        if ca:
            kind = ReadKind.SECRET if ca.get("secretName") else ReadKind.CONFIG_MAP
            wanted.append(Read(kind, ca.get("secretName") or ca["configMapName"]))
        if self.spec.service_account:
            wanted.append(Read(ReadKind.SERVICE_ACCOUNT, self.spec.service_account))
        if self._is_direct() and not shared_by_nodes(claim):
            wanted.append(Read(ReadKind.PODS))
        missing = tuple(read for read in wanted if read not in self.view.reads)
        if missing:
            return missing
        later: list[Read] = []
        pod = self._neighbour(claim)
        if pod is not None:
            later.append(Read(ReadKind.NODE, pod["spec"]["nodeName"]))
        secret = self.view.read(ReadKind.SECRET, self.spec.repository)
        if check_secret(self.spec.repository, secret) is None:
            later.append(Read(ReadKind.JOBS_OF_REPOSITORY, self._repository(secret)))
        return tuple(read for read in later if read not in self.view.reads)

    def _is_direct(self) -> bool:
        return self.spec.copy_method in ("Direct", "None")

    def _neighbour(self, claim: Object) -> Object | None:
        pods = self.view.read(ReadKind.PODS)
        return None if pods is UNREAD else pod_using(claim["metadata"]["name"], pods)

    def _repository(self, secret: Object) -> str:
        return repository_label(self.view.settings.cluster_id, decoded(secret, "RESTIC_REPOSITORY"))

    def _check(self, claim: Object) -> Trouble | None:
        """Return what keeps the mover from being started at all."""
        secret = self.view.read(ReadKind.SECRET, self.spec.repository)
        trouble = check_secret(self.spec.repository, secret) or self._check_ca()
        if trouble is not None:
            return trouble
        for volume in self.spec.mover_volumes:
            name = ((volume.get("volumeSource") or {}).get("persistentVolumeClaim") or {}).get("claimName")
            if name and self.view.objects.get(Kind.CLAIM, name) is None:
                text = f"spec.restic.moverVolumes: PersistentVolumeClaim {name!r} not found"
                return Trouble("Configuration", text, "create it in this namespace")
        return self._check_pod_security()

    def _check_ca(self) -> Trouble | None:
        ca = self.spec.custom_ca
        if not ca:
            return None
        secret = bool(ca.get("secretName"))
        name = ca.get("secretName") or ca["configMapName"]
        found = self.view.read(ReadKind.SECRET if secret else ReadKind.CONFIG_MAP, name)
        word = "secret" if secret else "configmap"
        if found is None:
            return Trouble("Configuration", f"spec.restic.customCA: {word} {name!r} not found", "create it")
        if ca["key"] not in (found.get("data") or {}):
            text = f"spec.restic.customCA: {word} is missing field: {ca['key']}"
            return Trouble("Configuration", text, f"add the certificate to {name!r}")
        return None

    def _check_pod_security(self) -> Trouble | None:
        if self.view.namespace_labels.get("pod-security.kubernetes.io/enforce") != "restricted":
            return None
        context = self.spec.security_context or {}
        if context.get("runAsNonRoot") is True and context.get("runAsUser") != 0 and not self.view.privileged:
            return None
        return Trouble(
            "PodRejected",
            "the namespace enforces Pod Security 'restricted', and nothing makes the mover run as non-root",
            "set spec.restic.moverSecurityContext: {runAsNonRoot: true, runAsUser: 1000, fsGroup: 1000}",
        )

    def _account(self) -> tuple[Create, ...] | Trouble:
        if self.spec.service_account:
            if self.view.read(ReadKind.SERVICE_ACCOUNT, self.spec.service_account) is None:
                text = f"spec.restic.moverServiceAccount: ServiceAccount {self.spec.service_account!r} not found"
                return Trouble("Configuration", text, "create it in this namespace")
            return ()
        name = names.account_name(self.replication.role, self.replication.name)
        wanted = [(Kind.SERVICE_ACCOUNT, make.service_account_object(self.owner, name))]
        settings = self.view.settings
        if settings.has_scc:
            role = make.role_object(self.owner, name, scc_name=settings.scc_name, privileged=self.view.privileged)
            wanted += [(Kind.ROLE, role), (Kind.ROLE_BINDING, make.role_binding_object(self.owner, name))]
        objects = self.view.objects
        return tuple(Create(obj, self.uid) for kind, obj in wanted if objects.get(kind, name) is None)

    def _cache(self, data: Object) -> tuple[Action, ...] | StepResult:
        actions: list[Action] = []
        obsolete = self.view.objects.get(Kind.CLAIM, names.obsolete_cache_name(self.replication.name))
        if obsolete is not None and has_owner(obsolete, self.uid) and not obsolete["metadata"].get("deletionTimestamp"):
            actions.append(delete(obsolete))
        size = self.spec.cache_capacity or DEFAULT_CACHE_SIZE
        existing = self.view.objects.get(Kind.CLAIM, self.cache_name)
        if existing is None:
            modes = self.spec.cache_access_modes or self.spec.access_modes or data["spec"].get("accessModes") or ()
            # Differs from VolSync: the class of the data volume comes before the cluster's default.
            storage = self.spec.cache_storage_class or self.spec.storage_class or data["spec"].get("storageClassName")
            wanted = claim_object(
                self.owner,
                self.cache_name,
                size=size,
                access_modes=list(modes),
                storage_class=storage,
                temporary=self.spec.cleanup_cache_claim,
            )
            return (*actions, Create(wanted, self.uid, created_claim(wanted, "to receive incoming data")))
        if not is_controlled_by(existing, self.uid):
            return StepResult(error=in_the_way(existing))
        if existing["metadata"].get("deletionTimestamp"):
            return StepResult()
        return (*actions, *grown(existing, size))

    def _new_job(self, claim: Object) -> Object | StepResult:
        secret = self.view.read(ReadKind.SECRET, self.spec.repository)
        label = self._repository(secret)
        placement = Placement()
        pod = self._neighbour(claim) if self._is_direct() else None
        if pod is not None:
            node = self.view.read(ReadKind.NODE, pod["spec"]["nodeName"])
            beside = placement_beside(pod, node) if node is not None else None
            if beside is None:
                text = f"unable to find kubernetes.io/hostname label from node {pod['spec']['nodeName']!r}"
                return StepResult(error=Trouble("Configuration", text, "label the node"))
            placement = beside
        others = self.view.read(ReadKind.JOBS_OF_REPOSITORY, label) or []
        alone = not any(map(_is_live, others))
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


def _ended_at(job: Object, now: datetime) -> datetime:
    conditions = (job.get("status") or {}).get("conditions") or []
    times = [c["lastTransitionTime"] for c in conditions if c.get("status") == "True" and c.get("lastTransitionTime")]
    return parse_rfc3339(max(times)) if times else now


def _is_live(job: Object) -> bool:
    conditions = (job.get("status") or {}).get("conditions") or []
    return not any(c["type"] in ("Complete", "Failed") and c["status"] == "True" for c in conditions)


def created_claim(claim: Object, purpose: str) -> Event:
    """Return the event of a new claim."""
    note = f"created PersistentVolumeClaim/{claim['metadata']['name']} {purpose}"
    return Event(EventType.NORMAL, "PersistentVolumeClaimCreated", "CreatePersistentVolumeClaim", note, Ref.of(claim))


def grown(claim: Object, size: Any) -> tuple[Patch, ...]:
    """Return the request for more space; less is impossible and not asked for."""
    now = requested(claim)
    if now is not None and parse_quantity(size) <= parse_quantity(now):
        return ()
    changes = {"spec": {"resources": {"requests": {"storage": size}}}}
    return (Patch(Ref.of(claim), changes, claim["metadata"]["uid"]),)


def unhealthy_step(report: Report | None, names_: tuple[str, ...]) -> Trouble | bool | None:
    """Return what retention, prune and check came to: a trouble, True, or None when none of them ran."""
    steps = [s for s in report.steps if s.name in names_] if report is not None else []
    for step in steps:
        if step.error_class:
            return Trouble(step.error_class, f"{step.name}: {step.message}", info(step.error_class).next_step)
    return True if steps else None
