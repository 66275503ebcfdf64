"""What VolSync's manager leaves when it is killed in the middle of runs, made as it does; movers run real restic.

Claims, snapshots and Jobs have its names, labels and owners, a resource its status. Its mover is a script in a shell;
here is the same in Python, with the same commands of restic's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import frozen

from tests.cluster.lent import Cluster
from volsync_py.kube.resources import (
    JOBS,
    PVCS,
    REPLICATION_DESTINATIONS,
    REPLICATION_SOURCES,
    VOLUME_SNAPSHOTS,
    Resource,
)

_RESTIC = """
import os, subprocess, time
def restic(*command):
    subprocess.run(["restic", *command], check=True)
def back_up():
    restic("backup", "--host", "volsync", "--exclude=lost+found", ".")
    restic("forget", "--host", "volsync", "--keep-last", "9")
os.chdir("/data")
"""
# What its mover does for the argument `backup`; as long as there is no file `go`, it is held.
MOVER = f"""{_RESTIC}
while os.path.isdir("/hold") and not os.path.exists("/hold/go"):
    time.sleep(0.1)
restic("cat", "config")
back_up()
"""
# Its mover for the argument `restore`: it is held, and ends well without a file, as when it cannot read the list.
RESTORER = f"""{_RESTIC}
while not os.path.exists("/hold/go"):
    time.sleep(0.1)
restic("cat", "config")
"""
# The first backup of each repository.
FIRST = f"""{_RESTIC}
for repository in os.environ["REPOSITORIES"].split():
    os.environ["RESTIC_REPOSITORY"] = repository
    restic("init")
    back_up()
"""
# What the repositories hold: of each snapshot its id, its parent's, whose it is, and what it added.
LIST = """
import json, os, subprocess
found = []
for repository in os.environ["REPOSITORIES"].split():
    os.environ["RESTIC_REPOSITORY"] = repository
    told = subprocess.run(["restic", "snapshots", "--json"], check=True, capture_output=True).stdout
    found.append([
        [s["id"][:8], s.get("parent", "")[:8], s["hostname"], s["paths"], s.get("tags"), s["summary"]["data_added"]]
        for s in json.loads(told)
    ])
with open("/dev/termination-log", "w") as file:
    json.dump(found, file)
