"""A pod in which the mover has not begun because of something that somebody else has put into it.

Admission policies and queues do that: a scheduling gate, an init container that sleeps, fetches or mounts something.
"""

from __future__ import annotations

from volsync_py.core.objects import Object, status_of
from volsync_py.movers.restic.outcome import ClusterError
from volsync_py.movers.restic.pods import condition_of


def held(pod: Object) -> tuple[str, str] | None:
    """Return class and words for what somebody else holds the pod with; None: nobody does."""
    scheduled = condition_of(pod, "PodScheduled")
    if scheduled.get("reason") == "SchedulingGated":
        return ClusterError.SCHEDULING_GATED.value, str(scheduled.get("message") or "the pod has scheduling gates")
    status = _init_under_way(pod)
    if status is None:
        return None
    text = f"Pod/{pod['metadata']['name']} waits for its init container {str(status.get('name'))!r}"
    waiting = (status.get("state") or {}).get("waiting") or {}
    why = f": {waiting['reason']}: {waiting.get('message') or ''}".rstrip(": ") if _is_trouble(waiting) else ""
    return ClusterError.INIT_CONTAINER.value, text + why


def _init_under_way(pod: Object) -> Object | None:
    """Return the init container that keeps the others waiting; None while none has begun: volumes come first."""
    statuses: list[Object] = status_of(pod).get("initContainerStatuses") or []
    if not any(_has_begun(s) for s in statuses):
        return None
    under_way = (s for s in statuses if (s.get("state") or {}).get("terminated", {}).get("exitCode") != 0)
    # A side car has done its part of it when it has started, as every container says that runs.
    first = pod["spec"].get("initContainers") or []
    side_cars = {one.get("name") for one in first if one.get("restartPolicy") == "Always"}
    return next((s for s in under_way if not (s.get("started") and s.get("name") in side_cars)), None)


def _is_trouble(waiting: Object) -> bool:
    """Return whether a container waits for more than its turn."""
    return waiting.get("reason") not in (None, "PodInitializing", "ContainerCreating")


def _has_begun(status: Object) -> bool:
    state = status.get("state") or {}
    return "running" in state or "terminated" in state or _is_trouble(state.get("waiting") or {})


def failed_init(pod: Object | None) -> str:
    """Return what an init container that failed says; the mover has then not run."""
    for status in ((pod or {}).get("status") or {}).get("initContainerStatuses") or []:
        code = ((status.get("state") or {}).get("terminated") or {}).get("exitCode")
        if code:
            return f"the init container {status.get('name')!r} exited with {code}"
    return ""
