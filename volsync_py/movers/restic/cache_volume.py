"""The cache volume, which a mover keeps from run to run, and claims that keep its pod waiting."""

from __future__ import annotations

from volsync_py.api.spec import Replication
from volsync_py.core import names
from volsync_py.core.actions import Action, Create, Delete, Event, delete
from volsync_py.core.objects import Object, is_deleting, status_of
from volsync_py.core.owners import has_owner, is_controlled_by
from volsync_py.core.result import StepResult, Trouble, until_gone
from volsync_py.core.view import Kind, View
from volsync_py.volumes.claims import (
    claim_created_event,
    claim_object,
    expand_claim,
    is_to_be_replaced,
    not_grown,
    replace_claim,
    set_cleanup_label,
    unbound_events,
)
from volsync_py.volumes.point_in_time import in_the_way

DEFAULT_CACHE_SIZE = "1Gi"


def unbound_claim_events(replication: Replication, view: View, data: str, pods: list[Object]) -> tuple[Event, ...]:
    """Return the events of claims of ours that keep the mover's pod waiting; `data` is the one that it works on."""
    if not any(status_of(pod).get("phase") == "Pending" for pod in pods):
        return ()
    cache = names.cache_name(replication.role, replication.name)
    found = (view.objects.get(Kind.CLAIM, name) for name in (data, cache))
    ours = [claim for claim in found if claim is not None and is_controlled_by(claim, replication.uid)]
    return tuple(event for claim in ours for event in unbound_events(claim, view.server_now))


def small_cache(replication: Replication, view: View) -> Trouble | None:
    """Return what is told at the end of a run whose cache has stayed smaller than it is wanted."""
    return not_grown(
        view.objects.get(Kind.CLAIM, names.cache_name(replication.role, replication.name)),
        replication.restic.cache_capacity or DEFAULT_CACHE_SIZE,
        field="spec.restic.cacheCapacity",
        next_step="delete the claim, and the next run makes it anew; nothing is lost but time",
    )


def ensure_cache(replication: Replication, view: View, data: Object) -> tuple[Action, ...] | StepResult:
    """Return what makes the cache volume as it is wanted, or what is in the way; `data` is the claim it goes with."""
    spec, owner, uid = replication.restic, replication.object, replication.uid
    actions: list[Action] = []
    obsolete = view.objects.get(Kind.CLAIM, names.obsolete_cache_name(replication.name))
    if obsolete is not None and has_owner(obsolete, uid) and not is_deleting(obsolete):
        actions.append(delete(obsolete))
    name = names.cache_name(replication.role, replication.name)
    size = spec.cache_capacity or DEFAULT_CACHE_SIZE
    existing = view.objects.get(Kind.CLAIM, name)
    modes = spec.cache_access_modes or spec.access_modes or data["spec"].get("accessModes") or ()
    # Differs from VolSync: the class of the data volume comes before the cluster's default.
    storage = spec.cache_storage_class or spec.storage_class or data["spec"].get("storageClassName")
    wanted = claim_object(
        owner, name, size=size, access_modes=list(modes), storage_class=storage, temporary=spec.cleanup_cache_claim
    )
    if existing is None:
        return (*actions, Create(wanted, uid, claim_created_event(wanted, "to receive incoming data")))
    if not is_controlled_by(existing, uid):
        return StepResult(error=in_the_way(existing))
    if is_deleting(existing):
        return until_gone(existing)
    if is_to_be_replaced(existing, wanted, view.server_now):
        return replace_claim(existing)
    return (
        *actions,
        *expand_claim(existing, size),
        *set_cleanup_label(existing, uid, temporary=spec.cleanup_cache_claim),
    )


def replaces(step: StepResult) -> bool:
    """Return whether a step before the Job removes something to make it anew."""
    return any(isinstance(action, Delete) for action in step.actions)
