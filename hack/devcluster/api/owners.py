"""Who owns whom: an index over ownerReferences and UIDs, so that no deletion reads all objects.

Guarantees: it is as old as the last call of `see`. Knows keys, not objects. The caller holds the registry's lock.
"""

from __future__ import annotations

from collections.abc import Iterable

from hack.devcluster.api.objects import Object

Key = tuple[str, str, str, str]


class Owners:
    """The index."""

    def __init__(self) -> None:
        self._dependents: dict[str, set[Key]] = {}
        self._keys: dict[str, Key] = {}

    def see(self, key: Key, before: Object | None, after: Object | None) -> None:
        """Take notice of a change of an object; None stands for its absence."""
        for owner in _owners(before):
            found = self._dependents.get(owner, set())
            found.discard(key)
            if not found:
                self._dependents.pop(owner, None)
        for owner in _owners(after):
            self._dependents.setdefault(owner, set()).add(key)
        if after is not None:
            self._keys[after["metadata"]["uid"]] = key
        elif before is not None:
            self._keys.pop(before["metadata"]["uid"], None)

    def dependents(self, uid: str) -> list[Key]:
        """Return the keys of the objects that name this owner."""
        return sorted(self._dependents.get(uid, ()))

    def key(self, uid: str) -> Key | None:
        """Return the key of the object with that UID."""
        return self._keys.get(uid)

    def exists(self, uids: Iterable[str]) -> bool:
        """Return whether an object with one of the UIDs is there."""
        return any(uid in self._keys for uid in uids)


def _owners(obj: Object | None) -> list[str]:
    return [r["uid"] for r in ((obj or {}).get("metadata") or {}).get("ownerReferences") or []]
