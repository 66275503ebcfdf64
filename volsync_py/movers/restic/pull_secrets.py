"""Copies of the Secrets with which the mover's image is pulled, beside the mover: a pod uses those of its namespace.

One copy serves all resources of a namespace, which own it together: it goes with the last of them. No store holds
Secrets, so a copy is read when a mover is about to be started, and changed only as it was read.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve

from volsync_py.api.spec import Replication
from volsync_py.core import names
from volsync_py.core.actions import Action, Create, Patch, Ref, delete
from volsync_py.core.labels import CREATED_BY_US, Label
from volsync_py.core.merge import difference
from volsync_py.core.objects import Object, labels_of
from volsync_py.core.owners import has_owner, owner_reference
from volsync_py.core.result import Trouble
from volsync_py.core.view import Read, ReadKind, View
from volsync_py.volumes.claims import labels_for

# What grants the rights that copies take, and nothing else does.
RIGHTS = "manifests/overlays/pull-secrets"


def names_for_account(replication: Replication, view: View) -> tuple[str, ...]:
    """Return the copies that the mover's account names, whether or not their originals are there."""
    return tuple(names.pull_secret_name(name) for name in _originals(replication, view))


def reads_for_copies(replication: Replication, view: View) -> list[Read]:
    """Return the reads of the originals and of their copies."""
    originals = _originals(replication, view)
    return [
        *(Read(ReadKind.PULL_SECRET, name) for name in originals),
        *(Read(ReadKind.PULL_SECRET_COPY, names.pull_secret_name(name)) for name in originals),
    ]


def check_copies(replication: Replication, view: View) -> Trouble | None:
    """Return the trouble that somebody else's Secret has the name of a copy."""
    for _, copy in _pairs(replication, view):
        if copy is not None and not _is_ours(copy):
            return Trouble(
                "ObjectInTheWay",
                f"{Ref.of(copy)} exists and is no copy of ours, and --mover-image-pull-secrets needs its name for one",
                "delete it, or set moverServiceAccount, for which nothing is copied",
            )
    return None


def ensure_copies(replication: Replication, view: View) -> tuple[Action, ...]:
    """Return what makes the copies what their originals are; an original that is not there changes nothing."""
    owner = replication.object
    return tuple(action for original, copy in _pairs(replication, view) for action in _copied(owner, original, copy))


def _originals(replication: Replication, view: View) -> tuple[str, ...]:
    # An account of the user's has what its owner has given it.
    return () if replication.restic.service_account else view.settings.pull_secrets


def _pairs(replication: Replication, view: View) -> Iterable[tuple[Object, Object | None]]:
    """Yield each original that is there, and its copy if there is one."""
    for name in _originals(replication, view):
        original = view.read(ReadKind.PULL_SECRET, name)
        if original is not None:
            yield original, view.read(ReadKind.PULL_SECRET_COPY, names.pull_secret_name(name))


def _is_ours(copy: Object) -> bool:
    """Return whether a Secret was made by a manager, of this program or of VolSync: such resources alone own it."""
    owners = copy["metadata"].get("ownerReferences") or []
    groups = {str(one.get("apiVersion")).partition("/")[0] for one in owners}
    return labels_of(copy).get(Label.CREATED_BY) == CREATED_BY_US and groups == {"volsync.backube"}


def _copied(owner: Object, original: Object, copy: Object | None) -> tuple[Action, ...]:
    wanted = _copy_object(owner, original)
    if copy is None:
        return (Create(wanted, owner_uid="", rights=RIGHTS),)
    owners = list(copy["metadata"]["ownerReferences"])
    if not has_owner(copy, owner["metadata"]["uid"]):
        owners.append(owner_reference(owner))
    if copy.get("type") != wanted["type"]:
        # A Secret keeps its type for life.
        wanted["metadata"]["ownerReferences"] = owners
        return (evolve(delete(copy), rights=RIGHTS), Create(wanted, owner_uid="", rights=RIGHTS))
    before = {"data": copy.get("data") or {}, "metadata": {"ownerReferences": copy["metadata"]["ownerReferences"]}}
    changes = difference(before, {"data": wanted["data"], "metadata": {"ownerReferences": owners}})
    if not changes:
        return ()
    # The list of owners is written as a whole, and another resource may be adding itself to it.
    version = {"resourceVersion": copy["metadata"]["resourceVersion"]}
    changes["metadata"] = {**changes.get("metadata", {}), **version}
    return (Patch(Ref.of(copy), changes, copy["metadata"]["uid"], rights=RIGHTS),)


def _copy_object(owner: Object, original: Object) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": names.pull_secret_name(original["metadata"]["name"]),
            "namespace": owner["metadata"]["namespace"],
            "labels": labels_for(owner, temporary=False),
            "ownerReferences": [owner_reference(owner)],
        },
        "type": original.get("type") or "Opaque",
        "data": dict(original.get("data") or {}),
    }
