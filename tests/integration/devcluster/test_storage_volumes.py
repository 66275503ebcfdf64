"""Claims, volumes and snapshots: what becomes visible, and what the copies hold."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hack.devcluster import tasks
from hack.devcluster.context import Object
from hack.processes import ROOT
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


def test_a_copy_that_fails_in_the_middle_is_no_volume_and_is_tried_again(cluster: Cluster) -> None:
    cluster.claim("c", size="1Mi")
    wait_for(lambda: _bound(cluster, "c"))
    folder = cluster.volume_path("c")
    for name in ("a", "b", "c"):
        (folder / name).write_bytes(b"x" * 800_000)
    enforced = {"annotations": {"devcluster/size-enforced": "true"}}
    source = {"kind": "PersistentVolumeClaim", "name": "c"}
    cluster.claim("copy", size="1Mi", dataSource=source, metadata=enforced)
    wait_for(lambda: cluster.events("copy").count("ProvisioningFailed") == 1)
    tried = [e for e in cluster.context.list("events") if e["involvedObject"]["name"] == "copy"]
    assert "No space left" in tried[0]["message"]
    wait_for(lambda: any(e["count"] > 1 for e in cluster.context.list("events") if "No space" in e["message"]))
    assert cluster.phase("copy", CLAIMS) == "Pending"
    for name in ("b", "c"):
        (folder / name).unlink()
    wait_for(lambda: _bound(cluster, "copy"))
    script = "stat -c %s /data/a; ls /data"
    assert cluster.run(script, **_using("copy")).split() == ["800000", "a"]


def test_of_a_failed_copy_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "volumes" / "x.partial").mkdir(parents=True)
    with pytest.raises(OSError, match="copying the volume failed"):
        tasks.copy_volume(str(tmp_path / "nothing"), str(tmp_path / "volumes" / "x"))
    assert list((tmp_path / "volumes").iterdir()) == []
    (tmp_path / "snapshots" / "y.partial" / "deep").mkdir(parents=True)
    tasks.remove_partial(tmp_path)
    assert list((tmp_path / "snapshots").iterdir()) == []


def test_a_claim_for_one_pod_is_not_given_to_a_second_one(cluster: Cluster) -> None:
    cluster.claim("c", accessModes=["ReadWriteOncePod"])
    first = cluster.pod(LIVES, "first", **_using("c"))
    wait_for(lambda: cluster.phase("first") == "Running")
    cluster.pod("exit 0", "second", **_using("c"))
    wait_for(lambda: "FailedScheduling" in cluster.events("second"))
    (condition,) = cluster.status("pods", "second")["conditions"]
    assert condition["message"] == (
        "0/1 nodes are available: 1 node has pod using PersistentVolumeClaim with the same name and "
        "ReadWriteOncePod access mode."
    )
    cluster.context.delete("pods", first)
    wait_for(lambda: cluster.phase("second") == "Succeeded")


def test_a_claim_that_many_may_read_is_written_by_none(cluster: Cluster) -> None:
    cluster.claim("c", accessModes=["ReadOnlyMany"])
    assert "Read-only file system" in cluster.run("touch /data/f", **_using("c"))


def test_what_a_condition_said_it_says_no_more(cluster: Cluster) -> None:
    cluster.pod("sleep 600", **_using("late"))
    wait_for(lambda: "FailedScheduling" in cluster.events("p"))
    cluster.claim("late")
    wait_for(lambda: cluster.phase() == "Running")
    (scheduled,) = [c for c in cluster.status("pods", "p")["conditions"] if c["type"] == "PodScheduled"]
    assert scheduled["status"] == "True"
    assert {"reason", "message"} & set(scheduled) == set()


def test_a_group_that_a_user_namespace_does_not_know_still_gets_its_rights(tmp_path: Path) -> None:
    (tmp_path / "volume").mkdir(mode=0o700)
    (tmp_path / "volume" / "file").touch(mode=0o600)
    script = (
        "import os, sys; from hack.devcluster import linux, tasks\n"
        "who = f'0 {os.geteuid()} 1', f'0 {os.getegid()} 1'\n"
        "linux.unshare(linux.CLONE_NEWUSER)\n"
        "for name, line in zip(('setgroups', 'uid_map', 'gid_map'), ('deny', *who)):\n"
        "    open(f'/proc/self/{name}', 'w').write(line)\n"
        "tasks.own_by_group(sys.argv[1], 2000)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "volume")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    if "unshare" in done.stderr:
        pytest.skip("this machine grants no user namespaces")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "volume").stat().st_mode & 0o7777 == 0o2770
    assert (tmp_path / "volume" / "file").stat().st_mode & 0o7777 == 0o660
