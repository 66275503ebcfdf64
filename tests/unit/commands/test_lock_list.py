"""Whose a lock is, and whether who holds it lives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from volsync_py.commands.lock_list import Namespace, lock_of
from volsync_py.core.names import Role, earlier_host_name, mover_host_name

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
SOURCE = {"kind": "ReplicationSource", "metadata": {"namespace": "ns", "name": "db", "uid": "u"}}
OWN = mover_host_name(Role.SOURCE, "ns", "db", "u")


def job(name: str, *ended: str, hostname: str = "") -> dict[str, Any]:
    conditions = [{"type": one, "status": "True"} for one in ended]
    spec = {"template": {"spec": {"hostname": hostname}}}
    return {"metadata": {"name": name}, "spec": spec, "status": {"conditions": conditions}}


def pod(name: str, phase: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "status": {"phase": phase}}


@pytest.mark.parametrize(
    ("host", "minutes", "jobs", "pods", "state", "words"),
    [
        (OWN, 1, [job("volsync-src-db")], [], "alive", "the mover of source db, which runs"),
        (OWN, 1, [job("volsync-src-db", "Complete")], [], "dead", "the mover of source db, which has gone; the next"),
        (OWN, 1, [], [], "dead", "the next one removes it"),
        (earlier_host_name("u"), 1, [], [], "dead", "the mover of source db"),
        ("volsync-ask-db-1", 1, [job("volsync-ask-db-1", hostname="volsync-ask-db-1")], [], "alive", "runs in this"),
        ("volsync-src-db-x7k2p", 1, [], [pod("volsync-src-db-x7k2p", "Running")], "alive", "runs in this namespace"),
        ("volsync-src-db-x7k2p", 2, [], [pod("volsync-src-db-x7k2p", "Failed")], "unknown", "not renewed for 30 minut"),
        ("lap\x1b[2J", 40, [], [], "dead", "process 7 on lap�[2J, which has not renewed it; volsync-py unlock removes"),
        ("laptop", -5, [], [], "unknown", "not of this namespace"),
    ],
)
def test_each_lock_has_a_holder(host: str, minutes: int, jobs: Any, pods: Any, state: str, words: str) -> None:
    time = (NOW - timedelta(minutes=minutes)).isoformat()
    raw = {"id": "ab" * 32, "hostname": host, "pid": 7, "time": time, "exclusive": True}
    lock = lock_of(raw, Namespace.of([SOURCE], jobs, pods), NOW)
    assert lock is not None
    assert lock.state == state
    assert words in lock.line()
    assert lock.line().startswith("abababab  exclusive")
    assert lock.as_json()["state"] == state


@pytest.mark.parametrize("value", [None, [], {}, {"id": 1}])
def test_what_is_no_lock_is_none(value: Any) -> None:
    assert lock_of(value, Namespace.of([], [], []), NOW) is None
