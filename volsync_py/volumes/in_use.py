"""Where a mover must run when its volume is already mounted by somebody.

A ReadWriteOnce volume follows its pod, so the mover is bound to that pod's node and gets its
tolerations. Movers of our own do not count, and neither does a pod that has no node yet.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import field, frozen

from volsync_py.core.labels import CREATED_BY_US, Label
from volsync_py.core.objects import Object, labels_of

HOSTNAME_LABEL = "kubernetes.io/hostname"


@frozen
class Placement:
    """Scheduling constraints of the mover's pod; empty means anywhere."""

    node_selector: dict[str, str] = field(factory=dict)
    tolerations: list[Any] = field(factory=list)


def shared_by_nodes(claim: Object) -> bool:
    """Return whether pods on several nodes may mount the claim at once."""
    return "ReadWriteMany" in (claim.get("status", {}).get("accessModes") or [])


def pod_using(claim_name: str, pods: Iterable[Object]) -> Object | None:
    """Return the pod that decides where the volume is: a running one, else a scheduled pending one.

    Differs from VolSync: a pending pod without a node is ignored instead of being looked up as node "".
    """
    pending: Object | None = None
    running: Object | None = None
    for pod in pods:
        labels = labels_of(pod)
        if labels.get(Label.CREATED_BY) == CREATED_BY_US:
            continue
        if not _mounts(pod, claim_name) or not pod["spec"].get("nodeName"):
            continue
        phase = pod.get("status", {}).get("phase")
        if phase == "Running":
            running = pod
        elif phase == "Pending" and pending is None:
            pending = pod
    return running or pending


def _mounts(pod: Object, claim_name: str) -> bool:
    volumes = pod["spec"].get("volumes") or []
    return any((v.get("persistentVolumeClaim") or {}).get("claimName") == claim_name for v in volumes)


def placement_beside(pod: Object, node: Object) -> Placement | None:
    """Return the placement on the pod's node, or None when the node has no hostname label."""
    hostname = labels_of(node).get(HOSTNAME_LABEL)
    if not hostname:
        return None
    return Placement({HOSTNAME_LABEL: hostname}, list(pod["spec"].get("tolerations") or []))
