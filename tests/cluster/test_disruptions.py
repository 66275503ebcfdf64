"""Whatever of a cluster ends in the middle of a backup and of a restore, both come to the same end as without.

The movers are held behind a gate in front of the repository until the disruption is over. A real cluster only, and one
whose servers this machine runs.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from attrs import frozen

from tests.cluster.gate import Gate
from tests.cluster.installed import Installation
from tests.cluster.lent import Cluster, wait_for
from tests.cluster.machine import Machine, processes_of
from tests.cluster.tree import CHANGE, DESCRIBE, FILL, described
from volsync_py.kube.client import Client
from volsync_py.kube.errors import NotFound
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

NAMESPACE, DEPLOYMENT = "volsync-system", "volsync"
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
CSI_NODES = Resource("storage.k8s.io", "v1", "csinodes", "CSINode", namespaced=False)
NODE = "node-1"
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
        return [p for p in pods if _runs_on(p)]

    def has_ended(self, mover: dict[str, Any]) -> bool:
        """Return whether nothing of a pod is left on the node: one that is deleted, or forgotten, may still run."""
        return not processes_of(mover["metadata"]["uid"])

    def goes_on(self, mover: dict[str, Any]) -> bool:
        """Return whether a pod runs and nobody has asked for its end."""
        now = self.cluster.find(PODS, mover["metadata"]["name"])
        return now is not None and now["metadata"]["uid"] == mover["metadata"]["uid"] and _runs_on(now)

    def managers(self) -> list[dict[str, Any]]:
        """Return the manager's pods that are ready."""
        pods = self.client.list_all(PODS, NAMESPACE)
        return [p for p in pods if not p["metadata"].get("deletionTimestamp") and _condition(p, "Ready") == "True"]

    def leader(self) -> str:
        """Return the name of the pod that leads, "" if none does."""
        try:
            lease = self.client.get(LEASES, "b95b3104.backube", NAMESPACE)
        except NotFound:
            return ""
        return str(lease["spec"].get("holderIdentity") or "").partition("_")[0]

    def is_ready(self) -> bool:
        """Return whether the API server is, and a node that takes pods and has its volumes' driver."""
        if self.kubectl("get", "--raw", "/readyz", "--request-timeout=10s") != (0, "ok"):
            return False
        try:
            node, drivers = self.client.get(NODES, NODE), self.client.get(CSI_NODES, NODE)
        except NotFound:
            return False
        taken = drivers["metadata"].get("ownerReferences") or [{}]
        return (
            _condition(node, "Ready") == "True"
            and not node["spec"].get("taints")
            and taken[0].get("uid") == node["metadata"]["uid"]
            and bool(drivers["spec"].get("drivers"))
        )

    def beat(self) -> str:
        """Return when the kubelet has told of its node for the last time."""
        conditions = self.client.get(NODES, NODE)["status"]["conditions"]
        return str(next(c["lastHeartbeatTime"] for c in conditions if c["type"] == "Ready"))

    def scale(self, replicas: int) -> None:
        """Have as many managers."""
        self.client.patch(DEPLOYMENTS, DEPLOYMENT, {"spec": {"replicas": replicas}}, NAMESPACE)
        wait_for(f"{replicas} managers", lambda: len(self.managers()) == replicas, SECONDS)


def _runs_on(pod: dict[str, Any]) -> bool:
    running = (pod.get("status") or {}).get("phase") == "Running"
    return running and not pod["metadata"].get("deletionTimestamp")


def _condition(obj: dict[str, Any], kind: str) -> str:
    conditions = (obj.get("status") or {}).get("conditions") or []
    return next((str(c["status"]) for c in conditions if c["type"] == kind), "")


def kill_the_leader(scene: Scene) -> None:
    try:
        scene.scale(2)
        leader = wait_for("a leader", scene.leader)
        assert scene.kubectl("-n", NAMESPACE, "delete", "pod", leader, "--grace-period=0", "--force")[0] == 0
        wait_for("another leader", lambda: scene.leader() not in ("", leader), SECONDS)
    finally:
        scene.scale(1)


def upgrade_the_manager(scene: Scene) -> None:
    before = {p["metadata"]["uid"] for p in scene.managers()}
    template = {"metadata": {"annotations": {"tests/upgraded-at": str(time.time())}}}
    scene.client.patch(DEPLOYMENTS, DEPLOYMENT, {"spec": {"template": template}}, NAMESPACE)

    def is_new() -> bool:
        now = {p["metadata"]["uid"] for p in scene.managers()}
        # For a moment there may be none.
        return bool(now) and now.isdisjoint(before)

    wait_for("the new manager", is_new, SECONDS)


