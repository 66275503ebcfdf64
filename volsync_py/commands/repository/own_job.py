"""The Job that a command has made for its questions: the cluster ends it soon, unless the command moves its end on.

A pod that runs ends by itself when nobody asks. One that has not started cannot, and who was killed cannot remove it:
so its Job has a near deadline, which the command moves on for as long as it waits, and puts far off when the pod runs.
Asks the API server.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

import click
from attrs import define, field

from volsync_py.commands.common.cluster import Cluster
from volsync_py.commands.common.refused import sentence
from volsync_py.core.objects import Object
from volsync_py.kube.errors import ApiError, Forbidden, KubeError, NotFound, ServerError, TooManyRequests, Unreachable
from volsync_py.kube.resources import JOBS
from volsync_py.movers.restic.question_job import LONGEST_QUESTIONS_SECONDS, UNSTARTED_SECONDS

# Two of three may get lost on the way.
_RENEW_SECONDS = UNSTARTED_SECONDS / 3
_PASSING = (Unreachable, ServerError, TooManyRequests)


@define
class OwnJob:
    """One Job, from before it is made, because who is interrupted meanwhile does not know whether it was."""

    cluster: Cluster
    job: Object
    tell: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    _made: float = field(init=False)
    _renewed: float = field(init=False)
    _may_renew: bool = field(init=False, default=True)
    _refused: bool = field(init=False, default=False)

    def __attrs_post_init__(self) -> None:
        self._made = self._renewed = self.clock()

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.job["metadata"]["name"])

    def create(self) -> Object:
        """Have the API server make it."""
        try:
            made: Object = self.cluster.client.create(JOBS, self.job)
        except ApiError as error:
            self._refused = not isinstance(error, ServerError)
            raise
        return made

    def remove(self) -> None:
        """Remove it, if it may be there; what cannot be removed ends by itself."""
        if self._refused:
            return
        with suppress(KubeError):
            self.cluster.client.delete(JOBS, self.name, self.cluster.namespace)

    def waits(self) -> None:
        """Move its end on, if it is time: its pod is still waited for. A click exception says that it has gone."""
        now = self.clock()
        if now < self._renewed + _RENEW_SECONDS or not self._may_renew:
            return
        self._renewed = now
        try:
            # The Job controller counts from when it has first seen it, which is no sooner.
            self._end_after(int(now - self._made) + UNSTARTED_SECONDS)
        except NotFound:
            raise click.ClickException("the Job of the pod that asks the repository has gone; try once more") from None
        except _PASSING:
            return

    def runs(self) -> None:
        """Give its pod the time for long answers: it ends by itself now."""
        # One that has gone is found to have gone when it is asked.
        with suppress(NotFound):
            self._end_after(LONGEST_QUESTIONS_SECONDS)

    def _end_after(self, seconds: int) -> None:
        try:
            changes = {"spec": {"activeDeadlineSeconds": seconds}}
            self.cluster.client.patch(JOBS, self.name, changes, self.cluster.namespace)
        except Forbidden as error:
            if self._may_renew:
                self.tell(f"the pod that asks has {UNSTARTED_SECONDS} s, and no longer: {sentence(error)}")
            self._may_renew = False
