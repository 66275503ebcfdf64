"""What is there for a restore: the source, the claim and who mounts it, an earlier command, what would be refused."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime

import click
from attrs import evolve, frozen

from volsync_py.commands import mounted_by, restore_objects
from volsync_py.commands.cluster import Cluster
from volsync_py.commands.mounted_by import Mounts
from volsync_py.commands.refused import sentence
from volsync_py.commands.restore_objects import Undo
from volsync_py.commands.restore_plan import Plan
from volsync_py.commands.restore_point import Point
from volsync_py.core.labels import RESTORE_DONE, Label
from volsync_py.core.objects import Object, labels_of, status_of
from volsync_py.kube.errors import Forbidden, Invalid, KubeError, NotFound
from volsync_py.kube.resources import (
    PVCS,
    REPLICATION_DESTINATIONS,
    REPLICATION_SOURCES,
    SNAPSHOT_CLASSES,
    VOLUME_SNAPSHOTS,
)

# A name has 253 characters.
_LONGEST_TRIED = 200


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


def source_called(cluster: Cluster, name: str) -> Object:
    """Return the source; a click exception says why there is none."""
    found = cluster.has(REPLICATION_SOURCES, name)
    if found is None:
        raise click.ClickException(
            f"there is no source called {name} in the namespace {cluster.namespace}; "
            "volsync-py status --all -A shows all there are"
        )
    if not isinstance((found.get("spec") or {}).get("restic"), dict):
        raise click.ClickException(f"the source {name} is not backed up with restic (spec.restic)")
    return found


def planned(cluster: Cluster, source: Object, which: Point, asked: Asked, now: datetime, where: str) -> Plan:
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
        called = f"{claim['metadata']['name'][:_LONGEST_TRIED]}-tried-{secrets.token_hex(4)}"
        tried = restore_objects.undo_snapshot(called, cluster.namespace, claim["metadata"]["name"], found)
        try:
            cluster.client.create(VOLUME_SNAPSHOTS, tried, dry_run=True)
        except (Forbidden, Invalid, NotFound) as error:
            # Not what passes by itself: nothing is restored without an undo because of a hiccup.
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


def check(cluster: Cluster, plan: Plan) -> None:
    """Find out what the API server would refuse, rights and quotas included, before anybody is asked."""
    if plan.made is not None:
        cluster.client.create(PVCS, plan.made, dry_run=True)
    if not plan.goes_on:
        cluster.client.create(REPLICATION_DESTINATIONS, plan.destination, dry_run=True)
