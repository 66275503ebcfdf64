"""Questions to a repository, answered with real restic by the programs that a pod starts for them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from hack.tool_cache import tool_path
from tests.integration.mover.harness import Mover
from volsync_py.contract.questions import Ending, Kind, Question

PROGRAM = """
import os, sys
from volsync_py.pod.answering import answer
from volsync_py.pod.signals import Stop
sys.exit(answer(os.environ, Stop(), sys.argv[1]))
"""
# restic writes a new cache's version in two steps, and stops between them here, once the other's program has begun.
FIRST = """#!/bin/sh
cat {began} > /dev/null
mkdir -p "$RESTIC_CACHE_DIR/{id}"
: > "$RESTIC_CACHE_DIR/{id}/version"
: > {between}
cat {go_on} > /dev/null
printf 1 > "$RESTIC_CACHE_DIR/{id}/version"
exec {restic} "$@"
"""
# It begins before the first has made anything, and goes on when that has made half of it.
SECOND = """#!/bin/sh
: > {began}
cat {between} > /dev/null
exec {restic} "$@"
"""


@pytest.fixture
def pod(tmp_path: Path) -> Iterator[str]:
    """The socket of a pod that waits."""
    path = str(tmp_path / "questions")
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(path)
        listener.listen(2)
        yield path


def ask(mover: Mover, pod: str, script: str, told: Path) -> subprocess.Popen[bytes]:
    """Start the answer to a question whose restic is this script; what it says goes below `told`."""
    told.mkdir()
    (told / "restic").write_text(script)
    (told / "restic").chmod(0o755)
    environ = mover.environment()
    environ["PATH"] = f"{told}:{environ['PATH']}"
    with (told / "out").open("wb") as out, (told / "err").open("wb") as err:
        command = [sys.executable, "-c", PROGRAM, pod]
        asked = subprocess.Popen(
            command, env=environ, stdin=subprocess.PIPE, stdout=out, stderr=err, start_new_session=True
        )
    assert asked.stdin is not None
    # It ends when its standard input does, which stays open.
    asked.stdin.write(Question(Kind.SNAPSHOTS).to_json().encode() + b"\n")
    asked.stdin.flush()
    return asked


def said(told: Path) -> str:
    """Return what an answer has written to standard error."""
    return (told / "err").read_text()


def test_two_questions_at_once_to_a_pod_that_has_just_begun_are_both_answered(
    mover: Mover, pod: str, tmp_path: Path
) -> None:
    mover.write(a="a")
    assert mover("backup").code == 0
    mover.environ["RESTIC_CACHE_DIR"] = str(tmp_path / "cache")
    at = {name: tmp_path / name for name in ("began", "between", "go_on")}
    for path in at.values():
        os.mkfifo(path)
    (made,) = mover.cache.glob("*/version")
    words = {"id": made.parent.name, "restic": tool_path("restic"), **at}
    first = ask(mover, pod, FIRST.format(**words), tmp_path / "first")
    second = ask(mover, pod, SECOND.format(**words), tmp_path / "second")
    try:
        assert second.wait(120) == 0, said(tmp_path / "second")
        at["go_on"].write_bytes(b"")
        assert first.wait(120) == 0, said(tmp_path / "first")
    finally:
        for one in (first, second):
            # The scripts, too.
            with suppress(ProcessLookupError):
                os.killpg(one.pid, signal.SIGKILL)
            one.communicate()
    for name in ("first", "second"):
        ending = Ending.of(said(tmp_path / name))
        assert ending is not None
        assert ending.error_class == ""
        assert len(json.loads((tmp_path / name / "out").read_text())) == 1
    # What comes next has a cache, and nothing else is left.
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [words["id"]]


def test_a_question_is_answered_where_no_cache_can_be_written(mover: Mover, pod: str, tmp_path: Path) -> None:
    mover.write(a="a")
    assert mover("backup").code == 0
    (tmp_path / "file").touch()
    mover.environ["RESTIC_CACHE_DIR"] = str(tmp_path / "file")
    script = f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path / "arguments"}\nexec {tool_path("restic")} "$@"\n'
    asked = ask(mover, pod, script, tmp_path / "asked")
    try:
        assert asked.wait(120) == 0, said(tmp_path / "asked")
    finally:
        asked.kill()
        asked.communicate()
    assert len(json.loads((tmp_path / "asked" / "out").read_text())) == 1
    # It would make one among the temporary files, which are in memory.
    assert "--no-cache" in (tmp_path / "arguments").read_text().splitlines()
