"""What a mover's Job and its pods say about the run: running, in trouble, succeeded or failed, and why.

A pod that ended speaks through its report; a pod that never came to speak is judged by what Kubernetes
says about it. Nothing is decided here about what to do next.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import Enum

from attrs import frozen

from volsync_py.contract.report import ErrorClass, Report
from volsync_py.core.actions import Delete, Patch, Propagation, Ref, delete
from volsync_py.core.labels import Annotation
from volsync_py.core.objects import Object, is_deleting, status_of
from volsync_py.core.times import format_rfc3339, instant, past
from volsync_py.movers.restic.held_pod import failed_init, held
from volsync_py.movers.restic.outcome import ClusterError
from volsync_py.movers.restic.pods import condition_of

# The watch of pods may be behind that of Jobs, and a deleted pod sends no further event.
POD_PATIENCE = timedelta(seconds=10)
# A Job controller that cannot create the pod says so in events; before that, the pod may just not be seen yet.
NO_POD_PATIENCE = timedelta(seconds=30)
# A pod may wait for a provisioner, an attach or an image; after this the user is told what it waits for.
PENDING_PATIENCE = timedelta(minutes=2)
# Whoever holds a pod on purpose, a queue or an init container that sleeps, lets it go within seconds, or not soon.
HELD_PATIENCE = timedelta(seconds=30)
# A node that reboots is back within five minutes.
NODE_PATIENCE = timedelta(minutes=5)


_IMAGE_REASONS = {"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"}
_CONFIG_REASONS = {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}


class Phase(Enum):
    """Where the run is."""

    RUNNING = "running"
    # The Job has no pod at all although it should have one: its events may tell why.
    PODLESS = "podless"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@frozen
class JobState:
    """The judgement; `error_class` and `message` also while running, when something holds the pod up."""

    phase: Phase
    error_class: str = ""
    message: str = ""
    report: Report | None = None
    pod: Object | None = None
    # When the judgement may change although nothing happens in the cluster.
    look_again_at: datetime | None = None


def job_state(job: Object, pods: Iterable[Object], now: datetime) -> JobState:
    """Judge a Job by its conditions and its newest pods; `now` is the API server's, as all times of theirs are."""
    ordered = sorted(pods, key=lambda p: (p["metadata"]["creationTimestamp"], p["metadata"]["name"]))
    # In the end Kubernetes leaves at most one pod of ours; VolSync's Jobs may leave eight failed ones.
    for name, phase in (("Complete", "Succeeded"), ("Failed", "Failed")):
        ended = _condition(job, name)
        if ended:
            return _ended(ended, ordered, phase, now)
    live = [p for p in ordered if not is_deleting(p)]
    if live:
        return _live(live[-1], now)
    if ordered:
        # The pod is being deleted, so what it waited for no longer matters; but its node may be lost.
        return _on_its_node(ordered[-1], now)
    return _podless(job, now)


def has_ended(job: Object) -> bool:
    """Return whether a Job is Complete or Failed, which it becomes only after its pods have ended."""
    return bool(_condition(job, "Complete") or _condition(job, "Failed"))


def has_succeeded(job: Object) -> bool:
    """Return whether a Job is Complete."""
    return bool(_condition(job, "Complete"))


def has_failed(job: Object) -> bool:
    """Return whether a Job has ended without success."""
    return bool(_condition(job, "Failed"))


def ended_at(job: Object, now: datetime) -> datetime | None:
    """Return when a Job ended, by its conditions, or None if they do not say; a time that is none counts as `now`."""
    conditions = status_of(job).get("conditions") or []
    times = [c["lastTransitionTime"] for c in conditions if c.get("status") == "True" and c.get("lastTransitionTime")]
    return instant(max(times), now) if times else None


def delete_job(job: Object) -> Delete:
    """Return the removal of a Job; as long as it has a pod that runs, its name stays taken."""
    return delete(job, Propagation.BACKGROUND if has_ended(job) else Propagation.FOREGROUND)