def kill_the_kubelet(scene: Scene) -> None:
    scene.machine.kill("kubelet")
    before = scene.beat()
    wait_for("the kubelet", lambda: scene.beat() != before and scene.is_ready(), SECONDS)


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

    managers = [pid for pod in scene.managers() for pid in processes_of(pod["metadata"]["uid"])]
    assert managers
    with scene.machine.stopped(*managers):
        wait_for("a compaction", is_compacted, SECONDS)


def evict_the_movers(scene: Scene) -> None:
    for pod in scene.movers():
        name = pod["metadata"]["name"]
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
        path = PODS.path(scene.cluster.namespace, name, "eviction")
        code, said = scene.kubectl("create", "--raw", path, "-f", "-", given=json.dumps(eviction))
        assert code == 0, said


def _has_drivers(client: Client) -> bool:
    try:
        client.get(CSI_NODES, NODE)
    except NotFound:
        return False
    return True


def delete_the_node(scene: Scene) -> None:
    scene.client.delete(NODES, NODE)
    # It goes with its node: a kubelet that found the old one would take it for its own until it is collected.
    wait_for("the end of the node's drivers", lambda: not _has_drivers(scene.client), SECONDS)
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
    "the kubelet is killed": kill_the_kubelet,
    "the API server is killed": kill_server("kube-apiserver"),
    "etcd is killed": kill_server("etcd"),
    "etcd is compacted under a stopped manager": compact_under_a_stopped_manager,
    "the movers are evicted": evict_the_movers,
    "the node is deleted": delete_the_node,
    "the control plane is paused": pause_the_control_plane,
}


@pytest.fixture
def scene(cluster: Cluster, client: Client, installation: Installation, machine: Machine) -> Scene:
    """The cluster with a manager that is ready, and the machine below it."""
    scene = Scene(cluster, machine, client, installation)
    # One that another test has cut off comes back after a pause.
    wait_for("the manager", lambda: scene.is_ready() and scene.managers(), SECONDS)
    return scene


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
        movers = wait_for("both movers", lambda: _both_held(scene, gate), SECONDS)
        assert not any(map(scene.has_ended, movers))
        disruption(scene)
        # Behind an open gate one in its grace period may still save what the next one then saves again.
        wait_for("the movers' end", lambda: all(scene.goes_on(m) or scene.has_ended(m) for m in movers), SECONDS)
    finally:
        gate.open()

    backup = cluster.replicated(REPLICATION_SOURCES, "backup", "two", SECONDS)
    # Shown when what follows fails: nothing of the run is left by then but this.
    print(json.dumps(backup, indent=1))
    assert backup["restic"]["snapshots"]["count"] == 2
    assert backup["restic"]["lastSnapshot"]["filesNew"] == 1
    restore = cluster.replicated(REPLICATION_DESTINATIONS, "restore", "one", SECONDS)
    cluster.claim("copy", restore["latestImage"])
    assert described(cluster.run("describe-copy", "copy", DESCRIBE)) == first
    for resource, name in ((REPLICATION_SOURCES, "backup"), (REPLICATION_DESTINATIONS, "restore")):
        assert cluster.condition(resource, name, "Healthy"), name
    cluster.wait("the Jobs' end", lambda: not [*cluster.names(JOBS), *cluster.names(PODS)], SECONDS)
    cluster.wait(
        "the copies' end", lambda: cluster.names(VOLUME_SNAPSHOTS) == [restore["latestImage"]["name"]], SECONDS
    )
    left = {"data", "copy", "volsync-restore-dest", "volsync-src-backup-cache", "volsync-dst-restore-cache"}
    cluster.wait("the claims' end", lambda: set(cluster.names(PVCS)) == left, SECONDS)


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


def _both_held(scene: Scene, gate: Gate) -> list[dict[str, Any]] | None:
    movers = scene.movers()
    return movers if len(movers) == 2 and gate.waiting >= 2 else None


def _last_backup(cluster: Cluster) -> str:
    """Return the time of the first backup, to the second, so that what is backed up meanwhile is not restored."""
    status = (cluster.find(REPLICATION_SOURCES, "backup") or {})["status"]
    return str(status["restic"]["lastSnapshot"]["time"])[:19] + "Z"
