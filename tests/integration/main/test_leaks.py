"""A manager that has seen many resources come and go holds no more than before, and writes nothing when idle."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.request import urlopen

from hack.processes import DevCluster, Manager, wait_until
from tests.integration.world import VOLSYNC

PATH = f"/{VOLSYNC}/namespaces/default/replicationsources"
MANY = 150


def held(manager: Manager) -> tuple[int, int]:
    """Return how many threads and open files a manager has."""
    process = Path(f"/proc/{manager.process.pid}")
    return len(os.listdir(process / "task")), len(os.listdir(process / "fd"))


def scraped(manager: Manager) -> str:
    """Return its metrics."""
    with urlopen(f"http://127.0.0.1:{manager.metrics_port}/metrics", timeout=30) as answer:
        return bytes(answer.read()).decode()


def shown(manager: Manager) -> int:
    """Return how many resources its metrics tell of."""
    return len(set(re.findall('obj_name="([^"]*)"', scraped(manager))))


def passes(manager: Manager) -> float:
    """Return how many passes it has made."""
    return sum(map(float, re.findall(r"^volsync_py_reconciles_total\{.*\} (.*)$", scraped(manager), re.MULTILINE)))


def lines(manager: Manager) -> list[str]:
    """Return its log."""
    return manager.log.read_text("utf-8").splitlines()


def look_again(cluster: DevCluster, manager: Manager, number: int) -> None:
    """Have each source looked at once more, though nothing of it has changed."""
    before = passes(manager)
    for index in range(number):
        changes = {"metadata": {"annotations": {"example.org/seen": "yes"}}}
        cluster.ask("PATCH", f"{PATH}/s{index}", changes, "application/merge-patch+json")
    wait_until("all to be looked at again", lambda: passes(manager) >= before + number)


def come_and_go(cluster: DevCluster, manager: Manager, number: int) -> None:
    """Create sources, wait until each has been looked at, look again, and delete them."""
    said = lines(manager)
    spec = {
        "sourcePVC": "none",
        "trigger": {"schedule": "0 0 1 1 *"},
        "restic": {"repository": "none", "copyMethod": "Direct"},
    }
    for index in range(number):
        cluster.ask("POST", PATH, {"kind": "ReplicationSource", "metadata": {"name": f"s{index}"}, "spec": spec})
    wait_until("all to be looked at", lambda: shown(manager) == number)
    wait_until("a line of each", lambda: len(lines(manager)) == len(said) + number)
    look_again(cluster, manager, number)
    assert len(lines(manager)) == len(said) + number
    for index in range(number):
        cluster.ask("DELETE", f"{PATH}/s{index}")
    wait_until("all to be forgotten", lambda: shown(manager) == 0)


def test_many_resources_leave_no_thread_no_connection_and_no_series(own_cluster: DevCluster, tmp_path: Path) -> None:
    manager = Manager(tmp_path / "manager", own_cluster.kubeconfig, "--leader-elect=false")
    try:
        manager.leads()
        # The first ones open what is kept open; how much that is depends on how many come at once.
        come_and_go(own_cluster, manager, MANY)
        most = held(manager)
        come_and_go(own_cluster, manager, MANY)
        # A thread that has answered may take a moment to end.
        wait_until(
            f"no more than {most}", lambda: all(now <= before for now, before in zip(held(manager), most, strict=True))
        )
    finally:
        manager.stop()
