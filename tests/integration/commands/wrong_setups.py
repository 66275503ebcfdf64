"""Setups of a namespace that are wrong in one way, and what `volsync-py doctor` has to say of each.

docs/doctor.md has a row for each; `tests/unit/docs/test_doctor_page.py` compares them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from attrs import field, frozen

from hack.processes import DevCluster, wait_until

CRS = "apis/volsync.backube/v1alpha1"
MERGE = "application/merge-patch+json"
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
PRIVILEGED = {"volsync.backube/privileged-movers": "true"}
OURS = {"app.kubernetes.io/created-by": "volsync"}


def at(minutes: float) -> str:
    """Return the time in so many minutes, as the API has it."""
    return (datetime.now(UTC) + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def said(kind: str, status: str, reason: str, message: str = "") -> dict[str, str]:
    """Return a condition."""
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": at(-12)}


@frozen
class Space:
    """A namespace in which something is wrong."""

    cluster: DevCluster
    name: str

    def create(self, plural: str, body: dict[str, Any], group: str = "api/v1", namespace: str | None = None) -> Any:
        where = self.name if namespace is None else namespace
        inside = f"namespaces/{where}/" if where else ""
        return self.cluster.ask("POST", f"/{group}/{inside}{plural}", body)

    def patch(self, path: str, body: dict[str, Any]) -> None:
        self.cluster.ask("PATCH", f"/{path}", body, MERGE)

    def claim(self, name: str = "app", **spec: Any) -> None:
        """Create a claim that has its volume, unless another is asked for."""
        wanted = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        wanted |= {"storageClassName": "dev", "volumeName": f"pv-{self.name}-{name}", **spec}
        self.create("persistentvolumeclaims", {"metadata": {"name": name}, "spec": wanted})

    def source(self, name: str = "app", status: Any = None, trigger: Any = None, **spec: Any) -> None:
        """Create a source of the claim of its name that was backed up a moment ago, besides what is given."""
        metadata = {"name": name, "annotations": spec.pop("annotations", {})}
        restic = {"repository": f"{name}-restic", "copyMethod": "Direct", **spec.pop("restic", {})}
        # Each namespace has its own minute.
        minute = self.name.rpartition("-")[2]
        wanted = {"sourcePVC": name, "trigger": trigger or {"schedule": f"{minute} * * * *"}, **spec}
        self.create("replicationsources", {"metadata": metadata, "spec": {**wanted, "restic": restic}}, CRS)
        well = {"lastSyncTime": at(-12), "nextSyncTime": at(48), "conditions": [said("Healthy", "True", "Succeeded")]}
        path = f"{CRS}/namespaces/{self.name}/replicationsources/{name}/status"
        if status != "none":
            self.patch(path, {"status": {**well, **(status or {})}})

    def failed(self, error: str, message: str) -> dict[str, Any]:
        """Return the status of a source whose last attempt has failed."""
        attempt = {"count": 3, "lastError": {"class": error, "message": message}, "lastFailureTime": at(-12)}
        return {"attempt": attempt, "conditions": [said("Healthy", "False", error, message)]}

    def pod(self, settled: Callable[[Any], bool], **spec: Any) -> None:
        """Create what the pod of the mover of `app` might be, and wait until it is as it is meant."""
        container = {"name": "restic", "image": "local", "command": ["true"]}
        wanted = {"restartPolicy": "Never", "containers": [container], **spec}
        labels = {**OURS, "job-name": "volsync-src-app"}
        self.create("pods", {"metadata": {"name": "volsync-src-app-x", "labels": labels}, "spec": wanted})
        path = f"/api/v1/namespaces/{self.name}/pods/volsync-src-app-x"
        wait_until(f"the pod of {self.name}", lambda: settled((self.cluster.get(path) or {}).get("status") or {}))


@frozen
class Wrong:
    """One wrong setup: what is wrong, how it is made, and which check says what of it."""

    title: str
    make: Callable[[Space], None]
    check: str
    verdict: str
    why: str
    next_step: str
    labels: Mapping[str, str] = field(factory=dict)
    annotations: Mapping[str, str] = field(factory=dict)


def _app(**more: Any) -> Callable[[Space], None]:
    """Return a setup of a claim and a source, which is all right but for what is given."""
    claim, cache = more.pop("claim", {}), more.pop("cache", None)

    def make(space: Space) -> None:
        if claim is not None:
            space.claim(**claim)
        if cache is not None:
            space.claim("volsync-src-app-cache", **cache)
        status = more.get("status")
        space.source(**{**more, "status": status(space) if callable(status) else status})

    return make


def _failed(error: str, message: str) -> Callable[[Space], None]:
    return _app(status=lambda space: space.failed(error, message))


def _with_pod(settled: Callable[[Any], bool], **spec: Any) -> Callable[[Space], None]:
    def make(space: Space) -> None:
        _app()(space)
        space.pod(settled, **spec)

    return make


def _being_deleted(space: Space) -> None:
    body = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "volumeName": "x"}
    space.create("persistentvolumeclaims", {"metadata": {"name": "app", "finalizers": ["a.test/held"]}, "spec": body})
    space.cluster.ask("DELETE", f"/api/v1/namespaces/{space.name}/persistentvolumeclaims/app")
    space.source()


def _no_snapshot_class(space: Space) -> None:
    bare = {"metadata": {"name": "bare"}, "provisioner": "bare.test"}
    space.create("storageclasses", bare, "apis/storage.k8s.io/v1", "")
    _app(claim={"storageClassName": "bare"}, restic={"copyMethod": "Snapshot"})(space)


def _two_defaults(space: Space) -> None:
    driver = {"provisioner": "twice.test"}
    space.create("storageclasses", {"metadata": {"name": "twice"}, **driver}, "apis/storage.k8s.io/v1", "")
    for name in ("one", "two"):
        _snapshot_class(space, name, "twice.test", default=True)
    space.claim(storageClassName="twice")
    space.source(restic={"copyMethod": "Snapshot"})


def _snapshot_class(space: Space, name: str, driver: str, *, default: bool = False) -> None:
    annotations = {"snapshot.storage.kubernetes.io/is-default-class": "true"} if default else {}
    body = {"metadata": {"name": name, "annotations": annotations}, "driver": driver, "deletionPolicy": "Delete"}
    space.create("volumesnapshotclasses", body, "apis/snapshot.storage.k8s.io/v1", "")


def _of_another_driver(space: Space) -> None:
    _snapshot_class(space, "elsewhere", "elsewhere.test")
    _app(restic={"copyMethod": "Snapshot", "volumeSnapshotClassName": "elsewhere"})(space)


def _fixed_cache(space: Space) -> None:
    fixed = {"metadata": {"name": "fixed"}, "provisioner": "fixed.test", "allowVolumeExpansion": False}
    space.create("storageclasses", fixed, "apis/storage.k8s.io/v1", "")
    _app(restic={"cacheCapacity": "8Gi"}, cache={"storageClassName": "fixed"})(space)


def _orphan(space: Space) -> None:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "volumeName": "x"}
    space.create(
        "persistentvolumeclaims", {"metadata": {"name": "volsync-src-gone-cache", "labels": OURS}, "spec": spec}
    )


def _unused(space: Space) -> None:
    restic = {"repository": "r", "copyMethod": "Snapshot", "capacity": "1Gi", "accessModes": ["ReadWriteOnce"]}
    restic |= {"storageClassName": "twice", "volumeSnapshotClassName": "one"}
    spec = {"trigger": {"manual": "restore-once"}, "restic": restic}
    space.create("replicationdestinations", {"metadata": {"name": "app-dst"}, "spec": spec}, CRS)
    image = {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "volsync-app-dst-dest-1"}
    status = {"lastManualSync": "restore-once", "lastSyncTime": at(-12), "latestImage": image}
    space.patch(f"{CRS}/namespaces/{space.name}/replicationdestinations/app-dst/status", {"status": status})


def _never_filled(space: Space) -> None:
    source = {"apiGroup": "volsync.backube", "kind": "ReplicationDestination", "name": "app-dst"}
    space.claim(volumeName=None, dataSourceRef=source)


def _one_repository(retain: Any = None, claim: str = "") -> Callable[[Space], None]:
    def make(space: Space) -> None:
        for name in ("app", "other"):
            if not claim or name == claim:
                space.claim(name)
            kept = {"retain": {"daily": 7 if name == "app" else 3}} if retain else {}
            space.source(name, sourcePVC=claim or name, restic={"repository": "one", **kept})

    return make


def _at_one_minute(space: Space) -> None:
    space.claim()
    for number in range(10):
        trigger = {"schedule": "59 * * * *"}
        restic = {"repository": f"r-{number}"}
        space.source(f"s-{number}", trigger=trigger, restic=restic, sourcePVC="app")


def _suspended(space: Space) -> None:
    _app()(space)
    container = {"name": "restic", "image": "local", "command": ["true"]}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    job = {"metadata": {"name": "volsync-src-app", "labels": OURS}, "spec": {"suspend": True, "template": template}}
    space.create("jobs", job, "apis/batch/v1")


def _condition(kind: str, reason: str) -> Callable[[Any], bool]:
    wanted = (kind, reason)
    return lambda status: wanted in {(c["type"], c.get("reason")) for c in status.get("conditions") or []}


def _waits(reason: str) -> Callable[[Any], bool]:
    return lambda status: any(
        ((s.get("state") or {}).get("waiting") or {}).get("reason") == reason
        for s in status.get("containerStatuses") or []
    )


def _runs(part: str, name: str) -> Callable[[Any], bool]:
    return lambda status: any(s["name"] == name and "running" in s["state"] for s in status.get(part) or [])


def _mover_ended(status: Any) -> bool:
    states = {s["name"]: s["state"] for s in status.get("containerStatuses") or []}
    return "terminated" in states.get("restic", {}) and "running" in states.get("mesh", {})


_SLEEPS = {"image": "local", "command": ["sleep", "1000"]}
_MOVER = {"name": "restic", "image": "local", "command": ["true"]}
_ZONE = said(
    "Synchronizing", "False", "WaitingForSchedule", "Waiting for next scheduled synchronization, in UTC: TZ=Mars"
)


def _nearly_full(space: Space) -> None:
    space.claim()
    space.source(status={"restic": {"lastSnapshot": {"id": "9f3c", "bytesProcessed": 1_050_000_000}}})
    path = f"api/v1/namespaces/{space.name}/persistentvolumeclaims/app/status"
    space.patch(path, {"status": {"phase": "Bound", "capacity": {"storage": "1Gi"}}})


WRONG = (
    Wrong("the claim does not exist", _app(claim=None), "claim", "FAIL", "the claim app does not exist", "create it"),
    Wrong(
        "the claim is a block device",
        _app(claim={"volumeMode": "Block"}),
        "claim",
        "FAIL",
        "is a block device",
        "use a claim with volumeMode Filesystem",
    ),
    Wrong(
        "the claim never gets a volume",
        _app(claim={"volumeName": None, "storageClassName": "no-such"}),
        "claim",
        "FAIL",
        "is not bound to a volume",
        "kubectl describe pvc app",
    ),
    Wrong(
        "nobody has used the claim yet, and its class waits for that",
        _app(claim={"volumeName": None, "storageClassName": "dev-wait"}, restic={"copyMethod": "Clone"}),
        "claim",
        "warn",
        "waits for the first pod",
        "start a pod that uses it",
    ),
    Wrong("the claim is being deleted", _being_deleted, "claim", "FAIL", "is being deleted", "which pod still uses it"),
    Wrong(
        "the volume's driver has no snapshot class",
        _no_snapshot_class,
        "snapshots",
        "FAIL",
        "no VolumeSnapshotClass is of the driver",
        "create one for that driver",
    ),
    Wrong(
        "the snapshot class that is named does not exist",
        _app(restic={"copyMethod": "Snapshot", "volumeSnapshotClassName": "none"}),
        "snapshots",
        "FAIL",
        "there is no VolumeSnapshotClass none",
        "name another",
    ),
    Wrong(
        "the snapshot class is of another driver",
        _of_another_driver,
        "snapshots",
        "FAIL",
        "elsewhere is of the driver elsewhere.test",
        "name another",
    ),
    Wrong(
        "two snapshot classes are the default of one driver",
        _two_defaults,
        "snapshots",
        "FAIL",
        "one, two are all the default",
        "leave the annotation is-default-class to one of them",
    ),
    Wrong(
        "a StorageClass that is named does not exist",
        _app(restic={"cacheStorageClassName": "none"}),
        "class",
        "FAIL",
        "there is no StorageClass none",
        "name one of those that are there",
    ),
    Wrong(
        "a copy is to be smaller than its volume",
        _app(claim={"resources": {"requests": {"storage": "2Gi"}}}, restic={"copyMethod": "Clone", "capacity": "1Gi"}),
        "capacity",
        "FAIL",
        "a copy with 1Gi is to be made of a volume with 2Gi",
        "raise it, or leave it out",
    ),
    Wrong(
        "the cache is smaller than is wanted and cannot grow",
        _fixed_cache,
        "cache",
        "warn",
        "has 1Gi instead of 8Gi",
        "kubectl delete pvc volsync-src-app-cache",
    ),
    Wrong(
        "the cache is full",
        _failed("CacheFull", "no space left on device"),
        "full",
        "FAIL",
        "CacheFull: no space left",
        "raise cacheCapacity",
    ),
    Wrong(
        "the repository's storage is full",
        _failed("TargetFull", "quota exceeded"),
        "full",
        "FAIL",
        "TargetFull: quota exceeded",
        "the repository's storage",
    ),
    Wrong(
        "the claim is nearly full",
        _nearly_full,
        "full",
        "warn",
        "holds 1001.4 MiB, 98 % of the claim app with 1.0 GiB",
        "make the claim larger",
    ),
    Wrong(
        "a cache is left of a source that has gone",
        _orphan,
        "orphans",
        "warn",
        "was made for a resource that has gone",
        "kubectl delete persistentvolumeclaims volsync-src-gone-cache",
    ),
    Wrong(
        "a destination has restored and holds its image for nobody",
        _unused,
        "unused",
        "warn",
        "holds the image volsync-app-dst-dest-1",
        "kubectl delete replicationdestination app-dst",
    ),
    Wrong(
        "a claim waits for a destination that does not exist",
        _never_filled,
        "filled",
        "FAIL",
        "from the destination app-dst, which does not exist",
        "create the destination app-dst",
    ),
    Wrong(
        "two volumes are backed up into one repository",
        _one_repository(),
        "shared",
        "FAIL",
        "a restore takes the newest of all",
        "give each its own path in RESTIC_REPOSITORY",
    ),
    Wrong(
        "two sources of one volume and repository keep differently",
        _one_repository(retain=True, claim="app"),
        "shared",
        "warn",
        "each applies its own to all",
        "give each its own spec.restic.host",
    ),
    Wrong(
        "ten sources begin at the same minute",
        _at_one_minute,
        "minute",
        "warn",
        "10 sources begin at the same minute",
        "spec.trigger.jitter",
    ),
    Wrong(
        "the schedule never comes",
        _app(trigger={"schedule": "0 0 30 2 *"}),
        "schedule",
        "FAIL",
        "never matches a day",
        "correct the day or the month",
    ),
    Wrong(
        "a field of the spec is missing",
        _app(restic={"copyMethod": None}),
        "spec",
        "FAIL",
        "spec.restic.copyMethod: is not set",
        "use Direct, None, Clone, or Snapshot",
    ),
    Wrong(
        "the manager could not read its own zone",
        _app(trigger={"schedule": "0 3 * * *"}, status={"conditions": [said("Healthy", "True", "Succeeded"), _ZONE]}),
        "zone",
        "warn",
        "its schedule is read in UTC: TZ=Mars",
        "spec.trigger.timeZone",
    ),
    Wrong(
        "a source was paused and forgotten",
        _app(paused=True, status={"lastSyncTime": at(-60 * 24 * 20), "nextSyncTime": None}),
        "paused",
        "warn",
        "its last run was 20 days ago",
        "volsync-py resume app",
    ),
    Wrong(
        "the annotation for debugging is still there",
        _app(annotations={"volsync.backube/enable-debug-mover": ""}),
        "paused",
        "warn",
        "has its mover wait instead of work",
        "kubectl annotate replicationsource app",
    ),
    Wrong(
        "a slot was missed",
        _app(status={"lastSyncTime": at(-60 * 30), "nextSyncTime": at(-60 * 29)}),
        "overdue",
        "FAIL",
        "its slot passed without a run that ended",
        "see whether the operator runs",
    ),
    Wrong(
        "no manager looks at the namespace",
        _app(status="none"),
        "overdue",
        "FAIL",
        "no operator has looked at it",
        "serves this namespace",
    ),
    Wrong(
        "the password is wrong",
        _failed("WrongPassword", "restic: wrong password or no key found"),
        "runs",
        "FAIL",
        "WrongPassword",
        "correct RESTIC_PASSWORD in the repository Secret",
    ),
    Wrong(
        "the repository is out of reach",
        _failed("Unreachable", "dial tcp: connection refused"),
        "runs",
        "FAIL",
        "Unreachable",
        "check RESTIC_REPOSITORY, the network",
    ),
    Wrong(
        "upkeep fails, and backups go on",
        _app(status={"conditions": [said("Healthy", "True", "Succeeded"), said("Maintained", "False", "Unreachable")]}),
        "runs",
        "FAIL",
        "Unreachable",
        "check RESTIC_REPOSITORY, the network",
    ),
    Wrong(
        "some files could not be read",
        _app(status={"conditions": [said("Healthy", "True", "Partial", "2 files were left out")]}),
        "runs",
        "warn",
        "Partial",
        "give the mover the rights to read these files",
    ),
    Wrong(
        "somebody holds the repository's lock",
        _failed("RepositoryLocked", "locked by laptop (pid 7), 3 hours old"),
        "locks",
        "FAIL",
        "locked by laptop",
        "wait for the other restic process, or end it",
    ),
    Wrong(
        "the namespace enforces restricted, and the mover would be root",
        _app(),
        "security",
        "FAIL",
        "nothing makes the mover run as non-root",
        "set spec.restic.moverSecurityContext",
        labels=RESTRICTED,
    ),
    Wrong(
        "the namespace enforces restricted, and asks for privileged movers",
        _app(),
        "security",
        "FAIL",
        "its annotation asks for privileged movers",
        "enforce baseline, or remove the annotation",
        labels=RESTRICTED,
        annotations=PRIVILEGED,
    ),
    Wrong(
        "a privileged mover is told not to be root",
        _app(restic={"moverSecurityContext": {"runAsNonRoot": True}}),
        "security",
        "FAIL",
        "privileged movers run as root",
        "remove it, or the namespace's annotation",
        annotations=PRIVILEGED,
    ),
    Wrong(
        "no node takes the mover",
        _with_pod(_condition("PodScheduled", "Unschedulable"), nodeSelector={"no": "such"}),
        "waiting",
        "FAIL",
        "NotScheduled: no node takes Pod/volsync-src-app-x",
        "keep it from every node",
    ),
    Wrong(
        "a gate holds the mover",
        _with_pod(_condition("PodScheduled", "SchedulingGated"), schedulingGates=[{"name": "queue.test/later"}]),
        "waiting",
        "FAIL",
        "SchedulingGated",
        "see who has set the pod's schedulingGates",
    ),
    Wrong("a queue has suspended the Job", _suspended, "waiting", "warn", "its Job is suspended", "owner of its queue"),
    Wrong(
        "the mover's image cannot be pulled",
        _with_pod(_waits("ErrImagePull"), containers=[{**_MOVER, "image": "registry.invalid/volsync-py"}]),
        "waiting",
        "FAIL",
        "ImageUnavailable",
        "check the image of the manager",
    ),
    Wrong(
        "a mesh's side-car goes on when the mover has ended",
        _with_pod(_mover_ended, containers=[_MOVER, {"name": "mesh", **_SLEEPS}]),
        "containers",
        "FAIL",
        "somebody has put mesh into Pod/volsync-src-app-x",
        "leave out pods with the label",
    ),
)
