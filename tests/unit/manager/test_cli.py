"""Exit codes and help of the program."""

from __future__ import annotations

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
