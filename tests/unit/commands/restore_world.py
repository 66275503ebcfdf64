"""A namespace in memory with an API server's rules, and an operator that does at once what a destination says."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from tests.unit.commands.resources import NOW, source
from volsync_py.commands.common.cluster import Cluster
from volsync_py.commands.restore.execution import restoring
from volsync_py.commands.restore.look import Asked, planned
from volsync_py.commands.restore.plan import Plan
from volsync_py.commands.restore.point import Point
from volsync_py.core.labels import RESTORE_BEGUN
from volsync_py.core.objects import Object
from volsync_py.kube.errors import AlreadyExists, Conflict, NotFound
from volsync_py.kube.resources import (
    DEPLOYMENTS,
    PODS,
    PVCS,
    REPLICATION_DESTINATIONS,
    REPLICATION_SOURCES,
    SNAPSHOT_CLASSES,
    VOLUME_SNAPSHOTS,
    Resource,
)

SAID: Object = {"conditions": [{"type": "Synchronizing", "status": "False", "reason": "Paused"}]}
RESTORED: Object = {"id": "9f3c" * 16, "time": "2026-11-27T11:00:00Z", "files": 2, "bytes": 3}


def failed(error_class: str, count: int = 1) -> Object:
    return {"latestMoverStatus": {"result": "Failed"}, "attempt": {"count": count, "lastError": {"class": error_class}}}


class World:
    """The client of a command; what it does is on record as (verb, kind, name)."""

    def __init__(self) -> None:
        self._objects: dict[tuple[str, str], Object] = {}
        self._number = 0
        self.done: list[tuple[str, str, str]] = []
        # What else happens when a request has been carried out, once for each (verb, kind).
        self.then: dict[tuple[str, str], Callable[[], None]] = {}
        self.refused: dict[tuple[str, str], Exception] = {}
        # How the next restore that may begin ends.
        self.ends: Object = {}
        self.put(SNAPSHOT_CLASSES, {"metadata": {"name": "fast"}, "driver": "csi.example"})
        self.put(REPLICATION_SOURCES, source())

    def with_application(self) -> World:
        """Add a claim, and a Deployment whose pod mounts it."""
        meta = {"name": "db", "namespace": "media"}
        driver = {"volume.kubernetes.io/storage-provisioner": "csi.example"}
        spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        self.put(PVCS, {"metadata": {**meta, "annotations": driver}, "spec": spec, "status": {"phase": "Bound"}})
        self.scaled("web", 2)
        return self

    def scaled(self, name: str, replicas: int, resource: Resource = DEPLOYMENTS, phase: str = "Running") -> None:
        """Add a workload, and a pod of it that mounts the claim."""
        self.put(resource, {"metadata": {"name": name}, "spec": {"replicas": replicas}})
        owner = {"kind": resource.kind, "name": name, "controller": True}
        volume = {"persistentVolumeClaim": {"claimName": "db"}}
        pod = {"metadata": {"name": f"{name}-1", "ownerReferences": [owner]}, "spec": {"volumes": [volume]}}
        self.put(PODS, {**pod, "status": {"phase": phase}})

    # ---- what a test does and sees

    def put(self, resource: Resource, obj: Object) -> Object:
        """Create or replace an object."""
        self._number += 1
        meta = {**obj["metadata"], "uid": f"uid-{self._number}", "resourceVersion": str(self._number)}
        self._objects[resource.kind, meta["name"]] = {**copy.deepcopy(obj), "metadata": meta}
        return self._objects[resource.kind, meta["name"]]

    def drop(self, resource: Resource, name: str) -> None:
        del self._objects[resource.kind, name]

    def of(self, resource: Resource) -> dict[str, Object]:
        """Return all objects of a kind by name."""
        return {name: obj for (kind, name), obj in self._objects.items() if kind == resource.kind}

    def only(self, resource: Resource) -> Object:
        """Return the only object of a kind."""
        (found,) = self.of(resource).values()
        return found

    def is_paused(self) -> bool:
        return self.of(REPLICATION_SOURCES)["db"]["spec"].get("paused") is True

    def replicas(self) -> int:
        found: int = self.of(DEPLOYMENTS)["web"]["spec"]["replicas"]
        return found

    def plan(self, which: Point | None = None, **asked: Any) -> Plan:
        """Return the plan of a restore in place, or of what is asked otherwise."""
        typed: dict[str, Any] = dict.fromkeys(("to", "size", "storage_class"), "") | {
            "name": "db",
            "include": (),
            "in_place": not asked.get("to"),
            "delete": None,
            "keep_destination": False,
        }
        wanted = Asked(**{**typed, "scale_down": True, "snapshots": True, **asked})
        db = self.of(REPLICATION_SOURCES)["db"]
        return planned(Cluster(self, "media"), db, which or Point(), wanted, NOW, "-n media")

    def restore(self, plan: Plan | None = None, **ends: Any) -> int:
        """Restore as planned; return the exit code."""
        self.ends = ends or {"lastManualSync": "now", "restic": {"restored": RESTORED}}
        return restoring(Cluster(self, "media"), plan or self.plan(), None, wait=True)

    # ---- the client

    def get(self, resource: Resource, name: str, namespace: str) -> Object:
        try:
            return copy.deepcopy(self._objects[resource.kind, name])
        except KeyError:
            raise NotFound(404, "NotFound", "", {"name": name}) from None

    def list_all(self, resource: Resource, namespace: str = "", label_selector: str = "") -> list[Object]:
        found = copy.deepcopy(list(self.of(resource).values()))
        return [one for one in found if not label_selector or label_selector in (one["metadata"].get("labels") or {})]

    def create(self, resource: Resource, obj: Object, *, dry_run: bool = False) -> Object:
        name = obj["metadata"]["name"]
        self._refuse("create", resource)
        if (resource.kind, name) in self._objects:
            raise AlreadyExists(409, "AlreadyExists", f"{name} already exists")
        if dry_run:
            return obj
        made = self.put(resource, obj)
        if resource == VOLUME_SNAPSHOTS:
            made["status"] = {"readyToUse": True}
        if resource == REPLICATION_DESTINATIONS:
            made["status"] = dict(SAID)
        return self._carried_out("create", resource, name)

    def patch(self, resource: Resource, name: str, changes: Object, namespace: str) -> Object:
        self._refuse("patch", resource)
        known = self.get(resource, name, namespace)["metadata"]
        wanted = changes.get("metadata", {})
        if any(wanted.get(key, known[key]) != known[key] for key in ("uid", "resourceVersion")):
            raise Conflict(409, "Conflict", "it is another")
        obj = self._objects[resource.kind, name]
        _merge(obj, changes)
        self._number += 1
        obj["metadata"]["resourceVersion"] = str(self._number)
        if obj["spec"].get("replicas") == 0:
            self._objects.pop(("Pod", f"{name}-1"), None)
        if resource == REPLICATION_DESTINATIONS and not obj["spec"].get("paused") and begun(obj):
            token = obj["spec"]["trigger"]["manual"]
            obj["status"].update({**self.ends, **({"lastManualSync": token} if "lastManualSync" in self.ends else {})})
        return self._carried_out("patch", resource, name)

    def delete(
        self, resource: Resource, name: str, namespace: str, *, uid: str = "", resource_version: str = ""
    ) -> None:
        known = self.get(resource, name, namespace)["metadata"]
        if uid not in ("", known["uid"]) or resource_version not in ("", known["resourceVersion"]):
            raise Conflict(409, "Conflict", "it is another")
        del self._objects[resource.kind, name]
        self.done.append(("delete", resource.kind, name))

    def _refuse(self, verb: str, resource: Resource) -> None:
        if (verb, resource.kind) in self.refused:
            raise self.refused[verb, resource.kind]

    def _carried_out(self, verb: str, resource: Resource, name: str) -> Object:
        self.done.append((verb, resource.kind, name))
        answer = copy.deepcopy(self._objects[resource.kind, name])
        self.then.pop((verb, resource.kind), lambda: None)()
        return answer


def begun(destination: Object) -> bool:
    return bool(destination["metadata"]["labels"].get("volsync-py/restore") == RESTORE_BEGUN)


def _merge(obj: Object, changes: Object) -> None:
    """Apply a merge patch of RFC 7396."""
    for key, value in changes.items():
        if value is None:
            obj.pop(key, None)
        elif isinstance(value, dict):
            found = obj.setdefault(key, {})
            _merge(found, value)
        else:
            obj[key] = value
