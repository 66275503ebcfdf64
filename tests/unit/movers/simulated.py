"""A cluster in memory: what decisions ask for is done at once, volumes are bound, Jobs end as a test wants them to.

Time passes only when a test lets it. Every pass is made twice: the second one must find nothing left to do.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from attrs import define, field

from tests.unit.movers.seen import NOW, decision_on
from volsync_py.contract.report import Outcome, Report
from volsync_py.core.actions import Action, Create, Delete, Patch, PatchStatus, Ref
from volsync_py.core.merge import merged
from volsync_py.core.times import format_rfc3339

Objects = list[dict[str, Any]]
# Passes until nothing is left to do; more is a loop.
_MOST_PASSES = 12
CUSTOM = ("ReplicationSource", "ReplicationDestination")


@define
class Simulation:
    """The objects of one custom resource."""

    objects: Objects
    now: datetime = NOW
    made: list[str] = field(factory=list)
    delay: float | None = None
    # What an admission policy makes of an object that is created.
    admits: Callable[[dict[str, Any]], None] = field(default=lambda _obj: None)
    _number: int = 100

    # ---- what there is

    @property
    def resource(self) -> dict[str, Any]:
        """The custom resource."""
        return next(o for o in self.objects if o["kind"] in CUSTOM)

    @property
    def status(self) -> dict[str, Any]:
        """Its status."""
        found: dict[str, Any] = self.resource.get("status") or {}
        return found

    def job(self) -> dict[str, Any] | None:
        """Return the Job that has not ended."""
        jobs = (o for o in self.objects if o["kind"] == "Job")
        return next((j for j in jobs if not (j.get("status") or {}).get("conditions")), None)

    def of_kind(self, kind: str) -> list[str]:
        """Return the names of the objects of a kind."""
        return [o["metadata"]["name"] for o in self.objects if o["kind"] == kind]

    def conditions(self) -> dict[str, tuple[str, str, str]]:
        """Return status, reason and message of each condition."""
        return {c["type"]: (c["status"], c["reason"], c["message"]) for c in self.status.get("conditions") or []}

    def change(self, restic: dict[str, Any] | None = None, **spec: Any) -> None:
        """Change the spec, as a user does; None takes a field away."""
        given = self.resource["spec"]
        self.resource["spec"] = merged(given, {**spec, **({"restic": restic} if restic else {})})
        self.resource["metadata"]["generation"] += 1
        self._touch(self.resource)

    def add_pod(self, name: str = "pod", phase: str = "Pending", **status: Any) -> dict[str, Any]:
        """Give the Job a pod."""
        job = self.job()
        assert job is not None
        labels = {"job-name": job["metadata"]["name"], "controller-uid": job["metadata"]["uid"]}
        self._number += 1
        meta = {"name": name, "namespace": "ns", "uid": f"uid-{self._number}", "labels": labels}
        meta["creationTimestamp"] = format_rfc3339(self.now)
        spec = {"containers": [{"image": "mover:1"}]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec, "status": {"phase": phase, **status}}
        self.objects.append(pod)
        return pod

    # ---- passes

    def settle(self) -> None:
        """Make passes until there is nothing to do."""
        for _ in range(_MOST_PASSES):
            decision = decision_on(copy.deepcopy(self.objects), self.now)
            self.delay = decision.requeue_after_seconds
            if not decision.actions:
                return
            for action in decision.actions:
                self._carry_out(action)
        raise AssertionError(f"still deciding: {decision.actions}")

    def end_job(self, report: Report, seconds: float = 5) -> None:
        """Let the Job end after a while, with this report."""
        job = self.job()
        assert job is not None
        self.now += timedelta(seconds=seconds)
        succeeded = report.outcome != Outcome.FAILED
        when = format_rfc3339(self.now)
        kind = "Complete" if succeeded else "Failed"
        job["status"] = {"conditions": [{"type": kind, "status": "True", "lastTransitionTime": when}]}
        ended = {"exitCode": 0 if succeeded else 1, "reason": "Error", "message": report.to_json()}
        status = {
            "phase": "Succeeded" if succeeded else "Failed",
            "containerStatuses": [{"name": "restic", "state": {"terminated": ended}}],
        }
        meta = {"name": "pod", "namespace": "ns", "labels": {"job-name": job["metadata"]["name"]}}
        meta["creationTimestamp"] = when
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {}, "status": status}
        self.objects.append(pod)
        self.settle()

    def run(self, seconds: float, answer: Callable[[], Report]) -> int:
        """Let time pass, with each Job answered; return how many there were."""
        until, begun = self.now + timedelta(seconds=seconds), self.made.count("Job")
        while self.now < until:
            self.settle()
            if self.job() is not None:
                self.end_job(answer())
            else:
                self.now += timedelta(seconds=min(self.delay or seconds, seconds))
        return self.made.count("Job") - begun

    # ---- what a cluster does

    def _carry_out(self, action: Action) -> None:
        if isinstance(action, Create):
            self.create(copy.deepcopy(action.object))
        elif isinstance(action, PatchStatus):
            found = self._find(action.ref)
            assert found["metadata"]["resourceVersion"] == action.resource_version
            found["status"] = merged(found.get("status") or {}, action.changes)
            self._touch(found)
        elif isinstance(action, Patch):
            found = self._find(action.ref)
            assert found["metadata"]["uid"] == action.uid
            found |= merged(found, action.changes)
            self._touch(found)
        elif isinstance(action, Delete):
            found = self._find(action.ref)
            assert found["metadata"]["uid"] == action.uid
            self.remove(found)

    def remove(self, obj: dict[str, Any]) -> None:
        """Take an object away, a Job with its pods."""
        self.objects.remove(obj)
        if obj["kind"] == "Job":
            self.objects = [o for o in self.objects if not (o["kind"] == "Pod" and "labels" in o["metadata"])]

    def create(self, obj: dict[str, Any]) -> dict[str, Any]:
        """Store a new object, with what a cluster makes of it, and return it."""
        assert obj["metadata"]["name"] not in self.of_kind(obj["kind"])
        self.made.append(obj["kind"])
        obj["metadata"] |= {"uid": f"uid-{self._number}", "creationTimestamp": format_rfc3339(self.now)}
        if obj["kind"] == "PersistentVolumeClaim":
            obj["spec"]["volumeName"] = "pv"
            obj["status"] = {"phase": "Bound", "capacity": {"storage": "3Gi"}}
        if obj["kind"] == "VolumeSnapshot":
            obj["status"] = {"boundVolumeSnapshotContentName": "c", "readyToUse": True, "restoreSize": "1Gi"}
        self.admits(obj)
        self._touch(obj)
        self.objects.append(obj)
        return obj

    def _find(self, ref: Ref) -> dict[str, Any]:
        return next(o for o in self.objects if (o["kind"], o["metadata"]["name"]) == (ref.kind, ref.name))

    def _touch(self, obj: dict[str, Any]) -> None:
        self._number += 1
        obj["metadata"]["resourceVersion"] = str(self._number)
