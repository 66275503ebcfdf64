"""Whose a lock is, and whether who holds it lives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import click
import pytest

from volsync_py.commands.repository.lock_list import Lock, Namespace, lock_of
from volsync_py.commands.repository.locks import remove
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
    (line,) = lock.lines(200)
    assert words in line
    assert line.startswith("abababab  exclusive")
    assert lock.as_json()["state"] == state


@pytest.mark.parametrize("value", [None, [], {}, {"id": 1}, {"id": "ab\x1b[2J"}, {"id": "../ab"}, {"id": "ab\n"}])
def test_what_is_no_lock_is_none(value: Any) -> None:
    assert lock_of(value, Namespace.of([], [], []), NOW) is None


def lock(id_: str, host: str, minutes: int) -> Lock:
    raw = {"id": id_ * 32, "hostname": host, "pid": 7, "time": (NOW - timedelta(minutes=minutes)).isoformat()}
    made = lock_of(raw, Namespace.of([SOURCE], [], []), NOW)
    assert made is not None
    return made


OLD, YOUNG, OF_OTHERS = lock("aa", "laptop", 40), lock("bb", OWN, 2), lock("cc", "laptop", 2)
OLD_OF_A_MOVER = lock("dd", OWN, 33)


@pytest.mark.parametrize(
    ("found", "after", "unlocks", "says"),
    [
        ([], [], 0, []),
        ([OF_OTHERS], [], 0, []),
        ([YOUNG, OF_OTHERS], [], 0, ["bbbbbbbb stays for now", "removed by the next mover of db, or in 30 minutes by"]),
        ([OLD, OLD_OF_A_MOVER], [], 1, ["2 locks removed"]),
        ([OLD, YOUNG], [YOUNG], 1, ["bbbbbbbb stays for now", "1 lock removed"]),
    ],
)
def test_an_unlock_is_for_what_it_removes_and_of_the_rest_it_is_said_when_it_goes(
    found: list[Lock], after: list[Lock], unlocks: int, says: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    codes = [0]
    assert remove(found, codes.pop, lambda: after) == 0
    assert len(codes) == 1 - unlocks
    said = capsys.readouterr().err
    assert all(text in said for text in says), said
    assert said.count("\n") == len([text for text in says if not text.startswith("removed")])


def test_a_lock_that_was_to_go_and_is_there_is_a_failure() -> None:
    with pytest.raises(click.ClickException, match=r"1 lock that the unlock was to remove is still there \(aaaaaaaa\)"):
        remove([OLD, OLD_OF_A_MOVER], lambda: 0, lambda: [OLD, YOUNG])


def test_an_unlock_that_nobody_waited_for_is_not_judged() -> None:
    assert remove([OLD], lambda: 130, lambda: [OLD]) == 130
