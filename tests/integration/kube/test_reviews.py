"""Who may read the metrics is asked of the API server, and no more often than it can bear."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.kube.peer import Asked, Peer, Say, peer, status
from volsync_py.kube.reviews import Reviewer

HERE = "10.0.0.1"


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def judge(asked: Asked) -> Say:
    """Know tokens that begin with `good` or `known`, of which the former may read."""
    if asked.path.endswith("/tokenreviews"):
        token = asked.body["spec"]["token"]
        return Say({"status": {"authenticated": token[:4] in ("good", "know"), "user": {"username": token}}})
    return Say({"status": {"allowed": asked.body["spec"]["user"].startswith("good")}})


def reviews(server: Peer) -> int:
    return sum(asked.path.endswith("/tokenreviews") for asked in server.asked)


@pytest.mark.parametrize(("token", "expected"), [("good", 200), ("known", 403), ("wrong", 401)])
def test_a_judgement_holds_for_a_minute(token: str, expected: int, tmp_path: Path) -> None:
    time = Time()
    with peer(judge) as server:
        reviewer = Reviewer(server.client(tmp_path), clock=time)
        assert [reviewer.authorize(token, HERE) for _ in range(50)] == [expected] * 50
        assert reviews(server) == 1
        time.now = 61
        assert reviewer.authorize(token, HERE) == expected
        assert reviews(server) == 2


def test_wrong_tokens_cost_a_request_a_second_and_keep_out_nobody_who_was_allowed_before(tmp_path: Path) -> None:
    time = Time()
    with peer(judge) as server:
        reviewer = Reviewer(server.client(tmp_path), clock=time)
        assert reviewer.authorize("good", HERE) == 200
        answers = [reviewer.authorize(f"wrong {number}", HERE) for number in range(2_000)]
        assert (answers[:9], set(answers[9:])) == ([401] * 9, {429})
        assert reviewer.authorize("good", HERE) == 200
        assert reviews(server) == 10
        time.now = 61
        for number in range(2_000, 4_000):
            reviewer.authorize(f"wrong {number}", HERE)
        assert reviewer.authorize("good", HERE) == 200
        assert reviews(server) == 10 + 10 + 1
        time.now = 62
        assert [reviewer.authorize(f"good {number}", HERE) for number in range(2)] == [200, 429]


def test_a_scraper_whose_token_is_new_is_let_in_while_another_client_guesses(tmp_path: Path) -> None:
    time = Time()
    with peer(judge) as server:
        reviewer = Reviewer(server.client(tmp_path), clock=time)
        for second in range(60):
            time.now = second
            for number in range(20):
                reviewer.authorize(f"wrong {second} {number}", "10.0.0.66")
            assert reviewer.authorize(f"good {second}", HERE) == 200
        assert reviews(server) <= 60 + 10 + 60


def slow_for_strangers(hold: threading.Event, asked_about: threading.Semaphore) -> Callable[[Asked], Say]:
    """Return a server that is asked about a wrong token, and holds its answer back."""

    def answer(asked: Asked) -> Say:
        if asked.path.endswith("/tokenreviews") and asked.body["spec"]["token"] == "wrong":
            asked_about.release()
            hold.wait(20)
        return judge(asked)

    return answer


def test_a_client_whose_reviews_take_long_leaves_a_thread_to_others(tmp_path: Path) -> None:
    hold, asked_about = threading.Event(), threading.Semaphore(0)
    with peer(slow_for_strangers(hold, asked_about)) as server:
        reviewer = Reviewer(server.client(tmp_path), clock=Time())
        thread = threading.Thread(target=reviewer.authorize, args=("wrong", "10.0.0.66"))
        thread.start()
        assert asked_about.acquire(timeout=20)
        assert reviewer.authorize("more", "10.0.0.66") == 429
        assert reviewer.authorize("good", HERE) == 200
        hold.set()
        thread.join(20)
        assert reviewer.authorize("more", "10.0.0.66") == 401


def test_strangers_never_take_all_threads(tmp_path: Path) -> None:
    hold, asked_about = threading.Event(), threading.Semaphore(0)
    with peer(slow_for_strangers(hold, asked_about)) as server:
        time = Time()
        reviewer = Reviewer(server.client(tmp_path), clock=time)
        assert reviewer.authorize("good", HERE) == 200
        threads = [threading.Thread(target=reviewer.authorize, args=("wrong", f"10.0.0.6{n}")) for n in range(2)]
        for thread in threads:
            thread.start()
            assert asked_about.acquire(timeout=20)
        assert reviewer.authorize("another", HERE) == 429
        time.now = 61
        assert reviewer.authorize("good", HERE) == 200
        hold.set()
        for thread in threads:
            thread.join(20)
        assert reviewer.authorize("another", HERE) == 401


def test_an_api_server_that_fails_lets_nobody_in_and_is_asked_again(tmp_path: Path) -> None:
    with peer(lambda asked: Say(status(500), 500)) as server:
        reviewer = Reviewer(server.client(tmp_path))
        assert reviewer.authorize("good", HERE) == 500
        server.script = judge
        assert reviewer.authorize("good", HERE) == 200
