"""A Job of a command, followed until it has ended: its log as it comes, and its last word. Asks the API server."""

from __future__ import annotations

import time
from array import array
from contextlib import suppress

from attrs import define, field, frozen

from volsync_py.commands.common.cluster import Cluster
from volsync_py.commands.common.moving_line import MovingLine
from volsync_py.contract.report import Report
from volsync_py.core.objects import Object, status_of
from volsync_py.health.words import plain
from volsync_py.kube.errors import Invalid, NotFound, ServerError, TooManyRequests, Unreachable
from volsync_py.kube.resources import JOBS, PODS
from volsync_py.movers.restic.job_state import has_ended

_LOOK_SECONDS = 0.5
# The kubelet tells of a container's end within a second or two of the end of its log.
_FIRST_PAUSE_SECONDS = 3.0
# A kubelet that cannot follow a log says so each time it is asked: reading a long one again and again is of no use.
_LONGEST_PAUSE_SECONDS = 10.0
# They pass: a restart of the API server, or of the kubelet that has the log.
_PASSING = (Unreachable, ServerError, TooManyRequests)


@define
class SeenLines:
    """Which lines of a log were shown, so that a log that is opened again goes on where it was cut off.

    Lines are compared, not counted: a kubelet adds words of its own where it cannot follow a log, and forgets the
    beginning of a long one.
    """

    _hashes: array[int] = field(factory=lambda: array("q"))
    _next: int = 0

    def again(self) -> None:
        """Begin with a log that is opened again."""
        self._next = 0

    def is_new(self, line: bytes) -> bool:
        """Return whether the next line of the log has not been shown yet; then it counts as shown."""
        said = hash(line)
        with suppress(ValueError):
            self._next = self._hashes.index(said, self._next) + 1
            return False
        self._hashes.append(said)
        self._next = len(self._hashes)
        return True


@frozen
class _End:
    report: Report | None


@define
class FollowedJob:
    """One Job, and what of its log was shown."""

    cluster: Cluster
    name: str
    display: MovingLine
    _seen: SeenLines = field(factory=SeenLines)
    _told: set[str] = field(factory=set)

    def pod(self) -> Object | None:
        """Return the Job's newest pod."""
        pods = self.cluster.client.list_all(PODS, self.cluster.namespace, label_selector=f"job-name={self.name}")
        return max(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp")), default=None)

    def report(self, pod: Object) -> Report | None:
        """Show the log until the pod's program or the Job has ended, however long; return its last word, if any."""
        with self.display.moving():
            return self._followed(pod)

    def _followed(self, pod: Object) -> Report | None:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            self._show(str(pod["metadata"]["name"]))
            until = time.monotonic() + pause
            while True:
                end = self._end()
                if end is not None:
                    return end.report
                if time.monotonic() > until:
                    break
                time.sleep(_LOOK_SECONDS)
            self._say_once("the log has ended before its pod, which goes on: it is opened again")
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def _show(self, pod: str) -> None:
        self._seen.again()
        with (
            suppress(NotFound, Invalid, *_PASSING),
            self.cluster.client.follow_log(PODS, self.cluster.namespace, pod, container="restic") as lines,
        ):
            for line in lines:
                if self._seen.is_new(line):
                    self.display.say(plain(line.decode(errors="replace")))

    def _end(self) -> _End | None:
        """Return what the end has left, or None while there is none; the Job is read first, as it ends last."""
        try:
            job, pod = self.cluster.has(JOBS, self.name), self.pod()
        except _PASSING as error:
            self._say_once(f"the API server does not answer, and is asked again ({plain(error)})")
            return None
        ended = terminated(pod) if pod is not None else {}
        if ended:
            return _End(Report.from_json(str(ended.get("message") or "")))
        return _End(None) if job is None or has_ended(job) else None

    def _say_once(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self.display.say(text)


def terminated(pod: Object) -> Object:
    """Return how the pod's program has ended, or {}."""
    statuses = status_of(pod).get("containerStatuses") or []
    own: Object = next((one for one in statuses if one.get("name") == "restic"), {})
    ended: Object = (own.get("state") or {}).get("terminated") or {}
    return ended
