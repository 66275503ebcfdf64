"""The beginning: what a claim waits for, and the temporary claim that is made of the image."""

from __future__ import annotations

from attrs import evolve

from volsync_py.core.actions import Create
from volsync_py.core.labels import CREATED_BY_US, Annotation, Label
from volsync_py.core.objects import Object, annotations_of, is_deleting, status_of
from volsync_py.core.owners import controller_reference
from volsync_py.populator import told
from volsync_py.populator.images import label_image, release_images
from volsync_py.populator.reference import (
    MOST_READERS,
    count_readers,
    destination_of,
    is_read_by,
    label_value,
    names_another_namespace,
)
from volsync_py.populator.step import Step
from volsync_py.populator.view import PopulatorView
from volsync_py.volumes.snapshots import SNAPSHOT_GROUP

# Its provisioners are in Kubernetes itself and know no snapshots, unless a CSI driver has taken over.
_IN_TREE = "kubernetes.io/"
_MIGRATED = "pv.kubernetes.io/migrated-to"
# A snapshot that is not ready tells nobody when it will be.
_LOOK_AGAIN_SECONDS = 30.0
# What a volume is asked for with; the rest of a claim's spec is not about its volume.
_SPEC = ("accessModes", "resources", "storageClassName", "volumeMode", "volumeAttributesClassName")


def start(view: PopulatorView, claim: Object) -> Step:
    """Return the temporary claim, or what there has to be before it."""
    image = _blocked(view, claim) or _image(view, claim)
    if isinstance(image, Step):
        # Nothing reads what was labelled before this wait.
        return evolve(image, actions=release_images(view))
    actions = release_images(view, keep=image["metadata"]["name"])
    label = label_image(view, claim, image)
    if label:
        # It has to be on the snapshot before anything reads that: what was stored calls for the next pass.
        return Step((*actions, *label))
    temporary = temporary_claim(view, claim, image)
    created = Create(temporary, view.uid, told.started(temporary, image["metadata"]["name"]))
    return Step((*actions, created))


def _blocked(view: PopulatorView, claim: Object) -> Step | None:
    """Return what a claim waits for that has nothing to do with the destination, or None."""
    if names_another_namespace(claim):
        # Differs from VolSync: it takes the destination of that name in the claim's own namespace.
        return Step(waiting=told.failure("dataSourceRef.namespace: a destination of another namespace is not read"))
    name, found = claim["spec"].get("storageClassName"), view.storage_class
    annotations = annotations_of(claim)
    if not name:
        why = "it has no StorageClass, and the cluster has no default" if name is None else 'storageClassName is ""'
        return Step(waiting=told.no_class(f"{why}: name one whose CSI driver can make a volume of a snapshot"))
    if found is None:
        return Step(waiting=told.no_class(f'StorageClass "{name}" not found'))
    if str(found.get("provisioner") or "").startswith(_IN_TREE) and _MIGRATED not in annotations:
        return Step(waiting=told.no_class(f'the provisioner of StorageClass "{name}" cannot read snapshots'))
    if found.get("volumeBindingMode") == "WaitForFirstConsumer" and not annotations.get(Annotation.SELECTED_NODE):
        return Step(waiting=told.not_scheduled())
    return None


def _image(view: PopulatorView, claim: Object) -> Object | Step:
    """Return the snapshot that the destination has published, or what the claim waits for."""
    destination, wanted = view.destination, destination_of(claim)
    if destination is None:
        return Step(waiting=told.no_destination(wanted))
    if is_deleting(destination):
        return Step(waiting=told.no_destination(wanted, "is being deleted"))
    latest = status_of(destination).get("latestImage") or {}
    name = str(latest.get("name") or "")
    if not name:
        return Step(waiting=told.no_image(destination))
    if (latest.get("apiGroup"), latest.get("kind")) != (SNAPSHOT_GROUP, "VolumeSnapshot"):
        why = f"latestImage is a {latest.get('kind')}, no VolumeSnapshot: the destination needs copyMethod Snapshot"
        return Step(waiting=told.failure(why))
    snapshot = view.snapshots.get(name)
    if snapshot is None or is_deleting(snapshot):
        why = "is latestImage and has gone: have the destination restore again"
        return Step(waiting=told.image_unusable(name, why), requeue_after_seconds=_LOOK_AGAIN_SECONDS)
    # Differs from VolSync: bound is not enough, the snapshot must be ready to use.
    if status_of(snapshot).get("readyToUse") is not True:
        return Step(waiting=told.image_unusable(name, "is not ready"), requeue_after_seconds=_LOOK_AGAIN_SECONDS)
    if count_readers(snapshot) >= MOST_READERS and not is_read_by(snapshot, view.uid):
        why = f"has labels of {MOST_READERS} claims, which is the most at once: waits for its turn"
        return Step(waiting=told.image_unusable(name, why), requeue_after_seconds=_LOOK_AGAIN_SECONDS)
    return snapshot


def temporary_claim(view: PopulatorView, claim: Object, image: Object) -> Object:
    """Return the claim that is provisioned from the image, for a volume like the one that was asked for."""
    meta, spec = claim["metadata"], claim["spec"]
    node = annotations_of(claim).get(Annotation.SELECTED_NODE)
    labels = {
        str(Label.CREATED_BY): CREATED_BY_US,
        str(Label.POPULATOR_FOR): label_value(meta["name"]),
    }
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": view.temporary_name,
            "namespace": view.namespace,
            "labels": labels,
            **({"annotations": {str(Annotation.SELECTED_NODE): node}} if node else {}),
            "ownerReferences": [controller_reference(claim)],
        },
        "spec": {
            **{key: spec[key] for key in _SPEC if key in spec},
            "dataSourceRef": {
                "apiGroup": SNAPSHOT_GROUP,
                "kind": "VolumeSnapshot",
                "name": image["metadata"]["name"],
            },
        },
    }
