"""The objects of one kind as last seen, by name and by index.

What we write ourselves goes in at once, so a pass reads its own writes. Readers never modify what they
get. An older version never replaces a newer one, whichever way it comes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Object = dict[str, Any]
Objects = list[Object]
Changes = list[tuple[Object | None, Object | None]]
Key = tuple[str, str]
Indexer = Callable[[Object], Iterable[str]]
Transform = Callable[[Object], Object]

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

# Answers are under way for seconds at most; nothing deletes so many objects in that time.
_MOST_GONE = 5000


def key_of(obj: Object) -> Key:
    """Return namespace and name."""
    meta = obj["metadata"]
    return meta.get("namespace", ""), meta["name"]


def version_of(obj: Object) -> int:
    """Return the resource version as a number; the only place that takes it for one."""
    try:
        return int(obj["metadata"].get("resourceVersion") or 0)
    except ValueError:
        return 0


def owner_uids(obj: Object) -> list[str]:
    """Index: the UIDs of all owners."""
    return [r["uid"] for r in obj["metadata"].get("ownerReferences") or []]


class Store:
    """A keyed and indexed set of objects; thread-safe."""

    def __init__(self, indexers: Mapping[str, Indexer] | None = None, transform: Transform | None = None) -> None:
        self._indexers: dict[str, Indexer] = {"owner": owner_uids, **(indexers or {})}
        self._transform = transform
        self._lock = threading.RLock()
        self._objects: dict[Key, Object] = {}
        self._indices: dict[str, dict[str, set[Key]]] = {name: {} for name in self._indexers}
        # What has gone, at which version: an answer or an event that is still under way must not revive it. With a UID
        # where the deletion was ours; what a watch with a selector calls deleted may only have lost its label.
        self._gone: dict[Key, tuple[str, int]] = {}

    def get(self, namespace: str, name: str) -> Object | None:
        """Return the object, or None."""
        with self._lock:
            return self._objects.get((namespace, name))

    def list(self) -> Objects:
        """Return all objects."""
        with self._lock:
            return list(self._objects.values())

    def by_index(self, index: str, value: str) -> Objects:
        """Return the objects that an index lists under a value, by name."""
        with self._lock:
            keys = sorted(self._indices[index].get(value, ()))
            return [self._objects[key] for key in keys]

    def __len__(self) -> int:
        return len(self._objects)

    def put(self, obj: Object) -> Object | None:
        """Take an object if it is newer than what is here; return what it replaces."""
        return self._put(obj)[1]

    def update(self, obj: Object) -> tuple[bool, Object | None]:
        """As `put`, and tell whether anything changed."""
        return self._put(obj)

    def _put(self, obj: Object) -> tuple[bool, Object | None]:
        obj = self._trimmed(obj)
        key, version = key_of(obj), version_of(obj)
        with self._lock:
            old = self._objects.get(key)
            if old is not None and version <= version_of(old):
                return False, old
            uid, gone = self._gone.get(key, ("", 0))
            # Its last changes may be told after our deletion of it was answered.
            if version <= gone or (uid and uid == obj["metadata"].get("uid")):
                return False, None
            self._gone.pop(key, None)
            self._reindex(key, old, obj)
            self._objects[key] = obj
            return True, old

    def remove(self, obj: Object) -> Object | None:
        """Forget an object, unless something newer has its name; return what was here."""
        key, version = key_of(obj), version_of(obj)
        with self._lock:
            old = self._objects.get(key)
            if old is None or (version and version < version_of(old)):
                return None
            self._reindex(key, old, None)
            del self._objects[key]
            self._bury(key, version)
            return old

    def discard(self, obj: Object) -> None:
        """Forget an object that we deleted, and what the watch still says of it."""
        key = key_of(obj)
        with self._lock:
            version = max(version_of(obj), version_of(self._objects.get(key, obj)))
            self._bury(key, version, str(obj["metadata"].get("uid") or ""))
            old = self._objects.pop(key, None)
            if old is not None:
                self._reindex(key, old, None)

    def replace(self, objects: Iterable[Object], version: int) -> Changes:
        """Take a complete list as of `version`; return (old, new) for all that differs."""
        fresh = {key_of(o): o for o in map(self._trimmed, objects)}
        changes: Changes = []
        with self._lock:
            self._gone.clear()
            for key, old in list(self._objects.items()):
                # Written by us after the list was made: the list cannot know it.
                if key not in fresh and version_of(old) <= version:
                    self._reindex(key, old, None)
                    del self._objects[key]
                    changes.append((old, None))
            for key, new in fresh.items():
                before = self._objects.get(key)
                if before is None or version_of(new) > version_of(before):
                    self._reindex(key, before, new)
                    self._objects[key] = new
                    changes.append((before, new))
        return changes

    def _bury(self, key: Key, version: int, uid: str = "") -> None:
        self._gone.pop(key, None)
        self._gone[key] = (uid, version)
        while len(self._gone) > _MOST_GONE:
            del self._gone[next(iter(self._gone))]

    def _trimmed(self, obj: Object) -> Object:
        meta = obj["metadata"]
        meta.pop("managedFields", None)
        (meta.get("annotations") or {}).pop(_LAST_APPLIED, None)
        return self._transform(obj) if self._transform else obj

    def _reindex(self, key: Key, old: Object | None, new: Object | None) -> None:
        for name, indexer in self._indexers.items():
            index = self._indices[name]
            for value in indexer(old) if old is not None else ():
                keys = index.get(value)
                if keys is not None:
                    keys.discard(key)
                    if not keys:
                        del index[value]
            for value in indexer(new) if new is not None else ():
                index.setdefault(value, set()).add(key)
