"""Which pods mount a claim, and what would have to be scaled down so that none does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import frozen

from volsync_py.commands.common.cluster import Cluster
from volsync_py.commands.common.gitops import Keeper, keeper
from volsync_py.core.labels import CREATED_BY_US, Annotation, Label
from volsync_py.core.objects import Object, labels_of, status_of
from volsync_py.health.words import count, plain
from volsync_py.kube.errors import Forbidden, NotFound
from volsync_py.kube.resources import (
    AUTOSCALERS,
    DEPLOYMENTS,
    PODS,
    REPLICA_SETS,
    STATEFUL_SETS,
    Resource,
)

SCALED = {one.kind: one for one in (DEPLOYMENTS, STATEFUL_SETS, REPLICA_SETS)}
_ENDED = ("Succeeded", "Failed")
# More than any cluster has of pods.
_DIGITS = 6


@frozen
class Workload:
    """Something with replicas whose pods mount the claim, or did before they were scaled down for a restore."""

    resource: Resource
    name: str
    # Those it has, and those it had before a restore that has not ended.
    replicas: int
    before: int
    pods: Sequence[str] = ()
    keeper: Keeper | None = None
    # "Kind name" of who may scale it back: what controls it, and autoscalers.
    others: Sequence[str] = ()
    # Whether its claims are deleted when it is scaled down.
    deletes_claims: bool = False

    @property
    def words(self) -> str:
        """What it is called."""
        return f"{self.resource.kind} {self.name}"

    @property
    def path(self) -> str:
        """What kubectl calls it."""
        return f"{self.resource.kind.lower()}/{self.name}"


@frozen
class Mounts:
    """Who mounts a claim."""

    workloads: Sequence[Workload] = ()
    # "Kind name" of what cannot be scaled.
    loose: Sequence[str] = ()
    pods: Sequence[str] = ()

    @property
    def words(self) -> str:
        """Who mounts it, with how many pods."""
        owners = [f"{one.words} ({count(len(one.pods), 'pod')})" for one in self.workloads if one.pods]
        return ", ".join([*owners, *self.loose])


def mounting(pods: Iterable[Object], claim: str) -> list[Object]:
    """Return the pods that mount a claim and have not ended. Pure."""
    return [
        pod
        for pod in pods
        if status_of(pod).get("phase") not in _ENDED
        and any(
            (volume.get("persistentVolumeClaim") or {}).get("claimName") == claim
            for volume in pod["spec"].get("volumes") or []
        )
    ]


def is_mover(pod: Object) -> bool:
    """Return whether a pod is one of the operator's own. Pure."""
    return labels_of(pod).get(Label.CREATED_BY) == CREATED_BY_US


def look(cluster: Cluster, claim: str, restore: str) -> Mounts:
    """Return who mounts a claim, and what an earlier command has scaled down for the same restore."""
    pods = mounting(cluster.client.list_all(PODS, cluster.namespace), claim)
    owned: dict[tuple[str, str], list[str]] = {}
    loose = []
    for pod in pods:
        if is_mover(pod):
            continue
        kind, name = _owner(cluster, pod)
        if kind in SCALED:
            owned.setdefault((kind, name), []).append(plain(pod["metadata"]["name"]))
        else:
            loose.append(f"{kind} {name}")
    for resource in SCALED.values():
        for obj in _listed(cluster, resource):
            if _scaled_for(obj) == restore:
                owned.setdefault((resource.kind, str(obj["metadata"]["name"])), [])
    autoscalers = _listed(cluster, AUTOSCALERS) if owned else []
    workloads = []
    for (kind, name), its_pods in owned.items():
        there = cluster.has(SCALED[kind], name)
        if there is not None:
            workloads.append(workload_of(there, SCALED[kind], its_pods, autoscalers, restore))
    return Mounts(
        workloads,
        sorted(set(loose)),
        [plain(pod["metadata"]["name"]) for pod in pods if not is_mover(pod)],
    )


def workload_of(
    obj: Object, resource: Resource, pods: Sequence[str], autoscalers: Iterable[Object], restore: str
) -> Workload:
    """Return what is known of a workload; what it remembers counts if it is of this restore. Pure."""
    replicas = obj["spec"].get("replicas")
    now = replicas if isinstance(replicas, int) else 1
    remembered = obj["metadata"].get("annotations") or {}
    stored = str(remembered.get(Annotation.REPLICAS_BEFORE) or "") if _scaled_for(obj) == restore else ""
    name = str(obj["metadata"]["name"])
    others = [f"{owner['kind']} {owner['name']}" for owner in [_controller(obj)] if owner]
    for one in autoscalers:
        target = (one.get("spec") or {}).get("scaleTargetRef") or {}
        if (target.get("kind"), target.get("name")) == (resource.kind, name):
            others.append(f"HorizontalPodAutoscaler {one['metadata']['name']}")
    # Whoever has scaled it back meanwhile knows better than an earlier restore how many there have to be.
    before = now if now > 0 else int(stored) if stored.isdecimal() and len(stored) <= _DIGITS else 0
    kept = obj["spec"].get("persistentVolumeClaimRetentionPolicy")
    deletes = isinstance(kept, dict) and kept.get("whenScaled") == "Delete"
    return Workload(resource, name, now, before, pods, keeper(obj), [plain(other) for other in others], deletes)


def _scaled_for(obj: Object) -> object:
    return (obj["metadata"].get("annotations") or {}).get(Annotation.SCALED_FOR)


def _owner(cluster: Cluster, pod: Object) -> tuple[str, str]:
    """Return kind and name of what has to be scaled, or of what is in the way."""
    reference = _controller(pod)
    if reference is None:
        return "Pod", plain(pod["metadata"]["name"])
    if reference["kind"] == REPLICA_SETS.kind:
        replica_set = cluster.has(REPLICA_SETS, reference["name"])
        above = None if replica_set is None else _controller(replica_set)
        reference = above or reference
    return plain(reference["kind"]), plain(reference["name"])


def _controller(obj: Object) -> dict[str, str] | None:
    references = obj["metadata"].get("ownerReferences") or []
    return next((one for one in references if one.get("controller")), None)


def _listed(cluster: Cluster, resource: Resource) -> list[Object]:
    """Return all of a kind in the namespace, none where it is not served or may not be read."""
    try:
        found: list[Object] = cluster.client.list_all(resource, cluster.namespace)
    except (NotFound, Forbidden):
        return []
    return found
