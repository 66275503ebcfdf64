"""Claims and volumes: when they are bound, who may use them, and how they grow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hack.devcluster.api.objects import Object
from hack.processes import ROOT
from tests.integration.devcluster import storage_harness as storage
from tests.integration.devcluster.controllers_harness import NAMESPACE, Cluster, wait_for

LIVES = "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done"


def test_a_claim_is_bound_to_a_new_volume(cluster: Cluster) -> None:
    created = cluster.claim("c", size="3Gi")
    wait_for(lambda: storage.bound(cluster, "c"))
    claim = cluster.get(storage.CLAIMS, "c")
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
    volume = cluster.get(storage.VOLUMES, name, "")
    assert volume["status"]["phase"] == "Bound"
    assert volume["spec"]["claimRef"]["uid"] == created["metadata"]["uid"]
    assert volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete"


def test_a_claim_without_a_class_gets_the_default_one(cluster: Cluster) -> None:
    requests = {"requests": {"storage": "1Gi"}}
    spec = {"accessModes": ["ReadWriteOnce"], "resources": requests}
    cluster.create(storage.CLAIMS, "v1", "PersistentVolumeClaim", "c", spec=spec)
    wait_for(lambda: storage.bound(cluster, "c"))
    assert cluster.get(storage.CLAIMS, "c")["spec"]["storageClassName"] == "dev"


def test_a_waiting_class_binds_when_a_pod_comes(cluster: Cluster) -> None:
    cluster.claim("c", "dev-wait")
    wait_for(lambda: "WaitForFirstConsumer" in cluster.events("c"))
    assert cluster.phase("c", storage.CLAIMS) == "Pending"
    assert cluster.run("echo x > /data/f; cat /data/f", **storage.using("c")) == "x\n"
    assert storage.bound(cluster, "c")
    annotations = cluster.get(storage.CLAIMS, "c")["metadata"]["annotations"]
    assert annotations["volume.kubernetes.io/selected-node"] == "devcluster"


def test_a_pod_waits_for_its_claim(cluster: Cluster) -> None:
    cluster.pod("exit 0", **storage.using("late"))
    wait_for(lambda: "FailedScheduling" in cluster.events("p"))
    cluster.claim("late")
    wait_for(lambda: cluster.phase() == "Succeeded")


@pytest.mark.parametrize("grace_seconds", [0, 30])
def test_a_claim_in_use_stays_until_its_pod_is_gone_and_takes_its_volume_along(
    cluster: Cluster, grace_seconds: int
) -> None:
    claim = cluster.claim("c")
    pod = cluster.pod(LIVES, **storage.using("c"), terminationGracePeriodSeconds=grace_seconds)
    wait_for(lambda: cluster.phase() == "Running")
    path = cluster.volume_path("c")
    cluster.context.delete(storage.CLAIMS, claim)
    # What comes later has been seen, so its deletion has been, too.
    cluster.claim("later")
    wait_for(lambda: cluster.phase("later", storage.CLAIMS) == "Bound")
    assert "deletionTimestamp" in cluster.get(storage.CLAIMS, "c")["metadata"]
    cluster.context.delete("pods", pod)
    wait_for(lambda: cluster.phase("c", storage.CLAIMS) == "Gone")
    wait_for(lambda: cluster.phase(path.name, storage.VOLUMES) == "Gone")
    assert not path.exists()


def test_provisioning_can_be_refused(cluster: Cluster) -> None:
    cluster.controllers.fault("refuse-provisioning", message="no space in pool")
    cluster.claim("c")
    wait_for(lambda: "ProvisioningFailed" in cluster.events("c"))
    cluster.controllers.fault("refuse-provisioning", message="")
    wait_for(lambda: storage.bound(cluster, "c"))


def test_a_claim_grows_when_more_is_asked_for(cluster: Cluster) -> None:
    cluster.claim("c", size="1Gi")
    wait_for(lambda: storage.bound(cluster, "c"))
    cluster.modify(storage.CLAIMS, "c", lambda claim: claim["spec"]["resources"]["requests"].update(storage="5Gi"))
    wait_for(lambda: cluster.status(storage.CLAIMS, "c")["capacity"] == {"storage": "5Gi"})
    assert cluster.get(storage.VOLUMES, cluster.volume_path("c").name, "")["spec"]["capacity"] == {"storage": "5Gi"}


def test_a_volume_whose_size_is_enforced_gets_full(cluster: Cluster) -> None:
    enforced = {"annotations": {"devcluster/size-enforced": "true"}}
    cluster.claim("c", size="1Mi", metadata=enforced)
    script = "head -c 2000000 /dev/zero > /data/big; rm /data/big; echo x > /data/f && echo fits"
    assert cluster.run(script, "first", **storage.using("c")).splitlines()[-1] == "fits"
    cluster.controllers.fault("fill-volume", namespace=NAMESPACE, claim="c")
    assert "No space left" in cluster.run("cp /etc/passwd /data/g", "second", **storage.using("c"))
    cluster.controllers.fault("drain-volume", namespace=NAMESPACE, claim="c")
    assert cluster.run("echo x > /data/h && cat /data/f", "third", **storage.using("c")) == "x\n"
    storage.snapshot(cluster, "s", "c")
    cluster.claim("copy", size="1Mi", dataSourceRef=storage.from_snapshot("s"))
    assert cluster.run("ls /data", "fourth", **storage.using("copy")).split() == ["f", "g", "h"]


def test_a_source_of_an_unknown_kind_is_left_to_its_populator(cluster: Cluster) -> None:
    reference = {"apiGroup": "volsync.backube", "kind": "ReplicationDestination", "name": "d"}
    cluster.claim("c", dataSourceRef=reference)
    wait_for(lambda: "ExternalProvisioning" in cluster.events("c"))
    assert cluster.phase("c", storage.CLAIMS) == "Pending"
    cluster.claim("prime")
    # Its status may be a moment behind.
    wait_for(lambda: bool(cluster.get(storage.CLAIMS, "prime")["spec"].get("volumeName")))
    volume = cluster.volume_path("prime")
    (volume / "f").write_text("populated")
    claim = cluster.get(storage.CLAIMS, "c")

    def hand_over(current: Object) -> None:
        keys = ("namespace", "name", "uid", "resourceVersion")
        current["spec"]["claimRef"] = {key: claim["metadata"][key] for key in keys}

    cluster.registry.modify(cluster.context.resources[storage.VOLUMES], "", volume.name, hand_over)
    wait_for(lambda: storage.bound(cluster, "c"))
    wait_for(lambda: cluster.phase("prime", storage.CLAIMS) == "Lost")
    cluster.context.delete(storage.CLAIMS, cluster.get(storage.CLAIMS, "prime"))
    wait_for(lambda: cluster.phase("prime", storage.CLAIMS) == "Gone")
    assert cluster.run("cat /data/f", **storage.using("c")) == "populated"
    assert cluster.volume_path("c") == volume


@pytest.mark.parametrize("fault", ["no-such-fault", "fill-volume"])
def test_a_fault_that_cannot_be_is_refused(cluster: Cluster, fault: str) -> None:
    args = {} if fault == "no-such-fault" else {"namespace": NAMESPACE, "claim": "none"}
    with pytest.raises(ValueError, match=r"no fault|not bound"):
        cluster.controllers.fault(fault, **args)


def test_a_claim_for_one_pod_is_not_given_to_a_second_one(cluster: Cluster) -> None:
    cluster.claim("c", accessModes=["ReadWriteOncePod"])
    first = cluster.pod(LIVES, "first", **storage.using("c"))
    wait_for(lambda: cluster.phase("first") == "Running")
    cluster.pod("exit 0", "second", **storage.using("c"))
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
    assert "Read-only file system" in cluster.run("touch /data/f", **storage.using("c"))


def test_a_group_that_a_user_namespace_does_not_know_still_gets_its_rights(tmp_path: Path) -> None:
    (tmp_path / "volume").mkdir(mode=0o700)
    (tmp_path / "volume" / "file").touch(mode=0o600)
    script = (
        "import os, sys; from hack.devcluster.node import linux, tasks\n"
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


@pytest.mark.parametrize("storage_class", ["dev", "dev-wait"])
def test_a_claim_that_a_pod_brings_along_is_the_pods_and_goes_with_it(cluster: Cluster, storage_class: str) -> None:
    pod = cluster.pod("echo x > /data/f; " + LIVES, **storage.bringing("v", storageClassName=storage_class))
    wait_for(lambda: cluster.phase() == "Running")
    claim = cluster.get(storage.CLAIMS, "p-v")
    (owner,) = claim["metadata"]["ownerReferences"]
    assert owner == {
        "apiVersion": "v1",
        "kind": "Pod",
        "name": "p",
        "uid": pod["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    assert claim["metadata"]["labels"] == {"of": "a-pod"}
    assert claim["spec"]["resources"] == {"requests": {"storage": "2Gi"}}
    path = cluster.volume_path("p-v")
    wait_for(lambda: (path / "f").is_file())
    cluster.context.delete("pods", pod)
    wait_for(lambda: cluster.phase("p-v", storage.CLAIMS) == "Gone" and not path.exists())


@pytest.mark.parametrize("propagation", ["Foreground", "Background"])
def test_a_job_takes_its_pods_claims_along_however_it_is_deleted(cluster: Cluster, propagation: str) -> None:
    job = cluster.job(LIVES, pod=storage.bringing("v"))
    wait_for(lambda: cluster.status("jobs", "j").get("ready") == 1)
    (pod,) = cluster.pods_of()
    claim = f"{pod['metadata']['name']}-v"
    assert storage.bound(cluster, claim)
    cluster.context.delete("jobs", job, propagation=propagation)
    wait_for(lambda: cluster.phase(claim, storage.CLAIMS) == "Gone")
    wait_for(lambda: cluster.phase("j", "jobs") == "Gone" and not cluster.pods_of())


def test_somebody_elses_claim_is_not_taken_for_the_pods(cluster: Cluster) -> None:
    cluster.claim("p-v")
    cluster.pod("exit 0", **storage.bringing("v"))
    wait_for(lambda: "FailedBinding" in cluster.events("p") and "FailedScheduling" in cluster.events("p"))
    cluster.context.delete(storage.CLAIMS, cluster.get(storage.CLAIMS, "p-v"))
    wait_for(lambda: cluster.phase() == "Succeeded")
