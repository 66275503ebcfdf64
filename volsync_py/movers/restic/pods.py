"""A Job's pods, told from those of an earlier Job of the same name."""

from __future__ import annotations

from volsync_py.core.objects import Object, labels_of, status_of
from volsync_py.core.view import Kind, View

# Kubernetes writes both; old clusters only the second.
_JOB_UID = ("batch.kubernetes.io/controller-uid", "controller-uid")
_ENDED = ("Succeeded", "Failed")


def pods_named(view: View, job_name: str) -> list[Object]:
    """Return the pods of all Jobs of that name."""
    return [p for p in view.objects.of_kind(Kind.POD) if labels_of(p).get("job-name") == job_name]


def pods_of(view: View, job: Object) -> list[Object]:
    """Return the pods of exactly this Job."""
    uid, named = job["metadata"]["uid"], pods_named(view, job["metadata"]["name"])
    return [p for p in named if all(labels_of(p).get(key, uid) == uid for key in _JOB_UID)]


def left_running(view: View, job_name: str) -> Object | None:
    """Return a pod that a Job has left behind and that may still work; one that has ended is in nobody's way."""
    return next((p for p in pods_named(view, job_name) if _phase(p) not in _ENDED), None)


def is_over(pod: Object) -> bool:
    """Return whether a pod has ended and runs nothing any more."""
    return _phase(pod) in _ENDED


def has_started(pod: Object) -> bool:
    """Return whether the mover itself has ever run in the pod, whatever somebody else's containers do."""
    statuses = status_of(pod).get("containerStatuses") or []
    own = [s for s in statuses if s.get("name") == "restic"]
    states = [s.get(key) or {} for s in own for key in ("state", "lastState")]
    if own:
        return any("running" in s or "terminated" in s for s in states)
    return _phase(pod) not in ("", "Pending")


def condition_of(pod: Object, name: str) -> Object:
    """Return a condition of a pod, whatever its status; {} if it has none of that name."""
    conditions = status_of(pod).get("conditions") or []
    return next((c for c in conditions if c["type"] == name), {})


def _phase(pod: Object) -> str:
    return str(status_of(pod).get("phase") or "")
