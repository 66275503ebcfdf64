"""Who waits for whom among claims and volumes.

Guarantees: every change says which keys to look at again without reading all objects, so that a thousand
claims do not mean a million reads. Keys are (namespace, claim) and ("", volume). Remembers names, decides
nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from hack.devcluster.api.objects import Object
from hack.devcluster.common.context import key_of
from hack.devcluster.common.work_queue import Key

VOLUME_KEY = ""
_SNAPSHOT, _CLAIM = "VolumeSnapshot", "PersistentVolumeClaim"


class ClaimIndex:
    """Indexes over the claims and volumes seen so far."""

    def __init__(self) -> None:
        # Unbound claims with the kind and name of their source.
        self._pending: dict[Key, tuple[str, str]] = {}
        self._claims_of_volume: dict[str, set[Key]] = defaultdict(set)
        self._volumes_of_claim: dict[Key, set[str]] = defaultdict(set)

    def see_claim(self, claim: Object) -> Iterator[Key]:
        """Take notice of a claim and yield what it concerns."""
        key, spec = key_of(claim), claim["spec"]
        if (claim.get("status") or {}).get("phase") == "Bound":
            self._pending.pop(key, None)
            yield from self._with_source(key[0], _CLAIM, key[1])
        else:
            source = spec.get("dataSourceRef") or spec.get("dataSource") or {}
            self._pending[key] = (source.get("kind", ""), source.get("name", ""))
        if spec.get("volumeName"):
            self._claims_of_volume[spec["volumeName"]].add(key)
            yield VOLUME_KEY, spec["volumeName"]
        yield key

    def see_volume(self, volume: Object) -> Iterator[Key]:
        """Take notice of a volume and yield what it concerns."""
        name, claim = volume["metadata"]["name"], volume["spec"].get("claimRef")
        yield VOLUME_KEY, name
        yield from tuple(self._claims_of_volume[name])
        if claim:
            self._volumes_of_claim[claim["namespace"], claim["name"]].add(name)
            yield claim["namespace"], claim["name"]
        else:
            yield from self.pending()

    def see_snapshot(self, snapshot: Object) -> Iterator[Key]:
        """Yield the claims that wait for a snapshot."""
        namespace, name = key_of(snapshot)
        yield from self._with_source(namespace, _SNAPSHOT, name)

    def pending(self) -> tuple[Key, ...]:
        """Return the claims that are not bound."""
        return tuple(self._pending)

    def volumes_for(self, claim: Key) -> tuple[str, ...]:
        """Return the volumes that name a claim, or did."""
        return tuple(self._volumes_of_claim[claim])

    def forget_claim(self, key: Key) -> None:
        """Drop a claim that is gone."""
        self._pending.pop(key, None)
        self._volumes_of_claim.pop(key, None)

    def forget_volume(self, name: str) -> None:
        """Drop a volume that is gone."""
        self._claims_of_volume.pop(name, None)

    def _with_source(self, namespace: str, kind: str, name: str) -> Iterator[Key]:
        for key, source in tuple(self._pending.items()):
            if key[0] == namespace and source == (kind, name):
                yield key
