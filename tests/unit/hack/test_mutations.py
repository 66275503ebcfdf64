"""Mutations are made exactly as they are written down, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from hack.mutating import Mutation, MutationError, main, read_list

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
