"""What a command needs to know to make a Job of its own: the resource, the image, the account. Asks the API server."""

from __future__ import annotations

import secrets
from datetime import UTC
from typing import Any

import click
from attrs import frozen

from volsync_py.api.spec import Replication, parse
from volsync_py.commands.common.chosen import called, none_called
from volsync_py.commands.common.cluster import Cluster
from volsync_py.core.labels import Annotation
from volsync_py.core.names import account_name, job_name
from volsync_py.core.objects import Object, annotations_of
from volsync_py.health.words import plain
from volsync_py.kube.errors import Forbidden
from volsync_py.kube.resources import JOBS, NAMESPACES, SERVICE_ACCOUNTS, Resource
from volsync_py.movers.restic.question_job import Asked
from volsync_py.movers.restic.run_record import RunRecord

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


@frozen
class Basis:
    """What a Job is made of."""

    replication: Replication
    image: str
    service_account: str
    privileged: bool
    proxies: tuple[tuple[str, str], ...]

    def asked(self, **more: Any) -> Asked:
        """Return what is decided about a Job, with a new name."""
        return Asked(
            image=self.image,
            suffix=secrets.token_hex(3),
            service_account=self.service_account,
            privileged=self.privileged,
            proxies=self.proxies,
            **more,
        )


def replication_called(cluster: Cluster, name: str) -> Replication:
    """Return the source or destination of that name; a click exception says why its repository cannot be asked."""
    obj = next(called(cluster, name), None)
    if obj is None:
        raise none_called(cluster, name)
    replication = parse(obj, UTC)
    trouble = replication.trouble
    if not replication.restic.repository:
        why = f": {trouble.message}; {trouble.next_step}" if trouble is not None else ""
        raise click.ClickException(f"{name} names no repository of restic's{plain(why)}")
    return replication


def basis_for(cluster: Cluster, replication: Replication, image: str) -> Basis:
    """Find out what a Job of a command is to be like."""
    mover = _mover_job(cluster, replication)
    return Basis(
        replication,
        image or _image(cluster, replication, mover),
        _account(cluster, replication),
        _is_privileged(cluster, replication),
        _proxies(mover),
    )


def _mover_job(cluster: Cluster, replication: Replication) -> Object | None:
    """Return the Job of the resource's mover, if it is one of this operator's."""
    job = _found(cluster, JOBS, job_name(replication.role, replication.name))
    return job if job is not None and RunRecord.of(job).is_ours else None


def _image(cluster: Cluster, replication: Replication, mover: Object | None) -> str:
    if mover is not None:
        return RunRecord.of(mover).image
    restic = replication.status.get("restic")
    known = restic.get("moverImage") if isinstance(restic, dict) else None
    if isinstance(known, str) and known:
        return known
    raise click.ClickException(
        f"nothing says which image the movers of {replication.name} have, because none has ended well yet: "
        "name the operator's with --image"
    )


def _account(cluster: Cluster, replication: Replication) -> str:
    """Return the account that the resource's movers run as, "" if it is not there: then the namespace's own."""
    named = replication.restic.service_account
    if named:
        return named
    name = account_name(replication.role, replication.name)
    return name if _found(cluster, SERVICE_ACCOUNTS, name) is not None else ""


def _is_privileged(cluster: Cluster, replication: Replication) -> bool:
    """Return whether the movers that made a repository on a volume may have been root."""
    if not replication.restic.mover_volumes:
        return False
    try:
        namespace = cluster.client.get(NAMESPACES, cluster.namespace)
    except Forbidden:
        return False
    return annotations_of(namespace).get(Annotation.PRIVILEGED_MOVERS) == "true"


def _proxies(mover: Object | None) -> tuple[tuple[str, str], ...]:
    """Return the proxies that the manager gives its movers."""
    if mover is None:
        return ()
    env = mover["spec"]["template"]["spec"]["containers"][0].get("env") or []
    return tuple((one["name"], one["value"]) for one in env if one["name"].upper() in _PROXIES and one.get("value"))


def _found(cluster: Cluster, resource: Resource, name: str) -> Object | None:
    try:
        return cluster.has(resource, name)
    except Forbidden:
        return None
