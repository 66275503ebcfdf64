"""What the controllers share: the registry's resources, events, time, and the folders on disk.

Knows no controller. Objects are plain dicts as on the wire; every change goes through the registry, so
that the API's clients see each step.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path

from attrs import field, frozen

from hack.devcluster.api.objects import Object
from hack.devcluster.api.registry import Registry, Resource, StatusError
from hack.devcluster.api.times import now
from hack.devcluster.common.options import Options

_BUILT_IN = {
    "pods": "",
    "secrets": "",
    "configmaps": "",
    "persistentvolumeclaims": "",
    "persistentvolumes": "",
    "serviceaccounts": "",
    "namespaces": "",
    "nodes": "",
    "services": "",
    "events": "",
    "jobs": "batch",
    "storageclasses": "storage.k8s.io",
    "volumesnapshots": "snapshot.storage.k8s.io",
    "volumesnapshotcontents": "snapshot.storage.k8s.io",
    "volumesnapshotclasses": "snapshot.storage.k8s.io",
}


def key_of(obj: Object) -> tuple[str, str]:
    """Return namespace and name."""
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def is_deleted(obj: Object) -> bool:
    """Return whether the object only waits for its end."""
    return "deletionTimestamp" in obj["metadata"]


def owner_reference(obj: Object) -> Object:
    """Name `obj` as a controller in an ownerReference."""
    return {
        "apiVersion": obj["apiVersion"],
        "kind": obj["kind"],
        "name": obj["metadata"]["name"],
        "uid": obj["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


@frozen
class Context:
    """The registry with names for what is used, and the state folder."""

    registry: Registry
    state: Path
    options: Options
    resources: Mapping[str, Resource] = field(init=False)

    def __attrs_post_init__(self) -> None:
        found = {plural: self.registry.resource(group, plural) for plural, group in _BUILT_IN.items()}
        object.__setattr__(self, "resources", found)

    def get(self, plural: str, namespace: str, name: str) -> Object | None:
        """Read one object."""
        return self.registry.get(self.resources[plural], namespace, name)

    def list(self, plural: str, namespace: str | None = None, labels: Mapping[str, str] | None = None) -> list[Object]:
        """Read all objects of a kind."""
        return self.registry.list(self.resources[plural], namespace, labels)

    def create(self, plural: str, obj: Object) -> Object:
        """Create an object."""
        return self.registry.create(self.resources[plural], obj)

    def create_once(self, plural: str, obj: Object) -> Object | None:
        """Create an object unless its name is taken."""
        try:
            return self.create(plural, obj)
        except StatusError:
            return self.get(plural, *key_of(obj))

    def delete(self, plural: str, obj: Object, *, grace_seconds: int | None = None, propagation: str = "") -> None:
        """Delete exactly this object; gone already is fine."""
        namespace, name = key_of(obj)
        try:
            self.registry.delete(
                self.resources[plural],
                namespace,
                name,
                uid=obj["metadata"]["uid"],
                grace_seconds=grace_seconds,
                propagation=propagation,
            )
        except StatusError:
            return

    def set_status(self, plural: str, obj: Object, status: Object) -> None:
        """Write the status if it differs; an object of another uid is left alone."""
        if obj.get("status") == status:
            return

        def change(current: Object) -> None:
            if current["metadata"]["uid"] == obj["metadata"]["uid"]:
                current["status"] = status

        self.registry.modify(self.resources[plural], *key_of(obj), change, subresource="status")

    def set_finalizer(self, plural: str, obj: Object, finalizer: str, *, present: bool) -> None:
        """Add or take off a finalizer."""
        if (finalizer in obj["metadata"].get("finalizers", [])) == present:
            return

        def change(current: Object) -> None:
            if current["metadata"]["uid"] != obj["metadata"]["uid"]:
                return
            others = [one for one in current["metadata"].get("finalizers", []) if one != finalizer]
            current["metadata"]["finalizers"] = [*others, finalizer] if present else others

        self.registry.modify(self.resources[plural], *key_of(obj), change)

    def record(self, obj: Object, type_: str, reason: str, message: str, component: str) -> None:
        """Record an event; the same one again counts."""
        namespace = obj["metadata"].get("namespace") or "default"
        uid = obj["metadata"].get("uid", "")
        digest = uuid.uuid5(uuid.NAMESPACE_OID, f"{uid}/{type_}/{reason}/{message}/{component}").hex[:16]
        name = f"{obj['metadata']['name']}.{digest}"

        def again(event: Object) -> None:
            event["count"] = event.get("count", 1) + 1
            event["lastTimestamp"] = now()

        try:
            if self.registry.modify(self.resources["events"], namespace, name, again) is None:
                self.create("events", self._event(obj, namespace, name, type_, reason, message, component))
        except StatusError:
            # A namespace on its way out takes no new objects.
            return

    @staticmethod
    def _event(obj: Object, namespace: str, name: str, type_: str, reason: str, message: str, component: str) -> Object:
        regarding = {
            "apiVersion": obj.get("apiVersion", ""),
            "kind": obj.get("kind", ""),
            "name": obj["metadata"]["name"],
            "uid": obj["metadata"].get("uid", ""),
            "resourceVersion": obj["metadata"].get("resourceVersion", ""),
        }
        if obj["metadata"].get("namespace"):
            regarding["namespace"] = namespace
        moment = now()
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"namespace": namespace, "name": name},
            "involvedObject": regarding,
            "type": type_,
            "reason": reason,
            "message": message,
            "source": {"component": component},
            "reportingComponent": component,
            "reportingInstance": "",
            "firstTimestamp": moment,
            "lastTimestamp": moment,
            "eventTime": None,
            "count": 1,
        }
