"""What a mover keeps from run to run: its service account and its cache volume."""

from __future__ import annotations

from volsync_py.api.spec import Replication
from volsync_py.api.view import Kind, View
from volsync_py.core import names
from volsync_py.core.actions import Action, Create, Object, delete
from volsync_py.core.owners import has_owner, is_controlled_by
from volsync_py.core.result import StepResult
from volsync_py.movers.restic import objects as make
from volsync_py.volumes.claims import claim_object, created_claim, grown
from volsync_py.volumes.point_in_time import in_the_way

DEFAULT_CACHE_SIZE = "1Gi"


def missing_account(replication: Replication, view: View) -> tuple[Create, ...]:
    """Return the creation of the mover's account, and of its rights where something asks for them."""
    if replication.restic.service_account:
        return ()
    owner, settings = replication.object, view.settings
    name = names.account_name(replication.role, replication.name)
    wanted = [(Kind.SERVICE_ACCOUNT, make.service_account_object(owner, name))]
    if settings.has_scc:
        role = make.role_object(owner, name, scc_name=settings.scc_name, privileged=view.privileged)
        wanted += [(Kind.ROLE, role), (Kind.ROLE_BINDING, make.role_binding_object(owner, name))]
    return tuple(Create(obj, replication.uid) for kind, obj in wanted if view.objects.get(kind, name) is None)


def ensure_cache(replication: Replication, view: View, data: Object) -> tuple[Action, ...] | StepResult:
    """Return what makes the cache volume as it is wanted, or what is in the way; `data` is the claim it goes with."""
    spec, owner, uid = replication.restic, replication.object, replication.uid
    actions: list[Action] = []
    obsolete = view.objects.get(Kind.CLAIM, names.obsolete_cache_name(replication.name))
    if obsolete is not None and has_owner(obsolete, uid) and not obsolete["metadata"].get("deletionTimestamp"):
        actions.append(delete(obsolete))
    name = names.cache_name(replication.role, replication.name)
    size = spec.cache_capacity or DEFAULT_CACHE_SIZE
    existing = view.objects.get(Kind.CLAIM, name)
    if existing is None:
        modes = spec.cache_access_modes or spec.access_modes or data["spec"].get("accessModes") or ()
        # Differs from VolSync: the class of the data volume comes before the cluster's default.
        storage = spec.cache_storage_class or spec.storage_class or data["spec"].get("storageClassName")
        wanted = claim_object(
            owner,
            name,
            size=size,
            access_modes=list(modes),
            storage_class=storage,
            temporary=spec.cleanup_cache_claim,
        )
        return (*actions, Create(wanted, uid, created_claim(wanted, "to receive incoming data")))
    if not is_controlled_by(existing, uid):
        return StepResult(error=in_the_way(existing))
    if existing["metadata"].get("deletionTimestamp"):
        return StepResult()
    return (*actions, *grown(existing, size))
