"""Which claims an event calls for where claims are filled from a destination; a request names a claim by its UID.

By its UID because everything that is made for a claim has it in its name or label, so that what is left of a claim
that has gone calls for the same pass as the claim did, and another claim of its name for another one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from volsync_py.core.objects import Object
from volsync_py.core.owners import controller_of
from volsync_py.kube.controller import Controller, Request
from volsync_py.kube.informer import Handler, Informer
from volsync_py.kube.resources import (
    PVCS,
    REPLICATION_DESTINATIONS,
    STORAGE_CLASSES,
    VOLUME_POPULATORS,
    VOLUME_SNAPSHOTS,
    Resource,
)
from volsync_py.kube.store import Store
from volsync_py.populator.reference import destination_of, readers_of, uid_of_temporary
from volsync_py.populator.registration import REGISTRATION
from volsync_py.volumes.claims import is_bound


def _uid_of(claim: Object) -> list[str]:
    """Index: the UID of a claim that is filled from a destination."""
    meta = claim["metadata"]
    return [f"{meta['namespace']}/{meta.get('uid')}"] if destination_of(claim) else []


def _destination_of(claim: Object) -> list[str]:
    """Index: the destination that a claim waits for."""
    name = destination_of(claim)
    return [f"{claim['metadata']['namespace']}/{name}"] if name and not is_bound(claim) else []


def _class_of(claim: Object) -> list[str]:
    """Index: the class that a claim waits for."""
    name = claim["spec"].get("storageClassName")
    return [name] if name and destination_of(claim) and not is_bound(claim) else []


def _readers_of(snapshot: Object) -> list[str]:
    """Index: the UIDs of the claims that a snapshot is labelled for."""
    return [f"{snapshot['metadata']['namespace']}/{uid}" for uid in readers_of(snapshot)]


CLAIM_INDEXERS = {"populated": _uid_of, "populated-from": _destination_of, "populated-class": _class_of}
SNAPSHOT_INDEXERS = {"readers": _readers_of}


def connect_populator(informers: Mapping[Resource, Informer], controller: Controller) -> None:
    """Call for a pass over a claim when it, its temporary claim, its image, its destination or its class changes."""
    claims = informers[PVCS].store

    def call_by(find: Callable[[Store, Object], Iterable[Request]]) -> Handler:
        def handler(old: Object | None, new: Object | None) -> None:
            # What it was as well: a label that has gone is somebody's cue.
            found = {request for obj in (old, new) if obj is not None for request in find(claims, obj)}
            for request in found:
                controller.enqueue(request)

        return handler

    informers[PVCS].add_handler(call_by(_by_claim))
    informers[REPLICATION_DESTINATIONS].add_handler(call_by(_by_destination))
    informers[STORAGE_CLASSES].add_handler(call_by(_by_class))
    informers[VOLUME_SNAPSHOTS].add_handler(call_by(_by_snapshot))


def _by_claim(_claims: Store, obj: Object) -> Iterator[Request]:
    meta = obj["metadata"]
    if destination_of(obj):
        yield Request(meta["namespace"], meta["uid"])
    if uid_of_temporary(obj):
        yield Request(meta["namespace"], uid_of_temporary(obj))


def _by_destination(claims: Store, obj: Object) -> Iterator[Request]:
    yield from _waiting(claims, "populated-from", f"{obj['metadata']['namespace']}/{obj['metadata']['name']}")


def _by_class(claims: Store, obj: Object) -> Iterator[Request]:
    yield from _waiting(claims, "populated-class", obj["metadata"]["name"])


def _by_snapshot(claims: Store, obj: Object) -> Iterator[Request]:
    space = obj["metadata"]["namespace"]
    yield from (Request(space, uid) for uid in readers_of(obj))
    owner = controller_of(obj) or {}
    if owner.get("kind") == REPLICATION_DESTINATIONS.kind:
        yield from _waiting(claims, "populated-from", f"{space}/{owner.get('name')}")


def _waiting(claims: Store, index: str, value: str) -> Iterator[Request]:
    for one in claims.by_index(index, value):
        yield Request(one["metadata"]["namespace"], one["metadata"]["uid"])


def connect_registration(informers: Mapping[Resource, Informer], controller: Controller) -> None:
    """Call for a look at our VolumePopulator when its kind is served, and when one of them changes."""

    def look() -> None:
        controller.enqueue(Request("", REGISTRATION))

    informers[VOLUME_POPULATORS].add_list_handler(look)
    informers[VOLUME_POPULATORS].add_handler(lambda old, new: look())
