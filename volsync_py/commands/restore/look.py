"""What is there for a restore: the source, the claim and who mounts it, an earlier command, what would be refused."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime

import click
from attrs import evolve, frozen

from volsync_py.commands.common.cluster import Cluster
from volsync_py.commands.common.refused import sentence
from volsync_py.commands.restore import mounted_by, objects
from volsync_py.commands.restore.lacking import lacking
from volsync_py.commands.restore.mounted_by import Mounts
from volsync_py.commands.restore.objects import Undo
from volsync_py.commands.restore.own_destination import is_begun
from volsync_py.commands.restore.plan import Plan
from volsync_py.commands.restore.point import Point, newest_of
from volsync_py.core.labels import RESTORE_DONE, Annotation, Label
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
    claim = own if asked.in_place else asked.to or objects.stamped(own or asked.name, "restored", now)
    existing = cluster.has(PVCS, claim) if asked.in_place or asked.to else None
    made = None
    if existing is None:
        if asked.in_place:
            raise click.ClickException(f"there is no claim {claim} to restore into; --to {claim} makes it")
        like = existing if claim == own else cluster.has(PVCS, own)
        made = objects.new_claim(claim, cluster.namespace, source, like, asked.size, asked.storage_class)
        if made is None:
            raise click.UsageError(f"the claim {own} is gone, so nobody knows how large the new one is: give --size")
    which = which.pinned(status_of(source), now)
    found = _open(cluster, claim)
    # What an earlier command has begun with the newest snapshot, it goes on with.
    begun = newest_of(found) if found is not None and which.newest and objects.is_of_newest(found) else which
    deletes, lacks = _deletion(asked, source, begun)
    half = _half_restored(cluster, existing)

    def built(name: str, which: Point) -> Object:
        namespace = cluster.namespace
        return objects.destination(name, namespace, source, claim, which, asked.include, deletes=deletes)

    # Under the name of the one that left the claim half restored: its undo is the undo, and what it stopped is known.
    wanted = built(half or objects.stamped(asked.name, "restore", now), which)
    same = found is not None and objects.same_restore(found, wanted)
    if found is not None and same:
        # With today's settings, which may be better than those it failed with.
        which = newest_of(found) if which.newest else which
        wanted = built(str(found["metadata"]["name"]), which)
    plan = Plan(
        source,
        found if found is not None and not same else wanted,
        which,
        claim,
        where,
        existing=existing,
        made=made,
        include=asked.include,
        deletes=deletes,
        lacks=lacks,
        scales=asked.scale_down,
        found=found,
        begun=bool(half) or (found is not None and is_begun(found)),
        named=asked.in_place or bool(asked.to),
        keeps_destination=asked.keep_destination,
    )
    plan = _guarded(cluster, plan, source, snapshots=asked.snapshots) if plan.named else plan
    if found is not None and not same:
        raise _another(plan)
    return plan


def _deletion(asked: Asked, source: Object, which: Point) -> tuple[bool, str]:
    """Return whether files are deleted, and why some of them may be in no backup, if that has a part in it."""
    by_rule = asked.delete is None and asked.in_place and not asked.include
    if not (by_rule or asked.delete):
        return False, ""
    lacks = lacking(source, which)
    return not (by_rule and lacks), lacks


def _half_restored(cluster: Cluster, claim: Object | None) -> str:
    try:
        return objects.half_restored(claim)
    except ValueError as error:
        name = "" if claim is None else claim["metadata"]["name"]
        raise click.ClickException(
            f"the claim {name} cannot be restored into: {error}; take it away: kubectl -n {cluster.namespace} annotate "
            f"persistentvolumeclaim {name} {Annotation.HALF_RESTORED}-"
        ) from None


def _guarded(cluster: Cluster, plan: Plan, source: Object, *, snapshots: bool) -> Plan:
    """Return the plan with what has to be kept away from a claim that is there, or is known by its name."""
    sources = [
        one
        for one in cluster.client.list_all(REPLICATION_SOURCES, cluster.namespace)
        if (one.get("spec") or {}).get("sourcePVC") == plan.claim
    ]
    mounts: Mounts = mounted_by.look(cluster, plan.claim, plan.name)
    if plan.existing is None:
        undo = Undo(False, why="not needed: the claim is made", wanted=False)
    elif plan.begun:
        undo = _undo_taken(cluster, plan)
    else:
        undo = _undo(cluster, plan.existing, source, snapshots=snapshots)
    return evolve(plan, sources=sources, mounts=mounts, undo=undo)


def _undo_taken(cluster: Cluster, plan: Plan) -> Undo:
    try:
        return objects.undo_taken(cluster.has(VOLUME_SNAPSHOTS, plan.name), plan.claim)
    except (NotFound, Forbidden) as error:
        return Undo(False, why=sentence(error))


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
    found = objects.undo_of(claim, classes, wanted)
    if found.can:
        called = f"{claim['metadata']['name'][:_LONGEST_TRIED]}-tried-{secrets.token_hex(4)}"
        tried = objects.undo_snapshot(called, cluster.namespace, claim["metadata"]["name"], found)
        try:
            cluster.client.create(VOLUME_SNAPSHOTS, tried, dry_run=True)
        except (Forbidden, Invalid, NotFound) as error:
            # Not what passes by itself: nothing is restored without an undo because of a hiccup.
            return Undo(False, why=sentence(error))
    return found


def _open(cluster: Cluster, claim: str) -> Object | None:
    """Return the destination of an earlier command into a claim that has not ended."""
    for one in cluster.client.list_all(REPLICATION_DESTINATIONS, cluster.namespace, label_selector=str(Label.RESTORE)):
        if labels_of(one).get(Label.RESTORE) == RESTORE_DONE:
            continue
        if ((one.get("spec") or {}).get("restic") or {}).get("destinationPVC") == claim:
            found: Object = one
            return found
    return None


def _another(plan: Plan) -> click.ClickException:
    if not plan.begun:
        # Its undo may not have been taken.
        plan = evolve(plan, undo=Undo(can=False))
    return click.ClickException(
        f"another restore into the claim {plan.claim} was begun and has not ended: {plan.name} "
        f"(volsync-py status {plan.name} {plan.where}); ask for the same again to go on with it, or go back to what "
        "was before, and ask again:\n" + "\n".join(f"  {line}" for line in plan.back_commands())
    )


def check(cluster: Cluster, plan: Plan) -> None:
    """Find out what the API server would refuse, rights and quotas included, before anybody is asked."""
    if plan.made is not None:
        cluster.client.create(PVCS, plan.made, dry_run=True)
    if not plan.goes_on:
        cluster.client.create(REPLICATION_DESTINATIONS, plan.destination, dry_run=True)
