"""What the program ends with where its output goes nowhere, somebody interrupts it, or it is wrong itself."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

PROGRAM = "import sys; from volsync_py.cli import main; sys.exit(main())"
# Those that print without a cluster, by all ways in which that is done.
PRINTING = [["explain"], ["explain", "--help"], ["completion", "bash"], ["crds"], ["version"], ["--help"]]
# Signals itself as Ctrl-C does, in the moment in which a command is imported.
INTERRUPTED = """
import os, signal, sys
# What runs in the background has interrupts ignored, and so would this.
signal.signal(signal.SIGINT, signal.default_int_handler)
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "volsync_py.commands.program":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
from volsync_py.cli import main
sys.exit(main())
"""
DEFECT = """
import sys
from volsync_py.commands.common.endings import ended
sys.exit(ended(lambda: {}["s3cret"], *sys.argv[1:]))
"""


def run(words: list[str], stdout: int, program: str = PROGRAM, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *words],
        stdout=stdout,
        stderr=subprocess.PIPE,
        env={**os.environ, **env},
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("words", PRINTING, ids=" ".join)
def test_output_that_cannot_be_written_is_one_sentence(words: list[str]) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = run(words, full.fileno())
    name = "" if words[0].startswith("-") else f" {words[0]}"
    said = f"volsync-py{name}: standard output cannot be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, said)


@pytest.mark.parametrize("words", PRINTING, ids=" ".join)
def test_a_reader_that_has_gone_hears_nothing_more(words: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = run(words, writing)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


def test_output_that_is_closed_is_said() -> None:
    closed = ["sh", "-c", 'exec "$@" >&-', "sh", sys.executable, "-c", PROGRAM, "version"]
    done = subprocess.run(closed, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    said = "volsync-py version: standard output cannot be written: Bad file descriptor\n"
    assert (done.returncode, done.stderr) == (1, said)


def test_an_interrupt_while_a_command_is_imported_is_no_traceback() -> None:
    done = run(["explain"], subprocess.PIPE, INTERRUPTED)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_a_defect_is_a_sentence_that_shows_nothing_of_what_was_read() -> None:
    done = run(["status"], subprocess.PIPE, DEFECT, VOLSYNC_PY_DEBUG="")
    assert done.returncode == 1
    assert re.fullmatch(
        r"volsync-py status: this is a defect \(KeyError in commands/common/endings\.py, line \d+\); please report it, "
        r"with what it says with VOLSYNC_PY_DEBUG=1 in the environment\n",
        done.stderr,
    )


@pytest.mark.parametrize(("name", "debug"), [("status", "1"), ("manager", "")])
def test_a_defect_shows_where_it_is_to_who_asks_for_that_and_in_the_managers_log(name: str, debug: str) -> None:
    done = run([name], subprocess.PIPE, DEFECT, VOLSYNC_PY_DEBUG=debug)
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")
    assert done.stderr.endswith("KeyError: 's3cret'\n")
