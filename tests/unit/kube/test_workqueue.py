"""The queue loses nothing, and gives no key to two workers."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from volsync_py.kube.workqueue import RateLimitingQueue


class Clock:
    """Time that passes when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def drained(queue: RateLimitingQueue[str]) -> list[str | None]:
    return [queue.get() for _ in range(len(queue))]


def test_a_key_that_is_added_twice_is_worked_on_once() -> None:
    queue: RateLimitingQueue[str] = RateLimitingQueue()
    for key in "aba":
        queue.add(key)
    assert drained(queue) == ["a", "b"]


def test_a_key_that_is_added_while_it_is_worked_on_runs_again_afterwards() -> None:
    queue: RateLimitingQueue[str] = RateLimitingQueue()
    queue.add("a")
    assert queue.get() == "a"
    queue.add("a")
    assert len(queue) == 0
    queue.done("a")
    assert queue.get() == "a"


def test_it_is_idle_when_nothing_waits_for_a_worker_or_is_with_one() -> None:
    clock = Clock()
    queue: RateLimitingQueue[str] = RateLimitingQueue(clock=clock)
    queue.add_after("later", 60)
    assert queue.is_idle()
    queue.add("a")
    assert not queue.is_idle()
    assert queue.get() == "a"
    assert not queue.is_idle()
    queue.add("a")
    queue.done("a")
    assert not queue.is_idle()
    assert queue.get() == "a"
    queue.done("a")
    assert queue.is_idle()


def test_of_several_delays_the_shortest_counts() -> None:
    clock = Clock()
    queue: RateLimitingQueue[str] = RateLimitingQueue(clock=clock)
    queue.add_after("a", 60)
    queue.add_after("a", 5)
    queue.add_after("a", 30)
    clock.now = 5.0
    assert queue.get() == "a"
    queue.done("a")
    clock.now = 100.0
    queue.add("b")
    assert queue.get() == "b"
    assert len(queue) == 0


def test_failures_double_the_delay_up_to_the_longest_until_forgotten() -> None:
    clock = Clock()
    queue: RateLimitingQueue[str] = RateLimitingQueue(base_seconds=1, longest_seconds=8, clock=clock)
    for delay in (1, 2, 4, 8, 8):
        queue.add_rate_limited("a")
        clock.now += delay - 0.5
        queue.add("other")
        assert queue.get() == "other"
        queue.done("other")
        assert len(queue) == 0
        clock.now += 0.5
        assert queue.get() == "a"
        queue.done("a")
    queue.forget("a")
    queue.add_rate_limited("a")
    clock.now += 1
    assert queue.get() == "a"


def test_a_pause_that_was_asked_for_is_kept_whatever_was_planned_before() -> None:
    clock = Clock()
    queue: RateLimitingQueue[str] = RateLimitingQueue(base_seconds=1, clock=clock)
    queue.add_after("a", 5)
    queue.add_rate_limited("a", at_least_seconds=30)
    for now, expected in ((29.9, ["other"]), (30.0, ["other", "a"])):
        clock.now = now
        queue.add("other")
        taken = [queue.get()]
        taken += drained(queue)
        assert taken == expected
        queue.done("other")


def test_after_the_end_nothing_is_handed_out_not_even_what_is_queued() -> None:
    queue: RateLimitingQueue[str] = RateLimitingQueue()
    queue.add("a")
    queue.add_after("b", 0.01)
    queue.shut_down()
    queue.add("c")
    assert queue.get() is None
    assert queue.get() is None


class Machine(RuleBasedStateMachine):
    """Random adds, gets and dones."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: RateLimitingQueue[int] = RateLimitingQueue()
        self.wanted: set[int] = set()
        self.working: set[int] = set()

    @rule(key=st.integers(0, 4))
    def add(self, key: int) -> None:
        self.queue.add(key)
        self.wanted.add(key)

    @precondition(lambda self: len(self.queue) > 0)
    @rule()
    def get(self) -> None:
        key = self.queue.get()
        assert key is not None
        assert key not in self.working
        assert key in self.wanted
        self.wanted.discard(key)
        self.working.add(key)

    @precondition(lambda self: bool(self.working))
    @rule(data=st.data())
    def done(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.working)))
        self.working.discard(key)
        self.queue.done(key)

    @invariant()
    def nothing_is_lost(self) -> None:
        assert len(self.queue) == len(self.wanted - self.working)


Machine.TestCase.settings = settings(max_examples=50)
TestQueue = Machine.TestCase


def test_how_long_each_key_has_waited_for_a_worker_is_told() -> None:
    clock, waits = Clock(), list[float]()
    queue: RateLimitingQueue[str] = RateLimitingQueue(clock=clock, on_wait=waits.append)
    queue.add("a")
    queue.add_after("b", 2)
    clock.now = 1
    queue.add("a")
    assert queue.get() == "a"
    clock.now = 5
    assert queue.get() == "b"
    assert waits == [1, 0]


def test_a_key_is_handed_out_though_nobody_can_be_told_how_long_it_waited() -> None:
    def broken(seconds: float) -> None:
        raise ValueError("broken")

    queue: RateLimitingQueue[str] = RateLimitingQueue(on_wait=broken)
    queue.add("a")
    assert queue.get() == "a"
    queue.add("a")
    queue.done("a")
    assert queue.get() == "a"


def test_who_works_on_a_key_is_told_when_it_was_asked_for_last() -> None:
    clock = Clock()
    queue: RateLimitingQueue[str] = RateLimitingQueue(clock=clock)
    for clock.now in (1, 3):
        queue.add("a")
    clock.now = 4
    assert queue.get() == "a"
    clock.now = 5
    queue.add("a")
    assert queue.enqueued_at("a") == 3
    queue.done("a")
    queue.add_after("b", 2)
    clock.now = 9
    assert queue.get() == "a"
    assert queue.enqueued_at("a") == 5
    assert queue.get() == "b"
    assert queue.enqueued_at("b") == 9
