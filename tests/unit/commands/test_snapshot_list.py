"""The snapshots of a repository, as people see them and choose one."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from volsync_py.commands.repository.snapshot_list import chosen, listed, shown_as, verdict
from volsync_py.core.selection import SelectionError

GOLDEN = Path(__file__).parents[1] / "golden" / "commands"
NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)


def snapshot(number: int, day: int, host: str = "volsync", tags: Any = None, **summary: Any) -> dict[str, Any]:
    counted = {"files_new": 3, "files_changed": 12, "total_bytes_processed": 5_400_000_000, "data_added_packed": 1536}
    return {
        "id": f"{number:x}" * 64,
        "time": f"2026-11-{day:02}T03:00:00.123456789+01:00",
        "hostname": host,
        "paths": ["/data"],
        "tags": tags,
        "summary": {**counted, **summary},
    }


NEW, OLD, OLDEST = snapshot(3, 27), snapshot(2, 20, tags=["before-upgrade", "\x1b[2Jx"]), snapshot(1, 1)
OTHER = snapshot(10, 26, host="laptop")
GROUPS = [
    {
        "host": "volsync",
        "keep": [NEW, OLD],
        "remove": [OLDEST],
        "reasons": [
            {"snapshot": NEW, "matches": ["daily snapshot", "weekly snapshot"]},
            {"snapshot": OLD, "matches": ["oldest daily snapshot"]},
        ],
    },
    {
        "host": "laptop",
        "keep": [OTHER],
        "remove": None,
        "reasons": [{"snapshot": OTHER, "matches": ["daily snapshot"]}],
    },
]
FOUND = listed(json.dumps(GROUPS).encode(), "volsync", "/data")


def test_both_answers_of_restics_are_one_list() -> None:
    plain_list = listed(json.dumps([NEW, OTHER, OLD, OLDEST]).encode(), "volsync", "/data")
    assert [one.id for one in plain_list] == [one.id for one in FOUND]
    assert [one.kept_by for one in plain_list] == [None] * 4
    assert [one.kept_by for one in FOUND] == [
        (),
        ("oldest daily snapshot",),
        None,
        ("daily snapshot", "weekly snapshot"),
    ]
    assert [one.own for one in FOUND] == [True, True, False, True]


@pytest.mark.parametrize("answer", [b"", b"null", b"[1, {}]", b'[{"keep": [{"id": "x"}]}]', b"{"])
def test_what_is_no_list_of_snapshots_is_an_empty_one(answer: bytes) -> None:
    assert listed(answer, "volsync", "/data") == []


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("hosts", [False, True])
def test_the_table(width: int, hosts: bool) -> None:
    shown = [one for one in FOUND if one.own or hosts]
    fits = shown_as(shown, NOW, width, hosts=hosts)
    lines = [*fits.lines(), *([fits.hint()] if fits.hint() else []), verdict(FOUND, shown)]
    assert all(len(line) <= width for line in lines[:-1])
    golden = GOLDEN / f"snapshots{'-hosts' if hosts else ''}-{width}.txt"
    assert "\n".join(lines) + "\n" == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("word", "more", "expected"),
    [
        ("", {}, "3"),
        ("latest", {}, "3"),
        ("latest", {"previous": 1}, "2"),
        ("", {"at": "2026-11-21T00:00:00Z"}, "2"),
        ("11", {}, "1"),
        ("aa", {}, "a"),
    ],
)
def test_a_snapshot_is_meant_by_the_words_of_a_restore(word: str, more: Any, expected: str) -> None:
    assert chosen(FOUND, word, "volsync", "/data", **more)["id"][0] == expected


@pytest.mark.parametrize("word", ["ffff", ""])
def test_none_is_said_with_the_next_step(word: str) -> None:
    with pytest.raises(SelectionError, match="volsync-py snapshots lists them"):
        chosen(FOUND, word, "volsync", "/data", at="2020-01-01T00:00:00Z" if not word else "")
