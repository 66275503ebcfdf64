"""Snapshots and clones: the moment they hold, what they wait for, and what a failed one leaves."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hack.devcluster.node import tasks
from tests.integration.devcluster import storage_harness as storage
from tests.integration.devcluster.controllers_harness import Cluster, wait_for


def test_a_snapshot_holds_the_moment_and_a_claim_can_be_made_from_it(cluster: Cluster) -> None:
    cluster.claim("c", size="2Gi")
    wait_for(lambda: storage.bound(cluster, "c"))
    folder = cluster.volume_path("c")
    _fill(folder)
    snapshot = storage.snapshot(cluster, "s", "c")
    wait_for(lambda: storage.ready(cluster, "s"))
    (folder / "a").write_text("later")
    status = cluster.status(storage.SNAPSHOTS, "s")
    content = f"snapcontent-{snapshot['metadata']['uid']}"
    assert status["boundVolumeSnapshotContentName"] == content
    assert status["restoreSize"] == "2Gi"
    assert "creationTime" in status
    assert cluster.get(storage.SNAPSHOTS, "s")["spec"]["volumeSnapshotClassName"] == "dev"
    cluster.claim("copy", size="2Gi", dataSourceRef=storage.from_snapshot("s"))
    wait_for(lambda: storage.bound(cluster, "copy"))
    _compare(cluster.volume_path("copy"))
    cluster.context.delete(storage.SNAPSHOTS, cluster.get(storage.SNAPSHOTS, "s"))
    wait_for(lambda: cluster.context.get("volumesnapshotcontents", "", content) is None)
    assert not (cluster.state / "snapshots" / content).exists()


def test_a_clone_has_the_content_of_its_source(cluster: Cluster) -> None:
    cluster.claim("c")
    wait_for(lambda: storage.bound(cluster, "c"))
    _fill(cluster.volume_path("c"))
    cluster.claim("copy", dataSource={"kind": "PersistentVolumeClaim", "name": "c"})
    wait_for(lambda: storage.bound(cluster, "copy"))
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
    cluster.claim("copy", dataSourceRef=storage.from_snapshot("s"))
    wait_for(lambda: "ProvisioningFailed" in cluster.events("copy"))
    storage.snapshot(cluster, "s", "c")
    wait_for(lambda: storage.bound(cluster, "copy"))


def test_a_claim_smaller_than_its_snapshot_is_refused(cluster: Cluster) -> None:
    cluster.claim("c", size="2Gi")
    storage.snapshot(cluster, "s", "c")
    wait_for(lambda: storage.ready(cluster, "s"))
    cluster.claim("copy", size="1Gi", dataSourceRef=storage.from_snapshot("s"))
    wait_for(lambda: "ProvisioningFailed" in cluster.events("copy"))
    assert cluster.phase("copy", storage.CLAIMS) == "Pending"


def test_snapshots_can_be_slow_stuck_or_in_error(cluster: Cluster) -> None:
    cluster.claim("c")
    cluster.controllers.fault("snapshots", never_ready=True)
    storage.snapshot(cluster, "stuck", "c")
    wait_for(lambda: "boundVolumeSnapshotContentName" in cluster.status(storage.SNAPSHOTS, "stuck"))
    assert not storage.ready(cluster, "stuck")
    cluster.controllers.fault("snapshots", error="backend on fire")
    storage.snapshot(cluster, "broken", "c")
    wait_for(lambda: "error" in cluster.status(storage.SNAPSHOTS, "broken"))
    assert cluster.status(storage.SNAPSHOTS, "broken")["error"]["message"] == "backend on fire"
    cluster.controllers.fault("snapshots", delay_seconds=0.3)
    wait_for(lambda: storage.ready(cluster, "stuck") and storage.ready(cluster, "broken"))
    assert "error" not in cluster.status(storage.SNAPSHOTS, "broken")


def test_a_snapshot_of_a_missing_claim_says_so_and_recovers(cluster: Cluster) -> None:
    storage.snapshot(cluster, "s", "c")
    wait_for(lambda: "error" in cluster.status(storage.SNAPSHOTS, "s"))
    cluster.claim("c")
    wait_for(lambda: storage.ready(cluster, "s"))


def test_a_copy_that_fails_in_the_middle_is_no_volume_and_is_tried_again(cluster: Cluster) -> None:
    cluster.claim("c", size="1Mi")
    wait_for(lambda: storage.bound(cluster, "c"))
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
    assert cluster.phase("copy", storage.CLAIMS) == "Pending"
    for name in ("b", "c"):
        (folder / name).unlink()
    wait_for(lambda: storage.bound(cluster, "copy"))
    script = "stat -c %s /data/a; ls /data"
    assert cluster.run(script, **storage.using("copy")).split() == ["800000", "a"]


def test_of_a_failed_copy_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "volumes" / "x.partial").mkdir(parents=True)
    with pytest.raises(OSError, match="copying the volume failed"):
        tasks.copy_volume(str(tmp_path / "nothing"), str(tmp_path / "volumes" / "x"))
    assert list((tmp_path / "volumes").iterdir()) == []
    (tmp_path / "snapshots" / "y.partial" / "deep").mkdir(parents=True)
    tasks.remove_partial(tmp_path)
    assert list((tmp_path / "snapshots").iterdir()) == []


def test_what_a_condition_said_it_says_no_more(cluster: Cluster) -> None:
    cluster.pod("sleep 600", **storage.using("late"))
    wait_for(lambda: "FailedScheduling" in cluster.events("p"))
    cluster.claim("late")
    wait_for(lambda: cluster.phase() == "Running")
    (scheduled,) = [c for c in cluster.status("pods", "p")["conditions"] if c["type"] == "PodScheduled"]
    assert scheduled["status"] == "True"
    assert {"reason", "message"} & set(scheduled) == set()
