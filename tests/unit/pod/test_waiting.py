"""A pod that waits for questions ends when nobody asks any more."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hack.processes import wait_until
from volsync_py.contract.questions import FIRST_WAIT
from volsync_py.pod.signals import Stop
from volsync_py.pod.waiting import Patience, wait

HOUR = 3600.0


@pytest.mark.parametrize(
    ("ends", "until"),
    [
        ([], 2.5),
        # A moment is left for the next question of the same command.
        ([(5.0, 0.0)], 6.0),
        ([(5.0, 120.0)], 125.0),
        # What an earlier question has asked for holds, whatever a later one says.
        ([(5.0, 120.0), (6.0, 0.0)], 125.0),
        ([(5.0, 120.0), (100.0, 120.0)], 220.0),
        # Unless somebody says that it holds no longer: then it ends at once.
        ([(5.0, 120.0), (6.0, -1.0)], 6.0),
        ([(5.0, 120.0), (6.0, -1.0), (8.0, 60.0)], 68.0),
        # Or that another pod is to be asked: then whoever is answered meanwhile changes nothing about it.
        ([(5.0, 120.0), (6.0, -2.0)], 6.0),
        ([(5.0, 120.0), (6.0, -2.0), (8.0, 60.0)], 8.0),
        # An answer may take hours, and then nobody is waited for but for the next question of the same command.
        ([(HOUR - 10, 120.0)], HOUR),
        ([(3 * HOUR, 120.0)], 3 * HOUR + 1.0),
    ],
)
def test_another_question_is_waited_for_as_long_as_was_said(ends: list[tuple[float, float]], until: float) -> None:
    patience = Patience(0.0)
    for one in ends:
        patience.ended(*one)
    assert patience.until == until


@pytest.mark.parametrize(
    ("ends", "now", "hears"),
    [
        ([], 1.0, True),
        ([(5.0, 120.0)], HOUR - 1, True),
        ([(5.0, 120.0)], HOUR, False),
        ([(5.0, -2.0)], 5.0, False),
        ([(5.0, -1.0)], 5.0, True),
    ],
)
def test_a_pod_that_is_to_end_or_is_an_hour_old_takes_no_question(
    ends: list[tuple[float, float]], now: float, hears: bool
) -> None:
    patience = Patience(0.0)
    for one in ends:
        patience.ended(*one)
    assert patience.hears(now) is hears


def test_a_pod_that_is_to_end_refuses_others_while_it_answers_somebody(tmp_path: Path) -> None:
    with waiting(tmp_path) as (path, pod):
        with socket.socket(socket.AF_UNIX) as answered:
            answered.connect(path)
            said(path, "-2")
            wait_until("the refusal of others", lambda: refuses(path))
            assert pod.is_alive()
        wait_until("the end of the pod", lambda: not pod.is_alive())


@pytest.mark.parametrize(
    ("ends", "now", "loading", "waits"),
    [
        ([], 2.0, False, True),
        ([], 2.5, False, False),
        # Somebody's program has been started, and is being loaded: for as long as it may take to say that it asks.
        ([], 2.5, True, True),
        ([], 33.0, True, False),
        ([(5.0, 0.0)], 7.0, True, True),
        # None is waited for by a pod that takes no question any more.
        ([(5.0, -2.0)], 6.0, True, False),
    ],
)
def test_a_program_that_is_still_loaded_is_waited_for(
    ends: list[tuple[float, float]], now: float, loading: bool, waits: bool
) -> None:
    patience = Patience(0.0)
    for one in ends:
        patience.ended(*one)
    assert patience.waits(now, lambda: loading) is waits


def test_a_pod_that_nobody_asks_looks_whether_somebody_is_about_to(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    os.mkfifo(tmp_path / "1" / "cmdline")
    with waiting(tmp_path, {FIRST_WAIT: "0.01"}, tmp_path) as (_, pod):
        for words in ("ask", "ask", "wait"):
            wait_until(f"a look that finds {words}", lambda words=words: looked(tmp_path / "1" / "cmdline", words), 10)  # type: ignore[misc]
        wait_until("the end of the pod", lambda: not pod.is_alive())


def looked(pipe: Path, words: str) -> bool:
    """Be the command line of a program, if somebody looks at it."""
    try:
        handle = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return False
    with os.fdopen(handle, "wb") as line:
        line.write(f"python3\0/bin/volsync-py-mover\0{words}\0".encode())
    return True


def test_a_pod_waits_for_its_first_question_as_long_as_who_has_made_it_says(tmp_path: Path) -> None:
    with waiting(tmp_path, {FIRST_WAIT: "0.01"}) as (_, pod):
        wait_until("the end of the pod", lambda: not pod.is_alive(), 2.4)


@contextmanager
def waiting(
    folder: Path, environ: dict[str, str] | None = None, processes: Path | None = None
) -> Iterator[tuple[str, threading.Thread]]:
    """Have a pod wait for questions, and return its socket and what runs."""
    path, stop = str(folder / "questions"), Stop()
    pod = threading.Thread(target=wait, args=(environ or {}, stop, path, str(processes or folder / "none")))
    pod.start()
    try:
        wait_until("the socket", lambda: Path(path).exists())
        yield path, pod
    finally:
        stop.told = True
        pod.join()


def refuses(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as asking:
        try:
            asking.connect(path)
        except ConnectionRefusedError:
            return True
    return False


def said(path: str, word: str) -> None:
    """Say a word as a program that answers does, and end."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(path)
        asking.sendall(word.encode())


def test_who_is_told_that_nobody_asks_any_more_ends(tmp_path: Path) -> None:
    with waiting(tmp_path) as (path, pod):
        said(path, "600")
        said(path, "-1")
        wait_until("the end of the pod", lambda: not pod.is_alive())
