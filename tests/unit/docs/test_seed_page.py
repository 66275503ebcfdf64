"""The pages that say where each promise is shown name tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(("page", "least"), [("seed.md", 15), ("differences.md", 30)])
def test_every_test_that_the_page_names_exists(page: str, least: int) -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / page).read_text(encoding="utf-8")))
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert named - set(re.findall(r"def (test_\w+)\(", sources)) == set()
    assert len(named) > least


def test_every_known_weakness_of_volsync_has_one_row_with_what_became_of_it() -> None:
    page = (ROOT / "docs" / "differences.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+a?) \| [^|]+ \| (fixed\b.*`test_\w+`.*|kept.*: .+|not yet: .+) \|$", page, re.MULTILINE)
    numbers = [*map(str, range(1, 45)), "44a", *map(str, range(45, 64))]
    assert [number for number, _ in rows] == numbers
