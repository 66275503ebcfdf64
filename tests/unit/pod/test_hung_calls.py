"""A system call that does not come back ends the process that waits in it, and nothing else does."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from volsync_py.pod.hung_calls import HungCallWatch, counted

# Opens a pipe that nobody writes to: a call that never comes back, as one of a volume whose server is gone.
HANGS = """
import os, sys
from volsync_py.pod.hung_calls import HungCallWatch
def is_elsewhere():
    os.write(1, b".")
    return sys.argv[2] == "restic"
with HungCallWatch(0.2, is_elsewhere, lambda: os._exit(7)):
    open(sys.argv[1]).close()
"""
# Five times the deadline, as there are twenty looks in each.
ENOUGH_LOOKS = 100


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


def hanging(pipe: Path, what: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", HANGS, str(pipe), what], stdout=subprocess.PIPE)


def test_a_call_that_does_not_come_back_is_given_up(pipe: Path) -> None:
    with hanging(pipe, "own") as process:
        assert process.wait(60) == 7


def test_a_thread_that_waits_for_somebody_with_a_deadline_of_his_own_is_let_alone(pipe: Path) -> None:
    with hanging(pipe, "restic") as process:
        assert process.stdout is not None
        assert len(process.stdout.read(ENOUGH_LOOKS)) == ENOUGH_LOOKS
        # What it waits for comes.
        pipe.open("wb").close()
        assert process.wait(60) == 0


def test_a_thread_that_does_something_is_let_alone_however_long_it_takes() -> None:
    given_up, looks = threading.Event(), 0
    with HungCallWatch(0.2, lambda: False, given_up.set):
        # Each call comes back, the whole takes many times as long.
        for _ in range(100):
            threading.Event().wait(0.02)
            looks += 1
    assert looks == 100
    assert not given_up.is_set()


def test_a_thread_that_cannot_be_seen_is_let_alone(tmp_path: Path) -> None:
    assert counted(threading.get_native_id(), tmp_path) is None
    assert counted(threading.get_native_id()) is not None


def test_nothing_is_given_up_after_the_end() -> None:
    given_up = threading.Event()
    with HungCallWatch(0.2, lambda: False, given_up.set):
        watching = [one for one in threading.enumerate() if one.name == "hung calls"]
    for thread in watching:
        thread.join(60)
    assert watching
    assert not given_up.is_set()
