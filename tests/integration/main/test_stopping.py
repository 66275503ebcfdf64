"""A manager that is told to stop does so in order, and in time whatever hangs."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from hack.processes import Manager, wait_until
from tests.integration.kube.peer import Asked, Say, peer, status
from tests.integration.main.scripted import Api, ask_ready, is_lease, manager_of, source, writes_a_source

# The promise of every manager.
MOST_SECONDS = 5
WORKERS = 2


def stopped(manager: Manager, number: signal.Signals = signal.SIGTERM) -> int:
    """Tell it to stop, and return its exit code; TimeoutExpired if it takes too long."""
    manager.process.send_signal(number)
    return manager.process.wait(MOST_SECONDS)


def returns_the_lease(asked: Asked) -> bool:
    return is_lease(asked) and asked.method == "PATCH" and asked.body["spec"].get("holderIdentity") == ""


def test_the_lease_is_given_back_when_the_last_worker_has_written(tmp_path: Path) -> None:
    go = threading.Event()

    def wait_with_sources(asked: Asked) -> None:
        if writes_a_source(asked):
            go.wait(30)

    api = Api([source(f"s{n}") for n in range(50)], instead=wait_with_sources)
    with peer(api) as server:
        manager = manager_of(server, tmp_path, f"--workers={WORKERS}")
        server.wait_for(WORKERS, writes_a_source)
        manager.process.terminate()
        wait_until("its noticing", lambda: manager.says("manager stops"))
        assert not any(map(returns_the_lease, server.asked))
        go.set()
        assert manager.process.wait(MOST_SECONDS) == 0

        writes = [asked for asked in server.asked if asked.method != "GET"]
        assert returns_the_lease(writes[-1])
        # What was queued is left to the next one.
        assert sum(map(writes_a_source, writes)) == WORKERS


def test_a_lease_is_kept_while_a_worker_hangs(tmp_path: Path) -> None:
    api = Api([source("one")], instead=lambda asked: Say(hold=True) if writes_a_source(asked) else None)
    with peer(api) as server:
        manager = manager_of(server, tmp_path)
        server.wait_for(1, writes_a_source)
        assert stopped(manager) == 0
        assert not any(map(returns_the_lease, server.asked))
        assert api.lease is not None
        assert api.lease["spec"]["holderIdentity"] != ""


def test_a_leader_ends_in_time_while_nothing_is_answered(tmp_path: Path) -> None:
    silent = threading.Event()

    def hold(asked: Asked) -> Say | None:
        return Say(hold=True) if silent.is_set() or writes_a_source(asked) else None

    with peer(Api([source("one")], instead=hold)) as server:
        manager = manager_of(server, tmp_path)
        manager.leads()
        server.wait_for(1, writes_a_source)
        silent.set()
        asked = sum(map(is_lease, server.asked))
        server.wait_for(asked + 1, is_lease)
        # A scraper that says nothing holds up nobody.
        with socket.create_connection(("127.0.0.1", manager.metrics_port)):
            assert stopped(manager) == 0


def test_a_standby_ends_in_time_while_nothing_is_answered(tmp_path: Path) -> None:
    spec = {"holderIdentity": "another", "renewTime": "2026-11-24T00:00:00.000000Z", "leaseDurationSeconds": 60}
    answered = threading.Event()

    def once(_asked: Asked) -> Say | None:
        if answered.is_set():
            return Say(hold=True)
        answered.set()
        return None

    api = Api(lease={"metadata": {"name": "lease", "resourceVersion": "1"}, "spec": spec}, instead=once)
    with peer(api) as server:
        manager = manager_of(server, tmp_path)
        server.wait_for(2, is_lease)
        assert manager.says("waiting for the lease")
        assert stopped(manager) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    ("arguments", "hangs"),
    [
        ((), is_lease),
        ((), lambda asked: asked.path.endswith("/kube-system")),
        (("--leader-elect=false",), lambda asked: asked.path.endswith("/kube-system")),
        ((), lambda asked: asked.path.endswith("/jobs")),
    ],
    ids=["the lease", "the cluster's id", "the cluster's id without election", "a list"],
)
def test_a_manager_that_starts_ends_in_time_while_nothing_is_answered(
    arguments: tuple[str, ...], hangs: Callable[[Asked], bool], number: signal.Signals, tmp_path: Path
) -> None:
    silent = threading.Event()

    def hold(asked: Asked) -> Say | None:
        if hangs(asked):
            silent.set()
        return Say(hold=True) if silent.is_set() else None

    with peer(Api(instead=hold)) as server:
        manager = manager_of(server, tmp_path, *arguments)
        server.wait_for(1, hangs)
        assert stopped(manager, number) == 0


def test_a_leader_is_not_ready_without_its_lists_and_a_standby_is(tmp_path: Path) -> None:
    def refuse(asked: Asked) -> Say | None:
        return Say(status(403, "Forbidden"), 403) if asked.path.endswith("/jobs") else None

    with peer(Api(instead=refuse)) as server:
        leader = manager_of(server, tmp_path / "leader")
        server.wait_for(1, is_lease)
        standby = manager_of(server, tmp_path / "standby")
        wait_until("the standby", lambda: standby.says("waiting for the lease"))
        wait_until("the leader's word", lambda: ask_ready(leader) == (503, "not ready: not in sync: jobs\n"))
        assert ask_ready(standby) == (200, "ok")
        assert stopped(leader) == 0
        assert stopped(standby) == 0
