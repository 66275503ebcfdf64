"""The Job controller, as measured on a real one: in which order things become visible.

Guarantees: success is SuccessCriteriaMet, then the counted pod with Complete; failure is FailureTarget at
once and Failed when every pod has ended. Pods that the controller itself ends (pause, suspension) do not
count. With podReplacementPolicy Failed no two pods of a Job run together. Knows pods only as objects.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from hack.devcluster.api.conditions import has_condition, set_condition
from hack.devcluster.api.objects import Object
from hack.devcluster.api.registry import StatusError
from hack.devcluster.api.times import now, seconds_of
from hack.devcluster.common.context import Context, is_deleted, key_of
from hack.devcluster.common.work_queue import Key, WorkQueue
from hack.devcluster.control.job_pods import FINALIZER, Refused, admitted_pod
from hack.devcluster.control.job_view import Memory, View, finished_at, look, owner_uid

_COMPONENT = "job-controller"
# Kubernetes' own limits of the back-off between failed pods, and of that between refused creations.
_MOST_BACKOFF_SECONDS, _MOST_CREATE_SECONDS = 600.0, 1000.0
_BACKOFF = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
_DEADLINE = ("DeadlineExceeded", "Job was active longer than specified deadline")
_REACHED = ("CompletionsReached", "Reached expected number of succeeded pods")


class Jobs:
    """The controller."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._memory: dict[Key, tuple[str, Memory]] = {}
        # The names of a Job's pods, so that a thousand Jobs do not mean a million comparisons.
        self._names: dict[Key, set[str]] = defaultdict(set)
        self.work = WorkQueue("jobs", self._reconcile, workers=2)

    def on_change(self, plural: str, obj: Object) -> None:
        """Take notice of a Job or of one of its pods."""
        if plural == "jobs":
            self.work.add(*key_of(obj))
        elif plural == "pods":
            job = (obj["metadata"].get("labels") or {}).get("batch.kubernetes.io/job-name")
            if job is not None:
                namespace, name = key_of(obj)
                self._names[namespace, job].add(name)
                self.work.add(namespace, job)

    def _reconcile(self, key: Key) -> float | None:
        namespace, name = key
        job = self._context.get("jobs", namespace, name)
        pods = self._release_strays(key, job)
        if job is None:
            self._memory.pop(key, None)
            if not pods and not self._names[key]:
                del self._names[key]
            return None
        if job["spec"].get("managedBy", "kubernetes.io/job-controller") != "kubernetes.io/job-controller":
            return None
        if has_condition(job, "Complete") or has_condition(job, "Failed"):
            self._release(pods)
            return self._expire(job)
        view = look(job, pods, self._remember(job))
        if is_deleted(job):
            self._release(pod for pod in pods if is_deleted(pod) or pod not in view.active)
            self._write(view)
            return None
        return self._sync(view)

    def _release_strays(self, key: Key, job: Object | None) -> list[Object]:
        """Let go of pods whose Job is no more, and return the Job's own."""
        uid = job["metadata"]["uid"] if job else ""
        own = []
        for name in sorted(self._names[key]):
            pod = self._context.get("pods", key[0], name)
            if pod is None:
                self._names[key].discard(name)
            elif owner_uid(pod) == uid:
                own.append(pod)
            else:
                self._release([pod])
        return own

    def _remember(self, job: Object) -> Memory:
        """Return what is remembered of this very Job, not of an earlier one of its name."""
        uid = job["metadata"]["uid"]
        known, memory = self._memory.get(key_of(job), ("", Memory()))
        if known != uid:
            memory = Memory()
        self._memory[key_of(job)] = (uid, memory)
        return memory

    def _release(self, pods: Iterable[Object]) -> None:
        for pod in pods:
            self._context.set_finalizer("pods", pod, FINALIZER, present=False)

    def _sync(self, view: View) -> float | None:
        spec, status = view.spec, view.status
        suspended = bool(spec.get("suspend"))
        if "startTime" not in status and not suspended:
            status["startTime"] = now()
        again = None
        self._judge(view)
        if view.target is None:
            self._suspend(view, suspended)
            again = self._deadline(view, suspended)
        if view.target is not None:
            for pod in view.active:
                self._context.delete("pods", pod)
            view.terminating, view.active = [*view.terminating, *view.active], []
        else:
            again = _sooner(again, self._manage(view, suspended))
        self._count(view)
        return again

    def _judge(self, view: View) -> None:
        """Decide whether the Job's fate is known."""
        if view.target is not None:
            return
        spec, status = view.spec, view.status
        succeeded = status.get("succeeded", 0) + len(view.succeeded)
        failed = status.get("failed", 0) + len(view.failed)
        completions = spec.get("completions")
        limit = spec.get("backoffLimit", 6)
        if view.fail_job:
            self._aim(view, "FailureTarget", *view.fail_job)
        elif failed > limit or self._restarted_too_often(view, limit):
            self._aim(view, "FailureTarget", *_BACKOFF)
        elif (completions is None and succeeded and not view.active) or (
            completions is not None and succeeded >= completions
        ):
            self._aim(view, "SuccessCriteriaMet", *_REACHED)

    @staticmethod
    def _aim(view: View, type_: str, reason: str, message: str) -> None:
        set_condition(view.status["conditions"], type_, "True", reason, message, lastProbeTime=now())

    @staticmethod
    def _restarted_too_often(view: View, limit: int) -> bool:
        if view.spec["template"]["spec"].get("restartPolicy") != "OnFailure":
            return False
        statuses = [one for pod in view.active for one in pod.get("status", {}).get("containerStatuses") or []]
        restarts = sum(one.get("restartCount", 0) for one in statuses)
        return bool(restarts >= limit if limit else restarts > 0)

    def _suspend(self, view: View, suspended: bool) -> None:
        known = next((one for one in view.status["conditions"] if one["type"] == "Suspended"), None)
        if suspended and (known is None or known["status"] != "True"):
            self._aim(view, "Suspended", "JobSuspended", "Job suspended")
            view.status.pop("startTime", None)
            self._context.record(view.job, "Normal", "Suspended", "Job suspended", _COMPONENT)
        elif not suspended and known is not None and known["status"] == "True":
            set_condition(
                view.status["conditions"],
                "Suspended",
                "False",
                "JobResumed",
                "Job resumed",
                lastProbeTime=now(),
            )
            view.status["startTime"] = now()
            self._context.record(view.job, "Normal", "Resumed", "Job resumed", _COMPONENT)

    def _deadline(self, view: View, suspended: bool) -> float | None:
        limit = view.spec.get("activeDeadlineSeconds")
        if limit is None or suspended:
            return None
        left = float(seconds_of(view.status["startTime"]) + limit - time.time())
        if left <= 0:
            self._aim(view, "FailureTarget", *_DEADLINE)
            return None
        return left

    def _manage(self, view: View, suspended: bool) -> float | None:
        """End pods that are too many, start those that are missing."""
        succeeded = view.status.get("succeeded", 0) + len(view.succeeded)
        parallelism, completions = view.spec.get("parallelism", 1), view.spec.get("completions")
        wanted = parallelism if completions is None else min(parallelism, completions - succeeded)
        if completions is None and succeeded:
            wanted = len(view.active)
        if suspended:
            wanted = 0
        for pod in view.active[wanted:]:
            # The finalizer goes first: a pod ended by us is neither failed nor succeeded.
            self._release([pod])
            self._context.delete("pods", pod)
            self._context.record(view.job, "Normal", "SuccessfulDelete", f"Deleted pod: {key_of(pod)[1]}", _COMPONENT)
        view.terminating.extend(view.active[wanted:])
        del view.active[wanted:]
        there = len(view.active) + (len(view.terminating) if view.waits_for_end else 0)
        return self._create(view, wanted - there) if there < wanted else None

    def _create(self, view: View, count: int) -> float | None:
        memory = view.memory
        self._note_failures(view)
        wait = memory.retry_create_at - time.monotonic()
        if memory.failures:
            base = self._context.options.job_backoff_seconds
            pause = min(base * 2 ** (memory.failures - 1), _MOST_BACKOFF_SECONDS)
            wait = max(wait, memory.last_failure + pause - time.time())
        if wait > 0:
            return wait
        for _ in range(count):
            try:
                pod = self._context.create("pods", admitted_pod(self._context, view.job))
            except (Refused, StatusError) as refusal:
                return self._refused(view, str(refusal))
            memory.refusals = 0
            view.active.append(pod)
            self._context.record(view.job, "Normal", "SuccessfulCreate", f"Created pod: {key_of(pod)[1]}", _COMPONENT)
        return None

    @staticmethod
    def _note_failures(view: View) -> None:
        if view.succeeded:
            view.memory.failures = 0
        if view.failed:
            view.memory.failures += len(view.failed)
            view.memory.last_failure = max(finished_at(pod) for pod in view.failed)

    def _refused(self, view: View, message: str) -> float:
        wait = float(min(2**view.memory.refusals, _MOST_CREATE_SECONDS))
        view.memory.refusals += 1
        view.memory.retry_create_at = time.monotonic() + wait
        self._context.record(view.job, "Warning", "FailedCreate", f"Error creating: {message}", _COMPONENT)
        return wait

    def _count(self, view: View) -> None:
        """Show ended pods as uncounted, take their finalizers off, then count them and, at last, finish."""
        status = view.status
        uncounted = {
            kind: [pod["metadata"]["uid"] for pod in pods]
            for kind, pods in (("succeeded", view.succeeded), ("failed", view.failed))
            if pods
        }
        if uncounted:
            status["uncountedTerminatedPods"] = uncounted
            self._write(view)
        self._release([*view.succeeded, *view.failed, *view.ignored])
        status["uncountedTerminatedPods"] = {}
        for kind, pods in (("succeeded", view.succeeded), ("failed", view.failed)):
            if pods:
                status[kind] = status.get(kind, 0) + len(pods)
        target = view.target
        if target is not None and not view.active and not view.terminating:
            self._end(view, target)
        self._write(view)

    def _end(self, view: View, target: Object) -> None:
        reason, message = target["reason"], target["message"]
        if target["type"] == "SuccessCriteriaMet":
            view.status["completionTime"] = now()
            self._aim(view, "Complete", reason, message)
            self._context.record(view.job, "Normal", "Completed", "Job completed", _COMPONENT)
        else:
            self._aim(view, "Failed", reason, message)
            self._context.record(view.job, "Warning", reason, message, _COMPONENT)
        self._memory.pop(key_of(view.job), None)

    def _write(self, view: View) -> None:
        status = {**view.status, "terminating": len(view.terminating)}
        status["ready"] = sum(has_condition(pod, "Ready") for pod in view.active)
        status.pop("active", None)
        if view.active:
            status["active"] = len(view.active)
        if not status["conditions"]:
            del status["conditions"]
        if status != view.job.get("status"):
            self._context.set_status("jobs", view.job, status)
            view.job = {**view.job, "status": status}

    def _expire(self, job: Object) -> float | None:
        limit = job["spec"].get("ttlSecondsAfterFinished")
        if limit is None or is_deleted(job):
            return None
        ends: dict[str, Any] = next(one for one in job["status"]["conditions"] if one["type"] in ("Complete", "Failed"))
        left = float(seconds_of(ends["lastTransitionTime"]) + limit - time.time())
        if left > 0:
            return left
        self._context.delete("jobs", job, propagation="Foreground")
        return None


def _sooner(first: float | None, second: float | None) -> float | None:
    known = [one for one in (first, second) if one is not None]
    return min(known) if known else None
