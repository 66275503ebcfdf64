"""Waits until the pod of a Job runs, and says what it waits for. Asks the API server."""

from __future__ import annotations

import time
from collections.abc import Callable

from volsync_py.commands.common.cluster import Cluster
from volsync_py.commands.repository.pod_start import waiting_for
from volsync_py.core.objects import Object
from volsync_py.kube.errors import Forbidden, NotFound
from volsync_py.kube.resources import CORE_EVENTS

_LOOK_SECONDS = 0.25
# What takes no longer needs no words.
_TELL_SECONDS = 3.0


class NotStarted(Exception):
    """The pod does not start, or not in time; the message says why."""

    def __init__(self, why: str, *, hopeless: bool) -> None:
        super().__init__(why)
        self.hopeless = hopeless


def await_pod(
    cluster: Cluster,
    job: Object,
    pod_of: Callable[[], Object | None],
    has_started: Callable[[Object], bool],
    seconds: float,
    tell: Callable[[str], None],
    wait: Callable[[float], None] = time.sleep,
) -> Object:
    """Return a Job's pod as soon as it has started; NotStarted after `seconds`, or where it never will.

    `pod_of` asks for the pod. Each reason that it waits for is told once.
    """
    since, told = time.monotonic(), set[str]()
    while True:
        pod = pod_of()
        if pod is not None and has_started(pod):
            return pod
        waited = time.monotonic() - since
        if waited > _TELL_SECONDS or waited > seconds:
            found = waiting_for(pod, job, _events(cluster) if pod is None else [])
            if found.hopeless or waited > seconds:
                raise NotStarted(found.text, hopeless=found.hopeless)
            if found.text not in told:
                told.add(found.text)
                tell(found.text)
        wait(_LOOK_SECONDS)


def _events(cluster: Cluster) -> list[Object]:
    try:
        found: list[Object] = cluster.client.list_all(
            CORE_EVENTS, cluster.namespace, field_selector="involvedObject.kind=Job"
        )
    except (Forbidden, NotFound):
        return []
    return found
