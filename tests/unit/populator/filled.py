"""A cluster in which claims are filled, and which kills the manager at a write when a test says so.

The watches tell late, as `LateCluster` has it. Its volume controller and provisioner take one step at a time.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from tests.unit.controllers.late_cluster import Chore, LateCluster
from tests.unit.populator.objects import KEEP, LATEST, OF_DESTINATION, claim, destination, snapshot, storage_class
from volsync_py.core.labels import CREATED_BY_US, POPULATOR_LABEL_PREFIX
from volsync_py.kube.errors import Conflict, NotFound
from volsync_py.kube.resources import Resource
from volsync_py.volumes.snapshots import delete_or_release

Object = dict[str, Any]


class Killed(BaseException):
    """The manager dies before a write of its own, or right after it."""


class FillingCluster(LateCluster):
    """A cluster with a destination and its image; `dies_in` counts the manager's writes until it is killed."""

    def __init__(self) -> None:
        fast = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", **storage_class()}
        fast["metadata"] = {**fast["metadata"], "uid": "class", "resourceVersion": "1"}
        super().__init__([fast, destination(), snapshot(OF_DESTINATION)], [])
        self.dies_in: int | None = None
        self.dies_after = False
        self.is_manager = False
        self.wrote = 0
        # Each volume that was made, and the snapshot that it holds.
        self.contents: dict[str, str] = {}

    # ---- the manager's writes

    def create(self, resource: Resource, obj: Object, **options: Any) -> Object:
        self._may_die("before")
        labels = (obj["metadata"].get("labels") or {}).values()
        assert all(len(value) <= 63 for value in labels)
        made = super().create(resource, obj, **options)
        self._may_die("after")
        return made

    def patch(
        self, resource: Resource, name: str, changes: Object, namespace: str | None = None, **options: Any
    ) -> Object:
        self._may_die("before")
        stored = super().patch(resource, name, changes, namespace, **options)
        self._may_die("after")
        return stored

    def delete(
        self, resource: Resource, name: str, namespace: str | None = None, *, uid: str = "", **options: Any
    ) -> Object:
        self._may_die("before")
        found = self.objects.get((resource.kind, name))
        if found is None:
            raise NotFound(404, "NotFound", "there is none")
        wanted = options.get("resource_version") or found["metadata"]["resourceVersion"]
        if (found["metadata"]["uid"], found["metadata"]["resourceVersion"]) != (uid, wanted):
            raise Conflict(409, "Conflict", "another one")
        going = super().delete(resource, name, namespace, uid=uid, **options)
        self._may_die("after")
        return going

    def _may_die(self, when: str) -> None:
        if not self.is_manager:
            return
        if when == "before":
            self.wrote += 1
        if self.dies_in is None:
            return
        if (when == "after") == self.dies_after:
            self.dies_in -= 1
            if self.dies_in < 0:
                self.dies_in = None
                raise Killed

    # ---- what happens by itself

    def _chores(self, obj: Object) -> Iterator[Chore]:
        if obj["kind"] == "PersistentVolumeClaim" and not self._is_garbage(obj):
            yield from self._claim_chores(obj)
        elif obj["kind"] == "ReplicationDestination":
            yield from self._destination_chores(obj)
        else:
            yield from super()._chores(obj)

    def _claim_chores(self, one: Object) -> Iterator[Chore]:
        name, spec, uid = one["metadata"]["name"], one["spec"], one["metadata"]["uid"]
        phase = one["status"]["phase"] if "status" in one else "Pending"
        if "deletionTimestamp" in one["metadata"]:
            yield lambda: self._gone(one)
        elif "volumeName" in spec:
            volume = self.objects.get(("PersistentVolume", spec["volumeName"]))
            mine = volume is not None and volume["spec"]["claimRef"]["uid"] == uid
            if mine and phase == "Pending":
                yield lambda: self._happens(one, status={"phase": "Bound"})
            elif not mine and phase != "Lost":
                yield lambda: self._happens(one, status={"phase": "Lost"})
        elif name.startswith("vs-prime-"):
            source = self.objects.get(("VolumeSnapshot", spec["dataSourceRef"]["name"]))
            if source is not None and "deletionTimestamp" not in source["metadata"]:
                yield lambda: self._provision(one)
        else:
            volumes = self.of_kind("PersistentVolume")
            given = next((v["metadata"]["name"] for v in volumes if v["spec"]["claimRef"]["uid"] == uid), None)
            if given is not None:
                yield lambda: self._happens(one, spec={"volumeName": given})

    def _provision(self, one: Object) -> None:
        name = f"pv-{self._version}"
        self.contents[name] = one["spec"]["dataSourceRef"]["name"]
        meta = {"name": name, "uid": f"uid-{name}", "creationTimestamp": one["metadata"]["creationTimestamp"]}
        meta["annotations"] = {"pv.kubernetes.io/provisioned-by": "driver"}
        reference = {"namespace": "ns", "name": one["metadata"]["name"], "uid": one["metadata"]["uid"]}
        volume = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": meta, "spec": {"claimRef": reference}}
        self._stored(volume, "ADDED")
        self._happens(one, spec={"volumeName": name})

    def _destination_chores(self, owner: Object) -> Iterator[Chore]:
        """Yield what the destination's controller does with images that are no longer the latest."""
        latest = (owner["status"].get("latestImage") or {}).get("name")
        for image in self.of_kind("VolumeSnapshot"):
            owners = [one["uid"] for one in image["metadata"].get("ownerReferences") or []]
            if image["metadata"]["name"] != latest and owner["metadata"]["uid"] in owners:
                action = delete_or_release(owner, image)
                if action is not None:
                    yield lambda image=image, owner=owner: self._clean_up(owner, image)  # type: ignore[misc]

    def _clean_up(self, owner: Object, image: Object) -> None:
        action = delete_or_release(owner, image)
        changes = getattr(action, "changes", None)
        if changes is None:
            self._happens(image, metadata={"deletionTimestamp": "2026-11-24T12:00:00Z"})
        else:
            self._happens(image, metadata={**changes["metadata"], "resourceVersion": "0"})

    # ---- what users do

    def make_claim(self, which: int) -> None:
        name = f"app{which % 2}"
        if ("PersistentVolumeClaim", name) not in self.objects:
            meta = {"uid": f"uid-{name}-{self._version}"}
            self._stored(claim(name, metadata=meta), "ADDED")

    def delete_claim(self, which: int) -> None:
        found = self.objects.get(("PersistentVolumeClaim", f"app{which % 2}"))
        if found is not None and "deletionTimestamp" not in found["metadata"]:
            self._happens(found, metadata={"deletionTimestamp": "2026-11-24T12:00:00Z"})

    def delete_temporary(self, which: int) -> None:
        found = [c for c in self.of_kind("PersistentVolumeClaim") if c["metadata"]["name"].startswith("vs-prime-")]
        if found and "deletionTimestamp" not in found[which % len(found)]["metadata"]:
            self._happens(found[which % len(found)], metadata={"deletionTimestamp": "2026-11-24T12:00:00Z"})

    def publish(self) -> None:
        """Have the destination restore again, or for the first time."""
        found = self.objects.get(("ReplicationDestination", "restore"))
        if found is None:
            self._stored(copy.deepcopy(destination()), "ADDED")
            found = self.objects["ReplicationDestination", "restore"]
        name = f"image-{self._version}"
        of_it = {**OF_DESTINATION, "uid": found["metadata"]["uid"]}
        self._stored(snapshot(of_it, name=name), "ADDED")
        self._happens(
            self.objects["ReplicationDestination", "restore"], status={"latestImage": {**LATEST, "name": name}}
        )

    def remove(self, key: tuple[str, str]) -> None:
        """End an object without a word."""
        self._gone(self.objects[key])

    def delete_destination(self) -> None:
        found = self.objects.get(("ReplicationDestination", "restore"))
        if found is not None:
            self._gone(found)

    def delete_image(self, which: int) -> None:
        images = self.of_kind("VolumeSnapshot")
        if images and "deletionTimestamp" not in images[which % len(images)]["metadata"]:
            self._happens(images[which % len(images)], metadata={"deletionTimestamp": "2026-11-24T12:00:00Z"})

    def keep_image(self, which: int) -> None:
        images = [one for one in self.of_kind("VolumeSnapshot") if "deletionTimestamp" not in one["metadata"]]
        if images:
            self._happens(images[which % len(images)], metadata={"labels": {KEEP: ""}})

    # ---- what is left

    def leaks(self) -> list[str]:
        """Return what nobody wants any more, or nobody will ever remove."""
        found = [one["metadata"]["name"] for one in self.of_kind("PersistentVolumeClaim")]
        left = [name for name in found if name.startswith("vs-prime-")]
        for image in self.of_kind("VolumeSnapshot"):
            labels = image["metadata"].get("labels") or {}
            left += [key for key in labels if key.startswith(POPULATOR_LABEL_PREFIX)]
            ours = labels.get("app.kubernetes.io/created-by") == CREATED_BY_US and KEEP not in labels
            left += [image["metadata"]["name"]] if ours and not image["metadata"].get("ownerReferences") else []
        return left
