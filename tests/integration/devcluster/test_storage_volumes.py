"""Claims, volumes and snapshots: what becomes visible, and what the copies hold."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hack.devcluster.context import Object
from tests.integration.devcluster.controllers_harness import NAMESPACE, Cluster, wait_for

CLAIMS, VOLUMES, SNAPSHOTS = "persistentvolumeclaims", "persistentvolumes", "volumesnapshots"
LIVES = "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done"


def _bound(cluster: Cluster, name: str) -> bool:
    return cluster.phase(name, CLAIMS) == "Bound"


def _snapshot(cluster: Cluster, name: str, claim: str) -> Object:
    source = {"persistentVolumeClaimName": claim}
    api = "snapshot.storage.k8s.io/v1"
    return cluster.create(SNAPSHOTS, api, "VolumeSnapshot", name, spec={"source": source})


def _ready(cluster: Cluster, name: str) -> bool:
    return bool(cluster.status(SNAPSHOTS, name).get("readyToUse"))


def _from_snapshot(name: str) -> Object:
    return {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": name}


def _using(claim: str) -> Object:
    return {
        "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": claim}}],
        "container": {"volumeMounts": [{"name": "v", "mountPath": "/data"}]},
    }


def test_a_claim_is_bound_to_a_new_volume(cluster: Cluster) -> None:
    created = cluster.claim("c", size="3Gi")
    wait_for(lambda: _bound(cluster, "c"))
    claim = cluster.get(CLAIMS, "c")
    name = f"pvc-{created['metadata']['uid']}"
    assert claim["spec"]["volumeName"] == name
    assert claim["status"] == {
        "phase": "Bound",
        "accessModes": ["ReadWriteOnce"],
        "capacity": {"storage": "3Gi"},
    }
    assert claim["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]
    assert claim["metadata"]["annotations"] == {
        "pv.kubernetes.io/bind-completed": "yes",
        "pv.kubernetes.io/bound-by-controller": "yes",
        "volume.kubernetes.io/storage-provisioner": "devcluster.csi",
        "volume.beta.kubernetes.io/storage-provisioner": "devcluster.csi",
    }
    volume = cluster.get(VOLUMES, name, "")
    assert volume["status"]["phase"] == "Bound"
    assert volume["spec"]["claimRef"]["uid"] == created["metadata"]["uid"]
    assert volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete"


def test_a_claim_without_a_class_gets_the_default_one(cluster: Cluster) -> None:
    requests = {"requests": {"storage": "1Gi"}}
    spec = {"accessModes": ["ReadWriteOnce"], "resources": requests}
    cluster.create(CLAIMS, "v1", "PersistentVolumeClaim", "c", spec=spec)
    wait_for(lambda: _bound(cluster, "c"))
    assert cluster.get(CLAIMS, "c")["spec"]["storageClassName"] == "dev"


def test_a_waiting_class_binds_when_a_pod_comes(cluster: Cluster) -> None:
    cluster.claim("c", "dev-wait")
    wait_for(lambda: "WaitForFirstConsumer" in cluster.events("c"))
    assert cluster.phase("c", CLAIMS) == "Pending"
    assert cluster.run("echo x > /data/f; cat /data/f", **_using("c")) == "x\n"
    assert _bound(cluster, "c")
    annotations = cluster.get(CLAIMS, "c")["metadata"]["annotations"]
    assert annotations["volume.kubernetes.io/selected-node"] == "devcluster"


def test_a_pod_waits_for_its_claim(cluster: Cluster) -> None:
    cluster.pod("exit 0", **_using("late"))
    wait_for(lambda: "FailedScheduling" in cluster.events("p"))
    cluster.claim("late")
    wait_for(lambda: cluster.phase() == "Succeeded")


def test_a_claim_in_use_stays_until_its_pod_is_gone_and_takes_its_volume_along(cluster: Cluster) -> None:
    claim = cluster.claim("c")
    pod = cluster.pod(LIVES, **_using("c"))
    wait_for(lambda: cluster.phase() == "Running")
    path = cluster.volume_path("c")
    cluster.context.delete(CLAIMS, claim)
    assert "deletionTimestamp" in cluster.get(CLAIMS, "c")["metadata"]
    cluster.context.delete("pods", pod)
    wait_for(lambda: cluster.phase("c", CLAIMS) == "Gone")
    wait_for(lambda: cluster.phase(path.name, VOLUMES) == "Gone")
    assert not path.exists()


def test_a_snapshot_holds_the_moment_and_a_claim_can_be_made_from_it(cluster: Cluster) -> None:
    cluster.claim("c", size="2Gi")
    wait_for(lambda: _bound(cluster, "c"))
    folder = cluster.volume_path("c")
    _fill(folder)
    snapshot = _snapshot(cluster, "s", "c")
    wait_for(lambda: _ready(cluster, "s"))
    (folder / "a").write_text("later")
    status = cluster.status(SNAPSHOTS, "s")
    content = f"snapcontent-{snapshot['metadata']['uid']}"
    assert status["boundVolumeSnapshotContentName"] == content
    assert status["restoreSize"] == "2Gi"
    assert "creationTime" in status
    assert cluster.get(SNAPSHOTS, "s")["spec"]["volumeSnapshotClassName"] == "dev"
    cluster.claim("copy", size="2Gi", dataSourceRef=_from_snapshot("s"))
    wait_for(lambda: _bound(cluster, "copy"))
    _compare(cluster.volume_path("copy"))
    cluster.context.delete(SNAPSHOTS, cluster.get(SNAPSHOTS, "s"))
    wait_for(lambda: cluster.context.get("volumesnapshotcontents", "", content) is None)
    assert not (cluster.state / "snapshots" / content).exists()


def test_a_clone_has_the_content_of_its_source(cluster: Cluster) -> None:
    cluster.claim("c")
    wait_for(lambda: _bound(cluster, "c"))
    _fill(cluster.volume_path("c"))
    cluster.claim("copy", dataSource={"kind": "PersistentVolumeClaim", "name": "c"})
    wait_for(lambda: _bound(cluster, "copy"))
    _compare(cluster.volume_path("copy"))


def _fill(folder: Path) -> None:
    file = folder / "a"
    file.write_text("content")
    file.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(file, 1234, 2345)
    os.utime(file, ns=(10**18, 10**18 + 5))
    os.setxattr(file, "user.colour", b"blue")
    os.link(file, folder / "b")
    os.symlink("nowhere", folder / "link")
    with (folder / "holes").open("wb") as holes:
        holes.truncate(50_000_000)
    (folder / "odd\nname \udcff").touch()
    os.mkfifo(folder / "pipe")


def _compare(folder: Path) -> None:
    status = (folder / "a").stat()
    assert (folder / "a").read_text() == "content"
    assert status.st_mode & 0o7777 == 0o640
    assert os.geteuid() != 0 or (status.st_uid, status.st_gid) == (1234, 2345)
    assert status.st_mtime_ns == 10**18 + 5
    assert os.getxattr(folder / "a", "user.colour") == b"blue"
    assert (folder / "b").stat().st_ino == status.st_ino
    assert os.readlink(folder / "link") == "nowhere"
    assert (folder / "holes").stat().st_size == 50_000_000
    assert (folder / "holes").stat().st_blocks * 512 < 1_000_000
    assert (folder / "odd\nname \udcff").exists()
    assert (folder / "pipe").is_fifo()


def test_a_claim_waits_for_its_snapshot(cluster: Cluster) -> None:
    cluster.claim("c")
    cluster.claim("copy", dataSourceRef=_from_snapshot("s"))
    wait_for(lambda: "ProvisioningFailed" in cluster.events("copy"))
    _snapshot(cluster, "s", "c")
    wait_for(lambda: _bound(cluster, "copy"))


def test_a_claim_smaller_than_its_snapshot_is_refused(cluster: Cluster) -> None:
    cluster.claim("c", size="2Gi")
    _snapshot(cluster, "s", "c")
    wait_for(lambda: _ready(cluster, "s"))
    cluster.claim("copy", size="1Gi", dataSourceRef=_from_snapshot("s"))
    wait_for(lambda: "ProvisioningFailed" in cluster.events("copy"))
    assert cluster.phase("copy", CLAIMS) == "Pending"


def test_snapshots_can_be_slow_stuck_or_in_error(cluster: Cluster) -> None:
    cluster.claim("c")
    cluster.controllers.fault("snapshots", never_ready=True)
    _snapshot(cluster, "stuck", "c")
    wait_for(lambda: "boundVolumeSnapshotContentName" in cluster.status(SNAPSHOTS, "stuck"))
    assert not _ready(cluster, "stuck")
    cluster.controllers.fault("snapshots", error="backend on fire")
    _snapshot(cluster, "broken", "c")
    wait_for(lambda: "error" in cluster.status(SNAPSHOTS, "broken"))
    assert cluster.status(SNAPSHOTS, "broken")["error"]["message"] == "backend on fire"
    cluster.controllers.fault("snapshots", delay_seconds=0.3)
    wait_for(lambda: _ready(cluster, "stuck") and _ready(cluster, "broken"))
    assert "error" not in cluster.status(SNAPSHOTS, "broken")


def test_a_snapshot_of_a_missing_claim_says_so_and_recovers(cluster: Cluster) -> None:
    _snapshot(cluster, "s", "c")
    wait_for(lambda: "error" in cluster.status(SNAPSHOTS, "s"))
    cluster.claim("c")
    wait_for(lambda: _ready(cluster, "s"))


def test_provisioning_can_be_refused(cluster: Cluster) -> None:
    cluster.controllers.fault("refuse-provisioning", message="no space in pool")
    cluster.claim("c")
    wait_for(lambda: "ProvisioningFailed" in cluster.events("c"))
    cluster.controllers.fault("refuse-provisioning", message="")
    wait_for(lambda: _bound(cluster, "c"))


def test_a_claim_grows_when_more_is_asked_for(cluster: Cluster) -> None:
    cluster.claim("c", size="1Gi")
    wait_for(lambda: _bound(cluster, "c"))
    cluster.modify(CLAIMS, "c", lambda claim: claim["spec"]["resources"]["requests"].update(storage="5Gi"))
    wait_for(lambda: cluster.status(CLAIMS, "c")["capacity"] == {"storage": "5Gi"})
    assert cluster.get(VOLUMES, cluster.volume_path("c").name, "")["spec"]["capacity"] == {"storage": "5Gi"}


def test_a_volume_whose_size_is_enforced_gets_full(cluster: Cluster) -> None:
    enforced = {"annotations": {"devcluster/size-enforced": "true"}}
    cluster.claim("c", size="1Mi", metadata=enforced)
    script = "head -c 2000000 /dev/zero > /data/big; rm /data/big; echo x > /data/f && echo fits"
    assert cluster.run(script, "first", **_using("c")).splitlines()[-1] == "fits"
    cluster.controllers.fault("fill-volume", namespace=NAMESPACE, claim="c")
    assert "No space left" in cluster.run("cp /etc/passwd /data/g", "second", **_using("c"))
    cluster.controllers.fault("drain-volume", namespace=NAMESPACE, claim="c")
    assert cluster.run("echo x > /data/h && cat /data/f", "third", **_using("c")) == "x\n"
    _snapshot(cluster, "s", "c")
    cluster.claim("copy", size="1Mi", dataSourceRef=_from_snapshot("s"))
    assert cluster.run("ls /data", "fourth", **_using("copy")).split() == ["f", "g", "h"]


def test_a_source_of_an_unknown_kind_is_left_to_its_populator(cluster: Cluster) -> None:
    reference = {"apiGroup": "volsync.backube", "kind": "ReplicationDestination", "name": "d"}
    cluster.claim("c", dataSourceRef=reference)
    wait_for(lambda: "ExternalProvisioning" in cluster.events("c"))
    assert cluster.phase("c", CLAIMS) == "Pending"
    cluster.claim("prime")
    wait_for(lambda: _bound(cluster, "prime"))
    volume = cluster.volume_path("prime")
    (volume / "f").write_text("populated")
    claim = cluster.get(CLAIMS, "c")

    def hand_over(current: Object) -> None:
        keys = ("namespace", "name", "uid", "resourceVersion")
        current["spec"]["claimRef"] = {key: claim["metadata"][key] for key in keys}

    cluster.registry.modify(cluster.context.resources[VOLUMES], "", volume.name, hand_over)
    wait_for(lambda: _bound(cluster, "c"))
    wait_for(lambda: cluster.phase("prime", CLAIMS) == "Lost")
    cluster.context.delete(CLAIMS, cluster.get(CLAIMS, "prime"))
    wait_for(lambda: cluster.phase("prime", CLAIMS) == "Gone")
    assert cluster.run("cat /data/f", **_using("c")) == "populated"
    assert cluster.volume_path("c") == volume


@pytest.mark.parametrize("fault", ["no-such-fault", "fill-volume"])
def test_a_fault_that_cannot_be_is_refused(cluster: Cluster, fault: str) -> None:
    args = {} if fault == "no-such-fault" else {"namespace": NAMESPACE, "claim": "none"}
    with pytest.raises(ValueError, match=r"no fault|not bound"):
        cluster.controllers.fault(fault, **args)
