"""The Node object, and what the control plane does when the node is silent, tainted or gone.

Guarantees: Ready=Unknown after the grace period, eviction by NoExecute taints, removal of pods from a node
that is gone or out of service, each with the conditions a real cluster sets. Never touches a process: a
silent node's containers run on.
"""

from __future__ import annotations

import time

from hack.devcluster.api.conditions import has_condition, set_condition
from hack.devcluster.api.objects import Object
from hack.devcluster.common.context import Context, is_deleted
from hack.devcluster.common.options import NODE_NAME
from hack.devcluster.common.work_queue import Key, WorkQueue

_NODE: Key = ("", "")
_OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
_ENDED = ("Succeeded", "Failed")
# Where it is "true", pods have no other users than their own: chown to anybody else fails.
USER_NAMESPACE = "devcluster/user-namespace"


class NodeLife:
    """The Node object, and the controllers that act when the node does not."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._silent_since: float | None = None
        self._gone_since: float | None = None
        self.user_namespace = False
        self.work = WorkQueue("node-life", self._reconcile)

    def register(self) -> None:
        """Create the Node, or say that it is ready again."""
        self._silent_since = self._gone_since = None
        labels = {"kubernetes.io/hostname": NODE_NAME, "kubernetes.io/os": "linux"}
        annotations = {USER_NAMESPACE: str(self.user_namespace).lower()}
        conditions: list[Object] = []
        set_condition(conditions, "Ready", "True", "KubeletReady", "kubelet is posting ready status")
        created = self._context.create_once(
            "nodes",
            {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": NODE_NAME, "labels": labels, "annotations": annotations},
                "spec": {},
            },
        )
        resources = {"cpu": "2", "memory": "8Gi", "pods": "1000", "ephemeral-storage": "100Gi"}
        status = {
            "conditions": conditions,
            "capacity": resources,
            "allocatable": resources,
            "addresses": [
                {"type": "InternalIP", "address": "127.0.0.1"},
                {"type": "Hostname", "address": NODE_NAME},
            ],
            "nodeInfo": {"kubeletVersion": "v1.36.3", "operatingSystem": "linux"},
        }
        if created is not None:
            self._context.set_status("nodes", created, status)

    def fell_silent(self) -> None:
        """Start to count the grace period."""
        self._silent_since = time.monotonic()
        self.work.add(*_NODE)

    def delete(self) -> None:
        """Remove the Node object."""
        node = self._context.get("nodes", "", NODE_NAME)
        if node is not None:
            self._context.delete("nodes", node)

    def on_change(self, plural: str, obj: Object) -> None:
        """Take notice of the node, and of pods that may have to leave it."""
        if plural == "nodes" or (plural == "pods" and is_deleted(obj)):
            self.work.add(*_NODE)

    def _reconcile(self, key: Key) -> float | None:
        node = self._context.get("nodes", "", NODE_NAME)
        if node is None:
            return self._node_is_gone()
        self._gone_since = None
        for taint in taints_of(node):
            if taint.get("effect") == "NoExecute":
                self._evict(taint)
        if self._silent_since is None:
            return None
        left = self._silent_since + self._context.options.node_grace_seconds - time.monotonic()
        if left > 0:
            return left
        self._mark_unknown(node)
        if any(taint["key"] == _OUT_OF_SERVICE for taint in taints_of(node)):
            for pod in self._pods():
                if is_deleted(pod):
                    self._fail(pod, "DeletionByPodGC", "PodGC: node is out of service")
        return None

    def _pods(self) -> list[Object]:
        return [pod for pod in self._context.list("pods") if pod["spec"].get("nodeName") == NODE_NAME]

    def _mark_unknown(self, node: Object) -> None:
        if has_condition(node, "Ready", "Unknown"):
            return
        status = {**node["status"], "conditions": [dict(one) for one in node["status"]["conditions"]]}
        message = "Kubelet stopped posting node status."
        set_condition(status["conditions"], "Ready", "Unknown", "NodeStatusUnknown", message)
        self._context.set_status("nodes", node, status)
        for pod in self._pods():
            if (pod.get("status") or {}).get("phase") == "Running":
                fresh = {
                    **pod["status"],
                    "conditions": [dict(one) for one in pod["status"].get("conditions") or []],
                }
                set_condition(fresh["conditions"], "Ready", "False")
                self._context.set_status("pods", pod, fresh)
                self._context.record(pod, "Warning", "NodeNotReady", "Node is not ready", "node-controller")

    def _evict(self, taint: Object) -> None:
        for pod in self._pods():
            if is_deleted(pod) or tolerates(pod, taint) or (pod.get("status") or {}).get("phase") in _ENDED:
                continue
            message = f"Taint manager: deleting due to NoExecute taint {taint['key']}"
            self._disrupt(pod, "DeletionByTaintManager", message)
            self._context.delete("pods", pod)

    def _disrupt(self, pod: Object, reason: str, message: str, phase: str = "") -> None:
        status = {**(pod.get("status") or {})}
        status["conditions"] = [dict(one) for one in status.get("conditions") or []]
        set_condition(status["conditions"], "DisruptionTarget", "True", reason, message)
        if phase:
            status["phase"] = phase
        self._context.set_status("pods", pod, status)

    def _fail(self, pod: Object, reason: str, message: str) -> None:
        if (pod.get("status") or {}).get("phase") not in _ENDED:
            self._disrupt(pod, reason, message, "Failed")
        self._context.delete("pods", pod, grace_seconds=0)

    def _node_is_gone(self) -> float | None:
        if self._gone_since is None:
            self._gone_since = time.monotonic()
        left = self._gone_since + self._context.options.pod_gc_seconds - time.monotonic()
        if left > 0:
            return left
        for pod in self._pods():
            self._fail(pod, "DeletionByPodGC", "PodGC: node no longer exists")
        return None


def taints_of(node: Object) -> list[Object]:
    found = node["spec"].get("taints") or []
    return [taint for taint in found if taint.get("effect") in ("NoSchedule", "NoExecute")]


def tolerates(pod: Object, taint: Object) -> bool:
    """Return whether the pod puts up with the taint; time limits of tolerations are not counted."""
    for one in pod["spec"].get("tolerations") or []:
        if one.get("effect") and one["effect"] != taint.get("effect"):
            continue
        if not one.get("key") and one.get("operator") == "Exists":
            return True
        if one.get("key") == taint["key"] and (
            one.get("operator") == "Exists" or one.get("value", "") == taint.get("value", "")
        ):
            return True
    return False
