"""The account that a mover runs as, and its rights where something asks for them."""

from __future__ import annotations

from volsync_py.api.spec import Replication
from volsync_py.core import names
from volsync_py.core.actions import Action, Create, Patch, Ref
from volsync_py.core.objects import Object
from volsync_py.core.owners import is_controlled_by
from volsync_py.core.view import Kind, View
from volsync_py.movers.restic import objects as make
from volsync_py.movers.restic.pull_secrets import RIGHTS, names_for_account


def ensure_account(replication: Replication, view: View) -> tuple[Action, ...]:
    """Return what makes the mover's account, and its rights where something asks for them."""
    if replication.restic.service_account:
        return ()
    owner, settings = replication.object, view.settings
    name = names.account_name(replication.role, replication.name)
    account = make.service_account_object(owner, name, names_for_account(replication, view))
    wanted = [(Kind.SERVICE_ACCOUNT, account)]
    changed = _more_pull_secrets(view.objects.get(Kind.SERVICE_ACCOUNT, name), account)
    if settings.has_scc:
        role = make.role_object(owner, name, scc_name=settings.scc_name, privileged=view.privileged)
        wanted += [(Kind.ROLE, role), (Kind.ROLE_BINDING, make.role_binding_object(owner, name))]
        changed += _other_rules(view.objects.get(Kind.ROLE, name), role, replication.uid)
    missing = (Create(obj, replication.uid) for kind, obj in wanted if view.objects.get(kind, name) is None)
    return (*missing, *changed)


def _more_pull_secrets(existing: Object | None, wanted: Object) -> tuple[Patch, ...]:
    """Return the change of an account that lacks names of pull Secrets; those of others stay."""
    if existing is None:
        return ()
    named = existing.get("imagePullSecrets") or []
    missing = [one for one in wanted.get("imagePullSecrets") or [] if one not in named]
    if not missing:
        return ()
    meta = existing["metadata"]
    # The list is written as a whole, and OpenShift adds to it as well.
    changes = {"imagePullSecrets": [*named, *missing], "metadata": {"resourceVersion": meta["resourceVersion"]}}
    return (Patch(Ref.of(existing), changes, meta["uid"], rights=RIGHTS),)


def _other_rules(existing: Object | None, wanted: Object, uid: str) -> tuple[Patch, ...]:
    """Return the change of a Role of ours whose rules are not the wanted ones.

    Differs from VolSync: rights that the namespace's admin has taken back are taken from the Role as well.
    """
    if existing is None or not is_controlled_by(existing, uid):
        return ()
    if (existing.get("rules") or []) == wanted["rules"]:
        return ()
    return (Patch(Ref.of(existing), {"rules": wanted["rules"]}, existing["metadata"]["uid"]),)
