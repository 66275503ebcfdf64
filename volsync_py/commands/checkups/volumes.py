"""Checks of volumes: claims, caches, StorageClasses, and what is left of resources that have gone. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from volsync_py.api.spec import Replication
from volsync_py.commands.checkups.facts import Facts, Unread, key_of, objects_in
from volsync_py.commands.checkups.finding import Finding, failed, warned
from volsync_py.contract.report import ErrorClass
from volsync_py.core.attempt import Attempt
from volsync_py.core.labels import CREATED_BY_US, Label
from volsync_py.core.names import Role, cache_name
from volsync_py.core.objects import Object, annotations_of, is_deleting, labels_of, mapping, status_of
from volsync_py.core.owners import controller_of
from volsync_py.core.quantity import parse_quantity
from volsync_py.core.trigger import TriggerKind
from volsync_py.health.fullness import bytes_in, bytes_of, percent_full
from volsync_py.health.words import plain, size
from volsync_py.kube.resources import PVCS, VOLUME_SNAPSHOTS
from volsync_py.movers.restic.cache_volume import DEFAULT_CACHE_SIZE
from volsync_py.movers.restic.outcome import info
from volsync_py.populator.reference import destination_of
from volsync_py.volumes.claims import capacity_of, is_block, is_bound, is_too_small, requested

_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_Unfit = tuple[Callable[[str, str, str], Finding], str, str]
# A file system keeps some hundredths for itself, so a volume is full before all of it is taken.
_NEARLY_FULL_PERCENT = 95
FULL = frozenset({ErrorClass.TARGET_FULL.value, ErrorClass.CACHE_FULL.value})


def claims(facts: Facts) -> Iterator[Finding]:
    """Find claims that no mover can work on."""
    known = facts.claims()
    for one in facts.replications():
        name = one.restic.source_claim or one.restic.destination_claim
        if not name:
            continue
        field = "spec.sourcePVC" if one.role is Role.SOURCE else "spec.restic.destinationPVC"
        found = _unfit(known.get((key_of(one.object)[0], name)), name, one, facts)
        if found is not None:
            find, why, step = found
            yield find(f"{field}: the claim {name} {why}", step, facts.title(one.object))


def _unfit(claim: Object | None, name: str, one: Replication, facts: Facts) -> _Unfit | None:
    """Return how bad it is that a claim cannot be worked on, why it is so and what to do, None if it can."""
    space = key_of(one.object)[0]
    if claim is None:
        return failed, "does not exist", f"create it, or correct the name: kubectl get pvc -n {space}"
    if is_deleting(claim):
        return failed, "is being deleted", f"see which pod still uses it: kubectl describe pvc {name} -n {space}"
    if is_block(claim):
        return failed, "is a block device, and restic works on file systems", "use a claim with volumeMode Filesystem"
    if status_of(claim).get("phase") == "Lost":
        return failed, "has lost its volume", "bring the PersistentVolume back, or restore into a new claim"
    if is_bound(claim):
        return None
    step = f"see why: kubectl describe pvc {name} -n {space}"
    try:
        known = facts.classes()
    except Unread as missing:
        text = "is not bound to a volume; whether its StorageClass waits for a pod could not be looked at: you may not"
        return warned, f"{text} {missing}", step
    found = known.get(str(claim["spec"].get("storageClassName") or ""))
    if mapping(found).get("volumeBindingMode") == "WaitForFirstConsumer":
        text = "has no volume yet, because its StorageClass waits for the first pod that uses it"
        # A mover that works on the volume itself is such a pod; a snapshot or a clone is not.
        wanted = "start a pod that uses it; there is nothing to back up yet"
        return None if one.restic.is_direct else (warned, text, wanted)
    return failed, "is not bound to a volume", step


def classes(facts: Facts) -> Iterator[Finding]:
    """Find StorageClasses that are named and not there, and a default that is needed and not there."""
    known = facts.classes()
    has_default = any(annotations_of(one).get(_DEFAULT_CLASS) == "true" for one in known.values())
    claims_there = facts.claims()
    for one in facts.replications():
        spec = one.restic
        named = (("storageClassName", spec.storage_class), ("cacheStorageClassName", spec.cache_storage_class))
        for field, name in named:
            if name and name not in known:
                text = f"spec.restic.{field}: there is no StorageClass {name}"
                there = ", ".join(sorted(known)) or "none"
                yield failed(text, f"name one of those that are there ({there})", facts.title(one.object))
        data = spec.source_claim or spec.destination_claim
        claim = claims_there.get((key_of(one.object)[0], data))
        if data and claim is None:
            # That is told, and says nothing of classes.
            continue
        of_claim = mapping(claim, "spec").get("storageClassName")
        if not any((spec.cache_storage_class, spec.storage_class, of_claim, has_default)):
            text = "no StorageClass is named for the cache, and the cluster has no default"
            yield failed(text, "set spec.restic.cacheStorageClassName", facts.title(one.object))


def full(facts: Facts) -> Iterator[Finding]:
    """Find volumes and repositories on which no space was, or is nearly none, and claims that could not grow."""
    known = facts.claims()
    for one in facts.replications():
        attempt = Attempt.of(status_of(one.object))
        if attempt.error_class in FULL:
            text = f"{attempt.error_class}: {plain(attempt.message)}"
            yield failed(text, info(attempt.error_class).next_step, facts.title(one.object))
        name = one.restic.source_claim or one.restic.destination_claim
        for said in objects_in(known.get((key_of(one.object)[0], name)), "status", "conditions"):
            if said.get("status") == "True" and "ResizeError" in str(said.get("type")):
                text = f"the claim {name} could not be made larger: {plain(said.get('message') or '')}"
                yield warned(text, "see its StorageClass and the CSI driver's log", facts.title(one.object))
    yield from _nearly_full(facts)


def _nearly_full(facts: Facts) -> Iterator[Finding]:
    known = facts.claims()
    for one in facts.sources():
        name = one.restic.source_claim
        held, room = bytes_in(one.object), bytes_of(known.get((key_of(one.object)[0], name)))
        percent = percent_full(held, room)
        if percent is not None and percent > _NEARLY_FULL_PERCENT:
            text = f"the last snapshot holds {size(held)}, {percent} % of the claim {name} with {size(room)}"
            yield warned(text, "make the claim larger, or make room in it", facts.title(one.object))


def caches(facts: Facts) -> Iterator[Finding]:
    """Find caches that are smaller than is wanted, and whose StorageClass does not let them grow."""
    known, storage = facts.claims(), facts.classes()
    for one in facts.replications():
        space = key_of(one.object)[0]
        name = cache_name(one.role, one.name)
        cache = known.get((space, name))
        size = one.restic.cache_capacity or DEFAULT_CACHE_SIZE
        if cache is None or is_deleting(cache) or not is_too_small(cache, size):
            continue
        storage_class = storage.get(str(cache["spec"].get("storageClassName") or ""))
        if mapping(storage_class).get("allowVolumeExpansion") is True:
            continue
        text = f"the cache {name} has {requested(cache)} instead of {size}, and its StorageClass does not let it grow"
        step = f"kubectl delete pvc {name} -n {space}: the next run makes it anew, nothing is lost but time"
        yield warned(text, step, facts.title(one.object))


def capacities(facts: Facts) -> Iterator[Finding]:
    """Find copies and restores that are to have less room than what goes into them."""
    known = facts.claims()
    for one in facts.sources():
        size, claim = one.restic.capacity, known.get((key_of(one.object)[0], one.restic.source_claim))
        if size is None or claim is None or one.restic.is_direct:
            continue
        has = capacity_of(claim)
        try:
            less = has is not None and parse_quantity(size) < parse_quantity(has)
        except ValueError:
            continue
        if less:
            text = f"spec.restic.capacity: a copy with {size} is to be made of a volume with {has}"
            yield failed(text, "raise it, or leave it out", facts.title(one.object))


def orphans(facts: Facts) -> Iterator[Finding]:
    """Find claims and snapshots of ours whose resource has gone."""
    there = {one.object["metadata"]["uid"] for one in facts.all_specs()}
    caches_there = {(key_of(one.object)[0], cache_name(one.role, one.name)) for one in facts.all_specs()}
    for kind in (PVCS, VOLUME_SNAPSHOTS):
        for obj in facts.of(kind):
            labels = labels_of(obj)
            ours = labels.get(Label.CREATED_BY) == CREATED_BY_US and Label.POPULATOR_FOR not in labels
            if not ours or is_deleting(obj) or Label.DO_NOT_DELETE in labels or key_of(obj) in caches_there:
                continue
            controller = controller_of(obj)
            if controller is not None and controller.get("uid") in there:
                continue
            if controller is not None and controller.get("kind") not in ("ReplicationSource", "ReplicationDestination"):
                continue
            name, space = obj["metadata"]["name"], obj["metadata"]["namespace"]
            size = f" ({requested(obj)})" if kind is PVCS and requested(obj) else ""
            step = f"kubectl delete {kind.plural} {name} -n {space}, if you need nothing of it"
            yield warned(f"{kind.kind} {name}{size} was made for a resource that has gone", step, facts.title(obj))


def unused(facts: Facts) -> Iterator[Finding]:
    """Find destinations that have done their one restore, hold an image, and that no claim names."""
    named = {(key_of(claim)[0], destination_of(claim)) for claim in facts.of(PVCS)}
    for one in facts.replications():
        status = status_of(one.object)
        image = mapping(status, "latestImage").get("name")
        done = one.trigger.kind is TriggerKind.MANUAL and status.get("lastManualSync") == one.trigger.manual
        if one.role is not Role.DESTINATION or not done or not image or key_of(one.object) in named:
            continue
        if any(mapping(c, "spec", "dataSource").get("name") == image for c in facts.of(PVCS)):
            continue
        text = f"it has restored, holds the image {plain(image)}, and no claim of the namespace names it"
        step = f"kubectl delete replicationdestination {one.name} -n {key_of(one.object)[0]}, if you need nothing of it"
        yield warned(text, step, facts.title(one.object))
