"""`volsync-py restore`: what is asked, looked at and confirmed; `restoring.py` does it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click
from attrs import evolve, frozen

from volsync_py.commands import mounted_by, restore_objects
from volsync_py.commands.cluster import Cluster, connect, of_cluster
from volsync_py.commands.mounted_by import Mounts
from volsync_py.commands.refused import sentence
from volsync_py.commands.restore_objects import Undo
from volsync_py.commands.restore_plan import Plan
from volsync_py.commands.restore_point import Point, point
from volsync_py.commands.restoring import restoring
from volsync_py.commands.shown import as_document
from volsync_py.commands.waiting import seconds_of
from volsync_py.core.labels import RESTORE_DONE, Label
from volsync_py.core.objects import Object, labels_of, status_of
from volsync_py.core.quantity import parse_quantity
from volsync_py.kube.errors import ApiError, KubeError
from volsync_py.kube.resources import (
    PVCS,
    REPLICATION_DESTINATIONS,
    REPLICATION_SOURCES,
    SNAPSHOT_CLASSES,
    VOLUME_SNAPSHOTS,
)


@frozen
class Asked:
    """What was typed, besides which snapshot."""

    name: str
    to: str
    in_place: bool
    include: Sequence[str]
    delete: bool | None
    scale_down: bool
    snapshots: bool
    size: str
    storage_class: str
    keep_destination: bool


@click.command
@click.argument("name")
@click.option("--at", metavar="TIME", default="", help="As it was then: the newest snapshot made by that time.")
@click.option("--snapshot", metavar="ID", default="", help="This snapshot: its id, or the beginning of it.")
@click.option("--previous", metavar="N", type=click.IntRange(0), help="So many before the newest one.")
@click.option("--to", metavar="CLAIM", default="", help="Into this claim, which is made if there is none.")
@click.option("--in-place", is_flag=True, help="Into the claim that is backed up.")
@click.option("--include", metavar="PATTERN", multiple=True, help="Only what matches, such as /etc/app.conf.")
@click.option("--delete/--no-delete", default=None, help="Remove what the snapshot lacks; in place that is the rule.")
@click.option("--scale-down", is_flag=True, help="Take what mounts the claim to 0, and back afterwards.")
@click.option("--no-snapshot", is_flag=True, help="Restore in place without a VolumeSnapshot as the undo.")
@click.option("--size", metavar="QUANTITY", default="", help="Of a claim that is made; else as the one backed up.")
@click.option("--storage-class", metavar="CLASS", default="", help="Of a claim that is made.")
@click.option("--keep-destination", is_flag=True, help="Leave the ReplicationDestination when it has ended well.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and end.")
@click.option("-o", "--output", type=click.Choice(["json", "yaml"]), help="With --dry-run: the objects.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--wait/--no-wait", default=True, help="Wait for the end; in place that is the rule.")
@click.option("--timeout", default="", help="How long to wait at most, such as 30m; for ever if nothing is said.")
@of_cluster
def restore(
    at: str,
    snapshot: str,
    previous: int | None,
    no_snapshot: bool,
    dry_run: bool,
    output: str | None,
    yes: bool,
    wait: bool,
    timeout: str,
    namespace: str | None,
    context: str | None,
    kubeconfig: str | None,
    **asked: Any,
) -> int:
    """Bring the backup of the source NAME back: into a new claim, or where --to or --in-place say.

    It tells what it will do, asks once, and ends with what came back and how to undo it.
    """
    wanted = Asked(snapshots=not no_snapshot, **asked)
    seconds = _sensible(wanted, output, dry_run=dry_run, wait=wait, timeout=timeout)
    cluster = connect(kubeconfig, context, namespace)
    source = _source(cluster, wanted.name)
    now = datetime.now(UTC) + cluster.client.server_offset()
    try:
        which = point(at, snapshot, previous, now)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    plan = _planned(cluster, source, which, wanted, now, _where(cluster, context, kubeconfig))
    if plan.existing is not None and not wait:
        raise click.UsageError("a claim that is there has to be waited for: what is stopped for it is started again")
    if dry_run:
        return _shown(plan, now, output)
    if plan.refusal():
        raise click.ClickException(plan.refusal())
    _check(cluster, plan)
    click.echo("\n".join(plan.lines(now)))
    _confirm(yes=yes)
    return restoring(cluster, plan, seconds, wait=wait)


def _sensible(asked: Asked, output: str | None, *, dry_run: bool, wait: bool, timeout: str) -> float | None:
    """Return the time limit; UsageError says what does not go together."""
    if asked.to and asked.in_place:
        raise click.UsageError("--in-place restores into the claim that is backed up: leave --to out")
    if asked.in_place and not wait:
        raise click.UsageError("--in-place has to be waited for: what was stopped for it is started again at its end")
    if output and not dry_run:
        raise click.UsageError("-o shows the objects of --dry-run")
    if asked.include and asked.delete:
        raise click.UsageError("--include restores a part, and a part removes nothing: leave --delete out")
    if asked.size:
        try:
            parse_quantity(asked.size)
        except ValueError as error:
            raise click.UsageError(f"--size: {error}") from None
    return seconds_of(timeout)


def _source(cluster: Cluster, name: str) -> Object:
    found = cluster.has(REPLICATION_SOURCES, name)
    if found is None:
        raise click.ClickException(
            f"there is no source called {name} in the namespace {cluster.namespace}; "
            "volsync-py status --all -A shows all there are"
        )
    if not isinstance((found.get("spec") or {}).get("restic"), dict):
        raise click.ClickException(f"the source {name} is not backed up with restic (spec.restic)")
    return found


def _planned(cluster: Cluster, source: Object, which: Point, asked: Asked, now: datetime, where: str) -> Plan:
    """Return what is to be done, after a look at what is there."""
    own = str((source.get("spec") or {}).get("sourcePVC") or "")
    claim = own if asked.in_place else asked.to or restore_objects.stamped(own or asked.name, "restored", now)
    existing = cluster.has(PVCS, claim) if asked.in_place or asked.to else None
    made = None
    if existing is None:
        if asked.in_place:
            raise click.ClickException(f"there is no claim {claim} to restore into; --to {claim} makes it")
        like = existing if claim == own else cluster.has(PVCS, own)
        made = restore_objects.new_claim(claim, cluster.namespace, source, like, asked.size, asked.storage_class)
        if made is None:
            raise click.UsageError(f"the claim {own} is gone, so nobody knows how large the new one is: give --size")
    deletes = asked.delete if asked.delete is not None else asked.in_place and not asked.include
    name = restore_objects.stamped(asked.name, "restore", now)
    wanted = restore_objects.destination(name, cluster.namespace, source, claim, which, asked.include, deletes=deletes)
    begun = _begun(cluster, wanted, claim)
    plan = Plan(
        source,
        begun or wanted,
        which,
        claim,
        where,
        existing=existing,
        made=made,
        include=asked.include,
        deletes=deletes,
        scales=asked.scale_down,
        goes_on=begun is not None,
        keeps_destination=asked.keep_destination,
    )
    return plan if existing is None else _guarded(cluster, plan, existing, source, snapshots=asked.snapshots)


def _guarded(cluster: Cluster, plan: Plan, existing: Object, source: Object, *, snapshots: bool) -> Plan:
    """Return the plan with what has to be kept away from a claim that is there."""
    sources = [
        one
        for one in cluster.client.list_all(REPLICATION_SOURCES, cluster.namespace)
        if (one.get("spec") or {}).get("sourcePVC") == plan.claim
    ]
    mounts: Mounts = mounted_by.look(cluster, plan.claim)
    return evolve(plan, sources=sources, mounts=mounts, undo=_undo(cluster, existing, source, snapshots=snapshots))


def _undo(cluster: Cluster, claim: Object, source: Object, *, snapshots: bool) -> Undo:
    if not snapshots:
        return Undo(False, why="--no-snapshot leaves it out")
    if status_of(claim).get("phase") != "Bound":
        return Undo(False, why="not needed: the claim has no volume yet", wanted=False)
    classes: Sequence[Object] | KubeError
    try:
        classes = cluster.client.list_all(SNAPSHOT_CLASSES)
    except KubeError as error:
        classes = error
    wanted = str(((source.get("spec") or {}).get("restic") or {}).get("volumeSnapshotClassName") or "")
    found = restore_objects.undo_of(claim, classes, wanted)
    if found.can:
        tried = restore_objects.undo_snapshot("tried", cluster.namespace, claim["metadata"]["name"], found)
        try:
            cluster.client.create(VOLUME_SNAPSHOTS, tried, dry_run=True)
        except ApiError as error:
            return Undo(False, why=sentence(error))
    return found


def _begun(cluster: Cluster, wanted: Object, claim: str) -> Object | None:
    """Return the destination of an earlier command that restores the same; another one into the claim is refused."""
    for one in cluster.client.list_all(REPLICATION_DESTINATIONS, cluster.namespace, label_selector=str(Label.RESTORE)):
        if labels_of(one).get(Label.RESTORE) == RESTORE_DONE:
            continue
        if ((one.get("spec") or {}).get("restic") or {}).get("destinationPVC") != claim:
            continue
        if restore_objects.same_restore(one, wanted):
            found: Object = one
            return found
        name = one["metadata"]["name"]
        raise click.ClickException(
            f"another restore into the claim {claim} was begun and has not ended: {name} (volsync-py status {name}); "
            f"ask for the same again to go on with it, or end it: kubectl -n {cluster.namespace} delete "
            f"replicationdestination {name}"
        )
    return None


def _shown(plan: Plan, now: datetime, output: str | None) -> int:
    """Print the plan, or the objects; return the exit code."""
    objects = [plan.destination] if plan.made is None else [plan.made, plan.destination]
    if output:
        click.echo(as_document({"apiVersion": "v1", "kind": "List", "items": objects}, output))
    click.echo("\n".join(plan.lines(now)), err=output is not None)
    if plan.refusal():
        click.echo(f"it would be refused: {plan.refusal()}", err=True)
    return int(bool(plan.refusal()))


def _check(cluster: Cluster, plan: Plan) -> None:
    """Find out what the API server would refuse, rights and quotas included, before anybody is asked."""
    if plan.made is not None:
        cluster.client.create(PVCS, plan.made, dry_run=True)
    if not plan.goes_on:
        cluster.client.create(REPLICATION_DESTINATIONS, plan.destination, dry_run=True)


def _confirm(*, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("nobody can be asked here, because standard input is no terminal: --yes says yes")
    if not click.confirm("go on?", err=True):
        raise click.ClickException("nothing was done")


def _where(cluster: Cluster, context: str | None, kubeconfig: str | None) -> str:
    words = ["-n", cluster.namespace]
    for option, value in (("--context", context), ("--kubeconfig", kubeconfig)):
        words += [option, value] if value else []
    return shlex.join(words)
