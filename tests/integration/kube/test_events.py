"""Events: one for each thing, a series for its repeats, never a flood, and never in the way of the work."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from tests.integration.kube.peer import Asked, Peer, Say, peer, status
from volsync_py.kube.events import EventRecorder

REGARDING = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "ns", "uid": "u"}}


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def recorder(server: Peer, tmp_path: Path, time: Time, **options: Any) -> EventRecorder:
    return EventRecorder(server.client(tmp_path), controller="c", instance="i", clock=time, **options)


def tell(events: EventRecorder, note: str = "told") -> None:
    events.record(REGARDING, type="Warning", reason="Reason", action="Act", note=note)


def stored(asked: Asked) -> Say:
    return Say(asked.body)


def test_an_event_says_who_tells_what_of_whom(tmp_path: Path) -> None:
    with peer(stored) as server:
        tell(recorder(server, tmp_path, Time()))
        (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/apis/events.k8s.io/v1/namespaces/ns/events")
    assert asked.body["regarding"]["uid"] == "u"
    assert (asked.body["reportingController"], asked.body["reportingInstance"]) == ("c", "i")
    assert (asked.body["type"], asked.body["reason"], asked.body["action"]) == ("Warning", "Reason", "Act")


def test_repeats_make_a_series_of_the_same_event(tmp_path: Path) -> None:
    with peer(stored) as server:
        events = recorder(server, tmp_path, Time())
        for _ in range(3):
            tell(events)
        assert [a.method for a in server.asked] == ["POST", "PATCH", "PATCH"]
        assert [a.body["series"]["count"] for a in server.asked[1:]] == [2, 3]


def test_one_thing_is_told_ten_times_an_hour_at_most(tmp_path: Path) -> None:
    time = Time()
    with peer(stored) as server:
        events = recorder(server, tmp_path, time)
        for _ in range(1000):
            tell(events)
        assert len(server.asked) == 10
        time.now += 3601
        tell(events)
        assert len(server.asked) == 11


def test_one_reason_is_told_ten_times_an_hour_whatever_the_notes_are(tmp_path: Path) -> None:
    with peer(stored) as server:
        events = recorder(server, tmp_path, Time())
        for number in range(1000):
            tell(events, f"told {number}")
        assert [a.method for a in server.asked] == ["POST"] * 10
        # Another reason has its own ten.
        events.record(REGARDING, type="Normal", reason="Other", action="Act", note="told")
        assert len(server.asked) == 11


@pytest.mark.parametrize("code", [201, 403])
def test_no_more_series_are_remembered_than_wanted_and_the_limit_holds_all_the_same(tmp_path: Path, code: int) -> None:
    with peer(lambda asked: Say(asked.body if code == 201 else status(code), code)) as server:
        events = recorder(server, tmp_path, Time(), most_series=2)
        for note in ("told", "one", "two", "told"):
            tell(events, note)
        # Forgotten: it begins anew.
        assert [a.method for a in server.asked] == ["POST"] * 4
        for _ in range(10):
            tell(events)
        assert len(server.asked) == 10


def about(number: int) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "ns", "uid": f"u{number}"}}


def test_a_limit_is_never_forgotten_before_its_hour_ends_however_many_there_are(tmp_path: Path) -> None:
    time, dropped = Time(), []

    def tell_of(number: int) -> None:
        events.record(about(number), type="Warning", reason="Reason", action="Act", note="told")

    with peer(stored) as server:
        events = recorder(
            server, tmp_path, time, most_counted=3, most_uncounted=5, on_drop=lambda: dropped.append(time.now)
        )
        for _ in range(20):
            for number in range(10):
                tell_of(number)
        # Three have their own ten; the others share five.
        assert len(server.asked) == 35
        assert len(dropped) == 165
        time.now = 3601
        for number in range(10):
            tell_of(number)
        assert len(server.asked) == 43


def test_what_is_told_at_the_same_time_is_counted_all_the_same(tmp_path: Path) -> None:
    with peer(stored) as server:
        events = recorder(server, tmp_path, Time())
        tell(events)
        threads = [threading.Thread(target=tell, args=(events,)) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        repeats = [a for a in server.asked if a.method == "PATCH"]
        assert len(server.asked) == 10
        assert sorted(a.body["series"]["count"] for a in repeats) == list(range(2, 11))


def test_a_long_note_is_cut_where_a_character_ends(tmp_path: Path) -> None:
    with peer(stored) as server:
        tell(recorder(server, tmp_path, Time()), "ü" * 2000)
        note = server.asked[0].body["note"]
    assert set(note) == {"ü"}
    assert len(note.encode()) <= 1024


@pytest.mark.parametrize("say", [Say(status(500), 500), Say(status(403), 403), Say()])
def test_what_cannot_be_told_is_forgotten_and_told_anew_when_it_comes_again(tmp_path: Path, say: Say) -> None:
    answers = [say, None, say, None]

    def script(asked: Asked) -> Say:
        return answers.pop(0) or Say(asked.body)

    with peer(script) as server:
        events = recorder(server, tmp_path, Time())
        for _ in range(4):
            tell(events)
        # Refused, told, its repeat refused, told anew.
        assert [a.method for a in server.asked] == ["POST", "POST", "PATCH", "POST"]
