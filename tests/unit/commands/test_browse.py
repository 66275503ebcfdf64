"""The screen of `browse`, typed at by textual's own pilot, over a repository in memory."""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from attrs import define, field
from textual.pilot import Pilot
from textual.widgets import DataTable, Static

from volsync_py.commands.browse import asker, levels
from volsync_py.commands.browse.levels import MOST_KEPT, MOST_SHOWN
from volsync_py.commands.browse.screen import Browser, Words
from volsync_py.commands.common.answer import Answer
from volsync_py.contract.questions import Ending, Kind, Question

ID = "3" * 64
OWN = ("volsync", "/data")
SNAPSHOT = {"id": ID, "time": "2026-11-27T03:00:00Z", "hostname": "volsync", "paths": ["/data"], "tags": ["[red]t"]}
HASH = hashlib.sha256(b"hello\n").hexdigest()
HOSTILE = "/[bold]x[@]\x1b[2J\n"


def entry(path: str, kind: str = "file", size: int = 6) -> dict[str, Any]:
    return {"path": path, "type": kind, "size": size, "permissions": "-rw-r--r--", "mtime": "2026-11-27T01:02:03Z"}


@define
class InMemory:
    """A repository of one snapshot; an answer is held back until `go` is set."""

    folders: dict[str, list[dict[str, Any]]]
    files: dict[str, bytes] = field(factory=dict)
    asked: list[str] = field(factory=list)
    go: threading.Event = field(factory=threading.Event)
    cut: bool = False

    def ask(self, question: Question, to: Callable[[bytes], object]) -> Ending:
        path = question.paths[0] if question.paths else ""
        self.asked.append(f"{question.kind} {path}".strip())
        while not self.go.wait(0.01):
            to(b"")
        if path and path not in {**self.folders, **self.files}:
            raise click.ClickException(f"StorageUnavailable: {path} is not answered")
        if question.kind == Kind.SNAPSHOTS:
            answer = json.dumps([SNAPSHOT]).encode()
        elif question.kind == Kind.FILE:
            answer = self.files[path]
        else:
            answer = b"".join(json.dumps(one).encode() + b"\n" for one in self.folders[path])
        taken = Answer(to)
        taken.output(answer[1:] if self.cut else answer)
        taken.error(Ending(len(answer), hashlib.sha256(answer).hexdigest()).to_json().encode())
        ending = taken.ended(0)
        assert ending is not None
        return ending


Story = Callable[[Pilot[None], Browser, InMemory], Any]


def told(repository: InMemory, folder: Path, story: Story) -> None:
    """Run a story on the screen of a repository."""

    async def run() -> None:
        browser = Browser(repository, "db", OWN, folder, overwrite=False)
        async with browser.run_test(size=(100, 24)) as pilot:
            await story(pilot, browser, repository)
        browser.asker.end()
        assert browser.asker.defect is None

    asyncio.run(run())


def on(browser: Browser, name: str) -> str:
    return str(browser.screen_stack[0].query_one(name, Static).content)


def rows(browser: Browser) -> list[list[str]]:
    table: DataTable[Any] = browser.screen_stack[0].query_one(DataTable)
    return [[cell.plain for cell in table.get_row_at(number)] for number in range(table.row_count)]


async def until(pilot: Pilot[None], said: Callable[[], bool]) -> None:
    # A test that waited for ever would take its screen with it, and be ended by force.
    for _ in range(1000):
        if said():
            return
        await pilot.pause(0.01)
    raise AssertionError("it does not come")


async def opened(pilot: Pilot[None], browser: Browser, repository: InMemory) -> None:
    """Open the first snapshot."""
    repository.go.set()
    await until(pilot, lambda: len(browser.levels) == 1)
    await pilot.press("enter")
    await until(pilot, lambda: len(browser.levels) == 2)


FOLDERS = {
    "/": [entry("/a.txt"), entry(HOSTILE), entry("/away", "dir"), entry("/folder", "dir")],
    "/folder": [entry("/folder", "dir"), entry("/folder/b.txt")],
}


