"""Which processes count as doing nothing, by what the kernel counts for them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hack.processes import wait_until
from volsync_py.pod.progress import LEAST_BYTES_OF_SILENT_RETRIES, Progress, Usage, usage_of


def idle_after(seconds: int, *, bytes_each: int = 0, computed_each: float = 0.0, work_each: int = 0) -> float:
    """Look each second at a process that does the same in each; return for how long it is said to do nothing."""
    progress, idle = Progress(0), 0.0
    for second in range(1, seconds + 1):
        usage = Usage(bytes_each * second, computed_each * second)
        idle = progress.saw(usage, work_each * second, second)
    return idle


@pytest.mark.parametrize(
    "does",
    [{"bytes_each": 100}, {"computed_each": 0.05}, {"work_each": 1}],
    ids=["a small request in a second", "a twentieth of a processor", "one file found in a second"],
)
def test_a_process_that_does_little_but_steadily_does_something(does: dict[str, int]) -> None:
    assert idle_after(3600, **does) == 0


@pytest.mark.parametrize(
    "does",
    [{}, {"bytes_each": 30}, {"computed_each": 0.001}],
    ids=["nothing", "wake-ups and a lock that is renewed", "timers"],
)
def test_a_process_that_only_waits_does_nothing(does: dict[str, int]) -> None:
    assert idle_after(900, **does) == 900


def test_a_library_that_tries_again_without_a_word_does_nothing() -> None:
    progress, idle = Progress(0, LEAST_BYTES_OF_SILENT_RETRIES), 0.0
    for second in range(1, 91):
        idle = progress.saw(Usage(3500 * (second // 15)), 0, second)
    assert idle == 90


def test_something_after_a_long_silence_begins_a_new_one() -> None:
    progress = Progress(0)
    for second in range(1, 601):
        progress.saw(Usage(), 0, second)
    assert progress.saw(Usage(1_000_000), 0, 601) == 0
    assert progress.saw(Usage(1_000_000), 0, 602) == 1


def test_time_in_which_nobody_looked_is_no_silence() -> None:
    progress = Progress(0)
    progress.saw(Usage(), 0, 1)
    assert progress.saw(Usage(), 0, 3600) == 6


@contextmanager
def running(script: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def has_worked(pid: int) -> bool:
    used = usage_of(pid)
    return used is not None and used.bytes > 10_000_000 and used.seconds > 0.1


def test_bytes_and_time_are_those_that_the_kernel_counts() -> None:
    script = "while True: sum(range(1000)); open('/dev/zero', 'rb').read(65536)"
    with running(script) as process:
        wait_until("bytes and time", lambda: has_worked(process.pid))
    assert usage_of(process.pid) is None


def test_what_cannot_be_seen_is_not_guessed(tmp_path: Path) -> None:
    assert usage_of(1, tmp_path) is None
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "stat").write_text("1 (a ) name) S " + " ".join(["0"] * 10 + ["150", "50"]), encoding="ascii")
    assert usage_of(1, tmp_path) == Usage(0, 2.0)
    (tmp_path / "1" / "io").write_text("rchar: 10\nwchar: 5\nsyscr: 1\n", encoding="ascii")
    assert usage_of(1, tmp_path) == Usage(15, 2.0)


def test_what_a_child_does_is_done(tmp_path: Path) -> None:
    worker = "import os\nparent = os.getppid()\n"
    worker += "while os.getppid() == parent: sum(range(1000)); open('/dev/zero', 'rb').read(65536)"
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {worker!r}])"
    with running(script) as process:
        wait_until("bytes and time of the child", lambda: has_worked(process.pid))


def test_a_child_that_has_ended_leaves_nothing_to_catch_up_with() -> None:
    progress = Progress(0)
    assert progress.saw(Usage(10_000_000, 5.0), 0, 1) == 0.0
    progress.saw(Usage(1_000, 0.5), 0, 2)
    assert progress.saw(Usage(11_000, 0.6), 0, 3) == 0.0
