"""However the API server fails, an informer loses nothing, tells nothing twice, and asks at a bounded pace."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from tests.integration.kube.peer import Asked, Say, event, peer, pod, pods, status
from volsync_py.kube.client import Client
from volsync_py.kube.informer import Informer
from volsync_py.kube.resources import PODS, VOLUME_SNAPSHOTS, Resource


@define
class Clock:
    """Time that passes only while the informer waits, so that a test sees every pause and waits for none."""

    now: float = 1000.0
    pauses: list[float] = field(factory=list)
    most: int = 12
    enough: threading.Event = field(factory=threading.Event)
    stop: Callable[[], None] = lambda: None

    def read(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        self.pauses.append(seconds)
        if len(self.pauses) >= self.most:
            self.stop()
            self.enough.set()
            return True
        return False


class Followed:
    """An informer and what its handler was told."""

    def __init__(self, client: Client, resource: Resource = PODS, *, optional: bool = False, pauses: int = 12) -> None:
        self.clock = Clock(most=pauses)
        self.errors: list[str] = []
        self.told: list[tuple[str, str]] = []
        self.news = threading.Condition()
        self.informer = Informer(
            client,
            resource,
            optional=optional,
            on_error=lambda resource, error: self.errors.append(type(error).__name__),
            clock=self.clock.read,
            wait=self.clock.wait,
        )
        self.clock.stop = self.informer.stop
        self.informer.add_handler(self._handle)
        self.informer.start()

    def _handle(self, old: dict[str, Any] | None, new: dict[str, Any] | None) -> None:
        what = "gone" if new is None else "new" if old is None else "changed"
        with self.news:
            self.told.append((what, (new or old or {})["metadata"]["name"]))
            self.news.notify_all()

    def wait_told(self, number: int) -> None:
        with self.news:
            assert self.news.wait_for(lambda: len(self.told) >= number, 20), self.told

    def names(self) -> list[str]:
        return sorted(o["metadata"]["name"] for o in self.informer.store.list())


def script(*, lists: Callable[[int], Say], watches: Callable[[int], Say]) -> Callable[[Asked], Say]:
    """Return a script that answers the n-th list and the n-th watch."""
    counts = {"list": 0, "watch": 0}

    def answer(asked: Asked) -> Say:
        kind = "watch" if asked.is_watch else "list"
        number = counts[kind]
        counts[kind] += 1
        return (watches if kind == "watch" else lists)(number)

    return answer


def good_list(number: int) -> Say:
    return Say(pods(10, pod("a", 5)))


def quiet_watch(number: int) -> Say:
    return Say(lines=(), hold=True)


FAILURES = {
    "cut off": Say(),
    "401": Say(status(401), 401),
    "403": Say(status(403), 403),
    "500": Say(status(500), 500),
    "503 without a body": Say(b"", 503),
    "no JSON": Say(b"<html>", 200),
    "half a document": Say(b'{"items": [', cut=True),
}


@pytest.mark.parametrize("what", FAILURES)
@pytest.mark.parametrize("where", ["list", "watch"])
def test_failures_are_met_with_pauses_that_double_up_to_half_a_minute(tmp_path: Path, what: str, where: str) -> None:
    bad = FAILURES[what]
    if where == "watch" and bad.code == 200 and bad.body is not None:
        bad = Say(lines=(bytes(bad.body) + b"\n",), cut=bad.cut)
    answers = (
        script(lists=lambda n: bad, watches=quiet_watch)
        if where == "list"
        else script(lists=good_list, watches=lambda n: bad)
    )
    with peer(answers) as server:
        followed = Followed(server.client(tmp_path))
        assert followed.clock.enough.wait(20)
        pauses = followed.clock.pauses
        assert all(0.8 <= pause <= 30.0 for pause in pauses)
        assert pauses[0] <= 1.2
        # The sixth failure comes after 0.8 · 2⁵ seconds at least, and then it stays at thirty.
        assert pauses[5] >= 25.6
        assert set(pauses[7:]) == {30.0}
        asked = [a for a in server.asked if a.is_watch == (where == "watch")]
        assert len(asked) <= len(pauses) + 1


def test_a_server_that_is_not_there_is_asked_at_the_same_pace(tmp_path: Path) -> None:
    with peer(lambda asked: Say()) as server:
        client = server.client(tmp_path)
    followed = Followed(client)
    assert followed.clock.enough.wait(20)
    assert followed.errors == ["Unreachable"] * 12
    assert sum(followed.clock.pauses) > 150


def test_an_expired_watch_is_cured_by_a_list_that_tells_only_what_differs(tmp_path: Path) -> None:
    def lists(number: int) -> Say:
        return Say(pods(10, pod("a", 5), pod("b", 6)) if number == 0 else pods(30, pod("b", 6), pod("c", 25)))

    def watches(number: int) -> Say:
        return Say(lines=(event("ERROR", status(410, "Expired")),)) if number == 0 else quiet_watch(number)

    with peer(script(lists=lists, watches=watches)) as server:
        followed = Followed(server.client(tmp_path))
        followed.wait_told(4)
        assert sorted(followed.told[:2]) == [("new", "a"), ("new", "b")]
        assert sorted(followed.told[2:]) == [("gone", "a"), ("new", "c")]
        server.wait_for(2, lambda a: a.is_watch)
        assert [a.query["resourceVersion"] for a in server.asked if a.is_watch] == ["10", "30"]
        followed.informer.stop()


@pytest.mark.parametrize("how", ["status", "event"])
def test_a_server_that_expires_everything_is_not_hammered(tmp_path: Path, how: str) -> None:
    gone = Say(status(410, "Expired"), 410) if how == "status" else Say(lines=(event("ERROR", status(410, "Expired")),))
    with peer(script(lists=good_list, watches=lambda n: gone)) as server:
        followed = Followed(server.client(tmp_path))
        assert followed.clock.enough.wait(20)
        assert set(followed.clock.pauses[7:]) == {30.0}
        assert len(server.asked) <= 2 * len(followed.clock.pauses) + 2
        assert followed.told == [("new", "a")]


def test_429_waits_as_long_as_the_server_asks_for(tmp_path: Path) -> None:
    busy = Say(status(429, "TooManyRequests"), 429, {"Retry-After": "17"})
    with peer(script(lists=good_list, watches=lambda n: busy)) as server:
        followed = Followed(server.client(tmp_path), pauses=3)
        assert followed.clock.enough.wait(20)
        assert followed.clock.pauses == [17.0, 17.0, 17.0]


def test_streams_that_end_at_once_are_opened_again_no_faster_than_failures(tmp_path: Path) -> None:
    with peer(script(lists=good_list, watches=lambda n: Say(lines=()))) as server:
        followed = Followed(server.client(tmp_path))
        assert followed.clock.enough.wait(20)
        assert all(pause >= 0.8 for pause in followed.clock.pauses)
        assert set(followed.clock.pauses[7:]) == {30.0}


def test_a_watch_goes_on_from_the_last_bookmark_and_loses_and_repeats_nothing(tmp_path: Path) -> None:
    def watches(number: int) -> Say:
        if number == 0:
            lines = (event("ADDED", pod("b", 11)), event("BOOKMARK", {"metadata": {"resourceVersion": "20"}}))
            return Say(lines=lines)
        if number == 1:
            # Told again by the server, and something new.
            return Say(lines=(event("ADDED", pod("b", 11)), event("MODIFIED", pod("b", 21))), cut=True)
        return quiet_watch(number)

    with peer(script(lists=good_list, watches=watches)) as server:
        followed = Followed(server.client(tmp_path))
        server.wait_for(3, lambda a: a.is_watch)
        versions = [a.query["resourceVersion"] for a in server.asked if a.is_watch]
        assert versions == ["10", "20", "21"]
        assert [a.query["allowWatchBookmarks"] for a in server.asked if a.is_watch] == ["true"] * 3
        assert sum(not a.is_watch for a in server.asked) == 1
        assert followed.names() == ["a", "b"]
        assert [t for t in followed.told if t[0] == "changed"] == [("changed", "b")]
        followed.informer.stop()


def test_garbage_in_a_stream_is_passed_over_and_what_follows_counts(tmp_path: Path) -> None:
    lines = (
        b"not json\n",
        b'{"type": "ADDED"}\n',
        event("ADDED", {"metadata": {"resourceVersion": "11"}}),
        event("ADDED", {"metadata": None}),
        event("SURPRISE", pod("x", 12)),
        event("ADDED", pod("b", 13))[:20],
        event("ADDED", pod("b", 13))[20:],
    )
    watch = Say(lines=lines, hold=True)
    with peer(script(lists=good_list, watches=lambda n: watch)) as server:
        followed = Followed(server.client(tmp_path))
        followed.wait_told(2)
        assert followed.names() == ["a", "b"]
        assert followed.clock.pauses == []
        followed.informer.stop()


def test_lists_come_in_pages_and_start_again_when_their_token_expires(tmp_path: Path) -> None:
    def lists(number: int) -> Say:
        if number == 0:
            return Say(pods(10, pod("a", 1), token="more"))
        if number == 1:
            return Say(status(410, "Expired"), 410)
        if number == 2:
            return Say(pods(12, pod("a", 1), token="more"))
        return Say(pods(12, pod("b", 2)))

    with peer(script(lists=lists, watches=quiet_watch)) as server:
        followed = Followed(server.client(tmp_path))
        followed.wait_told(2)
        assert followed.names() == ["a", "b"]
        asked = [a.query.get("continue", "") for a in server.asked if not a.is_watch]
        assert asked == ["", "more", "", "more"]
        assert len(followed.clock.pauses) == 1
        followed.informer.stop()


def test_an_optional_api_that_is_not_served_is_empty_and_looked_for_every_minute(tmp_path: Path) -> None:
    with peer(lambda asked: Say(status(404, "NotFound"), 404)) as server:
        followed = Followed(server.client(tmp_path), VOLUME_SNAPSHOTS, optional=True, pauses=3)
        assert followed.clock.enough.wait(20)
        assert followed.informer.has_synced
        assert not followed.informer.available
        assert followed.clock.pauses == [60.0, 60.0, 60.0]
        assert followed.errors == []


def test_an_api_that_must_be_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with peer(lambda asked: Say(status(404, "NotFound"), 404)) as server:
        followed = Followed(server.client(tmp_path), pauses=3)
        assert followed.clock.enough.wait(20)
        assert not followed.informer.has_synced
        assert followed.errors == ["NotFound"] * 3


@pytest.mark.parametrize("where", ["list", "watch"])
def test_shutting_down_ends_an_informer_whose_request_hangs(tmp_path: Path, where: str) -> None:
    hang = Say(hold=True)
    answers = script(lists=(lambda n: hang) if where == "list" else good_list, watches=quiet_watch)
    with peer(answers) as server:
        client = server.client(tmp_path)
        followed = Followed(client)
        server.wait_for(1, lambda a: a.is_watch == (where == "watch"))
        followed.informer.stop()
        client.shut_down()
        asked = len(server.asked)
    assert len(server.asked) == asked
    assert followed.clock.pauses == [] or followed.clock.pauses[0] <= 1.2
