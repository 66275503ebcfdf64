"""Why a pod does not answer yet, and whether waiting is any use. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from attrs import frozen

from volsync_py.core.objects import Object, status_of
from volsync_py.health.words import plain

_NO_IMAGE = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull")
# The kubelet tries these again, but only a change can help.
_HOPELESS = ("InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError", "CreateContainerError")
_POD_SECURITY = re.compile(r'violates PodSecurity "(?P<level>[^"]*)": (?P<why>.*)')


@frozen
class Waiting:
    """What is waited for, and the next step; `hopeless`: it does not come by itself."""

    text: str
    hopeless: bool = False


def waiting_for(pod: Object | None, job: Object, events: Iterable[Object]) -> Waiting:
    """Return why a Job's pod does not run yet, from the objects themselves and the events of the Job."""
    if pod is None:
        return _no_pod(job, events)
    status = status_of(pod)
    container: Object = next((one for one in status.get("containerStatuses") or [] if one.get("name") == "restic"), {})
    ended = (container.get("state") or {}).get("terminated")
    if ended is not None or status.get("phase") == "Failed":
        why = plain((ended or {}).get("message") or status.get("message") or f"code {(ended or {}).get('exitCode')}")
        return Waiting(f"its program has ended at once ({why.strip()}): is --image the operator's?", hopeless=True)
    waits = (container.get("state") or {}).get("waiting") or {}
    reason, said = plain(waits.get("reason") or ""), plain(waits.get("message") or "")
    if reason in _NO_IMAGE:
        image = plain(container.get("image") or "")
        return Waiting(
            f"its image {image} cannot be pulled ({said or reason}): name another with --image", reason in _HOPELESS
        )
    if reason in _HOPELESS:
        return Waiting(f"its container cannot be made: {said or reason}", hopeless=True)
    scheduled: Object = next((c for c in status.get("conditions") or [] if c.get("type") == "PodScheduled"), {})
    if scheduled.get("status") == "False":
        return Waiting(f"no node takes its pod: {plain(scheduled.get('message') or '')}")
    return Waiting("its pod starts")


def _no_pod(job: Object, events: Iterable[Object]) -> Waiting:
    """Return why there is no pod: the Job controller tells of refusals in events only."""
    name = job["metadata"]["name"]
    told = [
        e for e in events if (e.get("involvedObject") or {}).get("name") == name and e.get("reason") == "FailedCreate"
    ]
    last = max(told, key=lambda e: str(e.get("lastTimestamp") or e.get("eventTime") or ""), default=None)
    if last is None:
        return Waiting("its pod is created")
    said = plain(last.get("message") or "")
    found = _POD_SECURITY.search(said)
    if found is None:
        return Waiting(f"its pod is refused: {said}")
    return Waiting(
        f"the namespace's Pod Security '{found['level']}' refuses its pod ({found['why']}): "
        "set spec.restic.moverSecurityContext: {runAsNonRoot: true, runAsUser: 1000, fsGroup: 1000}",
        hopeless=True,
    )


def has_begun(pod: Object) -> bool:
    """Return whether the pod's program runs."""
    statuses = status_of(pod).get("containerStatuses") or []
    return any(one.get("name") == "restic" and "running" in (one.get("state") or {}) for one in statuses)


def is_gone(pod: Object) -> bool:
    """Return whether nothing can be asked of a pod any more."""
    statuses = status_of(pod).get("containerStatuses") or []
    # The phase follows later where another container of the pod goes on, or has to be ended.
    ended = any(one.get("name") == "restic" and "terminated" in (one.get("state") or {}) for one in statuses)
    phase = status_of(pod).get("phase")
    return ended or bool(pod["metadata"].get("deletionTimestamp")) or phase in ("Succeeded", "Failed")
