"""However the API server fails, an informer loses nothing, tells nothing twice, and asks at a bounded pace."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
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

    def __init__(
        self, client: Client, resource: Resource = PODS, *, pauses: int = 12, clock: Clock | None = None, **options: Any
    ) -> None:
        self.clock = clock or Clock(most=pauses)
        self.errors: list[str] = []
        self.told: list[tuple[str, str]] = []
        self.news = threading.Condition()
        self.informer = Informer(
            client,
            resource,
            on_error=self._failed,
            clock=self.clock.read,
            wait=self.clock.wait,
            **options,
        )
        self.clock.stop = self.informer.stop
        self.informer.add_handler(self._handle)
        self.thread = threading.Thread(target=self.informer.run, daemon=True)
        self.thread.start()

    def _failed(self, resource: Resource, error: Exception) -> None:
        with self.news:
            self.errors.append(type(error).__name__)
            self.news.notify_all()

    def _handle(self, old: dict[str, Any] | None, new: dict[str, Any] | None) -> None:
        what = "gone" if new is None else "new" if old is None else "changed"
        with self.news:
            self.told.append((what, (new or old or {})["metadata"]["name"]))
            self.news.notify_all()

    def wait_told(self, number: int) -> None:
        with self.news:
            assert self.news.wait_for(lambda: len(self.told) >= number, 20), self.told

    def wait_errors(self, number: int) -> None:
        with self.news:
            assert self.news.wait_for(lambda: len(self.errors) >= number, 20), self.errors

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


def versions(asked: list[Asked]) -> list[str]:
    """Return where each watch began."""
    return [a.query["resourceVersion"] for a in asked if a.is_watch]


def lists_of(asked: list[Asked]) -> list[Asked]:
    return [a for a in asked if not a.is_watch]


def quiet_watch(number: int) -> Say:
    return Say(lines=(), hold=True)


FAILURES = {
    "cut off": Say(),
    "401": Say(status(401), 401),
    "403": Say(status(403), 403),
    "429": Say(status(429), 429),
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
        assert pauses[4] >= 12.8
        at_the_longest(pauses[5:])
        asked = [a for a in server.asked if a.is_watch == (where == "watch")]
        assert len(asked) == len(pauses)
        # Each is reported, besides the lines that make no sense.
        assert sum(error != "ValueError" for error in followed.errors) == len(pauses)


def at_the_longest(pauses: list[float]) -> None:
    """Check that these are the longest pauses, and that no two are alike."""
    assert all(20.0 <= pause <= 30.0 for pause in pauses), pauses
    assert len(set(pauses)) == len(pauses)


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
        assert versions(server.asked) == ["10", "30"]
        # Both lists are of the most recent version: a cached one might be as old as what has expired.
        assert [a.query.get("resourceVersion") for a in lists_of(server.asked)] == [None, None]
        assert followed.errors == ["Expired"]
        followed.informer.stop()


@pytest.mark.parametrize("how", ["status", "event"])
def test_a_server_that_expires_everything_is_not_hammered(tmp_path: Path, how: str) -> None:
    gone = Say(status(410, "Expired"), 410) if how == "status" else Say(lines=(event("ERROR", status(410, "Expired")),))
    with peer(script(lists=good_list, watches=lambda n: gone)) as server:
        followed = Followed(server.client(tmp_path))
        assert followed.clock.enough.wait(20)
        at_the_longest(followed.clock.pauses[5:])
        # A list and a watch for each pause.
        assert len(server.asked) == 2 * len(followed.clock.pauses)
        assert followed.told == [("new", "a")]
        assert set(followed.errors) == {"Expired"}


@pytest.mark.parametrize("where", ["list", "watch"])
@pytest.mark.parametrize(
    ("retry_after", "at_least", "at_most"),
    [
        ("17", 17.0, 17.0),
        # A mistake, or malice: a minute is enough.
        ("86400", 60.0, 60.0),
        (format_datetime(datetime.now(UTC) + timedelta(days=1), usegmt=True), 60.0, 60.0),
        # Already over, or no sense: the pace of any other failure.
        (format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True), 0.8, 4.8),
        ("soon", 0.8, 4.8),
    ],
)
def test_429_waits_as_long_as_the_server_asks_for_but_not_longer_than_a_minute(
    tmp_path: Path, where: str, retry_after: str, at_least: float, at_most: float
) -> None:
    busy = Say(status(429, "TooManyRequests"), 429, {"Retry-After": retry_after})
    answers = script(
        lists=(lambda n: busy) if where == "list" else good_list,
        watches=(lambda n: busy) if where == "watch" else quiet_watch,
    )
    with peer(answers) as server:
        followed = Followed(server.client(tmp_path), pauses=3)
        assert followed.clock.enough.wait(20)
        assert all(at_least <= pause <= at_most for pause in followed.clock.pauses)
        assert sum(a.is_watch == (where == "watch") for a in server.asked) == 3
        assert followed.errors == ["TooManyRequests"] * 3


def test_streams_that_end_at_once_are_opened_again_no_faster_than_failures(tmp_path: Path) -> None:
    with peer(script(lists=good_list, watches=lambda n: Say(lines=()))) as server:
        followed = Followed(server.client(tmp_path))
        assert followed.clock.enough.wait(20)
        assert all(pause >= 0.8 for pause in followed.clock.pauses)
        at_the_longest(followed.clock.pauses[5:])
        assert versions(server.asked) == ["10"] * 12
        assert followed.errors == ["Unreachable"] * 12


def test_a_watch_that_ends_after_its_time_goes_on_without_a_pause(tmp_path: Path) -> None:
    clock = Clock()

    def watches(number: int) -> Say:
        if number == 3:
            return quiet_watch(number)
        # So long it was open.
        clock.now += 400
        return Say(lines=(event("BOOKMARK", {"metadata": {"resourceVersion": str(20 + number)}}),))

    with peer(script(lists=good_list, watches=watches)) as server:
        followed = Followed(server.client(tmp_path), clock=clock)
        server.wait_for(4, lambda a: a.is_watch)
        assert versions(server.asked) == ["10", "20", "21", "22"]
        assert clock.pauses == []
        assert followed.errors == []
        followed.informer.stop()


def test_the_first_failure_after_two_good_minutes_is_met_with_a_short_pause(tmp_path: Path) -> None:
    clock = Clock(most=8)

    def watches(number: int) -> Say:
        if number == 6:
            clock.now += 200
            return Say(lines=())
        return Say(status(500), 500)

    with peer(script(lists=good_list, watches=watches)) as server:
        Followed(server.client(tmp_path), clock=clock)
        assert clock.enough.wait(20)
        assert clock.pauses[5] >= 20.0
        assert clock.pauses[6] <= 1.2
        assert clock.pauses[7] <= 2.4
        assert len(versions(server.asked)) == 9


@pytest.mark.parametrize("code", [500, 403, 429])
def test_an_error_in_a_stream_loses_and_repeats_nothing(tmp_path: Path, code: int) -> None:
    def watches(number: int) -> Say:
        if number == 0:
            return Say(lines=(event("ADDED", pod("b", 11)), event("ERROR", status(code))))
        return quiet_watch(number)

    with peer(script(lists=good_list, watches=watches)) as server:
        followed = Followed(server.client(tmp_path))
        server.wait_for(2, lambda a: a.is_watch)
        assert versions(server.asked) == ["10", "11"]
        assert len(lists_of(server.asked)) == 1
        assert followed.told == [("new", "a"), ("new", "b")]
        assert len(followed.errors) == 1
        (pause,) = followed.clock.pauses
        assert 0.8 <= pause <= 1.2
        followed.informer.stop()


def test_a_stream_whose_peer_is_gone_is_given_up_and_goes_on_where_it_was(tmp_path: Path) -> None:
    def watches(number: int) -> Say:
        # It says something, and then neither goes on nor ends.
        return Say(lines=(event("ADDED", pod("b", 11)),), hold=True) if number == 0 else quiet_watch(number)

    with peer(script(lists=good_list, watches=watches)) as server:
        followed = Followed(server.client(tmp_path, watch_margin_seconds=0.3), watch_seconds=(0, 0))
        server.wait_for(2, lambda a: a.is_watch)
        assert versions(server.asked)[:2] == ["10", "11"]
        assert len(lists_of(server.asked)) == 1
        assert followed.told == [("new", "a"), ("new", "b")]
        followed.informer.stop()


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
        assert versions(server.asked) == ["10", "20", "21"]
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
        # No JSON, no object, no name, no metadata.
        assert followed.errors == ["ValueError"] * 4
        followed.informer.stop()


def test_an_object_that_cannot_be_digested_keeps_no_other_out_and_changes_nothing(tmp_path: Path) -> None:
    def transform(one: dict[str, Any]) -> dict[str, Any]:
        if one.get("spec") == "bad":
            raise TypeError("bad")
        return one

    def size(one: dict[str, Any]) -> list[str]:
        if one.get("spec") == "worse":
            raise AttributeError("worse")
        return []

    page = pods(10, pod("a", 5), {**pod("x", 6), "spec": "bad"}, {**pod("y", 7), "spec": "worse"}, pod("b", 8))
    page["items"] += [None, {"metadata": {"name": "z", "namespace": {}}}]
    lines = (
        event("MODIFIED", {**pod("a", 11), "spec": "bad"}),
        event("ADDED", {**pod("z", 12), "spec": "worse"}),
        event("ADDED", pod("c", 13)),
    )
    with peer(script(lists=lambda n: Say(page), watches=lambda n: Say(lines=lines, hold=True))) as server:
        followed = Followed(server.client(tmp_path), transform=transform, indexers={"size": size})
        followed.wait_told(3)
        assert followed.told == [("new", "a"), ("new", "b"), ("new", "c")]
        assert followed.names() == ["a", "b", "c"]
        assert [o["metadata"]["resourceVersion"] for o in followed.informer.store.list()] == ["5", "8", "13"]
        assert sorted(followed.errors) == ["AttributeError"] * 2 + ["TypeError"] * 2 + ["ValueError"] * 2
        assert followed.clock.pauses == []
        assert len(server.asked) == 2
        followed.informer.stop()


def test_a_handler_that_fails_keeps_no_other_from_hearing(tmp_path: Path) -> None:
    def broken(old: Any, new: Any) -> None:
        raise KeyError("broken")

    heard: list[str] = []
    lines = (event("ADDED", pod("b", 11)), event("DELETED", pod("b", 12)))
    with peer(script(lists=good_list, watches=lambda n: Say(lines=lines, hold=True))) as server:
        client = server.client(tmp_path)
        errors: list[str] = []
        done = threading.Event()
        informer = Informer(client, PODS, on_error=lambda resource, error: errors.append(type(error).__name__))

        def hear(old: Any, new: Any) -> None:
            heard.append((new or old)["metadata"]["name"])
            if new is None:
                done.set()

        informer.add_handler(broken)
        informer.add_handler(hear)
        informer.start()
        assert done.wait(20)
        assert heard == ["a", "b", "b"]
        assert errors == ["KeyError"] * 3
        assert len(server.asked) == 2
        informer.stop()


def test_a_hook_that_fails_ends_nothing(tmp_path: Path) -> None:
    def broken(resource: Resource, error: Exception) -> None:
        raise ValueError("broken")

    def observe(verb: str, resource: str, code: str, seconds: float) -> None:
        raise ValueError("broken too")

    with peer(script(lists=lambda n: good_list(n) if n else Say(status(500), 500), watches=quiet_watch)) as server:
        clock = Clock(most=1000)
        client = server.client(tmp_path, observer=observe)
        informer = Informer(client, PODS, on_error=broken, clock=clock.read, wait=clock.wait)
        informer.start()
        server.wait_for(1, lambda a: a.is_watch)
        assert informer.has_synced
        assert len(lists_of(server.asked)) == 2
        informer.stop()


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


def test_a_list_whose_pages_always_expire_is_begun_again_at_the_pace_of_failures(tmp_path: Path) -> None:
    def lists(number: int) -> Say:
        return Say(status(410, "Expired"), 410) if number % 2 else Say(pods(10, pod("a", 1), token="more"))

    with peer(script(lists=lists, watches=quiet_watch)) as server:
        followed = Followed(server.client(tmp_path))
        assert followed.clock.enough.wait(20)
        assert [a.query.get("continue", "") for a in server.asked] == ["", "more"] * 12
        at_the_longest(followed.clock.pauses[5:])
        assert not followed.informer.has_synced
        assert followed.told == []


def test_an_optional_api_that_is_not_served_is_empty_and_looked_for_every_minute(tmp_path: Path) -> None:
    with peer(lambda asked: Say(status(404, "NotFound"), 404)) as server:
        followed = Followed(server.client(tmp_path), VOLUME_SNAPSHOTS, optional=True, pauses=3)
        assert followed.clock.enough.wait(20)
        assert followed.informer.has_synced
        assert followed.names() == []
        assert followed.clock.pauses == [60.0, 60.0, 60.0]
        assert len(server.asked) == 3
        assert followed.errors == []


def test_an_optional_api_that_appears_is_read_and_one_that_goes_takes_its_objects_along(tmp_path: Path) -> None:
    absent = Say(status(404, "NotFound"), 404)

    def lists(number: int) -> Say:
        return good_list(number) if number in (1, 3) else absent

    def watches(number: int) -> Say:
        return absent if number == 0 else Say(lines=(event("ADDED", pod("b", 11)),), hold=True)

    with peer(script(lists=lists, watches=watches)) as server:
        followed = Followed(server.client(tmp_path), VOLUME_SNAPSHOTS, optional=True)
        followed.wait_told(4)
        # The same object at the same version comes back with its API.
        assert followed.told == [("new", "a"), ("gone", "a"), ("new", "a"), ("new", "b")]
        assert followed.clock.pauses == [60.0, 60.0, 60.0]
        assert [a.is_watch for a in server.asked] == [False, False, True, False, False, True]
        assert followed.names() == ["a", "b"]
        assert followed.errors == []
        followed.informer.stop()


def test_an_api_that_must_be_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with peer(lambda asked: Say(status(404, "NotFound"), 404)) as server:
        followed = Followed(server.client(tmp_path), pauses=3)
        assert followed.clock.enough.wait(20)
        assert not followed.informer.has_synced
        assert followed.errors == ["NotFound"] * 3


def test_the_end_ends_a_watch_that_hangs(tmp_path: Path) -> None:
    hangs = Say(lines=(event("ADDED", pod("b", 11)),), hold=True)
    with peer(script(lists=good_list, watches=lambda n: hangs)) as server:
        client = server.client(tmp_path)
        followed = Followed(client)
        followed.wait_told(2)
        followed.informer.stop()
        client.shut_down()
        followed.thread.join(20)
        assert not followed.thread.is_alive()
        assert len(server.asked) == 2
    assert followed.clock.pauses == []
    assert followed.errors == []


def test_after_the_end_a_list_that_hung_is_neither_taken_nor_asked_for_again(tmp_path: Path) -> None:
    answer = threading.Event()

    def lists(number: int) -> Say:
        assert answer.wait(20)
        return Say(status(500), 500)

    with peer(script(lists=lists, watches=quiet_watch)) as server:
        client = server.client(tmp_path)
        followed = Followed(client)
        server.wait_for(1)
        followed.informer.stop()
        answer.set()
        followed.thread.join(20)
        assert not followed.thread.is_alive()
        assert len(server.asked) == 1
    assert followed.clock.pauses == []
    assert followed.errors == []
