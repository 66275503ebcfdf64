"""What the Job controller says about a Job that gets no pod: of this Job, and the last thing it said."""

from __future__ import annotations

from typing import Any

import pytest

from volsync_py.controllers.observe import messages


def event(message: str, uid: str = "this", **times: Any) -> dict[str, Any]:
    meta = {"name": message, "creationTimestamp": "2026-11-24T12:00:00Z"}
    return {"metadata": meta, "involvedObject": {"uid": uid}, "message": message, **times}


def test_the_events_of_an_earlier_job_of_the_same_name_are_not_looked_at() -> None:
    events = [event("old", "earlier", lastTimestamp="2026-11-24T12:30:00Z"), event("new")]
    assert messages(events, "this") == ["new"]


@pytest.mark.parametrize(
    "times",
    [
        {"lastTimestamp": "2026-11-24T12:01:00Z"},
        {"eventTime": "2026-11-24T12:01:00.123456Z", "lastTimestamp": None},
        {"eventTime": "2026-11-24T11:00:00.000000Z", "series": {"lastObservedTime": "2026-11-24T12:01:00.5Z"}},
    ],
)
def test_the_newest_event_is_the_last_one_whatever_its_name(times: dict[str, Any]) -> None:
    assert messages([event("b", **times), event("c"), event("a")], "this")[-1] == "b"
