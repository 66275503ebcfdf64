"""A cluster in memory on a simulated clock: an API server, a Job controller, a kubelet and a provisioner.

Everything happens at a time of its own; nothing happens in between, so a month takes as long as what happens in it.
What is wrong with the objects of one custom resource is a set of `Fault`s, which come and go. Objects are never
modified, only replaced, so that stores may keep them.
"""

from __future__ import annotations

import base64
import heapq
import itertools
import json
import random
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from tests.unit.movers.seen import NOW
from volsync_py.contract.report import ErrorClass, Outcome, Report, SnapshotFacts
from volsync_py.core.merge import merged
from volsync_py.core.times import format_rfc3339
from volsync_py.kube.errors import AlreadyExists, Conflict, Forbidden, NotFound, Unreachable
from volsync_py.kube.resources import Resource

Object = dict[str, Any]
Key = tuple[str, str, str]
GRACE_SECONDS = 30.0
KILLED = Report(Outcome.FAILED, ErrorClass.INTERRUPTED, "killed")
BACKED_UP = Report(Outcome.SUCCEEDED, snapshot=SnapshotFacts("0" * 64, "2026-11-24T12:00:00Z"))


class Fault(StrEnum):
    """What may be wrong with what belongs to a custom resource."""

    UNSCHEDULABLE = "no node takes its pods"
    NO_CLASS = "its claims are not bound"
    NO_SNAPSHOT = "its snapshots are not bound"
    CACHE_GOES = "its cache claim is being deleted for ever"
    NODE_LOST = "its pods do not go"
    ENDLESS = "its movers do not end"
    QUOTA = "the API server refuses its Jobs"


class Killed(BaseException):
    """The manager dies in a request."""


