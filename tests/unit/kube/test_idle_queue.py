"""What nobody waits for is done in order, when nobody has work that comes first, and not for ever later."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import SimpleQueue

import pytest

from volsync_py.kube.idle_queue import IdleQueue

SECONDS = 20.0


class World:
    """A piece of deferred work, a clock, and somebody who may be busy."""

    def __init__(self) -> None:
        self.now, self.busy = 0.0, False
        self.done: SimpleQueue[str] = SimpleQueue()
        self.asked = threading.Semaphore(0)
        self.errors: SimpleQueue[Exception] = SimpleQueue()
        self.dropped = 0
        self.work = IdleQueue(
            self._is_busy,
            on_error=self.errors.put,
            on_drop=self._drop,
            longest_seconds=60,
            most_tidying=3,
            most_telling=3,
            clock=lambda: self.now,
        )

    def _is_busy(self) -> bool:
        self.asked.release()
        return self.busy

    def _drop(self) -> None:
        self.dropped += 1

    def add(self, name: str) -> bool:
        return self.work.tidy(name, lambda: self.done.put(name))

    def tell(self, text: str) -> None:
        self.work.tell(lambda: self.done.put(text))

    def look(self, times: int) -> None:
        """Wait until it was asked so often whether somebody is busy."""
        for _ in range(times):
            assert self.asked.acquire(timeout=SECONDS)


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    world.work.start()
    yield world
    assert world.work.stop(SECONDS)


def test_it_waits_while_somebody_has_work_that_comes_first(world: World) -> None:
    world.busy = True
    world.add("a")
    world.look(3)
    assert world.done.empty()
    world.busy = False
    assert world.done.get(timeout=SECONDS) == "a"


def test_it_waits_no_longer_than_its_limit(world: World) -> None:
    world.busy = True
    world.add("a")
    world.now = 59.0
    world.look(2)
    assert world.done.empty()
    world.now = 60.0
    assert world.done.get(timeout=SECONDS) == "a"


def test_it_is_done_in_the_order_of_adding_and_a_key_waits_once(world: World) -> None:
    world.busy = True
    for name in ("a", "b", "a", "c"):
        world.add(name)
    assert len(world.work) == 3
    world.busy = False
    assert [world.done.get(timeout=SECONDS) for _ in range(3)] == ["a", "b", "c"]
    world.add("a")
    assert world.done.get(timeout=SECONDS) == "a"
    assert world.done.empty()


def test_what_is_tidied_comes_before_what_is_told(world: World) -> None:
    world.busy = True
    for number in range(3):
        world.tell(f"told {number}")
    assert world.add("tidied")
    world.busy = False
    assert [world.done.get(timeout=SECONDS) for _ in range(4)] == ["tidied", "told 0", "told 1", "told 2"]


def test_what_is_told_waits_no_longer_than_its_limit_although_younger_things_are_to_be_tidied(world: World) -> None:
    world.busy = True
    world.tell("told")
    world.now = 30.0
    world.add("tidied")
    world.now = 60.0
    assert world.done.get(timeout=SECONDS) == "told"
    world.look(2)
    assert world.done.empty()


def test_more_than_can_wait_is_refused_or_dropped_and_counted(world: World) -> None:
    world.busy = True
    assert [world.add(str(number)) for number in range(5)] == [True, True, True, False, False]
    # It waits already.
    assert world.add("0")
    for number in range(5):
        world.tell(f"told {number}")
    assert (len(world.work), world.dropped) == (6, 2)
    world.busy = False
    assert [world.done.get(timeout=SECONDS) for _ in range(6)] == ["0", "1", "2", "told 0", "told 1", "told 2"]
    assert world.add("3")
    assert world.done.get(timeout=SECONDS) == "3"


def test_what_fails_keeps_nothing_after_it_waiting(world: World) -> None:
    def fails() -> None:
        raise ValueError("broken")

    world.work.tidy("broken", fails)
    world.add("a")
    assert world.done.get(timeout=SECONDS) == "a"
    assert str(world.errors.get(timeout=SECONDS)) == "broken"


def test_after_the_end_nothing_is_done_and_what_is_being_done_may_finish() -> None:
    world = World()
    entered, leave = threading.Event(), threading.Event()

    def long() -> None:
        entered.set()
        assert leave.wait(SECONDS)

    world.work.start()
    world.work.tidy("long", long)
    assert entered.wait(SECONDS)
    world.add("a")
    assert not world.work.stop(0.01)
    world.add("b")
    leave.set()
    assert world.work.stop(SECONDS)
    assert world.done.empty()


def test_one_that_was_never_started_has_ended() -> None:
    assert World().work.stop(0)
