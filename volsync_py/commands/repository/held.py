"""A pod that waits for as long as a screen is open: a program in it says so, and ends when the screen does.

Whoever closes the screen leaves with a word, after which the pod waits as long as was said; whoever is killed cannot,
and the pod ends a moment later.
"""

from __future__ import annotations

from contextlib import suppress

from attrs import frozen

from volsync_py.commands.common.cluster import Cluster
from volsync_py.contract.questions import ASK, Kind, Question
from volsync_py.kube.errors import KubeError
from volsync_py.kube.execution import Execution
from volsync_py.kube.resources import PODS
from volsync_py.movers.restic.objects import COMMAND

# A program that says nothing else ends within a few seconds on a busy node.
_END_SECONDS = 10.0


@frozen
class Held:
    """A pod that waits until it is let go."""

    running: Execution

    def let_go(self, *, with_a_word: bool) -> None:
        """Have the pod wait no longer for this screen; with a word, as long as was said at the beginning."""
        # One that has gone meanwhile needs to be told nothing.
        with suppress(KubeError), self.running as running:
            if with_a_word:
                running.write(b"\n")
                for _ in running.outputs(_END_SECONDS):
                    pass


def hold(cluster: Cluster, pod: str, keep_seconds: float) -> Held | None:
    """Have a pod wait, and for so long after whoever leaves with a word; None: it waits for its questions alone."""
    # Why it cannot be asked, the question says that comes next.
    with suppress(KubeError):
        running = cluster.client.execute(PODS, cluster.namespace, pod, container="restic", command=[COMMAND, ASK])
        running.write(Question(Kind.HOLD, keep_seconds=keep_seconds).to_json().encode() + b"\n")
        return Held(running)
    return None
