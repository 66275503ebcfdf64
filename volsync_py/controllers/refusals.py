"""What the API server does not let a pass do, for a reason of the cluster's, and the words for it."""

from __future__ import annotations

from volsync_py.controllers.execute import InTheWay, NotKept, NotServed
from volsync_py.controllers.rights import NotGranted
from volsync_py.core.condition_writer import REFUSED
from volsync_py.core.result import Trouble
from volsync_py.kube.errors import Forbidden, Invalid
from volsync_py.volumes.point_in_time import in_the_way

Refusal = InTheWay | NotServed | NotKept | NotGranted | Forbidden | Invalid
REFUSALS = (InTheWay, NotServed, NotKept, NotGranted, Forbidden, Invalid)
# Enough fields to see whose definition it is.
_MOST_FIELDS = 5


def trouble_of(error: Refusal) -> Trouble:
    """Return what the user is told of a refusal."""
    if isinstance(error, InTheWay):
        return in_the_way(error.object)
    if isinstance(error, NotServed):
        return _not_served(error)
    if isinstance(error, NotKept):
        return _not_kept(error)
    if isinstance(error, NotGranted):
        text = f"the API server refuses: {error.message}"
        return Trouble(REFUSED, text, f"{error.rights} grants it, as the chart's values do; else see the message")
    return Trouble(
        REFUSED,
        f"the API server refuses: {error.message}",
        "see the message: rights of the manager, a quota, an admission rule or a field of the spec",
    )


def _not_kept(error: NotKept) -> Trouble:
    fields = ", ".join(dict.fromkeys(error.fields[:_MOST_FIELDS]))
    return Trouble(
        "DefinitionsOutdated",
        f"the CustomResourceDefinition of {error.kind} does not keep {fields}, so no mover is started",
        "apply the definitions that came with this version (manifests/crds); those of VolSync lack these fields",
    )


def _not_served(error: NotServed) -> Trouble:
    return Trouble(
        REFUSED,
        f"the API server cannot create a {error.kind}: {error}",
        "install its API (snapshots: the CRDs and the controller of the CSI external-snapshotter), or do without it",
    )
