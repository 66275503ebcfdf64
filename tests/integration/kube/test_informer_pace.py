"""However the API server fails, an informer asks it at a bounded pace."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from tests.integration.kube.followed import Clock, Followed, good_list, lists_of, quiet_watch, script, versions
from tests.integration.kube.peer import Say, event, peer, pod, pods, status

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
