"""Whatever of a cluster ends in the middle of a backup and of a restore, both come to the same end as without.

The movers are held behind a gate in front of the repository until the disruption is over. A real cluster only, and one
whose servers this machine runs.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from tests.cluster.installed import Installation
from tests.cluster.lent import Cluster, wait_for
from tests.cluster.machine import Machine, processes_of
from tests.cluster.tree import CHANGE, DESCRIBE, FILL, described
from volsync_py.kube.client import Client
from volsync_py.kube.errors import KubeError
from volsync_py.kube.resources import (
    JOBS,
    LEASES,
    NODES,
    PODS,
    PVCS,
    REPLICATION_DESTINATIONS,
    REPLICATION_SOURCES,
    VOLUME_SNAPSHOTS,
    Resource,
)

NAMESPACE, DEPLOYMENT = "volsync-system", "volsync-py"
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
# Longer than a lease lasts and than a node may be silent, shorter than the mover waits for its repository.
PAUSE_SECONDS = 60
# A control plane that comes back, a lease that runs out, a pod that is made anew.
SECONDS = 240


@frozen
class Scene:
    """What a disruption may lay hands on."""

    cluster: Cluster
    machine: Machine
    client: Client
    installation: Installation

    def kubectl(self, *arguments: str, given: str | None = None) -> tuple[int, str]:
        """Run kubectl; return its exit code and what it printed."""
        return self.installation.kubectl(*arguments, given=given)

    def movers(self) -> list[dict[str, Any]]:
        """Return the pods of the movers that run."""
        pods = self.cluster.objects(PODS, "app.kubernetes.io/created-by=volsync")
        return [p for p in pods if (p.get("status") or {}).get("phase") == "Running"]

    def managers(self) -> list[dict[str, Any]]:
        """Return the manager's pods that are ready."""
        pods = self.client.list_all(PODS, NAMESPACE)
        ready = {"type": "Ready", "status": "True"}
        return [
            p
            for p in pods
            if not p["metadata"].get("deletionTimestamp")
            and any(ready.items() <= c.items() for c in (p.get("status") or {}).get("conditions") or [])
        ]

    def leader(self) -> str:
        """Return the name of the pod that leads, "" if none does."""
        lease = self.client.get(LEASES, "b95b3104.backube", NAMESPACE)
        return str(lease["spec"].get("holderIdentity") or "").partition("_")[0]

    def is_ready(self) -> bool:
        """Return whether the API server is, and knows the node."""
        if self.kubectl("get", "--raw", "/readyz") != (0, "ok"):
            return False
        with suppress(KubeError):
            self.client.get(NODES, "node-1")
            return True
        return False

    def scale(self, replicas: int) -> None:
        """Have as many managers."""
        self.client.patch(DEPLOYMENTS, DEPLOYMENT, {"spec": {"replicas": replicas}}, NAMESPACE)
        wait_for(f"{replicas} managers", lambda: len(self.managers()) == replicas, SECONDS)


def kill_the_leader(scene: Scene) -> None:
    scene.scale(2)
    leader = wait_for("a leader", scene.leader)
    assert scene.kubectl("-n", NAMESPACE, "delete", "pod", leader, "--grace-period=0", "--force")[0] == 0
    wait_for("another leader", lambda: scene.leader() not in ("", leader), SECONDS)
    scene.scale(1)


def upgrade_the_manager(scene: Scene) -> None:
    before = {p["metadata"]["uid"] for p in scene.managers()}
    template = {"metadata": {"annotations": {"tests/upgraded-at": str(time.time())}}}
    scene.client.patch(DEPLOYMENTS, DEPLOYMENT, {"spec": {"template": template}}, NAMESPACE)
    wait_for("the new manager", lambda: {p["metadata"]["uid"] for p in scene.managers()}.isdisjoint(before), SECONDS)


def kill_server(name: str) -> Callable[[Scene], None]:
    def kill(scene: Scene) -> None:
        scene.machine.kill(name)
        wait_for("the API server", scene.is_ready, SECONDS)

    return kill


def compact_under_a_stopped_manager(scene: Scene) -> None:
    version = scene.client.list(JOBS, NAMESPACE)["metadata"]["resourceVersion"]

    def is_compacted() -> bool:
        # Something new, or there is nothing to be compacted.
        scene.cluster.patch(PVCS, "data", {"metadata": {"annotations": {"tests/now": str(time.time())}}})
        query = f"resourceVersion={version}&resourceVersionMatch=Exact"
        return "too old" in scene.kubectl("get", "--raw", f"{JOBS.path(NAMESPACE)}?{query}")[1]

    with scene.machine.stopped(*processes_of("volsync-py", "manager")):
        wait_for("a compaction", is_compacted, SECONDS)


def evict_the_movers(scene: Scene) -> None:
    for pod in scene.movers():
        name = pod["metadata"]["name"]
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
        path = PODS.path(scene.cluster.namespace, name, "eviction")
        code, said = scene.kubectl("create", "--raw", path, "-f", "-", given=json.dumps(eviction))
        assert code == 0, said


def delete_the_node(scene: Scene) -> None:
    scene.client.delete(NODES, "node-1")
    scene.machine.kill("kubelet")
    wait_for("the node", scene.is_ready, SECONDS)


