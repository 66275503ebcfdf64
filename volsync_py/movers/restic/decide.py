"""The one loop of a decision: the replication machine with a mover of restic, interrupted for the reads it lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from volsync_py.api.spec import Replication
from volsync_py.core import replication as machine
from volsync_py.core.names import Role
from volsync_py.core.result import Decision, Trouble
from volsync_py.core.view import Read, Unread, View
from volsync_py.movers.restic.destination import DestinationMover
from volsync_py.movers.restic.mover import ResticMover
from volsync_py.movers.restic.source import SourceMover

# Reads that depend on each other: a claim's sources, the last attempt's Secret, its repository's Jobs, the holder of a
# lock, what a start looks at, a node, the Jobs, a slot; and one round to decide. A decision that asks for more asks
# without end.
_MOST_ROUNDS = 10


def decide(
    replication: Replication, view: View, read: Callable[[Iterable[Read]], Mapping[Read, Any]], *, held: str = ""
) -> Decision:
    """Return everything to be done about a resource by who holds the lock `held`; `read` makes the reads it takes."""
    if replication.external:
        return Decision(_mover(replication, view).first())
    resource = machine.CustomResource(
        replication.object, replication.trigger, replication.trouble, _fresh_status(replication.role)
    )
    for _ in range(_MOST_ROUNDS):
        try:
            return machine.decide(resource, _mover(replication, view), view.now, held=held)
        except Unread as unread:
            view = view.with_reads(read(unread.reads))
    raise RuntimeError("a decision asks for more and more reads")


def decide_refused(replication: Replication, view: View, trouble: Trouble) -> Decision:
    """Return what becomes of a request of a decision's `beside` that the API server refused."""
    resource = machine.CustomResource(replication.object, replication.trigger)
    return machine.decide_refused(resource, _mover(replication, view), trouble, view.now)


def _mover(replication: Replication, view: View) -> ResticMover:
    return (SourceMover if replication.role is Role.SOURCE else DestinationMover)(replication, view)


def _fresh_status(role: Role) -> dict[str, Any]:
    """Return the sub-objects that a status of VolSync's shows from the first."""
    return {"latestMoverStatus": {}, **({"restic": {}} if role is Role.SOURCE else {})}
