"""A process notices that it is to stop whatever it is at, and waits for nothing without end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from volsync_py.manager.shutdown import Deadline, done_within, stop_at_signals


@pytest.fixture(autouse=True)
def _handlers_as_before() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    signal.set_wakeup_fd(-1)
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_noticed_also_when_it_comes_while_the_event_is_being_waited_for(number: signal.Signals) -> None:
    stop = stop_at_signals()

    # What a wait holds for a moment, in the thread that handles signals.
    with vars(stop)["_cond"]:
        signal.raise_signal(number)

    assert stop.wait(10)


def test_what_hangs_is_left_behind() -> None:
    end = threading.Event()

    assert done_within(10, lambda: None)
    assert not done_within(0, end.wait)
    end.set()


def test_a_deadline_that_has_passed_leaves_no_time() -> None:
    assert Deadline(-1).seconds_left == 0
    assert 0 < Deadline(1000).seconds_left <= 1000
