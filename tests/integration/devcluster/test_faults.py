"""Faults look like the trouble they stand for, and the manager gets over those of watches."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from hack.devcluster.faults import Asked, Faults
from hack.processes import DevCluster, Manager, wait_until
from tests.integration.devcluster.http_harness import MAPS, SOURCES, refused


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[DevCluster]:
    """A cluster with a manager."""
    one = DevCluster(tmp_path / "cluster")
    manager = Manager(tmp_path / "manager", one.kubeconfig)
    try:
        manager.leads()
        yield one
    finally:
        manager.stop()
        one.stop()


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (429, "TooManyRequests"),
        (500, "InternalError"),
        (503, "ServiceUnavailable"),
        (403, "Forbidden"),
        (410, "Expired"),
    ],
)
def test_a_failure_has_the_reason_of_its_code(server: DevCluster, code: int, reason: str) -> None:
    server.admin("faults", match={"verb": "get", "resource": "configmaps"}, code=code)
    assert refused(server, "GET", f"{MAPS}/x")["reason"] == reason


def test_a_busy_server_says_when_to_come_back(server: DevCluster) -> None:
    server.admin("faults", match={"resource": "configmaps"}, code=429, headers={"Retry-After": "7"})
    with pytest.raises(HTTPError) as raised:
        server.ask("GET", MAPS)
    assert raised.value.headers["Retry-After"] == "7"
    raised.value.close()


def test_a_rule_that_makes_no_sense_is_refused(server: DevCluster) -> None:
    assert refused(server, "POST", "/devcluster/faults", {"nonsense": 1})["code"] == 400
    assert refused(server, "POST", "/devcluster/node", {"fault": "kill-pod"})["code"] == 400


def test_what_a_fault_holds_up_goes_on_once_it_is_cleared() -> None:
    faults, held_up = Faults(), threading.Event()
    faults.add({"match": {}, "delay_seconds": 3600.0})

    def ask() -> None:
        faults.take(Asked("somebody", "get", "configmaps", "", "", ""))
        held_up.set()

    threading.Thread(target=ask, daemon=True).start()
    wait_until("the request", lambda: faults.unused() == 0)
    assert not held_up.is_set()
    faults.clear()
    assert held_up.wait(30)


def conditions(cluster: DevCluster, name: str) -> list[Any]:
    found = cluster.get(f"{SOURCES}/{name}")
    return (found.get("status") or {}).get("conditions") or []


def test_the_manager_goes_on_after_cut_watches_and_expired_versions(watched: DevCluster) -> None:
    spec = {"sourcePVC": "none", "trigger": {"manual": "one"}, "restic": {"repository": "none"}}
    watched.ask("POST", SOURCES, {"metadata": {"name": "before"}, "spec": spec})
    wait_until("the manager's word", lambda: bool(conditions(watched, "before")))
    for number, faults in enumerate((["break-watches"], ["expire-versions"], ["expire-versions", "break-watches"])):
        for fault in faults:
            watched.admin(fault)
        watched.ask("POST", SOURCES, {"metadata": {"name": f"after-{number}"}, "spec": spec})
        name = f"after-{number}"
        wait_until(f"the manager's word after {faults}", lambda name=name: bool(conditions(watched, name)))  # type: ignore[misc]