class TimedCluster:
    """What `Client` asks, and what happens by itself."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.objects: dict[Key, Object] = {}
        self.now: datetime = NOW
        # By namespace and name of the custom resource.
        self.faults: dict[tuple[str, str], set[Fault]] = {}
        self.initialised: set[str] = set()
        # When each Job was made.
        self.jobs: list[datetime] = []
        self.classes: Counter[str] = Counter()
        # Told of each change: the word of the watch, and the object.
        self.listener: Callable[[str, Object], None] = lambda word, obj: None
        # No request is answered.
        self.is_down = False
        # The manager dies before or after so many more writes; the sign says which.
        self.dies_in: int | None = None
        self.version = 100
        self._agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self._order = itertools.count()

    # ---- time

    def after(self, seconds: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (self.now + timedelta(seconds=seconds), next(self._order), what))

    def next_at(self) -> datetime | None:
        return self._agenda[0][0] if self._agenda else None

    def happen(self) -> None:
        """Let everything happen that is due."""
        while self._agenda and self._agenda[0][0] <= self.now:
            heapq.heappop(self._agenda)[2]()

    # ---- what a client asks

    def list_all(self, resource: Resource, namespace: str | None = None, **selection: Any) -> list[Object]:
        self._answers()
        # Foreign pods, and events: there are none.
        return []

    def get(self, resource: Resource, name: str, namespace: str = "", **options: Any) -> Object:
        self._answers()
        return self._there(resource, namespace, name)

    def create(self, resource: Resource, obj: Object, **options: Any) -> Object:
        if resource.kind == "Event":
            return obj
        meta = obj["metadata"]
        key = (resource.kind, meta["namespace"], meta["name"])
        with self.writing():
            if key in self.objects:
                raise AlreadyExists(409, "AlreadyExists", "it is there")
            if resource.kind == "Job":
                if Fault.QUOTA in self._faults(obj):
                    raise Forbidden(403, "Forbidden", "exceeded quota")
                self.jobs.append(self.now)
            about = {"uid": f"uid-{self.version}", "creationTimestamp": format_rfc3339(self.now)}
            made = {"kind": resource.kind, "apiVersion": resource.api_version, **obj, "metadata": {**meta, **about}}
            stored = self.put(made, "ADDED")
            self._begin(stored)
        return stored

    def patch(self, resource: Resource, name: str, changes: Object, namespace: str = "", **options: Any) -> Object:
        if resource.kind == "Event":
            return changes
        with self.writing():
            found = self._there(resource, namespace, name)
            for key in ("uid", "resourceVersion"):
                if changes.get("metadata", {}).get(key, found["metadata"][key]) != found["metadata"][key]:
                    raise Conflict(409, "Conflict", f"another {key}")
            stored = self.put(merged(found, changes))
            if resource.kind == "Job":
                self.after(1, lambda: self._sync(stored))
        return stored

    def delete(self, resource: Resource, name: str, namespace: str = "", *, uid: str = "", **options: Any) -> Object:
        with self.writing():
            found = self._there(resource, namespace, name)
            if uid and found["metadata"]["uid"] != uid:
                raise Conflict(409, "Conflict", "another uid")
            return self._delete(found, background=options.get("propagation") == "Background")

    def pod_log(self, *request: Any, **options: Any) -> str:
        return ""

    def writing(self) -> _Writing:
        return _Writing(self)

    def _answers(self) -> None:
        if self.is_down:
            raise Unreachable("no answer")

    # ---- what there is

    def of_kind(self, kind: str) -> list[Object]:
        return [o for (k, _, _), o in self.objects.items() if k == kind]

    def put(self, obj: Object, word: str = "MODIFIED") -> Object:
        """Store an object as it is now, and tell of it."""
        self.version += 1
        meta = {**obj["metadata"], "resourceVersion": str(self.version)}
        stored = {**obj, "metadata": meta}
        self.objects[obj["kind"], meta.get("namespace", ""), meta["name"]] = stored
        self.listener(word, stored)
        return stored

    def change(self, key: Key, **changes: Any) -> None:
        """Change an object, if it is there."""
        found = self.objects.get(key)
        if found is not None:
            self.put(merged(found, changes))

    def _there(self, resource: Resource, namespace: str, name: str) -> Object:
        found = self.objects.get((resource.kind, namespace, name))
        if found is None:
            raise NotFound(404, "NotFound", "there is none")
        return found

    def _current(self, obj: Object) -> Object | None:
        """Return the object as it is by now, unless it has gone."""
        found = self.objects.get(key_of(obj))
        return found if found is not None and found["metadata"]["uid"] == obj["metadata"]["uid"] else None

    def _faults(self, obj: Object) -> set[Fault]:
        owners = obj["metadata"].get("ownerReferences") or [{"name": ""}]
        return self.faults.get((obj["metadata"]["namespace"], owners[0]["name"]), set())

    # ---- what happens by itself

    def remove(self, obj: Object) -> None:
        """Have an object deleted by somebody else than the manager."""
        self._delete(obj)

    def recheck(self) -> None:
        """Look at everything again after faults have come or gone."""
        for obj in list(self.objects.values()):
            if obj["kind"] == "PersistentVolumeClaim" and obj["metadata"].get("deletionTimestamp"):
                self._vanish(obj)
            else:
                self._begin(obj)

    def _begin(self, obj: Object) -> None:
        """Have the controllers look at an object."""
        then = {"Job": self._sync, "Pod": self._run, "PersistentVolumeClaim": self._bind, "VolumeSnapshot": self._bind}
        what = then.get(obj["kind"])
        if what is not None:
            self.after(1, lambda: what(obj))

    def _bind(self, obj: Object) -> None:
        found = self._current(obj)
        if found is None or "ownerReferences" not in found["metadata"] or "status" in found:
            return
        if found["kind"] == "PersistentVolumeClaim" and Fault.NO_CLASS not in self._faults(found):
            modes = found["spec"]["accessModes"]
            status = {"phase": "Bound", "accessModes": modes, "capacity": {"storage": "3Gi"}}
            self.put(merged(found, {"spec": {"volumeName": "pv"}, "status": status}))
        if found["kind"] == "VolumeSnapshot" and Fault.NO_SNAPSHOT not in self._faults(found):
            self.put({**found, "status": {"boundVolumeSnapshotContentName": "c", "readyToUse": True}})

    def _sync(self, obj: Object) -> None:
        """Be the Job controller for one Job."""
        job = self._current(obj)
        if job is None:
            return
        pods = [p for p in self.of_kind("Pod") if p["metadata"]["labels"]["controller-uid"] == job["metadata"]["uid"]]
        live = [p for p in pods if p["status"]["phase"] in ("Pending", "Running")]
        if job["metadata"].get("deletionTimestamp"):
            for pod in pods:
                self._delete(pod)
            if not pods:
                self._remove(job)
            return
        status = job.get("status") or {}
        if status.get("conditions"):
            return
        ended = next((p for p in pods if p not in live and not p["metadata"].get("deletionTimestamp")), None)
        if ended is not None:
            word = "Complete" if ended["status"]["phase"] == "Succeeded" else "Failed"
            when = format_rfc3339(self.now)
            ends = {"type": word, "status": "True", "lastTransitionTime": when}
            self.put(merged(job, {"status": {"active": None, "terminating": None, "conditions": [ends]}}))
            return
        if job["spec"].get("parallelism") == 0:
            for pod in live:
                self._delete(pod)
        elif not pods:
            live = [self._new_pod(job)]
        going = sum(1 for p in pods if p["metadata"].get("deletionTimestamp"))
        counts = {"active": len(live) - going or None, "terminating": going or None}
        wanted = merged(job, {"status": {"startTime": status.get("startTime") or format_rfc3339(self.now), **counts}})
        if wanted.get("status") != status:
            self.put(wanted)

    def _new_pod(self, job: Object) -> Object:
        meta = job["metadata"]
        labels = {"job-name": meta["name"], "controller-uid": meta["uid"], "app.kubernetes.io/created-by": "volsync"}
        about = {"name": f"{meta['name']}-{self.version}", "namespace": meta["namespace"], "labels": labels}
        about |= {"uid": f"uid-{self.version}", "creationTimestamp": format_rfc3339(self.now)}
        about["ownerReferences"] = meta["ownerReferences"]
        spec = job["spec"]["template"]["spec"]
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": about, "spec": spec, "status": {"phase": "Pending"}}
        stored = self.put(pod, "ADDED")
        self._begin(stored)
        return stored

    def _run(self, obj: Object) -> None:
        """Be the scheduler and the kubelet for one pod."""
        pod = self._current(obj)
        if pod is None or pod["status"]["phase"] != "Pending" or pod["metadata"].get("deletionTimestamp"):
            return
        if self._faults(pod) & {Fault.UNSCHEDULABLE, Fault.NO_CLASS} or not self._has_volumes(pod):
            said = {"type": "PodScheduled", "status": "False", "message": "no node takes it"}
            if pod["status"].get("conditions") != [said]:
                self.put(merged(pod, {"status": {"conditions": [said]}}))
            return
        running = [{"name": "restic", "state": {"running": {"startedAt": format_rfc3339(self.now)}}}]
        self.put({**pod, "status": {"phase": "Running", "containerStatuses": running}})
        report = self._report(pod)
        # From seconds to hours.
        self.after(10 * 10 ** self.chance.uniform(0, 3), lambda: self.end_pod(pod, report))

    def _has_volumes(self, pod: Object) -> bool:
        """Return whether the pod's claims are there; they are looked for again until they are."""
        volumes = [(v.get("persistentVolumeClaim") or {}).get("claimName") for v in pod["spec"]["volumes"]]
        claims = [self.objects.get(("PersistentVolumeClaim", pod["metadata"]["namespace"], v)) for v in volumes if v]
        bound = all(c is not None and (c.get("status") or {}).get("phase") == "Bound" for c in claims)
        if not bound and Fault.NO_CLASS not in self._faults(pod):
            self.after(30, lambda: self._run(pod))
        return bound

    def end_pod(self, obj: Object, report: Report) -> None:
        """End the mover in a pod, with what it has come to."""
        pod = self._current(obj)
        if pod is None or pod["status"]["phase"] != "Running":
            return
        if report is not KILLED and Fault.ENDLESS in self._faults(pod):
            self.after(3600, lambda: self.end_pod(pod, report))
            return
        self.classes[str(report.error_class or "Succeeded")] += 1
        failed = report.outcome == Outcome.FAILED
        ended = {"exitCode": int(failed), "reason": "Error" if failed else "Completed", "message": report.to_json()}
        states = [{"name": "restic", "state": {"terminated": ended}}]
        self.put({**pod, "status": {"phase": "Failed" if failed else "Succeeded", "containerStatuses": states}})
        self._sync_of(pod)

    def _report(self, pod: Object) -> Report:
        """Return what a mover that begins now will come to: the first that may makes the repository."""
        environment = {e["name"]: e for e in pod["spec"]["containers"][0]["env"]}
        secret = environment["RESTIC_REPOSITORY"]["valueFrom"]["secretKeyRef"]["name"]
        found = self.objects["Secret", pod["metadata"]["namespace"], secret]
        repository = base64.b64decode(found["data"]["RESTIC_REPOSITORY"]).decode()
        if repository not in self.initialised:
            if not json.loads(environment["VOLSYNC_PY_RUN"]["value"])["grants"]["init"]:
                return Report(Outcome.FAILED, ErrorClass.REPOSITORY_MISSING, "there is none")
            self.initialised.add(repository)
        return BACKED_UP

    def _sync_of(self, pod: Object) -> None:
        job = self.objects.get(("Job", pod["metadata"]["namespace"], pod["metadata"]["labels"]["job-name"]))
        if job is not None:
            self.after(1, lambda: self._sync(job))

    def _delete(self, obj: Object, *, background: bool = False) -> Object:
        found = self._current(obj)
        if found is None:
            return {"kind": "Status", "status": "Success"}
        if found["kind"] == "Job" and background:
            self._remove(found)
            return {"kind": "Status", "status": "Success"}
        if "deletionTimestamp" in found["metadata"]:
            return found
        ends = self.now + timedelta(seconds=GRACE_SECONDS if found["kind"] == "Pod" else 0)
        going = self.put(merged(found, {"metadata": {"deletionTimestamp": format_rfc3339(ends)}}))
        if found["kind"] == "Job":
            self.after(1, lambda: self._sync(going))
        else:
            self.after(GRACE_SECONDS if found["kind"] == "Pod" else 2, lambda: self._vanish(going))
        return going

    def _vanish(self, obj: Object) -> None:
        """End the life of what is being deleted, unless something holds it."""
        found = self._current(obj)
        if found is None:
            return
        held = {"Pod": Fault.NODE_LOST, "PersistentVolumeClaim": Fault.CACHE_GOES}.get(found["kind"])
        if held in self._faults(found):
            self.after(3600, lambda: self._vanish(obj))
            return
        self._remove(found)
        if found["kind"] == "Pod":
            self._sync_of(found)

    def _remove(self, obj: Object) -> None:
        self.version += 1
        del self.objects[key_of(obj)]
        self.listener("DELETED", merged(obj, {"metadata": {"resourceVersion": str(self.version)}}))
        uid = obj["metadata"]["uid"]
        for one in list(self.objects.values()):
            of_it = any(r["uid"] == uid for r in one["metadata"].get("ownerReferences") or [])
            if of_it or (one["kind"] == "Pod" and one["metadata"]["labels"]["controller-uid"] == uid):
                self._delete(one, background=True)


class _Writing:
    """A write, in which the manager may die; who has died before it has not made it."""

    def __init__(self, cluster: TimedCluster) -> None:
        self._cluster = cluster

    def __enter__(self) -> None:
        cluster = self._cluster
        if cluster.is_down:
            raise Unreachable("no answer")
        if cluster.dies_in is not None:
            cluster.dies_in -= 1
            if cluster.dies_in <= 0 and cluster.chance.random() < 0.5:
                cluster.dies_in = None
                raise Killed

    def __exit__(self, kind: object, *_: object) -> None:
        cluster = self._cluster
        if kind is None and cluster.dies_in is not None and cluster.dies_in <= 0:
            cluster.dies_in = None
            raise Killed


def key_of(obj: Object) -> Key:
    """Return kind, namespace and name."""
    return obj["kind"], obj["metadata"].get("namespace", ""), obj["metadata"]["name"]
