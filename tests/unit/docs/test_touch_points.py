"""The page of touch points has whole rows, and every test that it names exists."""

from __future__ import annotations

import re

import pytest

from tests.unit.docs.test_conformance import ROOT, named_in

PAGE = (ROOT / "docs" / "touch-points.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| place |")]


def test_there_are_rows() -> None:
    assert len(ROWS) > 30
    assert len({row.split(" | ")[0] for row in ROWS}) == len(ROWS), "a place is there twice"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split(" | ")[0].removeprefix("| ")[:40])
def test_a_touch_point_says_what_is_done_what_holds_and_which_tests_show_it(row: str) -> None:
    cells = row.removeprefix("| ").removesuffix(" |").split(" | ")
    assert [bool(cell.strip("- ")) for cell in cells] == [True] * 4
    named = [re.fullmatch(r"`(tests/[\w/]+\.py)::(test_\w+)`", one) for one in cells[3].split("<br>")]
    for test in named:
        assert test, f"{cells[3]} names no test"
        assert test[2] in named_in(ROOT / test[1])
