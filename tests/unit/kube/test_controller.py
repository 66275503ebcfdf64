"""Workers go on whatever a pass or its observer does, at a bounded pace, and end in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from itertools import pairwise

import pytest

from volsync_py.kube.controller import Controller, Request, Result
from volsync_py.kube.errors import TooManyRequests
from volsync_py.kube.workqueue import RateLimitingQueue

ONE, OTHER = Request("ns", "one"), Request("ns", "other")


class Passes:
    """Reconciles by a script, which is given the number of the pass, and remembers what was when."""

    def __init__(self, script: Callable[[int], None] = lambda number: None) -> None:
        self.script = script
        self.passes: list[tuple[Request, float]] = []
        self.news = threading.Condition()

    def __call__(self, request: Request, enqueued_at: float) -> Result:
        with self.news:
            self.passes.append((request, time.monotonic()))
            number = len(self.passes)
            self.news.notify_all()
        self.script(number)
        return Result()

    def wait(self, number: int) -> None:
        with self.news:
            assert self.news.wait_for(lambda: len(self.passes) >= number, 20), self.passes

    def gaps(self) -> list[float]:
        times = [when for _, when in self.passes]
        return [later - earlier for earlier, later in pairwise(times)]


def queue() -> RateLimitingQueue[Request]:
    return RateLimitingQueue(base_seconds=0.02, longest_seconds=0.08)


def test_what_fails_comes_back_at_a_growing_pace_and_what_works_does_not() -> None:
    def fails(number: int) -> None:
        if number <= 4:
            raise ValueError("broken")

    passes, ends = Passes(fails), list[str]()
    told = threading.Semaphore(0)

    def observe(request: Request, seconds: float, error: Exception | None) -> None:
        ends.append(type(error).__name__)
        told.release()

    controller = Controller("c", passes, workers=2, observer=observe, queue=queue())
    controller.start()
    controller.enqueue(ONE)
    for _ in range(5):
        assert told.acquire(timeout=20)
    controller.stop()
    assert ends == ["ValueError"] * 4 + ["NoneType"]
    assert len(passes.passes) == 5
    assert all(gap >= wanted for gap, wanted in zip(passes.gaps(), (0.02, 0.04, 0.08, 0.08), strict=True))


@pytest.mark.parametrize("fails", [True, False])
def test_an_observer_that_fails_stops_no_worker_and_loses_no_request(fails: bool) -> None:
    def script(number: int) -> None:
        if fails and number == 1:
            raise ValueError("broken")

    def observe(request: Request, seconds: float, error: Exception | None) -> None:
        raise ValueError("broken too")

    passes = Passes(script)
    controller = Controller("c", passes, workers=1, observer=observe, queue=queue())
    controller.start()
    controller.enqueue(ONE)
    passes.wait(2 if fails else 1)
    controller.enqueue(OTHER)
    passes.wait(3 if fails else 2)
    controller.stop()
    assert passes.passes[-1][0] == OTHER


def test_a_server_that_asks_for_a_pause_is_given_it() -> None:
    def busy(number: int) -> None:
        if number == 1:
            error = TooManyRequests(429, "TooManyRequests", "busy")
            error.retry_after_seconds = 0.3
            raise error

    passes = Passes(busy)
    controller = Controller("c", passes, workers=1, queue=queue())
    controller.start()
    controller.enqueue(ONE)
    passes.wait(2)
    controller.stop()
    assert passes.gaps()[0] >= 0.3


def test_the_end_hands_nothing_more_out_and_waits_for_what_is_under_way_no_longer_than_told() -> None:
    go_on = threading.Event()

    def hangs(number: int) -> None:
        go_on.wait(30)

    passes = Passes(hangs)
    controller = Controller("c", passes, workers=1, queue=queue())
    controller.start()
    controller.enqueue(ONE)
    passes.wait(1)
    for name in "abc":
        controller.enqueue(Request("ns", name))
    began = time.monotonic()
    assert not controller.stop(0.1)
    assert 0.1 <= time.monotonic() - began < 10
    go_on.set()
    assert controller.stop(20)
    assert [request for request, _ in passes.passes] == [ONE]


def test_what_was_never_started_ends_at_once() -> None:
    controller = Controller("c", Passes(), workers=2)
    controller.enqueue(ONE)
    assert controller.stop(20)
