"""How often strangers may be asked about: no client costs much, and none keeps out another one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volsync_py.kube.stranger_limits import StrangerLimits

ADDRESSES = st.ip_addresses().map(str)


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def reviews(limits: StrangerLimits, address: str, tries: int) -> int:
    """Return how many of some reviews, one after the other, are let through."""
    done = [client for client in (_one(limits, address) for _ in range(tries)) if client is not None]
    return len(done)


def _one(limits: StrangerLimits, address: str) -> str | None:
    client = limits.begin(address)
    if client is not None:
        limits.end(client)
    return client


def test_each_client_has_a_budget_of_its_own_that_comes_back_with_time() -> None:
    time = Time()
    limits = StrangerLimits(time)
    assert [reviews(limits, address, 50) for address in ("10.0.0.1", "10.0.0.2")] == [10, 10]
    time.now = 3
    assert [reviews(limits, address, 50) for address in ("10.0.0.1", "10.0.0.2")] == [3, 3]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2001:db8::1", "2001:db8::ffff:2"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("", "no address"),
        ("x" * 9999, "fe80:"),
    ],
)
def test_one_client_is_one_however_many_addresses_it_has(one: str, other: str) -> None:
    limits = StrangerLimits(Time())
    assert reviews(limits, one, 50) == 10
    assert reviews(limits, other, 50) == 0


def test_networks_of_others_are_other_clients() -> None:
    limits = StrangerLimits(Time())
    assert [reviews(limits, address, 50) for address in ("2001:db8::1", "2001:db8:0:1::1", "10.0.0.1")] == [10, 10, 10]


def test_all_clients_together_cost_the_api_server_no_more_than_it_can_bear() -> None:
    time = Time()
    limits = StrangerLimits(time)
    assert sum(reviews(limits, f"10.0.{n // 250}.{n % 250}", 1) for n in range(5_000)) == 100
    time.now = 1
    assert sum(reviews(limits, f"10.1.{n // 250}.{n % 250}", 1) for n in range(5_000)) == 10


def test_a_client_that_is_refused_takes_nothing_from_what_others_have() -> None:
    limits = StrangerLimits(Time())
    reviews(limits, "10.0.0.66", 100_000)
    assert sum(reviews(limits, f"10.0.1.{n}", 10) for n in range(9)) == 90


def test_clients_are_forgotten_beyond_a_number() -> None:
    limits = StrangerLimits(Time())
    for number in range(3_000):
        _one(limits, f"10.{number // 62_500}.{number // 250 % 250}.{number % 250}")
    assert len(limits._by_client) == 1_000


@given(st.lists(st.tuples(ADDRESSES, st.floats(0, 5)), max_size=50))
def test_the_bounds_hold_whoever_comes_and_when(visits: list[tuple[str, float]]) -> None:
    time = Time()
    limits = StrangerLimits(time)
    done = 0
    for address, seconds in visits:
        time.now += seconds
        done += reviews(limits, address, 20)
    assert done <= 100 + 10 * time.now
