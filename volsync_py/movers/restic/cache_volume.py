"""The cache volume, which a mover keeps from run to run, and claims that keep its pod waiting."""

from __future__ import annotations

from attrs import evolve

from volsync_py.api.spec import Replication
from volsync_py.core import names
from volsync_py.core.actions import Action, Create, Delete, Event, EventType, Ref, delete
from volsync_py.core.objects import Object, is_deleting, status_of
from volsync_py.core.owners import has_owner, is_controlled_by
from volsync_py.core.result import StepResult, Trouble, until_gone
from volsync_py.core.view import Kind, Read, ReadKind, View
from volsync_py.volumes.claims import (
    claim_created_event,
    claim_object,
    expand_claim,
    is_bound,
    is_to_be_replaced,
    is_too_small,
    not_grown,
    replace_claim,
    requested,
    set_cleanup_label,
    unbound_events,
    was_asked_for,
)
from volsync_py.volumes.point_in_time import in_the_way

DEFAULT_CACHE_SIZE = "1Gi"
# Of classes whose volumes somebody makes by hand.
_NO_PROVISIONER = "kubernetes.io/no-provisioner"


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


def ensure_cache(
    replication: Replication, view: View, data: Object, *, in_use: bool = False
) -> tuple[Action, ...] | StepResult:
    """Return what makes the cache volume as it is wanted, or what is in the way; `data` is the claim it goes with.

    `in_use`: a Job of ours has it.
    """
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
    if not in_use and _is_better_made_anew(view, existing, wanted):
        note = f"{Ref.of(existing)} is made anew, because its StorageClass does not let it grow to {size}"
        told = Event(EventType.NORMAL, "CacheMadeAnew", "GrowPersistentVolumeClaim", note, Ref.of(existing))
        step = replace_claim(existing)
        return evolve(step, actions=(*step.actions, told))
    return (
        *actions,
        *expand_claim(existing, size),
        *set_cleanup_label(existing, uid, temporary=spec.cleanup_cache_claim),
    )


def _is_better_made_anew(view: View, cache: Object, wanted: Object) -> bool:
    """Return whether a cache is too small, cannot grow, and can go: nothing is lost with it but time.

    Only where a larger one will come: of a class that makes volumes, whose verdict does not depend on a quota.
    """
    size = requested(wanted)
    if not is_bound(cache) or not is_too_small(cache, size) or was_asked_for(cache, size):
        return False
    classes = [spec.get("storageClassName") for spec in (cache["spec"], wanted["spec"])]
    view.require(*(Read(ReadKind.STORAGE_CLASS, str(name)) for name in classes if name))
    found = [view.read(ReadKind.STORAGE_CLASS, str(name)) for name in classes if name]
    if not classes[0] or not found[0] or found[0].get("allowVolumeExpansion"):
        return False
    if any(one is None or one.get("provisioner") in (None, _NO_PROVISIONER) for one in found):
        return False
    return not any(_mounts(pod, cache["metadata"]["name"]) for pod in view.read(ReadKind.PODS))


def _mounts(pod: Object, claim: str) -> bool:
    volumes = (pod.get("spec") or {}).get("volumes") or []
    return any((volume.get("persistentVolumeClaim") or {}).get("claimName") == claim for volume in volumes)


def replaces(step: StepResult) -> bool:
    """Return whether a step before the Job removes something to make it anew."""
    return any(isinstance(action, Delete) for action in step.actions)
