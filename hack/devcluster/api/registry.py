"""All objects of the cluster: what etcd and the generic part of an API server are together.

Guarantees: every write gets a new resourceVersion and is one event, in order; a stored object is never changed,
only replaced; a write that changes nothing is no write, and no listener can make a write fail. Owner references,
finalizers and graceful deletion work as in Kubernetes. It knows no HTTP and, apart from namespaces, definitions and
a pod's grace period, no kind.
"""

from __future__ import annotations

import copy
import random
import sys
import threading
import traceback
import uuid
from collections.abc import Callable, Iterable, Mapping

from hack.devcluster.api.defaults import fill, on_create
from hack.devcluster.api.errors import StatusError, already_exists, expired, not_found
from hack.devcluster.api.history import History, WatchEvent
from hack.devcluster.api.names import check_name
from hack.devcluster.api.objects import Object
from hack.devcluster.api.owners import Key, Owners
from hack.devcluster.api.resources import BUILT_IN, Resource, from_definition
from hack.devcluster.api.times import now
from hack.devcluster.api.updates import check_immutable, check_preconditions, marked_deleted, merged_update, secret_data

__all__ = ["Registry", "Resource", "StatusError", "WatchEvent"]

Objects = list[Object]
Dependents = list[tuple[Resource, Object]]
Listener = Callable[[str, Resource, Object], None]

_DEFINITIONS = "customresourcedefinitions"


