"""Pauses double up to a bound, and are never the same for two clients."""

from __future__ import annotations

from volsync_py.kube.backoff import LONGEST_SECONDS, Backoff


class Clock:
    """Time that passes when told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_pauses_double_up_to_the_longest() -> None:
    backoff = Backoff(Clock(), jitter=lambda: 0.0)
    assert [round(backoff.next_seconds(), 1) for _ in range(8)] == [0.8, 1.6, 3.2, 6.4, 12.8, 20.0, 20.0, 20.0]


def test_two_clients_pause_differently_at_the_longest_too_and_none_longer_than_that() -> None:
    early, late = Backoff(Clock(), jitter=lambda: 0.0), Backoff(Clock(), jitter=lambda: 0.999)
    pairs = [(early.next_seconds(), late.next_seconds()) for _ in range(50)]
    assert all(one * 1.4 < other <= LONGEST_SECONDS for one, other in pairs)


def test_a_failure_after_two_quiet_minutes_is_the_first_of_its_kind() -> None:
    clock = Clock()
    backoff = Backoff(clock, jitter=lambda: 0.0)
    for _ in range(8):
        backoff.next_seconds()
    clock.now += 119
    assert backoff.next_seconds() > 10
    clock.now += 121
    assert backoff.next_seconds() == 0.8