"""
CREATED_BY = {"app.kubernetes.io/created-by": "volsync"}


@frozen
class Source:
    """A source of the claim `data` that VolSync has backed up once, in the middle of its second backup."""

    name: str
    method: str
    paused: bool = False

    @property
    def copy(self) -> str:
        """The name of the copy of its claim."""
        return f"volsync-{self.name}-src"

    @property
    def cache(self) -> str:
        """The name of its cache claim."""
        return f"volsync-src-{self.name}-cache"

    @property
    def job(self) -> str:
        """The name of its Job."""
        return f"volsync-src-{self.name}"


@frozen
class Left:
    """VolSync's objects in a namespace."""

    cluster: Cluster

    def repository(self, name: str) -> str:
        """Return the URL of a source's repository."""
        assert self.cluster.s3 is not None
        return f"s3:{self.cluster.s3.url}/e2e/{self.cluster.namespace}-{name}"

    def begin(self, source: Source) -> None:
        """Make the resource and its cache, with the status of a second synchronization that has begun."""
        self.cluster.repository(f"of-{source.name}", url=self.repository(source.name))
        restic = {"repository": f"of-{source.name}", "copyMethod": source.method, "retain": {"last": "9"}}
        spec: dict[str, Any] = {"sourcePVC": "data", "trigger": {"manual": "two"}, "restic": restic}
        if source.paused:
            spec["paused"] = True
        self.cluster.create(REPLICATION_SOURCES, {"metadata": {"name": source.name}, "spec": spec})
        began: dict[str, Any] = {
            "lastSyncTime": "2026-11-23T08:59:22Z",
            "lastSyncDuration": "19.725550561s",
            "lastManualSync": "one",
            "lastSyncStartTime": "2026-11-23T09:00:39Z",
            "latestMoverStatus": {"result": "Successful"},
            "restic": {},
        }
        self._has_begun(REPLICATION_SOURCES, source.name, began)
        self._claim(source, source.cache, temporary=False)

    def begin_restore(self, name: str) -> str:
        """Make a destination in its first synchronization, its cache and its claim; return the claim's name."""
        self.cluster.repository(f"of-{name}", url=self.repository(name))
        options: dict[str, Any] = {"copyMethod": "Snapshot", "capacity": "1Gi", "accessModes": ["ReadWriteOnce"]}
        self.cluster.replicate(REPLICATION_DESTINATIONS, name, repository=f"of-{name}", **options)
        self._has_begun(REPLICATION_DESTINATIONS, name, {"lastSyncStartTime": "2026-11-23T09:03:10Z"})
        claims = (f"volsync-dst-{name}-cache", f"volsync-{name}-dest")
        for claim in claims:
            self._make_claim(self._owned(REPLICATION_DESTINATIONS, name, claim, temporary=False))
        return claims[1]

    def restore_job(self, name: str) -> None:
        """Make the Job of a destination."""
        volumes = {"/data": f"volsync-{name}-dest", "/cache": f"volsync-dst-{name}-cache", "/hold": "hold"}
        job = self.mover(RESTORER, volumes, f"of-{name}", argument="restore")
        job["spec"] |= {"backoffLimit": 8, "parallelism": 1}
        meta = self._owned(REPLICATION_DESTINATIONS, name, f"volsync-dst-{name}", temporary=True)
        self.cluster.create(JOBS, {"metadata": meta, **job})

    def _has_begun(self, resource: Resource, name: str, status: dict[str, Any]) -> None:
        began = {**status, "conditions": [condition("True", "SyncInProgress", "Synchronization in-progress")]}
        self.cluster.client.patch(resource, name, {"status": began}, self.cluster.namespace, subresource="status")

    def snapshot(self, source: Source) -> None:
        """Make the snapshot of the claim."""
        spec = {"source": {"persistentVolumeClaimName": "data"}}
        meta = self._metadata(source, source.copy, temporary=True)
        self.cluster.create(VOLUME_SNAPSHOTS, {"metadata": meta, "spec": spec})

    def copy(self, source: Source) -> None:
        """Make the claim that is copied from the snapshot, or cloned."""
        of: dict[str, Any] = {"kind": "PersistentVolumeClaim", "name": "data"}
        if source.method == "Snapshot":
            of = {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": source.copy}
        self._claim(source, source.copy, temporary=True, dataSource=of)

    def job(self, source: Source, *, held: bool) -> None:
        """Make the Job."""
        data = "data" if source.method == "Direct" else source.copy
        volumes = {"/data": data, "/cache": source.cache, **({"/hold": "hold"} if held else {})}
        job = self.mover(MOVER, volumes, f"of-{source.name}")
        job["spec"] |= {"backoffLimit": 8, "parallelism": 0 if source.paused else 1}
        self.cluster.create(JOBS, {"metadata": self._metadata(source, source.job, temporary=True), **job})

    def run(self, name: str, program: str, repositories: list[str], *, secret: str) -> str:
        """Run a program with VolSync's mounts beside the claim `data`; return its termination message."""
        job = self.mover(program, {"/data": "data"}, secret, repositories)
        job["spec"]["backoffLimit"] = 0
        self.cluster.create(JOBS, {"metadata": {"name": name}, **job})
        return self.cluster.outcome(name, "restic")

    def mover(
        self,
        program: str,
        volumes: dict[str, str],
        secret: str,
        repositories: Iterable[str] = (),
        argument: str = "backup",
    ) -> dict[str, Any]:
        """Return the spec of a Job with the volumes by where they are mounted."""
        names = {path: path.strip("/") for path in volumes}
        keys = ("RESTIC_PASSWORD", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        env: list[dict[str, Any]] = [
            {"name": key, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}} for key in keys
        ]
        url = {"name": "RESTIC_REPOSITORY", "valueFrom": {"secretKeyRef": {"name": secret, "key": "RESTIC_REPOSITORY"}}}
        env += [url, {"name": "REPOSITORIES", "value": " ".join(repositories)}]
        env += [{"name": "RESTIC_CACHE_DIR", "value": "/cache" if "/cache" in volumes else "/tmp/cache"}]
        container: dict[str, Any] = {"name": "restic", "image": self.cluster.image, "args": [argument], "env": env}
        # In VolSync's it is a script.
        container |= {"imagePullPolicy": "IfNotPresent", "command": ["python3", "-c", program]}
        mounts = [{"name": names[path], "mountPath": path} for path in volumes]
        container["volumeMounts"] = [*mounts, {"name": "tempdir", "mountPath": "/tmp"}]
        claims = [{"name": names[p], "persistentVolumeClaim": {"claimName": c}} for p, c in volumes.items()]
        pod: dict[str, Any] = {"restartPolicy": "Never", "containers": [container]}
        pod["volumes"] = [*claims, {"name": "tempdir", "emptyDir": {"medium": "Memory"}}]
        return {"spec": {"template": {"metadata": {"labels": CREATED_BY}, "spec": pod}}}

    def _claim(self, source: Source, name: str, *, temporary: bool, **spec: Any) -> None:
        self._make_claim(self._metadata(source, name, temporary=temporary), **spec)

    def _make_claim(self, metadata: dict[str, Any], **spec: Any) -> None:
        spec |= {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        self.cluster.create(PVCS, {"metadata": metadata, "spec": spec})

    def _metadata(self, source: Source, name: str, *, temporary: bool) -> dict[str, Any]:
        return self._owned(REPLICATION_SOURCES, source.name, name, temporary=temporary)

    def _owned(self, resource: Resource, by: str, name: str, *, temporary: bool) -> dict[str, Any]:
        owner = self.cluster.client.get(resource, by, self.cluster.namespace)
        uid = owner["metadata"]["uid"]
        reference = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": by, "uid": uid}
        reference |= {"controller": True, "blockOwnerDeletion": True}
        labels = {**CREATED_BY, **({"volsync.backube/cleanup": uid} if temporary else {})}
        return {"name": name, "labels": labels, "ownerReferences": [reference]}


def condition(status: str, reason: str, message: str) -> dict[str, Any]:
    """Return VolSync's condition."""
    when = {"lastTransitionTime": "2026-11-23T09:00:39Z"}
    return {"type": "Synchronizing", "status": status, "reason": reason, "message": message, **when}
