"""Who was called before a read began may have its answer, and nobody else."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from volsync_py.kube.errors import Unreachable
from volsync_py.kube.single_flight import SingleFlight


class Server:
    """Answers with the number of the request, and fails when told; time passes when told."""

    def __init__(self) -> None:
        self.now = 0.0
        self.asked = 0
        self.down = False
        self.reads = SingleFlight(longest_seconds=1, clock=lambda: self.now)

    def answer(self) -> int:
        self.asked += 1
        if self.down:
            raise Unreachable("down")
        return self.asked

    def get(self, key: str, since: float) -> int:
        answer: int = self.reads.get(key, since, self.answer)
        return answer


@pytest.mark.parametrize(
    ("called_at", "asks_at", "expected"),
    [
        # The first read began at 10.
        (9.0, 10.5, 1),
        (10.0, 10.5, 1),
        # Called later, perhaps because of what the first could not see.
        (10.1, 10.5, 2),
        # However long one has waited: old news is asked for again.
        (9.0, 11.0, 1),
        (9.0, 11.1, 2),
    ],
)
def test_an_answer_is_shared_with_those_who_were_called_before_it_was_asked_for(
    called_at: float, asks_at: float, expected: int
) -> None:
    server = Server()
    server.now = 10.0
    assert server.get("secret", 10.0) == 1
    server.now = asks_at
    assert server.get("secret", called_at) == expected


def test_different_questions_have_different_answers() -> None:
    server = Server()
    assert [server.get("one", 0), server.get("other", 0), server.get("one", 0)] == [1, 2, 1]


def test_a_failure_is_nobody_elses() -> None:
    server = Server()
    server.down = True
    with pytest.raises(Unreachable):
        server.get("secret", 0)
    server.down = False
    assert server.get("secret", 0) == 2


@pytest.mark.parametrize("fails", [False, True])
def test_whoever_asks_while_a_read_is_under_way_waits_for_it_and_does_not_ask_too(fails: bool) -> None:
    asked, answer, waiting = threading.Semaphore(0), threading.Event(), threading.Barrier(4)
    reads = SingleFlight(longest_seconds=60)

    def slow() -> str:
        asked.release()
        assert answer.wait(20)
        if fails:
            raise Unreachable("down")
        return "answer"

    def get() -> str:
        waiting.wait(20)
        got: str = reads.get("pods", 0, slow)
        return got

    with ThreadPoolExecutor(3) as pool:
        found = [pool.submit(get) for _ in range(3)]
        waiting.wait(20)
        assert asked.acquire(timeout=20)
        answer.set()
        ends = [one.exception() or one.result() for one in found]
    assert all(isinstance(end, Unreachable) if fails else end == "answer" for end in ends)
    # Who comes after a failure asks by itself.
    assert fails or not asked.acquire(blocking=False)


def test_what_is_old_is_not_kept() -> None:
    server = Server()
    server.get("secret", 0)
    server.now = 2.0
    server.get("other", 2.0)
    assert len(server.reads) == 1
