"""Exit codes and help of the program."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from volsync_py import __version__
from volsync_py.cli import main


@pytest.mark.parametrize("words", [["version"], ["--version"], ["-V"]])
def test_the_version_is_printed(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    assert capsys.readouterr().out == f"volsync-py {__version__}\n"


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["help"]])
def test_help_lists_the_commands(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    assert "manager" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "usage: volsync-py"),
        (["mangaer"], "no such command: mangaer"),
        (["version", "1"], "takes no arguments"),
        (["manager", "--no-such-flag"], "--no-such-flag"),
        (["manager", "--leader-elect-lease-duration=1s"], "no image for movers"),
    ],
)
def test_usage_mistakes_end_with_2_and_a_sentence(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("VOLSYNC_PY_IMAGE", "RELATED_IMAGE_RESTIC_CONTAINER"):
        monkeypatch.delenv(name, raising=False)

    assert main(words) == 2
    assert says in capsys.readouterr().err


def test_help_of_a_command_is_fine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["manager", "--help"]) == 0
    assert "--max-movers" in capsys.readouterr().out


# Where the extra `cli` is not installed, its library cannot be imported.
WITHOUT_CLICK = """
import sys
sys.modules["click"] = None
from volsync_py.cli import main
sys.exit(main())
"""


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["manager", "--help"], 0, "--max-movers"),
        (["--help"], 0, "status"),
        (["status"], 1, "volsync-py status needs the libraries of the command line: pip install 'volsync-py[cli]'"),
        (["crds"], 0, "kind: CustomResourceDefinition"),
        (["manifests", "--image=one", "--overlay=ha"], 0, "kind: PodDisruptionBudget"),
        (["manifests"], 2, "usage: volsync-py manifests"),
    ],
)
def test_the_manager_does_without_the_libraries_of_the_command_line(words: list[str], code: int, says: str) -> None:
    command = [sys.executable, "-c", WITHOUT_CLICK, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stderr
    assert says in done.stdout + done.stderr


def test_a_shell_that_completes_without_those_libraries_gets_a_sentence() -> None:
    env = {**os.environ, "_VOLSYNC_PY_COMPLETE": "bash_complete"}
    command = [sys.executable, "-c", WITHOUT_CLICK]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("volsync-py completion needs the libraries of the command line")
    assert done.stderr.count("\n") == 1
