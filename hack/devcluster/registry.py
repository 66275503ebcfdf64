"""All objects of the cluster: what etcd and the generic part of an API server are together.

Guarantees: every write gets a new resourceVersion and is one event, in order; what is handed out are
copies; a write that changes nothing is no write. Owner references, finalizers and graceful deletion work
as in Kubernetes. It knows no HTTP and, apart from a pod's grace period and a namespace's content, no kind.
"""

from __future__ import annotations

import base64
import copy
import random
import re
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from attrs import frozen

from hack.devcluster.errors import StatusError, already_exists, conflict, invalid, not_found
from hack.devcluster.resources import BUILT_IN, Resource, from_definition

__all__ = ["Registry", "Resource", "StatusError", "WatchEvent"]

Object = dict[str, Any]
Key = tuple[str, str, str, str]
Dependents = list[tuple[Resource, Object]]
Listener = Callable[[str, Resource, Object], None]

# What a watch may fall behind before it gets 410; a real server keeps about five minutes.
_HISTORY = 20_000
_FOREGROUND = "foregroundDeletion"
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.:]{0,251}[a-z0-9])?")


@frozen(eq=False)
class WatchEvent:
    """One change; `before` is the object as it was, None when it is new."""

    version: int
    type: str
    resource: Resource
    object: Object
    before: Object | None


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Registry:
    """The objects, their versions, and who listens."""

    def __init__(self) -> None:
        self.changed = threading.Condition(threading.RLock())
        self.version = 1
        self.oldest = 1
        self.history: deque[WatchEvent] = deque(maxlen=_HISTORY)
        self._objects: dict[Key, Object] = {}
        self._dependents: dict[str, set[Key]] = {}
        self._keys: dict[str, Key] = {}
        self._resources: dict[tuple[str, str], Resource] = {(r.group, r.plural): r for r in BUILT_IN}
        self._listeners: list[Listener] = []
        for name in ("default", "kube-system", "kube-public"):
            self.create(self.resource("", "namespaces"), {"metadata": {"name": name}})

    # ---- kinds

    def resource(self, group: str, plural: str) -> Resource:
        """Return a served kind; 404 if there is none."""
        found = self._resources.get((group, plural))
        if found is None:
            raise StatusError(404, "NotFound", "the server could not find the requested resource")
        return found

    def resources(self) -> list[Resource]:
        """Return all served kinds."""
        return list(self._resources.values())

    # ---- reading

    def get(self, res: Resource, namespace: str | None, name: str) -> Object | None:
        """Return a copy of the object, or None."""
        with self.changed:
            found = self._objects.get(_key(res, namespace, name))
            return copy.deepcopy(found)

    def list(
        self, res: Resource, namespace: str | None = None, labels: Mapping[str, str] | None = None
    ) -> list[Object]:
        """Return copies of the objects of a kind, by namespace and name."""
        wanted = (labels or {}).items()
        with self.changed:
            found = [
                copy.deepcopy(obj)
                for (group, plural, ns, _), obj in self._objects.items()
                if (group, plural) == (res.group, res.plural)
                and (not namespace or ns == namespace)
                and wanted <= (obj["metadata"].get("labels") or {}).items()
            ]
        return sorted(found, key=lambda o: (o["metadata"].get("namespace", ""), o["metadata"]["name"]))

    def subscribe(self, listener: Listener) -> None:
        """Tell `listener` of every change from now on, in order; it must be quick."""
        with self.changed:
            self._listeners.append(listener)

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
            existing = self._objects.get(key)
            if existing is not None:
                deleting = "object is being deleted: " if existing["metadata"].get("deletionTimestamp") else ""
                raise already_exists(res.title, meta["name"], deleting)
            for given in ("resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds"):
                meta.pop(given, None)
            meta.update(uid=str(uuid.uuid4()), creationTimestamp=_now(), generation=1)
            if res.has_status and res.group not in ("", "snapshot.storage.k8s.io"):
                obj.pop("status", None)
            if res.plural == "namespaces":
                obj["status"] = {"phase": "Active"}
                meta.setdefault("labels", {})["kubernetes.io/metadata.name"] = meta["name"]
            if res.plural == "secrets":
                _secret_data(obj)
            if not dry_run:
                self._store(key, res, obj, None)
            return copy.deepcopy(obj)

    def update(self, res: Resource, obj: Object, subresource: str = "", *, dry_run: bool = False) -> Object:
        """Replace an object, or its status; 409 if a resourceVersion is given and stale."""
        meta = obj["metadata"]
        key = _key(res, meta.get("namespace"), meta["name"])
        with self.changed:
            old = self._objects.get(key)
            if old is None:
                raise not_found(res.title, meta["name"])
            self._preconditions(res, old, meta)
            new = _merged_update(res, old, copy.deepcopy(obj), subresource)
            if new == old:
                return copy.deepcopy(old)
            _check_immutable(res, old, new)
            if res.plural == "secrets":
                _secret_data(new)
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
            old = self._objects.get(_key(res, namespace, name))
            if old is None:
                return None
            new = copy.deepcopy(old)
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
    ) -> Object:
        """Delete an object, or mark it when something has to happen first; return it as it is then."""
        key = _key(res, namespace, name)
        with self.changed:
            old = self._objects.get(key)
            if old is None:
                raise not_found(res.title, name)
            self._preconditions(res, old, {"uid": uid, "resourceVersion": resource_version})
            # A Job deleted without a policy leaves its pods, as batch/v1 always did.
            policy = propagation or ("Orphan" if res.plural == "jobs" else "Background")
            new = copy.deepcopy(old)
            meta = new["metadata"]
            if policy == "Orphan":
                self._orphan(meta["uid"])
            if policy == "Foreground" and _FOREGROUND not in (meta.get("finalizers") or []):
                meta["finalizers"] = [*(meta.get("finalizers") or []), _FOREGROUND]
            grace = _grace(res, old, grace_seconds)
            if res.plural == "namespaces":
                new["status"] = {"phase": "Terminating"}
                meta.setdefault("finalizers", ["kubernetes"])
            if not meta.get("finalizers") and grace == 0:
                return self._remove(key, res, new)
            meta.setdefault("deletionTimestamp", _now())
            if res.plural == "pods":
                meta["deletionGracePeriodSeconds"] = grace
            self._store(key, res, new, old)
            return copy.deepcopy(new)

    # ---- life cycle (called with the lock held)

    def _admit(self, res: Resource, meta: Object) -> None:
        name = meta.get("name") or ""
        if not _NAME.fullmatch(name):
            raise invalid(res.title, name, "metadata.name", f"Invalid value: {name!r}: must be an RFC 1123 subdomain")
        if not res.namespaced:
            meta.pop("namespace", None)
            return
        space = self._objects.get(("", "namespaces", "", meta.get("namespace") or ""))
        if space is None:
            raise not_found("namespaces", meta.get("namespace") or "")
        if space["metadata"].get("deletionTimestamp"):
            text = f"unable to create new content in namespace {meta['namespace']} because it is being terminated"
            raise StatusError(403, "Forbidden", f'{res.title} "{name}" is forbidden: {text}')

    def _preconditions(self, res: Resource, old: Object, given: Object) -> None:
        for field in ("uid", "resourceVersion"):
            wanted, actual = given.get(field), old["metadata"][field]
            if wanted and wanted != actual:
                why = (
                    "the object has been modified; please apply your changes to the latest version and try again"
                    if field == "resourceVersion"
                    else f"Precondition failed: UID in precondition: {wanted}, UID in object meta: {actual}"
                )
                raise conflict(res.title, old["metadata"]["name"], why)

    def _store(self, key: Key, res: Resource, obj: Object, before: Object | None) -> None:
        self.version += 1
        obj["metadata"]["resourceVersion"] = str(self.version)
        self._index(key, before, obj)
        self._objects[key] = obj
        self._keys[obj["metadata"]["uid"]] = key
        if res.plural == "customresourcedefinitions":
            served = from_definition(obj)
            self._resources[served.group, served.plural] = served
        self._tell(WatchEvent(self.version, "MODIFIED" if before else "ADDED", res, obj, before))

    def _remove(self, key: Key, res: Resource, obj: Object) -> Object:
        before = self._objects.pop(key)
        self._keys.pop(before["metadata"]["uid"], None)
        self.version += 1
        obj["metadata"]["resourceVersion"] = str(self.version)
        self._index(key, before, None)
        if res.plural == "customresourcedefinitions":
            self._resources.pop((obj["spec"]["group"], obj["spec"]["names"]["plural"]), None)
        self._tell(WatchEvent(self.version, "DELETED", res, obj, before))
        return copy.deepcopy(obj)

    def _tell(self, event: WatchEvent) -> None:
        if len(self.history) == _HISTORY:
            self.oldest = self.history[0].version + 1
        self.history.append(event)
        for listener in self._listeners:
            listener(event.type, event.resource, copy.deepcopy(event.object))
        self.changed.notify_all()

    def _index(self, key: Key, before: Object | None, after: Object | None) -> None:
        for owner in _owners(before):
            self._dependents.get(owner, set()).discard(key)
        for owner in _owners(after):
            self._dependents.setdefault(owner, set()).add(key)

    def _orphan(self, uid: str) -> None:
        for key in list(self._dependents.get(uid, ())):
            res = self.resource(key[0], key[1])

            def disown(obj: Object) -> None:
                kept = [r for r in obj["metadata"]["ownerReferences"] if r["uid"] != uid]
                obj["metadata"]["ownerReferences"] = kept

            self.modify(res, key[2], key[3], disown)

    def dependents(self, uid: str) -> Dependents:
        """Return copies of the objects that name this owner."""
        with self.changed:
            keys = list(self._dependents.get(uid, ()))
            return [(self.resource(k[0], k[1]), copy.deepcopy(self._objects[k])) for k in keys if k in self._objects]

    def exists(self, uids: Iterable[str]) -> bool:
        """Tell whether an object with one of the UIDs is there."""
        with self.changed:
            return any(uid in self._keys for uid in uids)

    def by_uid(self, uid: str) -> tuple[Resource, Object] | None:
        """Return a copy of the object with that UID, and its kind."""
        with self.changed:
            key = self._keys.get(uid)
            return None if key is None else (self.resource(key[0], key[1]), copy.deepcopy(self._objects[key]))


