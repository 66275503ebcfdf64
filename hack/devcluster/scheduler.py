"""Binds pods to the one node, or says why not; keeps the Node object and what follows when it goes.

Guarantees: the scheduler's and the node controllers' visible steps: PodScheduled with its messages, the
selected-node annotation of claims that wait for a consumer, Ready=Unknown after the grace period, eviction by
NoExecute taints, removal of pods from a node that is gone or out of service. Starts no process.
"""

from __future__ import annotations

import time

from hack.devcluster.context import Context, Object, has_condition, is_deleted, key_of, now, set_condition
from hack.devcluster.keyed import Key, Keyed
from hack.devcluster.options import NODE_NAME

_NODE: Key = ("", "")
_SELECTED_NODE = "volume.kubernetes.io/selected-node"
_OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"


class Scheduler:
    """Places pods."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.work = Keyed("scheduler", self._reconcile)

    def on_change(self, plural: str, obj: Object) -> None:
        """Take notice of a pod, or of what pods may wait for."""
        if plural == "pods":
            if not obj["spec"].get("nodeName"):
                self.work.add(*key_of(obj))
        elif plural in ("persistentvolumeclaims", "nodes"):
            self.work.add(*_NODE)

    def _reconcile(self, key: Key) -> float | None:
        if key == _NODE:
            for pod in self._context.list("pods"):
                if not pod["spec"].get("nodeName"):
                    self.work.add(*key_of(pod))
            return None
        pod = self._context.get("pods", *key)
        if pod is None or pod["spec"].get("nodeName"):
            return None
        if is_deleted(pod):
            self._context.delete("pods", pod, grace_seconds=0)
            return None
        obstacle = self._obstacle(pod)
        if obstacle == "":
            self._bind(pod)
        elif obstacle is not None:
            self._refuse(pod, obstacle)
        return None

    def _bind(self, pod: Object) -> None:
        def change(current: Object) -> None:
            current["spec"]["nodeName"] = NODE_NAME

        self._context.registry.modify(self._context.resources["pods"], *key_of(pod), change)
        where = "/".join(key_of(pod))
        self._context.record(
            pod, "Normal", "Scheduled", f"Successfully assigned {where} to {NODE_NAME}", "default-scheduler"
        )

    def _refuse(self, pod: Object, message: str) -> None:
        status: Object = {"phase": "Pending", **(pod.get("status") or {})}
        status["conditions"] = [dict(one) for one in status.get("conditions") or []]
        old = next((one for one in status["conditions"] if one["type"] == "PodScheduled"), {})
        if old.get("message") == message:
            return
        set_condition(status["conditions"], "PodScheduled", "False", "Unschedulable", message)
        self._context.set_status("pods", pod, status)
        self._context.record(pod, "Warning", "FailedScheduling", message, "default-scheduler")

    def _obstacle(self, pod: Object) -> str | None:
        """Say what keeps the pod from the node: "" nothing, None something that passes without a word."""
        node = self._context.get("nodes", "", NODE_NAME)
        if node is None:
            return "no nodes available to schedule pods"
        if node["spec"].get("unschedulable"):
            return "0/1 nodes are available: 1 node(s) were unschedulable."
        taint = next((one for one in _taints(node) if not tolerates(pod, one)), None)
        if taint is not None:
            return f"0/1 nodes are available: 1 node(s) had untolerated taint(s) {{{taint['key']}}}."
        if not has_condition(node, "Ready"):
            return "0/1 nodes are available: 1 node(s) had untolerated taint(s) {node.kubernetes.io/unreachable}."
        if not _selects(pod, node):
            return "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."
        return self._claims(pod)

    def _claims(self, pod: Object) -> str | None:
        namespace = pod["metadata"]["namespace"]
        for volume in pod["spec"].get("volumes") or []:
            name = (volume.get("persistentVolumeClaim") or {}).get("claimName")
            if name is None:
                continue
            claim = self._context.get("persistentvolumeclaims", namespace, name)
            if claim is None:
                return f'persistentvolumeclaim "{name}" not found'
            if is_deleted(claim):
                return f'persistentvolumeclaim "{name}" is being deleted'
            if (claim.get("status") or {}).get("phase") == "Lost":
                return f'persistentvolumeclaim "{name}" bound to non-existent persistentvolume'
            if (claim.get("status") or {}).get("phase") != "Bound":
                return self._wait_for(claim)
        return ""

    def _wait_for(self, claim: Object) -> str | None:
        class_name = claim["spec"].get("storageClassName") or ""
        found = self._context.get("storageclasses", "", class_name)
        if found is None or found.get("volumeBindingMode") != "WaitForFirstConsumer":
            return "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."

        def change(current: Object) -> None:
            current["metadata"].setdefault("annotations", {})[_SELECTED_NODE] = NODE_NAME

        if _SELECTED_NODE not in (claim["metadata"].get("annotations") or {}):
            self._context.registry.modify(
                self._context.resources["persistentvolumeclaims"], *key_of(claim), change
            )
        return None


class NodeLife:
    """The Node object, and the controllers that act when the node does not."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._silent_since: float | None = None
        self._gone_since: float | None = None
        self.work = Keyed("node-life", self._reconcile)

    def register(self) -> None:
        """Create the Node, or say that it is ready again."""
        self._silent_since = self._gone_since = None
        labels = {"kubernetes.io/hostname": NODE_NAME, "kubernetes.io/os": "linux"}
        conditions: list[Object] = []
        set_condition(conditions, "Ready", "True", "KubeletReady", "kubelet is posting ready status")
        created = self._context.create_once(
            "nodes",
            {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": NODE_NAME, "labels": labels},
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
        for taint in _taints(node):
            if taint.get("effect") == "NoExecute":
                self._evict(taint)
        if self._silent_since is None:
            return None
        left = self._silent_since + self._context.options.node_grace_seconds - time.monotonic()
        if left > 0:
            return left
        self._mark_unknown(node)
        if any(taint["key"] == _OUT_OF_SERVICE for taint in _taints(node)):
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


_ENDED = ("Succeeded", "Failed")


def _taints(node: Object) -> list[Object]:
    found = node["spec"].get("taints") or []
    return [taint for taint in found if taint.get("effect") in ("NoSchedule", "NoExecute")]


def tolerates(pod: Object, taint: Object) -> bool:
    """Say whether the pod puts up with the taint; time limits of tolerations are not counted."""
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


def _selects(pod: Object, node: Object) -> bool:
    labels = node["metadata"].get("labels") or {}
    wanted = pod["spec"].get("nodeSelector") or {}
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    affinity = (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}
    terms = (affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}).get("nodeSelectorTerms")
    return terms is None or any(_matches(term, labels) for term in terms)


def _matches(term: Object, labels: dict[str, str]) -> bool:
    fields = {"metadata.name": NODE_NAME}
    pairs = [(one, labels) for one in term.get("matchExpressions") or []]
    pairs += [(one, fields) for one in term.get("matchFields") or []]
    return bool(pairs) and all(_holds(one, values) for one, values in pairs)


def _holds(expression: Object, labels: dict[str, str]) -> bool:
    value, wanted = labels.get(expression["key"]), expression.get("values") or []
    operator = expression["operator"]
    if operator == "In":
        return value in wanted
    if operator == "NotIn":
        return value not in wanted
    return (value is not None) == (operator == "Exists")


__all__ = ["NodeLife", "Scheduler", "now", "tolerates"]
