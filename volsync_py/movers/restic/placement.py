"""Where a mover runs: beside the pod that already has one of its volumes."""

from __future__ import annotations

from volsync_py.api.spec import Replication
from volsync_py.core.objects import Object
from volsync_py.core.result import StepResult, Trouble
from volsync_py.core.view import Kind, ReadKind, View
from volsync_py.volumes.in_use import Placement, placement_beside, pod_using, shared_by_nodes


def place(replication: Replication, view: View, data: Object) -> Placement | StepResult:
    """Return the placement, or why there is none.

    The data volume decides, unless the mover works on a copy that nobody else has; then the first of the user's
    mover volumes that somebody uses.
    """
    candidates = [data] if replication.restic.is_direct else []
    candidates += _mover_claims(replication, view)
    wanted = [claim for claim in candidates if not shared_by_nodes(claim)]
    if not wanted:
        return Placement()
    pods = view.read(ReadKind.PODS)
    users = (pod_using(claim["metadata"]["name"], pods) for claim in wanted)
    pod = next((one for one in users if one is not None), None)
    return Placement() if pod is None else _beside(view, pod)


def _mover_claims(replication: Replication, view: View) -> list[Object]:
    sources = [volume.get("volumeSource") or {} for volume in replication.restic.mover_volumes]
    names = [str((source.get("persistentVolumeClaim") or {}).get("claimName") or "") for source in sources]
    found = (view.objects.get(Kind.CLAIM, name) for name in names)
    return [claim for claim in found if claim is not None]


def _beside(view: View, pod: Object) -> Placement | StepResult:
    name = pod["spec"]["nodeName"]
    node = view.read(ReadKind.NODE, name)
    beside = placement_beside(pod, node) if node is not None else None
    if beside is None:
        text = f"unable to find kubernetes.io/hostname label from node {name!r}"
        return StepResult(error=Trouble("Configuration", text, "label the node"))
    return beside
