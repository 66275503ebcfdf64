"""Each decision has a page of the same form, and the list of them is complete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "docs" / "decisions"
PAGES = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_says_what_is_decided_what_else_there_was_and_what_follows(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# {int(page.name[:4])}. ")
    said = re.findall(r"^\*\*(Decided|Alternatives|Consequences)\.\*\*", text, re.MULTILINE)
    assert set(said) == {"Decided", "Alternatives", "Consequences"}


def test_no_two_pages_have_one_number() -> None:
    assert len({page.name[:4] for page in PAGES}) == len(PAGES)


def test_the_list_has_each_page_once_under_its_title() -> None:
    listed = re.findall(
        r"^\| \[(\d+)\]\(([\w.-]+)\) \| (.+) \|$", (FOLDER / "README.md").read_text("utf-8"), re.MULTILINE
    )
    titles = [(page.name, page.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")) for page in PAGES]
    assert sorted((name, f"{number}. {title}") for number, name, title in listed) == titles
