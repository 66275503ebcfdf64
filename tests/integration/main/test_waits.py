"""What waits in the cluster, with the real manager and real restic: for nothing that is not alive."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from hack.devcluster.common.options import PROVISIONER
from hack.processes import DevCluster, wait_until
from tests.integration.world import World

SOURCES = "replicationsources"
CLASSES = "/apis/storage.k8s.io/v1/storageclasses"


def test_a_mover_that_cannot_start_keeps_nobody_from_the_first_backup(new_world: World) -> None:
    new_world.source("stuck", cacheStorageClassName="no-such-class")
    new_world.wait(SOURCES, "stuck", lambda status: "lastSyncStartTime" in status)
    new_world.source("sound")

    new_world.wait(SOURCES, "sound", lambda status: bool(status.get("attempt")))
    new_world.wait(
        SOURCES, "sound", lambda _: "Job/volsync-src-stuck" in new_world.condition(SOURCES, "sound", "Healthy")[2]
    )
    # The stuck one keeps its turn for a minute, and nobody from anything after that.
    wait_until("the first backup", lambda: new_world.status(SOURCES, "sound").get("lastManualSync") == "one", 90)

    assert new_world.condition(SOURCES, "sound", "Healthy")[:2] == ("True", "Succeeded")
    # Each made its Job twice: `sound` once to find no repository, `stuck` once with the right to make it.
    assert new_world.created("jobs") == 4
    assert new_world.names("jobs", "apis/batch/v1").count("volsync-src-stuck") == 1
    assert new_world.condition(SOURCES, "stuck", "Healthy")[:2] == ("Unknown", "NotYetRun")


def shape_pods(world: World, **spec: Any) -> None:
    """Let a policy put these fields into the spec of each mover's pod."""
    changes = {"metadata": {"annotations": {"devcluster/shape-pods": json.dumps(spec)}}}
    world.cluster.ask("PATCH", f"/api/v1/namespaces/{world.namespace}", changes, "application/merge-patch+json")


def test_a_job_is_kept_while_a_gate_and_somebodys_init_container_hold_its_pod(world: World) -> None:
    init: dict[str, Any] = {"name": "sleeps", "image": "local", "command": ["/bin/sh", "-c"]}
    waits = {**init, "args": ["until [ -e /data/go ]; do sleep 0.05; done"]}
    waits["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
    shape_pods(world, initContainers=[waits], schedulingGates=[{"name": "tests/hold"}])
    world.source()
    wait_until("the pod", lambda: len(world.movers()) == 1)
    path = world.path("pods", *world.movers())
    world.cluster.ask("PATCH", path, {"spec": {"schedulingGates": None}}, "application/merge-patch+json")
    wait_until("the init container", lambda: "running" in init_state(world.cluster.get(path)))
    world.write("data", {"go": ""})
    assert world.wait_done(SOURCES, "backup")["restic"]["lastSnapshot"]["filesNew"] == 3
    assert world.condition(SOURCES, "backup", "Healthy")[:2] == ("True", "Succeeded")
    assert world.created("jobs") == 1

    shape_pods(world, initContainers=[{**init, "args": ["exit 3"]}])
    world.change(SOURCES, "backup", {"trigger": {"manual": "two"}})
    wait_until("the failure", lambda: "'sleeps' exited with 3" in world.condition(SOURCES, "backup", "Healthy")[2])
    assert world.condition(SOURCES, "backup", "Healthy")[:2] == ("False", "StartError")


def init_state(pod: Any) -> Any:
    return (pod["status"].get("initContainerStatuses") or [{"state": {}}])[0]["state"]


@pytest.fixture
def fixed_class(cluster: DevCluster) -> Iterator[str]:
    """A StorageClass whose volumes cannot grow."""
    name = "fixed"
    body = {"metadata": {"name": name}, "provisioner": PROVISIONER, "allowVolumeExpansion": False}
    cluster.ask("POST", CLASSES, body)
    yield name
    cluster.ask("DELETE", f"{CLASSES}/{name}")


def test_a_cache_that_cannot_grow_is_made_anew_for_the_next_backup(world: World, fixed_class: str) -> None:
    world.source(cacheStorageClassName=fixed_class, cacheCapacity="1Gi")
    world.wait_done(SOURCES, "backup")
    world.change(SOURCES, "backup", {"trigger": {"manual": "two"}, "restic": {"cacheCapacity": "2Gi"}})
    world.wait_done(SOURCES, "backup", "two")

    assert world.condition(SOURCES, "backup", "Healthy")[:2] == ("True", "Succeeded")
    assert world.claim_of("volsync-src-backup-cache")["spec"]["resources"]["requests"]["storage"] == "2Gi"


def test_a_destinations_volume_that_cannot_grow_does_not_stop_the_restores(world: World, fixed_class: str) -> None:
    world.source()
    world.wait_done(SOURCES, "backup")
    world.destination(capacity="1Gi", accessModes=["ReadWriteOnce"], storageClassName=fixed_class)
    world.wait_done("replicationdestinations", "restore")
    world.change("replicationdestinations", "restore", {"trigger": {"manual": "two"}, "restic": {"capacity": "2Gi"}})
    world.wait_done("replicationdestinations", "restore", "two")

    assert world.condition("replicationdestinations", "restore", "Healthy")[:2] == ("True", "VolumeNotGrown")


@pytest.mark.parametrize("method", ["Clone", "Snapshot"])
def test_a_claim_that_has_grown_beyond_the_capacity_in_the_spec_is_backed_up(world: World, method: str) -> None:
    grown = {"spec": {"resources": {"requests": {"storage": "5Gi"}}}}
    path = world.path("persistentvolumeclaims", "data")
    world.cluster.ask("PATCH", path, grown, "application/merge-patch+json")
    wait_until("the growth", lambda: world.claim_of("data")["status"]["capacity"]["storage"] == "5Gi")

    world.source(copyMethod=method, capacity="1Gi")

    assert world.wait_done(SOURCES, "backup")["restic"]["lastSnapshot"]["filesNew"] == 2