def _key(res: Resource, namespace: str | None, name: str) -> Key:
    return (res.group, res.plural, (namespace or "") if res.namespaced else "", name)


def _owners(obj: Object | None) -> list[str]:
    return [r["uid"] for r in ((obj or {}).get("metadata") or {}).get("ownerReferences") or []]


def _grace(res: Resource, pod: Object, asked: int | None) -> int:
    """Return how long a pod has to end; nothing else has any time."""
    if res.plural != "pods" or not (pod.get("spec") or {}).get("nodeName"):
        return 0
    if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        return 0
    wanted = asked if asked is not None else (pod["spec"].get("terminationGracePeriodSeconds") or 30)
    before = pod["metadata"].get("deletionGracePeriodSeconds")
    return int(min(wanted, before) if before is not None else wanted)


def _merged_update(res: Resource, old: Object, new: Object, subresource: str) -> Object:
    """Return what an update may change: not the identity, and the status only through its subresource."""
    if subresource == "status":
        result = copy.deepcopy(old)
        if "status" in new:
            result["status"] = new["status"]
        else:
            result.pop("status", None)
        return result
    new.update(apiVersion=res.api_version, kind=res.kind)
    if res.has_status and subresource != "all":
        new.pop("status", None)
        if "status" in old:
            new["status"] = copy.deepcopy(old["status"])
    meta, before = new["metadata"], old["metadata"]
    kept = ["uid", "creationTimestamp", "generation", "resourceVersion", "deletionTimestamp"]
    if subresource != "all":
        kept.append("deletionGracePeriodSeconds")
    for field in kept:
        if field in before:
            meta[field] = before[field]
        elif field != "deletionTimestamp" or subresource != "all":
            meta.pop(field, None)
    for field in ("labels", "annotations", "ownerReferences", "finalizers"):
        if not meta.get(field):
            meta.pop(field, None)
            if field in before and not before[field]:
                meta[field] = before[field]
    return new


def _check_immutable(res: Resource, old: Object, new: Object) -> None:
    name = old["metadata"]["name"]
    before, after = old.get("spec") or {}, new.get("spec") or {}
    if res.plural == "jobs":
        for field in ("template", "completions", "selector"):
            if before.get(field) != after.get(field):
                raise invalid("Job.batch", name, f"spec.{field}", "field is immutable")
    if res.plural == "secrets" and old.get("immutable") and old.get("data") != new.get("data"):
        raise invalid("Secret", name, "data", "field is immutable when `immutable` is set")


def _secret_data(obj: Object) -> None:
    """Fold `stringData` into `data`, as the API does."""
    given = obj.pop("stringData", None)
    if given:
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in given.items()}
        obj["data"] = {**(obj.get("data") or {}), **encoded}
    obj.setdefault("type", "Opaque")
