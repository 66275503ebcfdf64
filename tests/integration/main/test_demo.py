"""The demo tells its story to the end, and whenever it is interrupted it leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hack.processes import ROOT, wait_until


def processes(folder: Path) -> list[str]:
    """Return the command lines of all processes that name a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in line:
            found.append(line)
    return found


@contextmanager
def demo(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    # As a shell starts what runs in the background: with an interrupt that is ignored.
    command = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", sys.executable, "-m", "hack.demonstration", *arguments]
    env = {**os.environ, "TMPDIR": str(folder)}
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_the_demo_compares_what_it_claims(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        out, _ = process.communicate(timeout=110)
    assert process.returncode == 0, out
    for text in ("created restic repository", "adds only what changed", "HEALTHY", "files and folders, all the same"):
        assert text in out
    assert "DIFFERENT" not in out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("development cluster", signal.SIGINT),
        ("The first backup", signal.SIGINT),
        ("export KUBECONFIG", signal.SIGINT),
        ("The first backup", signal.SIGHUP),
    ],
)
def test_an_interrupted_demo_leaves_nothing_behind(tmp_path: Path, moment: str, number: int) -> None:
    with demo(tmp_path, "--keep") as process:
        assert process.stdout is not None
        read_until(process.stdout, moment)
        process.send_signal(number)
        process.stdout.read()
        assert process.wait(30) == 0
    wait_until("the end of its processes", lambda: processes(tmp_path) == [], 10)
    assert list(tmp_path.iterdir()) == []


def test_a_killed_demo_leaves_no_process_behind(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        assert process.stdout is not None
        read_until(process.stdout, "The first backup")
        started = ("hack.devcluster", "weed", "volsync-py")
        assert all(any(name in line for line in processes(tmp_path)) for name in started)
        process.kill()
        process.wait()
    wait_until("the end of its processes", lambda: processes(tmp_path) == [], 30)


def read_until(lines: Iterable[str], text: str) -> None:
    assert any(text in line for line in lines)
