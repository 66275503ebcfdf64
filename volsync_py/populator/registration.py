"""The VolumePopulator object: it says to the cluster that somebody fills claims from a ReplicationDestination."""

from __future__ import annotations

from volsync_py.core.actions import Action, Create, Patch, Ref
from volsync_py.core.labels import CREATED_BY_US, Label
from volsync_py.core.objects import Object, is_deleting, labels_of
from volsync_py.populator.reference import GROUP, KIND

# VolSync's name.
REGISTRATION = "volsync-replicationdestination"
_LABELS = {str(Label.CREATED_BY): CREATED_BY_US}
_SOURCE = {"group": GROUP, "kind": KIND}


def register(found: Object | None) -> tuple[Action, ...]:
    """Return what is to be done so that the object is there, and right."""
    if found is None:
        wanted: Object = {
            "apiVersion": "populator.storage.k8s.io/v1beta1",
            "kind": "VolumePopulator",
            "metadata": {"name": REGISTRATION, "labels": dict(_LABELS)},
            "sourceKind": dict(_SOURCE),
        }
        return (Create(wanted, ""),)
    meta = found["metadata"]
    labelled = labels_of(found).items() >= _LABELS.items()
    if is_deleting(found) or (found.get("sourceKind") == _SOURCE and labelled):
        return ()
    return (Patch(Ref.of(found), {"metadata": {"labels": dict(_LABELS)}, "sourceKind": dict(_SOURCE)}, meta["uid"]),)
