"""What the page of captures shows is what `hack/captures` has taken from a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from hack.captured_texts import DIGEST, digest

DOCS = Path(__file__).parents[3] / "docs"
CAPTURES = sorted((DOCS / "captures").glob("*.txt"))
_WIDTH = 100


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
def test_a_capture_is_plain_text_and_on_the_page(capture: Path) -> None:
    text = capture.read_text(encoding="utf-8")
    assert all(c.isprintable() or c == "\n" for c in text)
    assert max(map(len, text.splitlines())) <= _WIDTH
    # A command that has failed is no picture of it.
    assert "volsync-py: " not in text
    assert "Traceback" not in text
    assert f"```text\n{text}```\n" in (DOCS / "captures.md").read_text(encoding="utf-8")


def test_the_page_shows_progress_that_moves_and_each_of_the_captures() -> None:
    assert (DOCS / "captures.md").read_text(encoding="utf-8").count("```text\n") == len(CAPTURES) >= 4
    percents = {
        line.partition(" %")[0].rsplit(None, 1)[-1]
        for line in (DOCS / "captures" / "backup-wait.txt").read_text(encoding="utf-8").splitlines()
        if " %  " in line
    }
    assert len(percents) > 1


def test_the_captures_are_of_the_texts_as_they_are() -> None:
    said = "hack/captures makes them anew; README.md has the end of docs/captures/status-watch.txt"
    assert DIGEST.read_text(encoding="utf-8").strip() == digest(), said


def test_the_picture_in_the_readme_is_one_of_the_captures() -> None:
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    picture = readme.partition("$ volsync-py status --all\n")[2].partition("```")[0]
    assert picture
    assert (DOCS / "captures" / "status-watch.txt").read_text(encoding="utf-8").endswith(picture)
