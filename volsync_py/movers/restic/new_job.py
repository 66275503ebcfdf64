"""One attempt, decided: its Job, and the record of what was decided."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from volsync_py.api.spec import Replication
from volsync_py.contract.run_document import Deadlines, Grants, Run
from volsync_py.core import names
from volsync_py.core.labels import Annotation
from volsync_py.core.objects import Object, annotations_of
from volsync_py.core.view import ReadKind, View
from volsync_py.movers.restic import objects as make
from volsync_py.movers.restic.job_environment import Variables
from volsync_py.movers.restic.lock_holder import host_name
from volsync_py.movers.restic.preflight import certificate_authority, wants_a_mount
from volsync_py.movers.restic.run_record import RunRecord
from volsync_py.volumes.in_use import Placement


def plan_for(
    replication: Replication,
    view: View,
    claim: Object,
    options: tuple[list[str], Variables, RunRecord],
    *,
    hostname: str,
    placement: Placement,
) -> make.JobPlan:
    """Return the plan of a Job; `options` are its arguments, the variable part of its environment, and its record."""
    args, variables, record = options
    spec, role = replication.restic, replication.role
    return make.JobPlan(
        owner=replication.object,
        name=names.job_name(role, replication.name),
        args=tuple(args),
        image=view.settings.image,
        service_account=spec.service_account or names.account_name(role, replication.name),
        variables=variables,
        data_claim=claim["metadata"]["name"],
        cache_claim=names.cache_name(role, replication.name),
        hostname=hostname,
        repository="",
        record=evolve(record, image=view.settings.image).to_json(),
        paused=replication.paused,
        security_context=spec.security_context,
        resources=spec.resources,
        affinity=spec.affinity,
        pod_labels=spec.pod_labels,
        placement=placement,
        tolerations=spec.tolerations,
        custom_ca=certificate_authority(replication, view),
        mover_volumes=spec.mover_volumes,
    )


def job_for(
    replication: Replication,
    view: View,
    claim: Object,
    options: tuple[list[str], Variables, RunRecord],
    *,
    repository: str,
    placement: Placement,
    read_only: bool,
) -> Object:
    """Return the Job of an attempt; `options` as in `plan_for`."""
    hostname = host_name(replication, view, view.read(ReadKind.JOBS_OF_REPOSITORY, repository))
    plan = plan_for(replication, view, claim, options, hostname=hostname, placement=placement)
    return make.job_object(evolve(plan, repository=repository, read_only=read_only))


def variables_for(replication: Replication, view: View, secret: Object, document: Run, **more: Any) -> Variables:
    """Return the environment's variable part."""
    document = evolve(document, repository_on_volume=wants_a_mount(replication, secret))
    return Variables(
        secret_name=replication.restic.repository,
        secret_keys=frozenset(secret.get("data") or {}),
        run=document.to_json(),
        proxies=view.settings.proxies,
        debug=Annotation.DEBUG_MOVER in annotations_of(replication.object),
        custom_ca=bool(replication.restic.custom_ca),
        privileged=view.privileged,
        **more,
    )


def deadlines_for(view: View) -> Deadlines:
    """Return the deadlines that the manager was told."""
    settings = view.settings
    return Deadlines(settings.contact_seconds, settings.retry_lock_seconds, settings.stall_seconds)


def record_of(replication: Replication, secret: Object, grants: Grants, **more: Any) -> RunRecord:
    """Return the record of an attempt."""
    return RunRecord(
        run_now=replication.trigger.run_now,
        secret=str(secret["metadata"]["resourceVersion"]),
        generation=replication.generation,
        manual=replication.trigger.manual,
        copy_method=replication.restic.copy_method,
        granted=grants.init,
        **more,
    )
