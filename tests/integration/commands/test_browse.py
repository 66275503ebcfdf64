"""The interactive screen, over a repository that a pod answers for, and on a terminal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Input, Static

from hack.processes import DevCluster, wait_until
from tests.integration.commands.asking import command
from tests.integration.commands.repository import HERE, NAMESPACE, NUMBERS, left
from tests.integration.commands.terminal import on_terminal
from volsync_py.commands.browse.screen import Browser
from volsync_py.commands.common.cluster import connect
from volsync_py.commands.repository.asking import repository


def test_a_file_is_found_in_a_folder_and_downloaded_and_nothing_is_left(asks: DevCluster, tmp_path: Path) -> None:
    async def until(pilot: Pilot[None], seen: Callable[[], bool]) -> None:
        while not seen():
            await pilot.pause(0.05)

    async def story(browser: Browser) -> None:
        def said() -> str:
            return str(browser.query_one("#said", Static).content)

        async with browser.run_test(size=(100, 24)) as pilot:
            await until(pilot, lambda: len(browser.levels) == 1)
            assert len(browser.items) == 3
            await pilot.press("enter")
            await until(pilot, lambda: len(browser.levels) == 2)
            await pilot.press("enter")
            await until(pilot, lambda: len(browser.levels) == 3)
            assert browser.levels[-1].path == "/folder"
            await pilot.press("backspace", "slash", *"numb", "enter")
            assert browser.query_one(Input).value == "numb"
            await pilot.press("d")
            await until(pilot, lambda: "sha256" in said())

    with repository(connect(str(asks.kubeconfig), None, NAMESPACE), "db", "", "0s", "2m") as asked:
        browser = Browser(asked, "db", (asked.host, asked.path), tmp_path, overwrite=False)
        asked.thinks = True
        asked.tell, asked.wait = browser.tell, browser.asker.wait
        asyncio.run(story(browser))
        browser.asker.end()
    assert (tmp_path / "numbers").read_bytes() == NUMBERS
    wait_until("the end of the pod", lambda: not left(asks), 5)


def test_on_a_terminal_it_shows_the_snapshots_and_ends_with_what_it_has_made(asks: DevCluster) -> None:
    with on_terminal(asks.kubeconfig, "browse", "db", *HERE, "--keep", "0s") as terminal:
        terminal.wait_for("snapshots of db")
        terminal.wait_for("t2")
        terminal.type("q")
        assert terminal.process.wait(30) == 0
    wait_until("the end of the pod", lambda: not left(asks), 5)
    # Before the pod has answered: what was begun is taken back.
    with on_terminal(asks.kubeconfig, "browse", "db", *HERE, "--keep", "0s") as terminal:
        terminal.wait_for("asked for")
        wait_until("a Job", lambda: bool(left(asks)))
        terminal.type("\x03")
        assert terminal.process.wait(30) == 130
    wait_until("the end of the pod", lambda: not left(asks), 20)


def test_a_pod_stays_while_the_screen_is_open_and_ends_with_it_when_it_is_killed(asks: DevCluster) -> None:
    with on_terminal(asks.kubeconfig, "browse", "db", *HERE, "--keep", "2m") as terminal:
        terminal.wait_for("t2")
        there = left(asks)
        assert len(there) == 2
        # Somebody else is asked no more, and says so; whoever reads the screen still may.
        assert command(asks.kubeconfig, "snapshots", "db", *HERE, "--keep", "0s").returncode == 0
        terminal.type("\r")
        terminal.wait_for("folder")
        assert left(asks) == there
        terminal.process.kill()
        wait_until("the end of the pod", lambda: not left(asks), 5)


def test_a_screen_that_is_closed_lets_the_pod_wait_as_long_as_was_said(asks: DevCluster) -> None:
    with on_terminal(asks.kubeconfig, "browse", "db", *HERE, "--keep", "1m") as terminal:
        terminal.wait_for("t2")
        there = left(asks)
        terminal.type("q")
        terminal.wait_for("waits 60 s for another question")
        assert terminal.process.wait(30) == 0
    assert command(asks.kubeconfig, "snapshots", "db", *HERE, "--keep", "1m").returncode == 0
    assert left(asks) == there
    assert command(asks.kubeconfig, "snapshots", "db", *HERE, "--keep", "0s").returncode == 0
    wait_until("the end of the pod", lambda: not left(asks), 5)
