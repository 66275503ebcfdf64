"""What the manager watches, what it keeps of it, and which resources an event calls for.

Stores hold what decisions read and no more, because most of a cluster's objects are nobody's business here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from volsync_py.bounded_json import without_depths
from volsync_py.controllers.mover_limit import Key, MoverLimit
from volsync_py.controllers.populator_watches import CLAIM_INDEXERS, SNAPSHOT_INDEXERS
from volsync_py.core.labels import CREATED_BY_US, Annotation, Label
from volsync_py.core.names import Role, jobs_of
from volsync_py.core.objects import annotations_of, labels_of, status_of
from volsync_py.core.owners import controller_of
from volsync_py.kube.client import Client
from volsync_py.kube.controller import Controller, Request
from volsync_py.kube.informer import Informer
from volsync_py.kube.resources import (
    JOBS,
    NAMESPACES,
    PODS,
    PVCS,
    REPLICATION_DESTINATIONS,
    REPLICATION_SOURCES,
    ROLE_BINDINGS,
    ROLES,
    SERVICE_ACCOUNTS,
    STORAGE_CLASSES,
    VOLUME_POPULATORS,
    VOLUME_SNAPSHOTS,
    Object,
    Resource,
)
from volsync_py.kube.store import Store
from volsync_py.movers.restic.job_state import has_ended

_OURS = f"{Label.CREATED_BY}={CREATED_BY_US}"
# The fields of a claim's status that decisions read.
_CLAIM_STATUS = ("phase", "capacity", "accessModes")

Informers = Mapping[Resource, Informer]

# How many informers both functions below return; each keeps one connection for its watch.
INFORMERS = 12


def informers(
    client: Client, namespace: str | None, on_error: Callable[[Resource, Exception], None]
) -> dict[Resource, Informer]:
    """Return the informers, of one namespace or of all."""

    def informer(resource: Resource, **options: Any) -> Informer:
        space = namespace if resource.namespaced else None
        return Informer(client, resource, namespace=space, on_error=on_error, **options)

    custom = {"job": _job_of, "claim": _claims_of}
    made = [
        informer(REPLICATION_SOURCES, indexers=custom, transform=_trim_custom),
        informer(REPLICATION_DESTINATIONS, indexers=custom, transform=_trim_custom),
        informer(JOBS, label_selector=_OURS, indexers={"repository": _repository_of}),
        informer(PODS, label_selector=_OURS, indexers={"job": _pod_job}, transform=_trim_pod),
        informer(PVCS, indexers=CLAIM_INDEXERS, transform=_trim_claim),
        informer(SERVICE_ACCOUNTS, label_selector=_OURS),
        informer(VOLUME_SNAPSHOTS, indexers=SNAPSHOT_INDEXERS, optional=True),
        informer(STORAGE_CLASSES),
        informer(VOLUME_POPULATORS, optional=True),
        informer(NAMESPACES),
    ]
    return {one.resource: one for one in made}


def rights_informers(
    client: Client, namespace: str | None, on_error: Callable[[Resource, Exception], None]
) -> dict[Resource, Informer]:
    """Return the informers of what movers need on OpenShift, and nowhere else."""
    return {
        resource: Informer(client, resource, namespace=namespace, label_selector=_OURS, on_error=on_error)
        for resource in (ROLES, ROLE_BINDINGS)
    }


def connect(informers: Informers, resource: Resource, controller: Controller) -> None:
    """Call for a pass over a custom resource when it, its objects, or a claim that it names changes."""
    store = informers[resource].store

    def enqueue(resources: Iterable[Object]) -> None:
        for one in resources:
            controller.enqueue(Request(one["metadata"]["namespace"], one["metadata"]["name"]))

    def changed(old: Object | None, new: Object | None) -> None:
        enqueue(obj for obj in (new or old,) if obj is not None)
        enqueue(_others_of_its_claims(store, old, new))

    def child(old: Object | None, new: Object | None) -> None:
        # The previous owner as well: it may wait for the object to be released.
        metas = [obj["metadata"] for obj in (old, new) if obj is not None]
        owners = ((meta["namespace"], r) for meta in metas for r in meta.get("ownerReferences") or [])
        for request in {Request(space, r["name"]) for space, r in owners if r.get("kind") == resource.kind}:
            controller.enqueue(request)

    def pod(old: Object | None, new: Object | None) -> None:
        obj = new or old
        for job in _pod_job(obj) if obj is not None else []:
            enqueue(store.by_index("job", job))

    def claim(old: Object | None, new: Object | None) -> None:
        # Resources that name the claim without owning it may wait for it, also for one that an operator has made.
        obj = new or old
        if obj is None or (old is not None and new is not None and not _triggers(old, new)):
            return
        meta = obj["metadata"]
        enqueue(store.by_index("claim", f"{meta['namespace']}/{meta['name']}"))

    informers[resource].add_handler(changed)
    for owned in (JOBS, PVCS, VOLUME_SNAPSHOTS):
        informers[owned].add_handler(child)
    informers[PODS].add_handler(pod)
    informers[PVCS].add_handler(claim)


def connect_limit(informers: Informers, limit: MoverLimit) -> None:
    """Tell the limit of what may free a slot, so that the next one is called before the passes that are due."""

    def resource(old: Object | None, new: Object | None) -> None:
        obj = new or old
        if obj is not None:
            limit.refresh(Key(obj["kind"], obj["metadata"]["namespace"], obj["metadata"]["name"]))

    def job(old: Object | None, new: Object | None) -> None:
        obj = new or old
        owner = controller_of(obj) if obj is not None else None
        if obj is not None and owner is not None and owner.get("kind") in kinds:
            limit.refresh(Key(owner["kind"], obj["metadata"]["namespace"], str(owner.get("name"))))

    kinds = {one.kind: one for one in (REPLICATION_SOURCES, REPLICATION_DESTINATIONS)}
    informers[JOBS].add_handler(job)
    for one in kinds.values():
        informers[one].add_handler(resource)


def _job_of(obj: Object) -> list[str]:
    """Index: the Jobs of a custom resource."""
    role = Role.SOURCE if obj.get("kind") == REPLICATION_SOURCES.kind else Role.DESTINATION
    meta = obj["metadata"]
    return [f"{meta['namespace']}/{name}" for name in jobs_of(role, meta["name"])]


def _claims_of(obj: Object) -> list[str]:
    """Index: the claims that a custom resource names."""
    spec = obj.get("spec") or {}
    named = (spec.get("sourcePVC"), (spec.get("restic") or {}).get("destinationPVC"))
    return [f"{obj['metadata']['namespace']}/{name}" for name in named if name]


def _others_of_its_claims(store: Store, old: Object | None, new: Object | None) -> Iterator[Object]:
    """Return who names a claim of a resource that has another spec, or is gone: they may have waited for its copy."""
    before, after = ((obj or {"metadata": {}})["metadata"].get("generation") for obj in (old, new))
    if old is not None and (new is None or before != after):
        for claim in _claims_of(old):
            yield from store.by_index("claim", claim)


def _repository_of(job: Object) -> list[str]:
    """Index: the repository that a Job works on, or may begin to."""
    value = labels_of(job).get(Label.REPOSITORY)
    return [value] if value and not has_ended(job) else []


def _pod_job(pod: Object) -> list[str]:
    """Index: the Job of a pod."""
    name = labels_of(pod).get("job-name")
    return [f"{pod['metadata']['namespace']}/{name}"] if name else []


def _triggers(old: Object, new: Object) -> bool:
    """Return whether the owner of a claim, or another source of it, has said something about its copies."""
    before, after = (annotations_of(claim) for claim in (old, new))
    is_used = Annotation.USE_COPY_TRIGGER in before or Annotation.USE_COPY_TRIGGER in after
    return is_used and before != after


def _trim_custom(resource: Object) -> Object:
    """Take away what is nested deeper than any field that is read: some fields allow everything."""
    return {key: without_depths(value) for key, value in resource.items()}


def _trim_pod(pod: Object) -> Object:
    spec = pod.get("spec") or {}
    kept = {key: spec[key] for key in ("nodeName",) if key in spec}
    images = [{"image": c.get("image", "")} for c in spec.get("containers") or [{}]]
    # Most pods have none.
    if first := spec.get("initContainers"):
        kept["initContainers"] = [{"name": c.get("name"), "restartPolicy": c.get("restartPolicy")} for c in first]
    return {**pod, "spec": {**kept, "containers": images}}


def _trim_claim(claim: Object) -> Object:
    status = status_of(claim)
    return {**claim, "status": {key: status[key] for key in _CLAIM_STATUS if key in status}}
