"""Owner references: which objects are ours, and which belong to somebody else."""

from __future__ import annotations

from volsync_py.core.objects import Object


def owner_reference(owner: Object) -> Object:
    """Return the reference that makes `owner` one of the owners of an object, which goes with the last of them."""
    meta = owner["metadata"]
    return {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": meta["name"], "uid": meta["uid"]}


def controller_reference(owner: Object) -> Object:
    """Return the reference that makes `owner` the controller of an object."""
    return {**owner_reference(owner), "controller": True, "blockOwnerDeletion": True}


def controller_of(obj: Object) -> Object | None:
    """Return the reference of the object's controller, or None."""
    references = obj["metadata"].get("ownerReferences") or []
    return next((r for r in references if r.get("controller")), None)


def is_controlled_by(obj: Object, uid: str) -> bool:
    """Return whether the owner with that UID controls the object."""
    controller = controller_of(obj)
    return controller is not None and controller.get("uid") == uid


def has_owner(obj: Object, uid: str) -> bool:
    """Return whether the owner with that UID is among the object's owners."""
    return any(r.get("uid") == uid for r in obj["metadata"].get("ownerReferences") or [])
