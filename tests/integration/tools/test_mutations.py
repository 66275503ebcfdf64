"""Who notices a mutation is named, and only by a test that can run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hack.mutating import Copy, Mutation, MutationError, noticed_by

GUARD = Mutation("guard", "it is kept", "one.py", "return 1", "return 2", ("test_one.py",))


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    """A copy of a small tree, with the environment that runs this."""
    (tmp_path / "venv").symlink_to(sys.prefix)
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "one.py").write_text("def one():\n    return 1\n", encoding="utf-8")
    return Copy(tmp_path)


@pytest.mark.parametrize(
    ("test", "expected"),
    [("assert one() == 1", "test_one.py::test_one"), ("assert one()", "")],
)
def test_who_notices_a_mutation_is_named_and_the_copy_is_whole_again(copy: Copy, test: str, expected: str) -> None:
    body = f"from one import one\n\n\ndef test_one():\n    {test}\n"
    (copy.tree / "test_one.py").write_text(body, encoding="utf-8")

    assert noticed_by(copy, GUARD) == expected
    assert "return 1" in (copy.tree / "one.py").read_text(encoding="utf-8")


def test_tests_that_cannot_run_have_noticed_nothing(copy: Copy) -> None:
    (copy.tree / "test_one.py").write_text("import nothing_like_it\n", encoding="utf-8")
    with pytest.raises(MutationError, match="guard: pytest ended with 2"):
        noticed_by(copy, GUARD)
