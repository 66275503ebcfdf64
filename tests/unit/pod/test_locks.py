"""What restic says about a lock, and what follows from it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from volsync_py.pod.locks import holder_of

MESSAGE = (
    "unable to create lock in backend: repository is already locked{how} by PID 30568 on {host} by root (UID 0)\n"
    "lock was created at 2026-11-22 15:08:36 ({age} ago)\nstorage ID 773ec0c7\nthe `unlock` command can be used"
)


@pytest.mark.parametrize(
    ("host", "age", "dead"),
    [
        ("m-own", "518ms", True),
        ("m-own", "-3s", True),
        ("other", "518ms", False),
        ("other", "31m59.9s", False),
        ("other", "32m0.1s", True),
        ("other", "722h5m1.5s", True),
        ("other", "-2h0m0s", False),
    ],
)
@pytest.mark.parametrize("how", ["", " exclusively"])
def test_a_lock_is_dead_if_it_is_our_own_or_not_renewed(host: str, age: str, dead: bool, how: str) -> None:
    holder = holder_of(MESSAGE.format(how=how, host=host, age=age))
    assert holder is not None
    assert (holder.pid, holder.host, holder.id) == (30568, host, "773ec0c7")
    assert holder.is_dead("m-own") is dead


@pytest.mark.parametrize(
    "text", ["", "invalid lock file", "repository is already locked", MESSAGE.format(how="", host="h", age="?")]
)
def test_a_lock_that_cannot_be_read_is_nobodys_to_judge(text: str) -> None:
    assert holder_of(text) is None


def test_the_age_is_a_duration() -> None:
    holder = holder_of(MESSAGE.format(how="", host="h", age="1h2m3s"))
    assert holder is not None
    assert holder.age == timedelta(hours=1, minutes=2, seconds=3)


@pytest.mark.parametrize("host", ["somebody's own host", "a by b", "ein Rechner"])
def test_a_host_whose_name_has_blanks_is_read_as_one(host: str) -> None:
    holder = holder_of(MESSAGE.format(how="", host=host, age="40m0s"))
    assert holder is not None
    assert holder.host.split()[0] == host.split()[0]
    assert holder.is_dead("m-own")


@pytest.mark.parametrize(
    ("host", "is_one"),
    [
        ("volsync-src-data-x7k2p", True),
        ("volsync-dst-a-b-c-00000", True),
        ("volsync-src-data", False),
        ("volsync-src-x7k2p", False),
        ("volsync-src-my.app-x7k2p", False),
        ("src-ns-data-0123456789", False),
        ("m-0123456789abcdef", True),
        ("m-0123456789abcde", False),
        ("m-0123456789abcdefg", False),
        ("somebody-elses-host", False),
    ],
)
def test_hosts_that_the_manager_knows_are_told_by_their_names(host: str, is_one: bool) -> None:
    holder = holder_of(MESSAGE.format(how="", host=host, age="1s"))
    assert holder is not None
    assert holder.is_known_to_manager is is_one