def set_parallelism(job: Object, parallelism: int, now: datetime) -> Patch:
    """Return the change of how many pods a Job is to have, with the time from which its pod may be waited for."""
    changes: Object = {
        "metadata": {"annotations": {str(Annotation.STARTED): format_rfc3339(now)}},
        "spec": {"parallelism": parallelism},
    }
    return Patch(Ref.of(job), changes, job["metadata"]["uid"])


def _ended(condition: Object, pods: list[Object], phase: str, now: datetime) -> JobState:
    """Judge an ended Job, but not before its pod's end has been seen as well: two watches, no order."""
    pod = _newest(pods, phase)
    since = condition.get("lastTransitionTime")
    due = past(since, now) + POD_PATIENCE if since else now
    if pod is None and now < due:
        return JobState(Phase.RUNNING, look_again_at=due)
    if phase == "Failed":
        return _failed(condition, pod or _newest(pods, "Running"))
    return JobState(Phase.SUCCEEDED, report=_report(pod), pod=pod)


def _failed(condition: Object, pod: Object | None) -> JobState:
    report = _report(pod)
    terminated = _terminated(pod)
    reason = terminated.get("reason")
    if reason == "OOMKilled":
        error_class, message = ErrorClass.OUT_OF_MEMORY.value, "the mover ran out of memory"
    elif report is not None and report.error_class and not _provisional(report):
        error_class, message = report.error_class, report.message
    elif pod is not None and condition_of(pod, "DisruptionTarget").get("status") == "True":
        cause = condition_of(pod, "DisruptionTarget").get("message") or "its pod was disrupted"
        error_class, message = ErrorClass.INTERRUPTED.value, str(cause)
    elif condition.get("reason") == "DeadlineExceeded" or _pod_reason(pod) == "DeadlineExceeded":
        error_class = ClusterError.DEADLINE_EXCEEDED.value
        message = str(condition.get("message") or "the deadline has passed")
    elif reason in ("StartError", "ContainerCannotRun"):
        error_class = ClusterError.START_ERROR.value
        message = str(terminated.get("message") or "the container could not be started")
    elif report is not None and report.error_class:
        error_class, message = report.error_class, report.message
    elif not terminated and failed_init(pod):
        error_class, message = ClusterError.START_ERROR.value, failed_init(pod)
    elif pod is None or terminated.get("exitCode") in (130, 137, 143):
        error_class, message = ErrorClass.INTERRUPTED.value, "the mover was stopped before it was done"
    else:
        code = terminated.get("exitCode")
        error_class, message = ErrorClass.UNKNOWN.value, f"the mover exited with {code} and left no report"
    return JobState(Phase.FAILED, error_class, message, report, pod)


def _provisional(report: Report) -> bool:
    """Return whether the mover died before it replaced the report it starts with."""
    return report.error_class == ErrorClass.INTERRUPTED and not report.steps


def _podless(job: Object, now: datetime) -> JobState:
    if job["spec"].get("parallelism") == 0 or is_deleting(job) or _has_had_a_pod(job):
        return JobState(Phase.RUNNING)
    if job["spec"].get("suspend"):
        return JobState(Phase.RUNNING, ClusterError.JOB_SUSPENDED.value, "the Job is suspended")
    due = started(job, now) + NO_POD_PATIENCE
    if now < due:
        return JobState(Phase.RUNNING, look_again_at=due)
    return JobState(Phase.PODLESS, ClusterError.POD_REJECTED.value, "the Job's pod is not created")


def _has_had_a_pod(job: Object) -> bool:
    """Return whether the Job counts a pod, or is about to end: then the news of it is on the way."""
    status = status_of(job)
    counted = any(status.get(key) for key in ("active", "terminating", "failed", "succeeded"))
    return counted or any(_condition(job, name) for name in ("FailureTarget", "SuccessCriteriaMet"))


