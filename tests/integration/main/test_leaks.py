"""A manager that has seen many resources come and go holds no more than before."""

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


def shown(manager: Manager) -> int:
    """Return how many resources its metrics tell of."""
    with urlopen(f"http://127.0.0.1:{manager.metrics_port}/metrics", timeout=30) as answer:
        return len(set(re.findall('obj_name="([^"]*)"', answer.read().decode())))


def come_and_go(cluster: DevCluster, manager: Manager, number: int) -> None:
    """Create sources, wait until each has been looked at, and delete them."""
    spec = {
        "sourcePVC": "none",
        "trigger": {"schedule": "0 0 1 1 *"},
        "restic": {"repository": "none", "copyMethod": "Direct"},
    }
    for index in range(number):
        cluster.ask("POST", PATH, {"kind": "ReplicationSource", "metadata": {"name": f"s{index}"}, "spec": spec})
    wait_until("all to be looked at", lambda: shown(manager) == number)
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