def pause_the_control_plane(scene: Scene) -> None:
    servers = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
    with scene.machine.stopped(*(scene.machine.pid(name) for name in servers)):
        time.sleep(PAUSE_SECONDS)
    wait_for("the API server", scene.is_ready, SECONDS)


DISRUPTIONS: dict[str, Callable[[Scene], None]] = {
    "the leader is killed": kill_the_leader,
    "the manager is upgraded": upgrade_the_manager,
    "the kubelet is killed": kill_server("kubelet"),
    "the API server is killed": kill_server("kube-apiserver"),
    "etcd is killed": kill_server("etcd"),
    "etcd is compacted under a stopped manager": compact_under_a_stopped_manager,
    "the movers are evicted": evict_the_movers,
    "the node is deleted": delete_the_node,
    "the control plane is paused": pause_the_control_plane,
}


@pytest.fixture
def scene(cluster: Cluster, client: Client, installation: Installation) -> Scene:
    """The cluster, and the machine below it."""
    run = os.environ.get("VOLSYNC_PY_CLUSTER_RUN", "")
    if not run:
        reason = "VOLSYNC_PY_CLUSTER_RUN names no state folder of a cluster that this machine runs"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    return Scene(cluster, Machine(Path(run)), client, installation)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("disruption", DISRUPTIONS.values(), ids=DISRUPTIONS.keys())
def test_a_backup_and_a_restore_end_as_without(scene: Scene, disruption: Callable[[Scene], None]) -> None:
    cluster, gate = scene.cluster, scene.installation.gate
    assert gate is not None
    cluster.repository("repository")
    cluster.claim("data")
    cluster.run("fill", "data", FILL)
    cluster.replicate(REPLICATION_SOURCES, "backup", copyMethod="Snapshot", retain={"last": "9"})
    cluster.replicated(REPLICATION_SOURCES, "backup")
    first = described(cluster.run("describe-first", "data", DESCRIBE))
    cluster.run("change", "data", CHANGE)

    gate.shut()
    try:
        cluster.patch(REPLICATION_SOURCES, "backup", {"spec": {"trigger": {"manual": "two"}}})
        wanted: dict[str, Any] = {
            "capacity": "1Gi",
            "accessModes": ["ReadWriteOnce"],
            "restoreAsOf": _last_backup(cluster),
        }
        cluster.replicate(REPLICATION_DESTINATIONS, "restore", copyMethod="Snapshot", **wanted)
        wait_for("both movers", lambda: len(scene.movers()) == 2 and gate.waiting >= 2, SECONDS)
        disruption(scene)
    finally:
        gate.open()

    backup = cluster.replicated(REPLICATION_SOURCES, "backup", "two", SECONDS)
    assert backup["restic"]["snapshots"]["count"] == 2
    assert backup["restic"]["lastSnapshot"]["filesNew"] == 1
    restore = cluster.replicated(REPLICATION_DESTINATIONS, "restore", "one", SECONDS)
    cluster.claim("copy", restore["latestImage"])
    assert described(cluster.run("describe-copy", "copy", DESCRIBE)) == first
    for resource, name in ((REPLICATION_SOURCES, "backup"), (REPLICATION_DESTINATIONS, "restore")):
        assert cluster.condition(resource, name, "Healthy"), name
    cluster.wait("the Jobs' end", lambda: not [*cluster.names(JOBS), *cluster.names(PODS)], SECONDS)
    cluster.wait("the copies' end", lambda: cluster.names(VOLUME_SNAPSHOTS) == [restore["latestImage"]["name"]])
    left = {"data", "copy", "volsync-restore-dest", "volsync-src-backup-cache", "volsync-dst-restore-cache"}
    cluster.wait("the claims' end", lambda: set(cluster.names(PVCS)) == left)


def test_a_mover_that_is_killed_for_its_memory_is_named_so_and_goes_on_with_more(scene: Scene) -> None:
    cluster = scene.cluster
    cluster.repository("repository")
    cluster.claim("data")
    cluster.run("fill", "data", FILL)
    little = {"limits": {"memory": "24Mi"}, "requests": {"memory": "24Mi"}}
    cluster.replicate(REPLICATION_SOURCES, "backup", copyMethod="Direct", moverResources=little)
    told = cluster.wait("the condition", lambda: cluster.condition(REPLICATION_SOURCES, "backup", "Healthy", "False"))
    assert told["reason"] == "OutOfMemory"
    assert "moverResources.limits.memory" in told["message"]
    enough = {"limits": {"memory": "512Mi"}, "requests": {"memory": "64Mi"}}
    cluster.patch(REPLICATION_SOURCES, "backup", {"spec": {"restic": {"moverResources": enough}}})
    cluster.replicated(REPLICATION_SOURCES, "backup")
    assert cluster.condition(REPLICATION_SOURCES, "backup", "Healthy")


def _last_backup(cluster: Cluster) -> str:
    """Return the time of the first backup, to the second, so that what is backed up meanwhile is not restored."""
    status = (cluster.find(REPLICATION_SOURCES, "backup") or {})["status"]
    return str(status["restic"]["lastSnapshot"]["time"])[:19] + "Z"
