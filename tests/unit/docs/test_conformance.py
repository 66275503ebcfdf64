"""The table of VolSync's promises is complete, and every test that it names exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
# How many promises each group has; the order is that of the page.
GROUPS = {"R": 4, "U": 5, "P": 4, "F": 8, "V": 5, "C": 14, "S": 3, "T": 9, "J": 21, "D": 20, "L": 6, "A": 10, "B": 11}
GROUPS |= {"M": 17, "H": 10, "Q": 13, "X": 18, "O": 6, "E": 14}


def rows() -> list[tuple[str, str, str]]:
    """Return number, promise and proof of each row."""
    return re.findall(r"^\| ([A-Z]\d+) \| (.+) \| (.+) \|$", PAGE, re.MULTILINE)


def named_in(path: Path) -> set[str]:
    """Return the names of the tests in a module, which is read and not imported."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_each_promise_has_one_row_in_the_order_of_its_number() -> None:
    numbers = [f"{group}{number}" for group, count in GROUPS.items() for number in range(1, count + 1)]
    assert [number for number, _, _ in rows()] == numbers


@pytest.mark.parametrize(("number", "promise", "proof"), [pytest.param(*row, id=row[0]) for row in rows()])
def test_a_promise_names_tests_that_exist(number: str, promise: str, proof: str) -> None:
    assert promise.strip("- "), number
    named = [re.fullmatch(r"`(tests/[\w/]+\.py)::(test_\w+)`", one) for one in proof.split("<br>")]
    for test in named:
        assert test, f"{proof} names no test"
        assert test[2] in named_in(ROOT / test[1])
    assert len(named) == len({test[0] for test in named if test}), "a test is named twice"
