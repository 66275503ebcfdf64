"""The garbage collector and the namespace controller.

Guarantees: what names only owners that are gone is deleted; an owner under foreground deletion goes when
its last blocking dependent has gone; a namespace goes when its content has.
"""

from __future__ import annotations

import queue
import threading

from hack.devcluster.registry import Object, Registry, Resource, StatusError

_FOREGROUND = "foregroundDeletion"


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
            kind, res, obj = item
            if kind == "DELETED":
                self._owner_gone(obj)
            elif obj["metadata"].get("deletionTimestamp"):
                if res.plural == "namespaces":
                    self._empty(obj)
                elif _FOREGROUND in (obj["metadata"].get("finalizers") or []):
                    self._foreground(res, obj)
            elif kind == "ADDED" and obj["metadata"].get("ownerReferences"):
                self._collect(res, obj)

    def _owner_gone(self, gone: Object) -> None:
        for res, dependent in self._registry.dependents(gone["metadata"]["uid"]):
            self._collect(res, dependent)
        for reference in gone["metadata"].get("ownerReferences") or []:
            self._look_at_owner(reference["uid"])
        namespace = gone["metadata"].get("namespace")
        if namespace:
            spaces = self._registry.resource("", "namespaces")
            space = self._registry.get(spaces, None, namespace)
            if space is not None and space["metadata"].get("deletionTimestamp"):
                self._empty(space)

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
        self._delete(res, obj, "Background")

    def _foreground(self, res: Resource, obj: Object) -> None:
        dependents = self._registry.dependents(obj["metadata"]["uid"])
        for kind, dependent in dependents:
            if not dependent["metadata"].get("deletionTimestamp"):
                self._delete(kind, dependent, "Background")
        uid = obj["metadata"]["uid"]
        if any(_blocks(d, uid) for _, d in self._registry.dependents(uid)):
            return

        def finish(one: Object) -> None:
            one["metadata"]["finalizers"] = [f for f in one["metadata"].get("finalizers") or [] if f != _FOREGROUND]

        self._registry.modify(res, obj["metadata"].get("namespace"), obj["metadata"]["name"], finish)

    def _empty(self, space: Object) -> None:
        name, left = space["metadata"]["name"], False
        for res in self._registry.resources():
            if not res.namespaced:
                continue
            for obj in self._registry.list(res, name):
                left = True
                if not obj["metadata"].get("deletionTimestamp"):
                    self._delete(res, obj, "Background")
        if not left or not any(self._registry.list(r, name) for r in self._registry.resources() if r.namespaced):
            spaces = self._registry.resource("", "namespaces")
            self._registry.modify(spaces, None, name, lambda one: one["metadata"].update(finalizers=[]))

    def _delete(self, res: Resource, obj: Object, propagation: str) -> None:
        meta = obj["metadata"]
        try:
            self._registry.delete(res, meta.get("namespace"), meta["name"], propagation=propagation, uid=meta["uid"])
        except StatusError:
            # Gone already, or replaced: either way there is nothing left to collect.
            return


def _blocks(dependent: Object, uid: str) -> bool:
    references = dependent["metadata"].get("ownerReferences") or []
    return any(r["uid"] == uid and r.get("blockOwnerDeletion") for r in references)
