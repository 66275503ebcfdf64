"""The garbage collector, the namespace controller, and what ends the objects of a deleted definition.

Guarantees: what names only owners that are gone is deleted; an owner under foreground deletion goes when its last
blocking dependent has gone, and so down the tree; a namespace goes when its content has, a definition when its
objects have. No single object can end the collecting of the others.
"""

from __future__ import annotations

import queue
import sys
import threading
import traceback

from hack.devcluster.api.defaults import CRD_CLEANUP
from hack.devcluster.api.objects import Object
from hack.devcluster.api.registry import Registry, Resource, StatusError

_FOREGROUND = "foregroundDeletion"
_DEFINITIONS = "customresourcedefinitions"


class Garbage:
    """Collects in one thread, woken by changes."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._queue: queue.SimpleQueue[tuple[str, Resource, Object] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="garbage", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._registry.subscribe(lambda kind, res, obj: self._queue.put((kind, res, obj)))
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._queue.put(None)
        self._thread.join(5)

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            try:
                self._look(*item)
            except Exception:  # noqa: BLE001 - the loop: one object must not end it
                print(f"garbage: {traceback.format_exc()}", file=sys.stderr, flush=True)

    def _look(self, kind: str, res: Resource, obj: Object) -> None:
        if kind == "DELETED":
            self._owner_gone(res, obj)
        elif obj["metadata"].get("deletionTimestamp"):
            if res.plural == "namespaces":
                self._empty(obj)
            elif res.plural == _DEFINITIONS:
                self._empty_kind(obj)
            if _FOREGROUND in (obj["metadata"].get("finalizers") or []):
                self._foreground(res, obj)
        elif kind == "ADDED" and obj["metadata"].get("ownerReferences"):
            self._collect(res, obj)

    def _owner_gone(self, res: Resource, gone: Object) -> None:
        for kind, dependent in self._registry.dependents(gone["metadata"]["uid"]):
            self._collect(kind, dependent)
        for reference in gone["metadata"].get("ownerReferences") or []:
            self._look_at_owner(reference["uid"])
        definition = self._find("apiextensions.k8s.io", _DEFINITIONS, f"{res.plural}.{res.group}")
        if definition is not None and definition["metadata"].get("deletionTimestamp"):
            self._empty_kind(definition)
        space = self._find("", "namespaces", gone["metadata"].get("namespace") or "")
        if space is not None and space["metadata"].get("deletionTimestamp"):
            self._empty(space)

    def _find(self, group: str, plural: str, name: str) -> Object | None:
        return self._registry.get(self._registry.resource(group, plural), None, name)

    def _look_at_owner(self, uid: str) -> None:
        found = self._registry.by_uid(uid)
        if found is not None and _FOREGROUND in (found[1]["metadata"].get("finalizers") or []):
            self._foreground(*found)

    def _collect(self, res: Resource, obj: Object) -> None:
        # As it is now: it may have been orphaned since the change that is looked at.
        now = self._registry.get(res, obj["metadata"].get("namespace"), obj["metadata"]["name"])
        references = (now or obj)["metadata"].get("ownerReferences") or []
        if not references or self._registry.exists(r["uid"] for r in references):
            return
        self._delete(res, obj)

    def _foreground(self, res: Resource, obj: Object) -> None:
        uid = obj["metadata"]["uid"]
        for kind, dependent in self._registry.dependents(uid):
            if not dependent["metadata"].get("deletionTimestamp") and not self._kept_by_another(dependent, uid):
                # What has dependents itself waits for them: the tree goes from its leaves.
                below = self._registry.dependents(dependent["metadata"]["uid"])
                self._delete(kind, dependent, "Foreground" if below else "Background")
        left = [d for _, d in self._registry.dependents(uid) if not self._kept_by_another(d, uid)]
        if any(_blocks(d, uid) for d in left):
            return

        def finish(one: Object) -> None:
            one["metadata"]["finalizers"] = [f for f in one["metadata"].get("finalizers") or [] if f != _FOREGROUND]

        self._registry.modify(res, obj["metadata"].get("namespace"), obj["metadata"]["name"], finish)

    def _kept_by_another(self, dependent: Object, uid: str) -> bool:
        others = [r["uid"] for r in dependent["metadata"].get("ownerReferences") or [] if r["uid"] != uid]
        found = [self._registry.by_uid(other) for other in others]
        return any(one is not None and not one[1]["metadata"].get("deletionTimestamp") for one in found)

    def _empty(self, space: Object) -> None:
        name = space["metadata"]["name"]
        kinds = [res for res in self._registry.resources() if res.namespaced]
        for res in kinds:
            for obj in self._registry.list(res, name):
                if not obj["metadata"].get("deletionTimestamp"):
                    self._delete(res, obj)
        if not any(self._registry.stored(res, name) for res in kinds):
            spaces = self._registry.resource("", "namespaces")
            self._registry.modify(spaces, None, name, lambda one: one["metadata"].update(finalizers=[]))

    def _empty_kind(self, definition: Object) -> None:
        """Delete all objects of the kind, and let go of its definition when none is left."""
        spec = definition["spec"]
        res = self._registry.resource(spec["group"], spec["names"]["plural"])
        for obj in self._registry.list(res):
            if not obj["metadata"].get("deletionTimestamp"):
                self._delete(res, obj)
        if self._registry.stored(res):
            return

        def finish(one: Object) -> None:
            one["metadata"]["finalizers"] = [f for f in one["metadata"].get("finalizers") or [] if f != CRD_CLEANUP]

        definitions = self._registry.resource("apiextensions.k8s.io", _DEFINITIONS)
        self._registry.modify(definitions, None, definition["metadata"]["name"], finish)

    def _delete(self, res: Resource, obj: Object, propagation: str = "Background") -> None:
        meta = obj["metadata"]
        try:
            self._registry.delete(res, meta.get("namespace"), meta["name"], propagation=propagation, uid=meta["uid"])
        except StatusError:
            # Gone already, or replaced: either way there is nothing left to collect.
            return


def _blocks(dependent: Object, uid: str) -> bool:
    references = dependent["metadata"].get("ownerReferences") or []
    return any(r["uid"] == uid and r.get("blockOwnerDeletion") for r in references)
