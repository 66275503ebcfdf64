"""A cluster in memory whose watches tell late: a test lets each event through, and has each thing happen when it wants.

It answers what `Client` asks. Informers, stores, queue and controller are the real ones.
"""

from __future__ import annotations

import copy
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from queue import SimpleQueue
from typing import Any

from tests.unit.movers.seen import NOW
from volsync_py.contract.report import Outcome, Report
from volsync_py.core.merge import merged
from volsync_py.core.times import format_rfc3339
from volsync_py.kube.errors import AlreadyExists, Conflict, NotFound
from volsync_py.kube.resources import Resource

Object = dict[str, Any]
Objects = list[Object]
Event = dict[str, Any]
Reports = list[Report]
Chore = Callable[[], None]
Chores = list[Chore]
_PATIENCE_SECONDS = 20


class Feed:
    """The watch of one kind. What has happened is kept until it is told; who was told has heard."""

    def __init__(self) -> None:
        self.kept: deque[Event] = deque()
        self._told: SimpleQueue[Event | None] = SimpleQueue()
        self._listening = threading.Semaphore(0)

    def lines(self) -> Iterator[Event]:
        """Iterate over what is told, until the end."""
        while True:
            self._listening.release()
            event = self._told.get()
            if event is None:
                return
            yield event

    def wait(self) -> None:
        """Wait until the informer has digested all that it was told."""
        assert self._listening.acquire(timeout=_PATIENCE_SECONDS)
        self._listening.release()

    def tell(self) -> None:
        """Tell the oldest event that is kept."""
        assert self._listening.acquire(timeout=_PATIENCE_SECONDS)
        self._told.put(self.kept.popleft())
        self.wait()

    def end(self) -> None:
        """End the watch."""
        self._told.put(None)


