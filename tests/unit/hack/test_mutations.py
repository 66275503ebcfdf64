"""Mutations are made exactly as they are written down, or not at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hack.mutating import Mutation, MutationError, check, is_there, main, read_list

GUARD = Mutation("guard", "it is kept", "one.py", "return 1", "return 2", ("test_one.py",))


def test_every_mutation_of_the_list_can_be_made(capsys: pytest.CaptureFixture[str]) -> None:
    assert (main(["--list"]), capsys.readouterr().err) == (0, "")


@pytest.mark.parametrize("text", ["", "return 3", "return 1; return 1"])
def test_a_text_that_is_not_there_exactly_once_is_an_error(text: str) -> None:
    with pytest.raises(MutationError, match=r"its text is in one\.py \d times, not once"):
        GUARD.applied_to(text)


@pytest.mark.parametrize("entry", ["what = 'x'", "what='x'\nfile='f'\nold=''\nnew=''\ntests=['t']"])
def test_an_incomplete_entry_is_an_error(entry: str, tmp_path: Path) -> None:
    (tmp_path / "list").write_text(f"[name]\n{entry}\n", encoding="utf-8")
    with pytest.raises(MutationError, match="name: an entry has"):
        read_list(tmp_path / "list")


def test_an_unknown_name_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["no-such-thing"]) == 2
    assert "no mutation is called no-such-thing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ("tests", True),
        ("tests/test_one.py", True),
        ("tests/test_one.py::test_one", True),
        ("tests/test_one.py::test_one[a::b-tests/none.py]", True),
        ("tests/test_one.py::TestClass::test_two", True),
        ("tests/test_two.py", False),
        ("tests/test_two.py::test_one", False),
        ("tests/test_one.py::test_on", False),
        ("tests/test_one.py::test_three[a]", False),
        ("tests/test_one.py::test_two", False),
        ("tests/test_one.py::TestClass::test_one", False),
        ("tests::test_one", False),
    ],
)
def test_a_test_that_is_to_notice_exists_by_its_own_name(test: str, expected: bool, tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    text = "def test_one(a): pass\nclass TestClass:\n    async def test_two(self): pass\n# def test_three(): pass\n"
    (tmp_path / "tests" / "test_one.py").write_text(text, encoding="utf-8")
    assert is_there(test, tmp_path) == expected


def test_a_mutation_that_no_test_would_notice_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("return 1", encoding="utf-8")
    (tmp_path / "test_one.py").write_text("def test_one():\n    pass\n", encoding="utf-8")
    check(replace(GUARD, tests=("test_one.py::test_one",)), tmp_path)
    with pytest.raises(MutationError, match=r"guard: there is no test_one\.py::test_two"):
        check(replace(GUARD, tests=("test_one.py::test_one", "test_one.py::test_two")), tmp_path)
