"""What the API server does not let a pass do, for a reason of the cluster's, and the words for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from volsync_py.controllers.execute import InTheWay, NotKept, NotServed
from volsync_py.controllers.mover_limit import Key
from volsync_py.controllers.rights import NotGranted
from volsync_py.core.condition_writer import REFUSED, REFUSED_SECONDS
from volsync_py.core.objects import Object, annotations_of, is_deleting
from volsync_py.core.result import Trouble
from volsync_py.kube.errors import Forbidden, Invalid
from volsync_py.volumes.point_in_time import in_the_way

Refusal = InTheWay | NotServed | NotKept | NotGranted | Forbidden | Invalid
REFUSALS = (InTheWay, NotServed, NotKept, NotGranted, Forbidden, Invalid)
# Enough fields to see whose definition it is.
_MOST_FIELDS = 5


class RefusalPace:
    """Has what was refused asked for again after a minute, or when somebody has changed the resource.

    What a pass has made, and what it writes of the refusal, calls for passes, each of which would ask for it again.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._refused: dict[Key, tuple[datetime, tuple[object, ...]]] = {}

    def start(self, key: Key, resource: Object) -> float:
        """Take a refusal of a pass over a resource, as it was read; return the seconds until the next one."""
        self._refused[key] = (self._clock() + timedelta(seconds=REFUSED_SECONDS), _asked_of(resource))
        return REFUSED_SECONDS

    def left(self, key: Key, resource: Object) -> float:
        """Return the seconds until a resource's next pass, 0 if it may be made now."""
        if key not in self._refused:
            return 0.0
        until, asked = self._refused[key]
        if is_deleting(resource) or _asked_of(resource) != asked:
            return 0.0
        left = (until - self._clock()).total_seconds()
        # A clock that was set back would have it waited for for hours.
        return left if 0 < left <= REFUSED_SECONDS else 0.0

    def end(self, key: Key) -> None:
        """Forget a resource's refusal."""
        self._refused.pop(key, None)


def _asked_of(resource: Object) -> tuple[object, ...]:
    """Return what people say to a resource: whatever its status says is from here."""
    return resource["metadata"]["uid"], resource["metadata"].get("generation"), annotations_of(resource)


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
