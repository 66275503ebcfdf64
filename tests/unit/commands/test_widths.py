"""What commands print at 80 and 120 columns, compared with what it has to look like; and that nothing is wider."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from tests.unit.commands import test_checkups, test_snapshot_list, test_takeover
from tests.unit.commands.resources import NOW, WRONG_PASSWORD, source
from tests.unit.commands.test_restore_words import CLAIM, DB, IN_PLACE, MADE, WEB, planned
from tests.unit.commands.test_top import SOURCES, backed_up
from volsync_py.commands.common.gitops import Keeper
from volsync_py.commands.common.shown import as_document, terminal_width
from volsync_py.commands.overview.largest import Largest
from volsync_py.commands.repository.entries import Found, Paths, entry_of
from volsync_py.commands.repository.lock_list import Namespace, lock_of
from volsync_py.commands.repository.looking import Shown, change_line, counted_lines, match_line
from volsync_py.commands.repository.snapshot_list import listed, shown_as
from volsync_py.commands.restore.mounted_by import Mounts
from volsync_py.commands.restore.objects import Undo
from volsync_py.core.names import Role, mover_host_name
from volsync_py.health.columns import Column, table
from volsync_py.health.sharing import healths
from volsync_py.health.verdict import Overview

GOLDEN = Path(__file__).parents[1] / "golden" / "commands"
# As long as Kubernetes, a host and a file system let names be.
NAME = "nightly-of-the-photographs-and-their-thumbnails-" * 5 + "old-office-1"
HOST, FILE = "laptop." * 36, "a name without an end " * 11


# ---- what is printed


def locks(width: int, name: str = "db", host: str = "laptop") -> list[str]:
    db = {"kind": "ReplicationSource", "metadata": {"namespace": "media", "name": name, "uid": "u"}}
    own = mover_host_name(Role.SOURCE, "media", name, "u")
    held = [("ab", own, 1, False), ("cd", host, 40, True), ("ef", host, 2, False), ("12", "volsync-ask-db-x", 1, False)]
    ask = {"metadata": {"name": "volsync-ask-db-x"}, "status": {"phase": "Running"}}
    there = Namespace.of([db], [], [ask])
    lines: list[str] = []
    for identity, who, minutes, exclusive in held:
        when = (datetime(2026, 11, 27, 12, 0, tzinfo=UTC) - timedelta(minutes=minutes)).isoformat()
        raw = {"id": identity * 32, "hostname": who, "pid": 7, "time": when, "exclusive": exclusive}
        lock = lock_of(raw, there, NOW)
        assert lock is not None
        lines += lock.lines(width)
    return lines


def nodes(name: str) -> list[dict[str, Any]]:
    common = {"uid": 1000, "gid": 100, "mtime": "2024-12-24T18:03:11.1234+01:00"}
    folder = f"/2024/{name}/scans"
    return [
        {**common, "path": folder, "type": "dir", "permissions": "drwxr-xr-x"},
        {**common, "path": f"{folder}/cake.jpg", "type": "file", "size": 4_096_000, "permissions": "-rw-r--r--"},
        {**common, "path": f"{folder}/latest", "type": "symlink", "permissions": "lrwxrwxrwx", "uid": 2**31},
    ]


def ls(width: int, capsys: pytest.CaptureFixture[str], name: str = "christmas", *, long: bool = True) -> list[str]:
    paths = Paths(width)
    shown = Shown("table", "/2024", paths, long=long)
    shown.take("".join(json.dumps(node) + "\n" for node in nodes(name)).encode())
    shown.end()
    told = capsys.readouterr()
    return [*told.out.splitlines(), *told.err.splitlines()]


def find(width: int, name: str = "christmas") -> list[str]:
    paths = Paths(width)
    group = Found("9f3c" * 16, tuple(entry for node in nodes(name) if (entry := entry_of(node)) is not None))
    return [*(match_line(group, entry, paths) for entry in group.entries), *filter(None, [paths.hint()])]


def diff(width: int, name: str = "christmas") -> list[str]:
    paths = Paths(width)
    changes = [{"path": f"/2024/{name}/{number}.jpg", "modifier": mark} for number, mark in enumerate("+-MT")]
    return [*(change_line(change, paths) for change in changes), *filter(None, [paths.hint()])]


def stats(width: int, number: int = 5_400_000_000) -> list[str]:
    restored = {"total_file_count": 1200, "total_size": number}
    stored = {"snapshots_count": 13, "total_size": number // 3, "total_uncompressed_size": number // 2}
    return counted_lines(restored, stored)


def top(width: int, name: str = "archive") -> list[str]:
    one = backed_up(name, 2**50, 2**40, "100h2m3.5s", 1234)
    claims = {("media", name): {"status": {"capacity": {"storage": "2Pi"}}}}
    return list(Largest.of([*SOURCES, one], claims, "size", most=0, with_namespace=True).lines(width))


def plan(width: int, name: str = "web") -> list[str]:
    workload = evolve(WEB, name=name, pods=(f"{name}-1", f"{name}-2"))
    mounts = Mounts([workload], [], list(workload.pods))
    in_place = planned(
        claim=name if name != "web" else "db",
        existing=CLAIM,
        mounts=mounts,
        undo=Undo(True, "fast", why="the class is the only one"),
        sources=[DB],
        deletes=True,
        include=["/2024/*", f"/{name}"],
    )
    beside = planned(claim=f"{name}-restored-1", made=MADE)
    return [*in_place.lines(NOW, width), "", *beside.lines(NOW, width)]


def status(width: int, name: str = "db", reason: str = "WrongPassword") -> list[str]:
    failing = {**WRONG_PASSWORD, "reason": reason}
    objects = [source(name, conditions=[failing]), source(f"{name[:-1]}2", spec={"paused": True})]
    seen = Overview(healths(objects, NOW), NOW, "any namespace", with_namespace=True)
    return [*seen.lines(width), "", *seen.table(width)]


def snapshots(width: int, name: str = "volsync") -> list[str]:
    one = {**test_snapshot_list.NEW, "hostname": name, "tags": [name, name]}
    rules = [f"{kind} snapshot" for kind in ("hourly", "oldest daily", "weekly", "monthly", "yearly")]
    group = {"host": name, "keep": [one], "remove": None, "reasons": [{"snapshot": one, "matches": rules}]}
    shown = shown_as(listed(json.dumps([group]).encode(), name, "/data"), NOW, width, hosts=True)
    return [*shown.lines(), *filter(None, [shown.hint()])]


PRINTED: dict[str, Callable[[int], list[str]]] = {
    "locks": locks,
    "find": find,
    "diff": diff,
    "stats": stats,
    "top-wide": top,
    "restore-plan": plan,
}


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("what", [*PRINTED, "ls", "ls-long"])
def test_it_is_printed_as_it_has_to_look_like(what: str, width: int, capsys: pytest.CaptureFixture[str]) -> None:
    lines = PRINTED[what](width) if what in PRINTED else ls(width, capsys, long=what == "ls-long")
    assert "\n".join([*lines, ""]) == (GOLDEN / f"{what}-{width}.txt").read_text(encoding="utf-8")
    assert max(map(len, lines)) <= width


# ---- programs


DOCUMENTS: dict[str, Callable[[], object]] = {
    "doctor": lambda: test_checkups.some().as_json(),
    "snapshots": lambda: [one.as_json() for one in test_snapshot_list.FOUND],
    "takeover-over": lambda: test_takeover.printed("over").as_json(),
    "takeover-back": lambda: test_takeover.printed("back").as_json(),
}


@pytest.mark.parametrize("what", list(DOCUMENTS))
def test_programs_get_it_as_it_has_to_look_like(what: str) -> None:
    text = as_document(DOCUMENTS[what](), "json") + "\n"
    assert text == (GOLDEN / f"{what}.json").read_text(encoding="utf-8")


# ---- names without an end


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_no_line_is_wider_than_the_terminal_whatever_things_are_called(
    width: int, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = {
        "locks": locks(width, NAME, HOST),
        "ls": ls(width, capsys, FILE, long=False),
        "ls -l": ls(max(width, 80), capsys, FILE) if width >= 80 else [],
        "find": find(width, FILE) if width >= 80 else [],
        "diff": diff(width, FILE),
        "stats": stats(width, 10**30) if width >= 80 else [],
        "top": top(width, NAME),
        "status": status(width, NAME, "R" * 200),
        "snapshots": snapshots(width, NAME) if width >= 80 else [],
    }
    for what, lines in printed.items():
        assert [line for line in lines if len(line) > width] == [], what


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_command_of_a_plan_can_be_copied_at_every_width(width: int) -> None:
    # A claim's name that is longer than a line stays whole, alone on its line.
    lines = plan(width, NAME)
    too_wide = [line for line in lines if len(line) > width]
    assert all(line.strip() == f"{NAME}-restored-1" for line in too_wide)
    keeper = Keeper("Flux (kustomization apps)", "flux suspend kustomization apps -n flux-system-of-the-old-office")
    kept = evolve(IN_PLACE, mounts=Mounts([evolve(WEB, keeper=keeper)], [], ["web-1"]))
    text = "\n".join(kept.lines(NOW, width))
    commands = [" ".join(line.split()) for line in text.replace("\\\n", "").splitlines()]
    assert any(keeper.suspend in line for line in commands)
    # What stands behind it is typed at the end, not before.
    assert "undo:" not in lines
    assert max(map(len, text.splitlines())) <= width


# ---- what is no terminal


def test_programs_get_paths_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert terminal_width() is None
    assert Paths(None).line("added   ", path=f"/{FILE}") == f"added     /{FILE}"


# ---- the table


def test_names_are_abridged_before_columns_are_left_out_and_that_is_said() -> None:
    columns = [Column("NAME", least=6), Column("N", right=True), Column("MORE", leaves=1), Column("LESS", leaves=2)]
    rows = [["abcdefghijkl", "1", "more", "less"], ["b", "22", "", ""]]
    assert table(columns, rows, 28).lines() == [
        "NAME           N  MORE  LESS",
        "abcdefghijkl   1  more  less",
        "b             22",
    ]
    assert table(columns, rows, 22).lines()[1] == "abc…kl   1  more  less"
    narrow = table(columns, rows, 21)
    assert narrow.lines()[1] == "abcde…hijkl   1  less"
    assert narrow.hint() == "a wider terminal also shows MORE"
    assert table(columns, rows, 28).hint() == ""