def started(job: Object, now: datetime) -> datetime:
    """Return when the Job was last told to have a pod: at its start, or when it went on after a pause."""
    meta = job["metadata"]
    told = (meta.get("annotations") or {}).get(Annotation.STARTED)
    start = status_of(job).get("startTime") or meta["creationTimestamp"]
    # Anybody may write an annotation: a time in the future counts as none.
    since = past(start, now)
    said = instant(told, since)
    return max(since, said) if said <= now else since


def _live(pod: Object, now: datetime) -> JobState:
    waiting = _waiting(pod)
    reason = waiting.get("reason", "")
    if reason in _IMAGE_REASONS:
        text = f"{reason}: {waiting.get('message') or pod['spec']['containers'][0]['image']}"
        return JobState(Phase.RUNNING, ClusterError.IMAGE_UNAVAILABLE.value, text, pod=pod)
    if reason in _CONFIG_REASONS:
        text = f"{reason}: {waiting.get('message', '')}"
        return JobState(Phase.RUNNING, ClusterError.START_ERROR.value, text, pod=pod)
    phase = status_of(pod).get("phase")
    if phase == "Pending":
        return _pending(pod, now)
    return _on_its_node(pod, now)


def _on_its_node(pod: Object, now: datetime) -> JobState:
    """Judge a pod by its node: one that does not report makes all its pods unready, and their end is never seen."""
    ready = condition_of(pod, "Ready")
    running = status_of(pod).get("phase") == "Running"
    if running and ready.get("status") == "False" and not _terminated(pod):
        due = past(ready.get("lastTransitionTime") or pod["metadata"]["creationTimestamp"], now)
        due += NODE_PATIENCE
        node = pod["spec"].get("nodeName", "")
        if now >= due:
            text = f"node {node!r} does not report; the mover may still be running on it"
            return JobState(Phase.RUNNING, ClusterError.NODE_LOST.value, text, pod=pod)
        return JobState(Phase.RUNNING, pod=pod, look_again_at=due)
    return JobState(Phase.RUNNING, pod=pod)


def _pending(pod: Object, now: datetime) -> JobState:
    why = held(pod)
    due = past(pod["metadata"]["creationTimestamp"], now) + (HELD_PATIENCE if why else PENDING_PATIENCE)
    if now < due:
        return JobState(Phase.RUNNING, pod=pod, look_again_at=due)
    if why is not None:
        return JobState(Phase.RUNNING, *why, pod=pod)
    if condition_of(pod, "PodScheduled").get("status") == "False":
        text = str(condition_of(pod, "PodScheduled").get("message") or "no node takes the pod")
        return JobState(Phase.RUNNING, ClusterError.NOT_SCHEDULED.value, text, pod=pod)
    text = f"Pod/{pod['metadata']['name']} waits for its volumes"
    return JobState(Phase.RUNNING, ClusterError.VOLUME_UNAVAILABLE.value, text, pod=pod)


def _condition(job: Object, name: str) -> Object:
    return _true_condition(status_of(job).get("conditions") or [], name)


def _true_condition(conditions: Iterable[Object], name: str) -> Object:
    return next((c for c in conditions if c["type"] == name and c["status"] == "True"), {})


def _pod_reason(pod: Object | None) -> str:
    return str(((pod or {}).get("status") or {}).get("reason") or "")


def _newest(pods: list[Object], phase: str) -> Object | None:
    return next((p for p in reversed(pods) if status_of(p).get("phase") == phase), None)


def _state(pod: Object | None, name: str) -> Object:
    statuses = ((pod or {}).get("status") or {}).get("containerStatuses") or []
    state: Object = next((s.get("state") or {} for s in statuses if s.get("name") == "restic"), {})
    return state.get(name) or {}


def _terminated(pod: Object | None) -> Object:
    return _state(pod, "terminated")


def _waiting(pod: Object) -> Object:
    return _state(pod, "waiting")


def _report(pod: Object | None) -> Report | None:
    message = _terminated(pod).get("message")
    return Report.from_json(message) if message else None