class Registry:
    """The objects, their versions, and who listens."""

    def __init__(self) -> None:
        self.changed = threading.Condition(threading.RLock())
        self.version = 1
        self.history = History()
        # By kind, then by namespace and name.
        self._objects: dict[tuple[str, str], dict[tuple[str, str], Object]] = {}
        self._owners = Owners()
        self._resources: dict[tuple[str, str], Resource] = {(r.group, r.plural): r for r in BUILT_IN}
        self._listeners: list[Listener] = []
        for name in ("default", "kube-system", "kube-public"):
            self.create(self.resource("", "namespaces"), {"metadata": {"name": name}})

    # ---- kinds

    def resource(self, group: str, plural: str) -> Resource:
        """Return a served kind; 404 if there is none."""
        found = self._resources.get((group, plural))
        if found is None:
            title = f"{plural}.{group}" if group else plural
            why = f"the development cluster does not serve {title}"
            raise StatusError(404, "NotFound", f"the server could not find the requested resource: {why}")
        return found

    def resources(self) -> list[Resource]:
        """Return all served kinds."""
        with self.changed:
            return list(self._resources.values())

    # ---- reading

    def get(self, res: Resource, namespace: str | None, name: str) -> Object | None:
        """Return a copy of the object, or None."""
        with self.changed:
            return copy.deepcopy(self._find(_key(res, namespace, name)))

    def list(
        self, res: Resource, namespace: str | None = None, labels: Mapping[str, str] | None = None
    ) -> list[Object]:
        """Return copies of the objects of a kind, by namespace and name."""
        wanted = (labels or {}).items()
        found = self.stored(res, namespace)
        return [copy.deepcopy(obj) for obj in found if wanted <= (obj["metadata"].get("labels") or {}).items()]

    def stored(self, res: Resource, namespace: str | None = None, version: int | None = None) -> Objects:
        """Return the objects themselves, to be read only, as they are or as they were; 410 if that is too long ago."""
        with self.changed:
            found = dict(self._objects.get((res.group, res.plural), {}))
            if version is not None:
                if version < self.history.expired:
                    raise expired("The provided continue parameter is too old to display a consistent list result.")
                for event in reversed(self.history.since(version)):
                    if (event.resource.group, event.resource.plural) == (res.group, res.plural):
                        key = _key(res, event.object["metadata"].get("namespace"), event.object["metadata"]["name"])
                        found.pop(key[2:], None)
                        if event.before is not None:
                            found[key[2:]] = event.before
        return [found[key] for key in sorted(found) if not namespace or key[0] == namespace]

    def subscribe(self, listener: Listener) -> None:
        """Tell `listener` of every change from now on, in order; it must be quick."""
        with self.changed:
            self._listeners.append(listener)

    def expire_versions(self) -> None:
        """Let every version so far be too old to go on from, as a compaction does after a while."""
        with self.changed:
            self.version += 1
            self.history.expire(self.version)
            self.changed.notify_all()

    # ---- writing

    def create(self, res: Resource, obj: Object, *, dry_run: bool = False) -> Object:
        """Store a new object and return it as stored."""
        obj = copy.deepcopy(obj)
        meta = obj.setdefault("metadata", {})
        obj.update(apiVersion=res.api_version, kind=res.kind)
        with self.changed:
            if not meta.get("name") and meta.get("generateName"):
                meta["name"] = meta["generateName"] + "".join(random.choices("bcdfghjklmnpqrstvwxz2456789", k=5))
            self._admit(res, meta)
            key = _key(res, meta.get("namespace"), meta["name"])
            existing = self._find(key)
            if existing is not None:
                deleting = "object is being deleted: " if existing["metadata"].get("deletionTimestamp") else ""
                raise already_exists(res.title, meta["name"], deleting)
            for given in ("resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds"):
                meta.pop(given, None)
            meta.update(uid=str(uuid.uuid4()), creationTimestamp=now(), generation=1)
            if res.has_status and res.group not in ("", "snapshot.storage.k8s.io"):
                obj.pop("status", None)
            if res.plural == "secrets":
                secret_data(obj)
            on_create(res.plural, obj, now())
            if not dry_run:
                self._store(key, res, obj, None)
            return copy.deepcopy(obj)

    def update(self, res: Resource, obj: Object, subresource: str = "", *, dry_run: bool = False) -> Object:
        """Replace an object, or its status; 409 if a resourceVersion is given and stale."""
        meta = obj["metadata"]
        key = _key(res, meta.get("namespace"), meta["name"])
        with self.changed:
            old = self._find(key)
            if old is None:
                raise not_found(res.title, meta["name"])
            check_preconditions(res, old, meta)
            new = merged_update(res, old, copy.deepcopy(obj), subresource)
            fill(res.plural, new)
            if res.plural == "secrets":
                secret_data(new)
            if new == old:
                return copy.deepcopy(old)
            check_immutable(res, old, new)
            if new.get("spec") != old.get("spec"):
                new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1
            if dry_run:
                return new
            last = new["metadata"].get("deletionTimestamp") and not new["metadata"].get("finalizers")
            if last and (res.plural != "pods" or new["metadata"].get("deletionGracePeriodSeconds") == 0):
                return self._remove(key, res, new)
            self._store(key, res, new, old)
            return copy.deepcopy(new)

    def modify(
        self, res: Resource, namespace: str | None, name: str, change: Callable[[Object], None], subresource: str = ""
    ) -> Object | None:
        """Read, change and write under the lock; None when the object is gone. Everything may be changed."""
        with self.changed:
            new = self.get(res, namespace, name)
            if new is None:
                return None
            change(new)
            return self.update(res, new, subresource or "all")

    def delete(
        self,
        res: Resource,
        namespace: str | None,
        name: str,
        *,
        propagation: str = "",
        uid: str = "",
        resource_version: str = "",
        grace_seconds: int | None = None,
        dry_run: bool = False,
    ) -> Object:
        """Delete an object, or mark it when something has to happen first; return it as it is then."""
        key = _key(res, namespace, name)
        with self.changed:
            old = self._find(key)
            if old is None:
                raise not_found(res.title, name)
            check_preconditions(res, old, {"uid": uid, "resourceVersion": resource_version})
            new, grace = marked_deleted(res, old, propagation, grace_seconds)
            goes = not new["metadata"].get("finalizers") and grace == 0
            if not goes:
                new["metadata"].setdefault("deletionTimestamp", now())
            if dry_run:
                return new
            # A Job deleted without a policy leaves its pods, as batch/v1 always did.
            if (propagation or ("Orphan" if res.plural == "jobs" else "")) == "Orphan":
                self._orphan(new["metadata"]["uid"])
            if goes:
                return self._remove(key, res, new)
            self._store(key, res, new, old)
            return copy.deepcopy(new)

    # ---- life cycle (called with the lock held)

    def _find(self, key: Key) -> Object | None:
        return self._objects.get(key[:2], {}).get(key[2:])

    def _admit(self, res: Resource, meta: Object) -> None:
        name = meta.get("name") or ""
        check_name(res, name)
        definition = self._find(("apiextensions.k8s.io", _DEFINITIONS, "", f"{res.plural}.{res.group}"))
        if definition is not None and definition["metadata"].get("deletionTimestamp"):
            text = "create not allowed while custom resource definition is terminating"
            raise StatusError(405, "MethodNotAllowed", text)
        if not res.namespaced:
            meta.pop("namespace", None)
            return
        space = self._find(("", "namespaces", "", meta.get("namespace") or ""))
        if space is None:
            raise not_found("namespaces", meta.get("namespace") or "")
        if space["metadata"].get("deletionTimestamp"):
            text = f"unable to create new content in namespace {meta['namespace']} because it is being terminated"
            raise StatusError(403, "Forbidden", f'{res.title} "{name}" is forbidden: {text}')

    def _store(self, key: Key, res: Resource, obj: Object, before: Object | None) -> None:
        served = from_definition(obj) if res.plural == _DEFINITIONS else None
        self.version += 1
        obj["metadata"]["resourceVersion"] = str(self.version)
        self._owners.see(key, before, obj)
        self._objects.setdefault(key[:2], {})[key[2:]] = obj
        if served is not None:
            self._resources[served.group, served.plural] = served
        self._tell(WatchEvent(self.version, "MODIFIED" if before else "ADDED", res, obj, before))

    def _remove(self, key: Key, res: Resource, obj: Object) -> Object:
        before = self._objects[key[:2]].pop(key[2:])
        self.version += 1
        obj["metadata"]["resourceVersion"] = str(self.version)
        self._owners.see(key, before, None)
        if res.plural == _DEFINITIONS:
            self._resources.pop((obj["spec"]["group"], obj["spec"]["names"]["plural"]), None)
        self._tell(WatchEvent(self.version, "DELETED", res, obj, before))
        return copy.deepcopy(obj)

    def _tell(self, event: WatchEvent) -> None:
        self.history.add(event)
        for listener in self._listeners:
            try:
                listener(event.type, event.resource, copy.deepcopy(event.object))
            except Exception:  # noqa: BLE001 - the write is done; who listens must not undo half of it
                print(f"listener: {traceback.format_exc()}", file=sys.stderr, flush=True)
        self.changed.notify_all()

    # ---- owners

    def _orphan(self, uid: str) -> None:
        def disown(obj: Object) -> None:
            kept = [r for r in obj["metadata"]["ownerReferences"] if r["uid"] != uid]
            obj["metadata"]["ownerReferences"] = kept

        for res, obj in self.dependents(uid):
            self.modify(res, obj["metadata"].get("namespace"), obj["metadata"]["name"], disown)

    def dependents(self, uid: str) -> Dependents:
        """Return copies of the objects that name this owner, of kinds that are served."""
        with self.changed:
            return [found for key in self._owners.dependents(uid) if (found := self._at(key)) is not None]

    def exists(self, uids: Iterable[str]) -> bool:
        """Return whether an object with one of the UIDs is there."""
        with self.changed:
            return self._owners.exists(uids)

    def by_uid(self, uid: str) -> tuple[Resource, Object] | None:
        """Return a copy of the object with that UID, and its kind."""
        with self.changed:
            key = self._owners.key(uid)
            return None if key is None else self._at(key)

    def _at(self, key: Key) -> tuple[Resource, Object] | None:
        res, obj = self._resources.get(key[:2]), self._find(key)
        return None if res is None or obj is None else (res, copy.deepcopy(obj))


def _key(res: Resource, namespace: str | None, name: str) -> Key:
    return (res.group, res.plural, (namespace or "") if res.namespaced else "", name)
