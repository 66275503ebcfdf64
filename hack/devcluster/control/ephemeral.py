"""Claims that pods bring along: made from the template in the pod, owned by it, and gone with it.

Guarantees: the visible steps of the controller of generic ephemeral volumes. What binds such a claim is storage's
business, and its end the garbage collector's.
"""

from __future__ import annotations

from hack.devcluster.api.errors import StatusError
from hack.devcluster.api.objects import Object
from hack.devcluster.common.context import Context, is_deleted, key_of, owner_reference
from hack.devcluster.common.work_queue import Key, WorkQueue
from hack.devcluster.node.pods import claim_name

_COMPONENT = "ephemeral_volume"
# Client-go's first pause is shorter, and grows; nobody here counts the attempts.
_AGAIN_SECONDS = 1.0


class EphemeralVolumes:
    """Makes the claims; keys are pods."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.work = WorkQueue("ephemeral", self._reconcile)

    def on_change(self, plural: str, obj: Object) -> None:
        """Take notice of a pod that brings a claim along."""
        if plural == "pods" and not is_deleted(obj) and any("ephemeral" in one for one in _volumes(obj)):
            self.work.add(*key_of(obj))

    def _reconcile(self, key: Key) -> float | None:
        pod = self._context.get("pods", *key)
        if pod is None or is_deleted(pod):
            return None
        for volume in _volumes(pod):
            trouble = self._trouble(pod, volume) if "ephemeral" in volume else ""
            if trouble:
                message = f"ephemeral volume {volume['name']}: {trouble}"
                self._context.record(pod, "Warning", "FailedBinding", message, _COMPONENT)
                return _AGAIN_SECONDS
        return None

    def _trouble(self, pod: Object, volume: Object) -> str:
        """Make the claim of a volume unless it is there; return what keeps it from being made, "" if nothing does."""
        namespace, name = pod["metadata"]["namespace"], claim_name(pod, volume)
        found = self._context.get("persistentvolumeclaims", namespace, name)
        if found is not None:
            return "" if belongs_to(found, pod) else foreign(pod, name)
        template = volume["ephemeral"]["volumeClaimTemplate"]
        given = template.get("metadata") or {}
        meta: Object = {"name": name, "namespace": namespace, "ownerReferences": [owner_reference(pod)]}
        meta |= {kind: dict(given[kind]) for kind in ("labels", "annotations") if given.get(kind)}
        claim = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": meta,
            "spec": dict(template.get("spec") or {}),
        }
        try:
            self._context.create("persistentvolumeclaims", claim)
        except StatusError as error:
            return f"create PVC {name}: {error.message}"
        return ""


def belongs_to(claim: Object, pod: Object) -> bool:
    """Return whether a claim is the one that a pod has brought along."""
    references = claim["metadata"].get("ownerReferences") or []
    return any(one.get("controller") and one["uid"] == pod["metadata"]["uid"] for one in references)


def foreign(pod: Object, claim: str) -> str:
    """Return what is said of somebody else's claim under the name of a pod's own."""
    namespace, name = key_of(pod)
    return f'PVC "{namespace}/{claim}" was not created for pod "{namespace}/{name}" (pod is not owner)'


def _volumes(pod: Object) -> list[Object]:
    found: list[Object] = pod["spec"].get("volumes") or []
    return found