def test_a_file_is_found_downloaded_and_proved(tmp_path: Path) -> None:
    async def story(pilot: Pilot[None], browser: Browser, repository: InMemory) -> None:
        await opened(pilot, browser, repository)
        assert [row[0] for row in rows(browser)] == ["away/", "folder/", "[bold]x[@]\ufffd[2J ", "a.txt"]
        await pilot.press("slash", *"a.t", "enter", "d")
        await until(pilot, lambda: "sha256" in on(browser, "#said"))
        assert [row[0] for row in rows(browser)] == ["a.txt"]
        assert on(browser, "#said").endswith(f"sha256 {HASH}: size and hash are those that were sent")
        await pilot.press("d")
        await until(pilot, lambda: "is there already" in on(browser, "#said"))

    told(InMemory(FOLDERS, {"/a.txt": b"hello\n"}), tmp_path, story)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.txt", b"hello\n")]


def test_what_arrives_cut_is_not_kept_and_a_failure_is_a_line(tmp_path: Path) -> None:
    async def story(pilot: Pilot[None], browser: Browser, repository: InMemory) -> None:
        await opened(pilot, browser, repository)
        await pilot.press("enter")
        await until(pilot, lambda: "StorageUnavailable" in on(browser, "#said"))
        repository.cut = True
        await pilot.press("end", "ctrl+end", "d")
        await until(pilot, lambda: "is not what was sent" in on(browser, "#said"))

    told(InMemory(FOLDERS, {"/a.txt": b"hello\n"}), tmp_path, story)
    assert not list(tmp_path.iterdir())


def test_going_back_asks_nothing_and_finds_the_same_row(tmp_path: Path) -> None:
    async def story(pilot: Pilot[None], browser: Browser, repository: InMemory) -> None:
        await opened(pilot, browser, repository)
        await pilot.press("down", "enter")
        await until(pilot, lambda: len(browser.levels) == 3)
        assert [row[0] for row in rows(browser)] == ["b.txt"]
        await pilot.press("backspace")
        assert browser.query_one(DataTable).cursor_row == 1
        await pilot.press("left", "left")
        assert len(browser.levels) == 1
        assert rows(browser)[0][4] == "[red]t"
        assert repository.asked == ["snapshots", "ls /", "ls /folder"]

    told(InMemory(FOLDERS), tmp_path, story)


def test_the_screen_answers_while_the_repository_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Pieces of no length, which no pod sends, would be told of on a slow machine.
    monkeypatch.setattr(asker, "_TELL_SECONDS", math.inf)

    async def story(pilot: Pilot[None], browser: Browser, repository: InMemory) -> None:
        await until(pilot, lambda: repository.asked == ["snapshots"])
        assert "a pod is started if none waits" in on(browser, "#said")
        browser.tell("waiting for the pod: [b]its pod starts")
        await until(pilot, lambda: on(browser, "#said") == "waiting for the pod: [b]its pod starts")
        await pilot.press("question_mark")
        assert isinstance(browser.screen, Words)
        await pilot.press("escape", "escape")
        await until(pilot, lambda: on(browser, "#said") == "the snapshots: stopped")

    told(InMemory(FOLDERS), tmp_path, story)


def test_a_folder_of_very_many_is_bounded_and_says_so() -> None:
    repository = InMemory({"/": [entry(f"/{number:06}") for number in range(MOST_KEPT + 5)]})
    repository.go.set()
    level = levels.folder(repository, ID, "/")
    assert (len(level.items), level.more) == (MOST_KEPT, True)
    shown, said = level.shown()
    assert len(shown) == MOST_SHOWN
    assert said == (
        f"the first {MOST_SHOWN} of {MOST_KEPT} are shown: / filters; "
        f"only the first {MOST_KEPT} entries were read: volsync-py find looks through all"
    )
    level.filter = "099999"
    assert [levels.cells(one)[0] for one in level.shown()[0]] == ["099999"]


@pytest.mark.parametrize(
    ("before", "code", "said"),
    [
        ("sys.modules['textual'] = None", 1, "pip install 'volsync-py[browse]'"),
        ("", 2, "browse needs a terminal"),
    ],
)
def test_what_it_lacks_is_a_sentence(before: str, code: int, said: str) -> None:
    program = f"import sys; {before}\nfrom volsync_py.cli import main\nsys.exit(main(['browse', 'db']))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, said in done.stderr, done.stdout) == (code, True, ""), done.stderr