class LateCluster:
    """The objects of one namespace, and a Job controller, a kubelet and a provisioner that take one step at a time."""

    def __init__(self, objects: Objects, reports: Reports) -> None:
        space = {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "ns", "uid": "space"}}
        self.objects = {(o["kind"], o["metadata"]["name"]): o for o in [space, *objects]}
        # What each mover ends with, in order.
        self.reports = list(reports)
        self.now: datetime = NOW
        self.jobs_made = 0
        # Writes that were answered with something else than success.
        self.refused = list[str]()
        self.writes = 0
        self.feeds: dict[str, Feed] = {}
        self._version = 100

    # ---- what a client asks

    def list(self, resource: Resource, namespace: str | None = None, **selection: Any) -> Object:
        items = [copy.deepcopy(o) for (kind, _), o in self.objects.items() if kind == resource.kind]
        return {"items": items, "metadata": {"resourceVersion": str(self._version)}}

    def list_all(self, resource: Resource, namespace: str | None = None, **selection: Any) -> Objects:
        # Foreign pods, and events: there are none.
        return []

    @contextmanager
    def watch(self, resource: Resource, namespace: str | None = None, **options: Any) -> Iterator[Iterator[Event]]:
        yield self.feeds[resource.kind].lines()

    def get(self, resource: Resource, name: str, namespace: str | None = None, **options: Any) -> Object:
        return copy.deepcopy(self._there(resource, name))

    def create(self, resource: Resource, obj: Object, **options: Any) -> Object:
        self.writes += 1
        meta = obj["metadata"]
        if (resource.kind, meta["name"]) in self.objects:
            self.refused.append(f"create {resource.kind}")
            raise AlreadyExists(409, "AlreadyExists", "it is there")
        made = {"kind": resource.kind, "apiVersion": resource.api_version, **copy.deepcopy(obj)}
        made["metadata"] |= {"uid": f"uid-{self._version}", "creationTimestamp": format_rfc3339(self.now)}
        if resource.kind == "Job":
            assert not self.live_pods(meta["name"]), "two movers of one resource"
            self.jobs_made += 1
        return self._stored(made, "ADDED")

    def patch(
        self, resource: Resource, name: str, changes: Object, namespace: str | None = None, **options: Any
    ) -> Object:
        self.writes += 1
        found = self._there(resource, name)
        for key in ("uid", "resourceVersion"):
            if changes.get("metadata", {}).get(key, found["metadata"][key]) != found["metadata"][key]:
                self.refused.append(f"patch {resource.kind}")
                raise Conflict(409, "Conflict", f"another {key}")
        return self._stored(merged(found, changes))

    def delete(
        self, resource: Resource, name: str, namespace: str | None = None, *, uid: str = "", **options: Any
    ) -> Object:
        self.writes += 1
        found = self._there(resource, name)
        assert found["metadata"]["uid"] == uid
        if resource.kind == "Job" and options.get("propagation") == "Background":
            self._gone(found)
            return {"kind": "Status", "status": "Success"}
        # Jobs wait for their pods, volumes and snapshots for who uses them.
        found["metadata"].setdefault("deletionTimestamp", format_rfc3339(self.now))
        return self._stored(found)

    def pod_log(self, resource: Resource, namespace: str, name: str, **options: Any) -> str:
        return ""

    # ---- what there is

    def of_kind(self, kind: str) -> Objects:
        return [o for (k, _), o in self.objects.items() if k == kind]

    def live_pods(self, job: str) -> Objects:
        pods = (p for p in self.of_kind("Pod") if p["metadata"]["labels"]["job-name"] == job)
        return [p for p in pods if p["status"]["phase"] == "Running"]

    # ---- what happens by itself

    def chores(self) -> Chores:
        """Return everything that can happen now; each is one step of one controller of the cluster."""
        return [chore for obj in list(self.objects.values()) for chore in self._chores(obj)]

    def _chores(self, obj: Object) -> Iterator[Chore]:
        kind, going = obj["kind"], "deletionTimestamp" in obj["metadata"]
        if self._is_garbage(obj):
            yield lambda: self._gone(obj)
        elif kind == "Job":
            yield from self._job_chores(obj, going)
        elif kind == "Pod":
            if self._job_of(obj) is None:
                yield lambda: self._gone(obj)
            elif obj["status"]["phase"] == "Running" and not going:
                yield lambda: self._end(obj)
        elif going:
            yield lambda: self._gone(obj)
        elif kind == "PersistentVolumeClaim" and "status" not in obj:
            status = {"phase": "Bound", "accessModes": obj["spec"]["accessModes"], "capacity": {"storage": "3Gi"}}
            yield lambda: self._happens(obj, spec={"volumeName": "pv"}, status=status)
        elif kind == "VolumeSnapshot" and "status" not in obj:
            yield lambda: self._happens(obj, status={"boundVolumeSnapshotContentName": "c"})
        elif kind == "VolumeSnapshot" and not obj["status"].get("readyToUse"):
            yield lambda: self._happens(obj, status={"readyToUse": True, "restoreSize": "1Gi"})

    def _job_chores(self, job: Object, going: bool) -> Iterator[Chore]:
        pods = [p for p in self.of_kind("Pod") if self._job_of(p) is job]
        if going:
            # In the foreground: the pod first.
            first = pods[0] if pods else job
            yield lambda: self._gone(first)
        elif not pods and not (job.get("status") or {}).get("conditions"):
            yield lambda: self._begin(job)
        elif pods and pods[0]["status"]["phase"] != "Running" and "conditions" not in (job.get("status") or {}):
            word = "Complete" if pods[0]["status"]["phase"] == "Succeeded" else "Failed"
            when = format_rfc3339(self.now)
            ended = {"type": word, "status": "True", "lastTransitionTime": when}
            yield lambda: self._happens(job, status={"conditions": [ended]})

    def _begin(self, job: Object) -> None:
        name, uid = job["metadata"]["name"], job["metadata"]["uid"]
        meta = {"name": f"{name}-{self._version}", "namespace": "ns", "uid": f"uid-{self._version}"}
        meta["creationTimestamp"] = format_rfc3339(self.now)
        labels = {**job["spec"]["template"]["metadata"].get("labels", {}), "job-name": name, "controller-uid": uid}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {**meta, "labels": labels}}
        self._stored({**pod, "spec": {"containers": [{"image": "mover:1"}]}, "status": {"phase": "Running"}}, "ADDED")

    def _end(self, pod: Object) -> None:
        self.now += timedelta(seconds=5)
        report = self.reports.pop(0)
        failed = report.outcome == Outcome.FAILED
        ended = {"exitCode": int(failed), "reason": "Error" if failed else "Completed", "message": report.to_json()}
        states = [{"name": "restic", "state": {"terminated": ended}}]
        self._happens(pod, status={"phase": "Failed" if failed else "Succeeded", "containerStatuses": states})

    def _happens(self, obj: Object, **changes: Object) -> None:
        self._stored(merged(obj, changes))

    def _job_of(self, pod: Object) -> Object | None:
        uid = pod["metadata"]["labels"]["controller-uid"]
        return next((j for j in self.of_kind("Job") if j["metadata"]["uid"] == uid), None)

    def _is_garbage(self, obj: Object) -> bool:
        owners = {one["uid"] for one in obj["metadata"].get("ownerReferences") or []}
        return bool(owners) and not any(o["metadata"].get("uid") in owners for o in self.objects.values())

    def _there(self, resource: Resource, name: str) -> Object:
        found = self.objects.get((resource.kind, name))
        if found is None:
            self.refused.append(f"look for {resource.kind}")
            raise NotFound(404, "NotFound", "there is none")
        return found

    def _stored(self, obj: Object, word: str = "MODIFIED") -> Object:
        self._version += 1
        obj["metadata"] = {**obj["metadata"], "resourceVersion": str(self._version)}
        self.objects[obj["kind"], obj["metadata"]["name"]] = obj
        self._tell(word, obj)
        return copy.deepcopy(obj)

    def _gone(self, obj: Object) -> None:
        self._version += 1
        del self.objects[obj["kind"], obj["metadata"]["name"]]
        self._tell("DELETED", merged(obj, {"metadata": {"resourceVersion": str(self._version)}}))

    def _tell(self, word: str, obj: Object) -> None:
        if obj["kind"] in self.feeds:
            self.feeds[obj["kind"]].kept.append({"type": word, "object": copy.deepcopy(obj)})
