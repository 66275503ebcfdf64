"""However the API server fails, an informer loses nothing and tells nothing twice."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from tests.integration.kube.followed import Clock, Followed, good_list, lists_of, quiet_watch, script, versions
from tests.integration.kube.peer import Say, event, peer, pod, pods, status
from volsync_py.kube.informer import Informer
from volsync_py.kube.resources import PODS, VOLUME_SNAPSHOTS, Resource


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
