"""Binds pods to the one node, or says why not.

Guarantees: the scheduler's visible steps: PodScheduled with its messages, FailedScheduling, the selected-node
annotation of claims that wait for a consumer. Starts no process and never moves a pod.
"""

from __future__ import annotations

from hack.devcluster.api.conditions import has_condition, set_condition
from hack.devcluster.api.objects import Object
from hack.devcluster.common.context import Context, is_deleted, key_of
from hack.devcluster.common.options import NODE_NAME
from hack.devcluster.common.work_queue import Key, WorkQueue
from hack.devcluster.control.ephemeral import belongs_to, foreign
from hack.devcluster.control.node_lifecycle import taints_of, tolerates
from hack.devcluster.node.pods import claim_name, claims_of

_SELECTED_NODE = "volume.kubernetes.io/selected-node"
_IN_USE = "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode"
_GATED = "Scheduling is blocked due to non-empty scheduling gates"
_ENDED = ("Succeeded", "Failed")
_TAINTED = "0/1 nodes are available: 1 node(s) had untolerated taint(s) {}."


class Scheduler:
    """Places pods."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._waiting: set[Key] = set()
        self.work = WorkQueue("scheduler", self._reconcile)

    def on_change(self, plural: str, obj: Object) -> None:
        """Take notice of a pod, or of what pods may wait for."""
        if plural == "pods":
            if not obj["spec"].get("nodeName"):
                self.work.add(*key_of(obj))
            elif is_deleted(obj) or (obj.get("status") or {}).get("phase") in _ENDED:
                # It may have held a claim that only one pod can have.
                for key in tuple(self._waiting):
                    self.work.add(*key)
        elif plural in ("persistentvolumeclaims", "nodes"):
            for key in tuple(self._waiting):
                self.work.add(*key)

    def _reconcile(self, key: Key) -> float | None:
        pod = self._context.get("pods", *key)
        # Noted before the look, so that no change falls between the two.
        self._waiting.add(key)
        if pod is None or pod["spec"].get("nodeName"):
            self._waiting.discard(key)
            return None
        if is_deleted(pod):
            self._context.delete("pods", pod, grace_seconds=0)
            return None
        if pod["spec"].get("schedulingGates"):
            self._say(pod, "SchedulingGated", _GATED)
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
        if self._say(pod, "Unschedulable", message):
            self._context.record(pod, "Warning", "FailedScheduling", message, "default-scheduler")

    def _say(self, pod: Object, reason: str, message: str) -> bool:
        """Write why the pod is not scheduled; return whether that is news."""
        status: Object = {"phase": "Pending", **(pod.get("status") or {})}
        status["conditions"] = [dict(one) for one in status.get("conditions") or []]
        old: Object = next((one for one in status["conditions"] if one["type"] == "PodScheduled"), {})
        if old.get("message") == message:
            return False
        set_condition(status["conditions"], "PodScheduled", "False", reason, message)
        self._context.set_status("pods", pod, status)
        return True

    def _obstacle(self, pod: Object) -> str | None:
        """Say what keeps the pod from the node: "" nothing, None something that passes without a word."""
        node = self._context.get("nodes", "", NODE_NAME)
        if node is None:
            return "no nodes available to schedule pods"
        if node["spec"].get("unschedulable"):
            return "0/1 nodes are available: 1 node(s) were unschedulable."
        taint = next((one for one in taints_of(node) if not tolerates(pod, one)), None)
        if taint is not None:
            return _TAINTED.format(f"{{{taint['key']}}}")
        if not has_condition(node, "Ready"):
            return _TAINTED.format("{node.kubernetes.io/unreachable}")
        if not _selects(pod, node):
            return "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."
        return self._claims(pod)

    def _claims(self, pod: Object) -> str | None:
        namespace = pod["metadata"]["namespace"]
        for volume in pod["spec"].get("volumes") or []:
            name = claim_name(pod, volume)
            if not name:
                continue
            claim = self._context.get("persistentvolumeclaims", namespace, name)
            if claim is None:
                wait = "waiting for ephemeral volume controller to create the " if "ephemeral" in volume else ""
                return f'{wait}persistentvolumeclaim "{name}"{"" if wait else " not found"}'
            if "ephemeral" in volume and not belongs_to(claim, pod):
                return foreign(pod, name)
            if is_deleted(claim):
                return f'persistentvolumeclaim "{name}" is being deleted'
            if (claim.get("status") or {}).get("phase") == "Lost":
                return f'persistentvolumeclaim "{name}" bound to non-existent persistentvolume'
            if (claim.get("status") or {}).get("phase") != "Bound":
                return self._wait_for(claim)
            if "ReadWriteOncePod" in claim["spec"]["accessModes"] and self._is_used(pod, name):
                return f"0/1 nodes are available: 1 {_IN_USE}."
        return ""

    def _is_used(self, pod: Object, claim: str) -> bool:
        others = self._context.list("pods", pod["metadata"]["namespace"])
        return any(
            claim in claims_of(other)
            for other in others
            if other["spec"].get("nodeName") and (other.get("status") or {}).get("phase") not in _ENDED
        )

    def _wait_for(self, claim: Object) -> str | None:
        class_name = claim["spec"].get("storageClassName") or ""
        found = self._context.get("storageclasses", "", class_name)
        if found is None or found.get("volumeBindingMode") != "WaitForFirstConsumer":
            return "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."

        def change(current: Object) -> None:
            current["metadata"].setdefault("annotations", {})[_SELECTED_NODE] = NODE_NAME

        if _SELECTED_NODE not in (claim["metadata"].get("annotations") or {}):
            self._context.registry.modify(self._context.resources["persistentvolumeclaims"], *key_of(claim), change)
        return None


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
    return (value is not None) is (operator == "Exists")
