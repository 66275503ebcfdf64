"""The snapshot that a claim is filled from: held while it is read, and given back as it was.

It is held by a label, which keeps the destination from deleting it, and by the temporary claim as one of its owners,
with which it goes if nobody else owns it by then. Each change is made to the snapshot as it was seen: a label that
the user sets in this moment wins.
"""

from __future__ import annotations

from volsync_py.core.actions import Action, Delete, Patch, Ref
from volsync_py.core.labels import CREATED_BY_US, Label
from volsync_py.core.objects import Object, is_deleting, labels_of
from volsync_py.core.owners import owner_reference
from volsync_py.populator.reference import in_use_label, is_read_by, label_value, readers_of
from volsync_py.populator.view import PopulatorView


def label_image(view: PopulatorView, claim: Object, snapshot: Object) -> tuple[Action, ...]:
    """Return the label that keeps a snapshot until it has been read, unless it is there."""
    return () if is_read_by(snapshot, view.uid) else (_change(snapshot, labels=_mark(view, claim)),)


def hold_image(view: PopulatorView, claim: Object, temporary: Object, snapshot: Object) -> tuple[Action, ...]:
    """Return what makes a snapshot stay as long as the temporary claim does."""
    if is_deleting(snapshot) or _is_kept(snapshot):
        return label_image(view, claim, snapshot) + let_go_of_kept(view, snapshot)
    mine, others = _owners(view, snapshot)
    labels = {} if is_read_by(snapshot, view.uid) else _mark(view, claim)
    if not labels and [one["uid"] for one in mine] == [temporary["metadata"]["uid"]]:
        return ()
    return (_change(snapshot, labels=labels, owners=[*others, owner_reference(temporary)]),)


def let_go_of_kept(view: PopulatorView, snapshot: Object) -> tuple[Action, ...]:
    """Return what keeps a snapshot that is not to be deleted from going with the temporary claim."""
    mine, others = _owners(view, snapshot)
    return (_change(snapshot, owners=others),) if mine and _is_kept(snapshot) else ()


def release_images(view: PopulatorView, *, keep: str = "") -> tuple[Action, ...]:
    """Return what gives back every snapshot that is labelled for the claim, but the one of that name."""
    released = (_release(view, one) for one in view.labelled if one["metadata"]["name"] != keep)
    return tuple(action for action in released if action is not None)


def _release(view: PopulatorView, snapshot: Object) -> Action | None:
    """Return what gives a snapshot back: to its destination, to the user, to other claims; or its end.

    Its end if the destination has given it up meanwhile because it was being read, and nobody else wants it.
    """
    meta = snapshot["metadata"]
    if is_deleting(snapshot):
        return None
    _, others = _owners(view, snapshot)
    is_ours = labels_of(snapshot).get(Label.CREATED_BY) == CREATED_BY_US
    if others or _is_kept(snapshot) or not is_ours or readers_of(snapshot) != [view.uid]:
        return _change(snapshot, labels={in_use_label(view.uid): None}, owners=others)
    return Delete(Ref.of(snapshot), meta["uid"], resource_version=meta["resourceVersion"])


def _is_kept(snapshot: Object) -> bool:
    return Label.DO_NOT_DELETE in labels_of(snapshot)


def _mark(view: PopulatorView, claim: Object) -> dict[str, str | None]:
    return {in_use_label(view.uid): label_value(claim["metadata"]["name"])}


def _owners(view: PopulatorView, snapshot: Object) -> tuple[list[Object], list[Object]]:
    """Return the references to the temporary claim, whichever had its name, and all others."""
    mine: list[Object] = []
    others: list[Object] = []
    for one in snapshot["metadata"].get("ownerReferences") or []:
        is_mine = (one.get("kind"), one.get("name")) == ("PersistentVolumeClaim", view.temporary_name)
        (mine if is_mine else others).append(one)
    return mine, others


def _change(snapshot: Object, *, labels: dict[str, str | None] | None = None, owners: object = None) -> Patch:
    changes: Object = {"resourceVersion": snapshot["metadata"]["resourceVersion"]}
    if labels:
        changes["labels"] = labels
    if owners is not None:
        changes["ownerReferences"] = owners or None
    return Patch(Ref.of(snapshot), {"metadata": changes}, snapshot["metadata"]["uid"])
