"""The objects of one kind as last seen, by name and by index.

What we write ourselves goes in at once, so a pass reads its own writes. Readers never modify what they
get. An older version never replaces a newer one, whichever way it comes. An object that the transform or
an indexer cannot digest changes nothing: what was here stays.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping

from volsync_py.kube.resources import Object

Objects = list[Object]
Changes = list[tuple[Object | None, Object | None]]
Key = tuple[str, str]
Indexer = Callable[[Object], Iterable[str]]
Transform = Callable[[Object], Object]

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

# Tombstones are needed while an answer is under way, seconds at most; nothing deletes so many objects in that time.
_MOST_GONE = 5000


def key_of(obj: Object) -> Key:
    """Return namespace and name."""
    meta = obj["metadata"]
    return meta.get("namespace", ""), meta["name"]


def version_of(obj: Object) -> int:
    """Return the resource version as a number; the only place that takes it for one."""
    try:
        return int(obj["metadata"].get("resourceVersion") or 0)
    except (TypeError, ValueError):
        return 0


def owned_by(namespace: str, uid: str) -> str:
    """Return the value of the index `owner`: owners are of the namespace of what they own, whatever it says."""
    return f"{namespace}/{uid}"


def _owners(obj: Object) -> list[str]:
    """Index: all owners."""
    meta = obj["metadata"]
    return [owned_by(meta.get("namespace", ""), r["uid"]) for r in meta.get("ownerReferences") or []]


class Store:
    """A keyed and indexed set of objects; thread-safe."""

    def __init__(self, indexers: Mapping[str, Indexer] | None = None, transform: Transform | None = None) -> None:
        self._indexers: dict[str, Indexer] = {"owner": _owners, **(indexers or {})}
        self._transform = transform
        self._lock = threading.RLock()
        self._objects: dict[Key, Object] = {}
        self._indices: dict[str, dict[str, set[Key]]] = {name: {} for name in self._indexers}
        # Index and value, for all places where an object is listed: kept, so that indexers are asked once.
        self._places: dict[Key, frozenset[tuple[str, str]]] = {}
        # Tombstones: the version at which an object was deleted, so that a late answer or event does not revive it. The
        # UID is known where we deleted it; a watch with a selector also calls an object deleted that has lost its
        # label.
        self._tombstones: dict[Key, tuple[str, int]] = {}
        # Version of the last list: an object that it did not have was deleted by then.
        self._listed = 0

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

    def put(self, obj: Object) -> tuple[bool, Object | None]:
        """Take an object if it is newer than what is here; return whether it was, and what was here before."""
        key, version = key_of(obj), version_of(obj)
        with self._lock:
            old = self._objects.get(key)
            if old is not None and version <= version_of(old):
                return False, old
            if old is None and self._is_stale(obj):
                return False, None
            self._set(key, obj)
            self._tombstones.pop(key, None)
            return True, old

    def remove(self, obj: Object) -> Object | None:
        """Forget an object, unless something newer has its name; return what was here."""
        key, version = key_of(obj), version_of(obj)
        with self._lock:
            old = self._objects.get(key)
            if old is None or (version and version < version_of(old)):
                return None
            self._drop(key)
            self._entomb(key, version)
            return old

    def mark_deleted(self, obj: Object) -> None:
        """Forget an object that we deleted, and what the watch still says of it."""
        key, uid = key_of(obj), _uid(obj)
        with self._lock:
            found = self._objects.get(key, obj)
            if _uid(found) != uid:
                # The name belongs to another object by now.
                return
            self._entomb(key, max(version_of(obj), version_of(found)), uid)
            if key in self._objects:
                self._drop(key)

    def replace(
        self, objects: Iterable[Object], version: int, on_bad: Callable[[Exception], None] = lambda error: None
    ) -> Changes:  # fmt: skip
        """Take a complete list as of `version`; return (old, new) for all that differs.

        `on_bad` is told of each object that cannot be digested.
        """
        fresh = {key_of(obj): obj for obj in objects}
        changes: Changes = []
        with self._lock:
            self._tombstones.clear()
            self._listed = version
            for key, old in list(self._objects.items()):
                # We wrote it after the list was made, so the list cannot have it.
                if key not in fresh and version_of(old) <= version:
                    self._drop(key)
                    changes.append((old, None))
            for key, obj in fresh.items():
                before = self._objects.get(key)
                if before is not None and version_of(obj) <= version_of(before):
                    continue
                try:
                    changes.append((before, self._set(key, obj)))
                except Exception as error:  # noqa: BLE001 - one bad object must not keep the others out
                    on_bad(error)
        return changes

    def clear(self) -> Changes:
        """Forget everything, as if it had never been; return (old, None) for each object."""
        with self._lock:
            gone = list(self._objects.items())
            for key, _ in gone:
                self._drop(key)
            self._tombstones.clear()
            self._listed = 0
        return [(old, None) for _, old in gone]

    def _is_stale(self, obj: Object) -> bool:
        """Return whether an object that is not here has been, and has gone since this version of it."""
        uid, gone = self._tombstones.get(key_of(obj), ("", 0))
        # Events of its last changes may come after the answer to our deletion.
        return version_of(obj) <= max(gone, self._listed) or bool(uid and uid == _uid(obj))

    def _entomb(self, key: Key, version: int, uid: str = "") -> None:
        self._tombstones.pop(key, None)
        self._tombstones[key] = (uid, version)
        while len(self._tombstones) > _MOST_GONE:
            del self._tombstones[next(iter(self._tombstones))]

    def _set(self, key: Key, obj: Object) -> Object:
        # Everything that may raise comes before the first change.
        obj = self._trimmed(obj)
        places = frozenset((name, value) for name, indexer in self._indexers.items() for value in indexer(obj))
        self._move(key, places)
        self._objects[key] = obj
        return obj

    def _drop(self, key: Key) -> None:
        self._move(key, frozenset())
        del self._objects[key], self._places[key]

    def _move(self, key: Key, places: frozenset[tuple[str, str]]) -> None:
        """List an object in these places and in no other."""
        before = self._places.get(key, frozenset())
        self._places[key] = places
        for name, value in before - places:
            keys = self._indices[name][value]
            keys.discard(key)
            if not keys:
                del self._indices[name][value]
        for name, value in places - before:
            self._indices[name].setdefault(value, set()).add(key)

    def _trimmed(self, obj: Object) -> Object:
        meta = obj["metadata"]
        meta.pop("managedFields", None)
        (meta.get("annotations") or {}).pop(_LAST_APPLIED, None)
        return self._transform(obj) if self._transform else obj


def _uid(obj: Object) -> str:
    return str(obj["metadata"].get("uid") or "")
