"""The manager as a process: it ends in time, and a killed one is continued by the next."""

from __future__ import annotations

from pathlib import Path
from urllib.request import urlopen

from hack.processes import DevCluster, Manager, S3Server, free_ports, wait_until
from tests.integration.mover.foreign import foreign_client
from tests.integration.world import NO_JOB_SHOWN, World
from volsync_py.movers.restic.slots import is_live

WAITING = "WaitingForMover"


def test_sigterm_ends_the_manager_within_five_seconds_while_lists_hang(own_cluster: DevCluster, tmp_path: Path) -> None:
    own_cluster.admin("faults", match={"verb": "list"}, count=1000, delay_seconds=20)
    manager = Manager(tmp_path, own_cluster.kubeconfig)
    wait_until("a lease", lambda: own_cluster.get("/apis/coordination.k8s.io/v1/leases")["items"] != [])
    manager.process.terminate()
    assert manager.process.wait(5) == 0


def test_sigterm_ends_a_manager_that_leads_and_gives_the_lease_back(own_cluster: DevCluster, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    manager = Manager(tmp_path, own_cluster.kubeconfig, f"--page-bind-address=127.0.0.1:{port}")
    manager.leads()
    own_cluster.admin("clear")
    with urlopen(f"http://127.0.0.1:{port}/", timeout=10) as page:
        assert "no sources and no destinations in any namespace" in page.read().decode().lower()
    asked = own_cluster.admin("requests")["requests"]
    assert [r for r in asked if r["resource"] != "leases"] == [], "a view costs no request"
    manager.process.terminate()
    assert manager.process.wait(5) == 0
    leases = own_cluster.get("/apis/coordination.k8s.io/v1/leases")["items"]
    assert [lease["spec"]["holderIdentity"] for lease in leases] == [""]


def test_a_run_whose_manager_is_killed_is_finished_once_by_the_next(
    own_cluster: DevCluster, s3: S3Server, tmp_path: Path
) -> None:
    world = World(own_cluster, s3, "killed")
    first = Manager(tmp_path / "first", own_cluster.kubeconfig, "--leader-elect=false")
    first.leads()
    world.prepare()
    world.source(copyMethod="Snapshot")
    wait_until("the Job", lambda: world.names("jobs", "apis/batch/v1") != [])
    first.kill()
    second = Manager(tmp_path / "second", own_cluster.kubeconfig, "--leader-elect=false", NO_JOB_SHOWN)
    second.leads()
    status = world.wait_done("replicationsources", "backup")
    assert status["latestMoverStatus"]["result"] == "Successful"
    assert status["restic"]["snapshots"]["count"] == 1
    assert world.requests().count("create jobs") == 1
    wait_until("the copies' end", lambda: "volsync-backup-src" not in world.names("persistentvolumeclaims"))
    second.stop()


def test_with_one_slot_sources_take_turns_and_say_so(own_cluster: DevCluster, s3: S3Server, tmp_path: Path) -> None:
    world = World(own_cluster, s3, "turns")
    world.prepare()
    names = ["one", "two", "three"]
    for name in names:
        world.source(name)
    manager = Manager(tmp_path, own_cluster.kubeconfig, "--leader-elect=false", "--max-movers=1")
    manager.leads()
    told: set[str] = set()

    def done() -> bool:
        live = [j for j in own_cluster.get(world.path("jobs", group="apis/batch/v1"))["items"] if is_live(j)]
        assert len(live) <= 1
        told.update(n for n in names if world.condition("replicationsources", n, "Synchronizing")[1] == WAITING)
        return all(world.status("replicationsources", n).get("lastManualSync") == "one" for n in names)

    wait_until("all three", done)
    assert len(told) == 2
    assert world.created("jobs") == 3
    # One that starts and one that ends each; one more where a slot came later.
    assert world.requests().count("patch replicationsources status") == 3 * 2 + 2
    manager.stop()


def test_a_backup_is_good_although_retention_and_prune_fail_after_it(
    own_cluster: DevCluster, s3: S3Server, tmp_path: Path, empty_repository: Path
) -> None:
    world = World(own_cluster, s3, "maintained")
    world.prepare()
    world.put(empty_repository)
    flags = ("--leader-elect=false", "--mover-retry-lock=1s", NO_JOB_SHOWN)
    manager = Manager(tmp_path, own_cluster.kubeconfig, *flags)
    manager.leads()
    world.source()
    world.wait_done("replicationsources", "backup")
    with foreign_client(world.repository(), tmp_path):
        spec = {"trigger": {"manual": "two"}, "restic": {"pruneIntervalDays": 0, "retain": {"last": "1"}}}
        world.change("replicationsources", "backup", spec)
        status = world.wait_done("replicationsources", "backup", "two")
    assert status["latestMoverStatus"]["result"] == "Successful"
    assert world.condition("replicationsources", "backup", "Healthy")[:2] == ("True", "Succeeded")
    told = world.condition("replicationsources", "backup", "Maintained")
    # It may pass by itself, and calls for nobody before it is overdue.
    assert told[:2] == ("True", "RepositoryLocked")
    assert "somebody-elses-host" in told[2]
    assert "lastPruned" not in status["restic"]
    assert world.created("jobs") == 2

    # Theirs has ended: the next run makes up for it.
    world.change("replicationsources", "backup", {"trigger": {"manual": "three"}})
    status = world.wait_done("replicationsources", "backup", "three")
    assert world.condition("replicationsources", "backup", "Maintained")[:2] == ("True", "Succeeded")
    assert status["restic"]["lastPruned"]
    assert status["restic"]["snapshots"]["count"] == 1
    manager.stop()
