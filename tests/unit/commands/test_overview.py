"""What `volsync-py status` prints, compared with what it has to look like."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.commands.resources import NOW, SUCCEEDED, WRONG_PASSWORD, destination, said, source
from volsync_py.commands.common.shown import as_document
from volsync_py.commands.overview.one_source import page
from volsync_py.health.sharing import healths
from volsync_py.health.state import health_of
from volsync_py.health.verdict import Overview

GOLDEN = Path(__file__).parents[1] / "golden" / "commands"

FAILED: dict[str, Any] = {
    "conditions": [WRONG_PASSWORD],
    "attempt": {"count": 4, "lastError": {"class": "WrongPassword"}, "nextAttemptTime": "2026-11-27T12:30:00Z"},
}
# Many in one repository.
ONE: dict[str, Any] = {"restic": {"repository": "restic-config"}}
SOME = [
    source(lastSyncTime="2026-11-27T11:48:00Z"),
    source("photos", spec=ONE, **FAILED),
    source("books", "office", lastSyncTime="2026-11-20T10:00:00Z", nextSyncTime="2026-11-20T12:00:00Z"),
    source("mail", "office", conditions=[SUCCEEDED, said("Maintained", "False", "Unreachable", "no answer – wait")]),
    source("wiki", spec={"paused": True}),
    source("chat", lastSyncStartTime="2026-11-27T11:59:30Z"),
    destination(conditions=[said("Healthy", "False", "NoEligibleSnapshot", "none matches – change previous")]),
]
MANY = [source(f"app-{number}", "media", ONE, **FAILED) for number in range(25)] + SOME


def overview(objects: list[dict[str, Any]]) -> Overview:
    return Overview(healths(objects, NOW), NOW, "any namespace", with_namespace=True)


def printed(objects: list[dict[str, Any]], width: int) -> str:
    seen = overview(objects)
    return "\n".join([*seen.lines(width), "", *seen.table(width), ""])


def page_of(obj: dict[str, Any], width: int = 80) -> Iterator[str]:
    return page(obj, health_of(obj, NOW), NOW, width)


def whole_page(width: int) -> str:
    snapshot = {"id": "9f3c" * 16, "time": "2026-11-27T10:59:50Z", "filesNew": 2, "filesUnmodified": 1198}
    obj = source(
        **FAILED,
        lastSyncDuration="41.5s",
        lastSyncStartTime="2026-11-27T11:59:30Z",
        latestMoverStatus={"result": "Failed", "logs": "Fatal: wrong password or no key found\n"},
        restic={
            "repositoryID": "77aa" * 16,
            "lastSnapshot": {**snapshot, "bytesProcessed": 5 * 2**30, "bytesAdded": 1536},
            "snapshots": {"count": 13, "oldest": "2026-11-01T00:00:00Z", "newest": "2026-11-27T10:59:50Z"},
        },
    )
    return "\n".join([*page_of(obj, width), ""])


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("what", ["some", "many", "page"])
def test_it_is_printed_as_it_has_to_look_like(what: str, width: int) -> None:
    text = whole_page(width) if what == "page" else printed({"some": SOME, "many": MANY}[what], width)
    assert text == (GOLDEN / f"status-{what}-{width}.txt").read_text(encoding="utf-8")
    assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize(
    ("objects", "verdict"),
    [
        ([], "no sources and no destinations in any namespace"),
        ([source()], "1 of 1 backed up in the last 24 h, newest 60 minutes ago, nothing needs you"),
        ([destination()], "no sources, 1 destination, nothing needs you"),
        (
            [source(), source("b", lastSyncTime=None, conditions=[WRONG_PASSWORD])],
            "1 of 2 backed up in the last 24 h, newest 60 minutes ago, 1 needs you",
        ),
        ([source(lastSyncTime=None, conditions=[])], "0 of 1 backed up in the last 24 h, 1 new, nothing needs you"),
        (
            [source(name, spec={"paused": True}) for name in "ba"],
            "2 of 2 backed up in the last 24 h, newest 60 minutes ago, 2 paused (media/a, media/b), nothing needs you",
        ),
        (
            [source(name, spec={"paused": True}) for name in "dcba"],
            "4 of 4 backed up in the last 24 h, newest 60 minutes ago, 4 paused, nothing needs you",
        ),
    ],
)
def test_the_first_line_is_the_verdict(objects: list[dict[str, Any]], verdict: str) -> None:
    assert overview(objects).verdict() == verdict


def test_what_is_paused_has_no_next_run_but_a_command_that_resumes_it() -> None:
    paused = source("wiki", nextSyncTime="2026-11-28T00:00:00Z", spec={"paused": True})
    assert any(
        line.split() == ["media/wiki", "paused", "60", "minutes", "ago", "-", "-", "-"]
        for line in overview([paused]).table(120)
    )
    assert "volsync-py resume wiki -n media" in " ".join(page_of(paused))


def test_durations_and_times_have_no_more_digits_than_people_read() -> None:
    stored = {"count": 3, "oldest": "2026-11-01T00:00:00.473520382Z", "newest": "2026-11-27T10:59:50.1Z"}
    text = " ".join(page_of(source(lastSyncDuration="4m38.201465s", restic={"snapshots": stored}), 200))
    assert "took 4m38.2s" in text
    assert "3, from 2026-11-01T00:00:00Z to 2026-11-27T10:59:50Z" in text


def test_those_of_one_cause_and_repository_are_told_together_when_they_are_many() -> None:
    lines = list(overview(MANY).lines(80))
    assert sum(line.startswith("25 of one repository") or "26 of one repository" in line for line in lines) == 1
    assert len(lines) < 40


def test_programs_get_it_as_it_has_to_look_like() -> None:
    text = as_document(overview(SOME).as_json(), "json") + "\n"
    assert text == (GOLDEN / "status-some.json").read_text(encoding="utf-8")


def test_programs_get_all_of_it() -> None:
    document = overview(SOME).as_json()
    assert document["needsYou"] is True
    assert [item["state"] for item in document["items"]] == [str(one.state) for one in overview(SOME).found]
    assert document["items"][1]["nextAttempt"] == "2026-11-27T12:30:00Z"
