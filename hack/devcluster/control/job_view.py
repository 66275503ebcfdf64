"""A Job's pods, sorted out: which run, which are on their way out, which count as what.

Guarantees: the counting rules of the Job controller, including podReplacementPolicy and podFailurePolicy.
Pure: reads objects, writes nothing.
"""

from __future__ import annotations

import time

from attrs import define, field

from hack.devcluster.api.objects import Object
from hack.devcluster.api.times import seconds_of
from hack.devcluster.common.context import is_deleted
from hack.devcluster.control.job_pods import FINALIZER, action_for


@define
class Memory:
    """What the controller remembers of a Job besides its status."""

    failures: int = 0
    last_failure: float = 0.0
    refusals: int = 0
    retry_create_at: float = 0.0


@define
class View:
    """A Job's pods, sorted out."""

    job: Object
    status: Object
    memory: Memory
    active: list[Object] = field(factory=list)
    terminating: list[Object] = field(factory=list)
    succeeded: list[Object] = field(factory=list)
    failed: list[Object] = field(factory=list)
    # Ended, but a podFailurePolicy says not to count them.
    ignored: list[Object] = field(factory=list)
    fail_job: tuple[str, str] | None = None

    @property
    def spec(self) -> Object:
        """Return the Job's spec."""
        spec: Object = self.job["spec"]
        return spec

    @property
    def waits_for_end(self) -> bool:
        """Return whether a pod counts, and is replaced, only when it has really ended."""
        return self.spec.get("podReplacementPolicy") == "Failed" or "podFailurePolicy" in self.spec

    @property
    def target(self) -> Object | None:
        """Return the condition that says how the Job will end."""
        kinds = ("SuccessCriteriaMet", "FailureTarget")
        return next((one for one in self.status["conditions"] if one["type"] in kinds), None)


def look(job: Object, pods: list[Object], memory: Memory) -> View:
    """Sort the pods of a Job."""
    status = {**(job.get("status") or {})}
    status["conditions"] = [dict(one) for one in status.get("conditions") or []]
    view = View(job=job, status=status, memory=memory)
    for pod in pods:
        phase = (pod.get("status") or {}).get("phase")
        ended = phase in ("Succeeded", "Failed")
        tracked = FINALIZER in pod["metadata"].get("finalizers", [])
        if not ended:
            (view.terminating if is_deleted(pod) else view.active).append(pod)
        if not tracked:
            continue
        if phase == "Succeeded":
            view.succeeded.append(pod)
        elif ended or (is_deleted(pod) and not view.waits_for_end):
            _sort_failed(view, pod)
    return view


def _sort_failed(view: View, pod: Object) -> None:
    action, message = action_for(view.job, pod)
    if action == "Ignore":
        view.ignored.append(pod)
        return
    view.failed.append(pod)
    if action == "FailJob":
        view.fail_job = ("PodFailurePolicy", message)


def owner_uid(pod: Object) -> str | None:
    """Return the uid of the controlling owner."""
    owners = pod["metadata"].get("ownerReferences") or []
    return next((one["uid"] for one in owners if one.get("controller")), None)


def finished_at(pod: Object) -> float:
    """Return when the pod's last container ended; now, if none did."""
    ends = [one["state"].get("terminated") or {} for one in pod.get("status", {}).get("containerStatuses") or []]
    times = [seconds_of(one["finishedAt"]) for one in ends if one.get("finishedAt")]
    return max(times, default=time.time())
