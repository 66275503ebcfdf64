"""Restores with real restic: what comes back is what was there, whatever the volume held before."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.integration.mover.harness import Mover, tree


def test_everything_of_a_tree_comes_back(mover: Mover) -> None:
    mover.write(plain="hello", empty="", folder__inner="more")
    (mover.data / "link").symlink_to("folder/inner")
    os.link(mover.data / "plain", mover.data / "folder" / "hard")
    with (mover.data / "sparse").open("wb") as file:
        file.truncate(1 << 22)
    (mover.data / "odd \n ü").write_text("odd", encoding="utf-8")
    os.chown(mover.data / "plain", 1234, 5678)
    os.chmod(mover.data / "folder", 0o2750)
    assert mover("backup").code == 0

    mover.mount("destination")
    ran = mover("restore")
    assert (ran.code, ran.report.error_class) == (0, "")
    assert tree(mover.data) == tree(mover.volume("source"))
    assert ran.report.restored is not None
    assert ran.report.restored.id == mover.snapshots()[-1]["id"]
    assert (mover.data / "sparse").stat().st_blocks < 100


def shorter(mover: Mover) -> None:
    mover.write(plain="hello")


def longer(mover: Mover) -> None:
    mover.write(plain="hello again and again")


def other_content(mover: Mover) -> None:
    mover.write(plain="HELLO AGAIN")


@pytest.mark.parametrize("change", [shorter, longer, other_content])
def test_a_file_with_two_names_comes_back_over_an_older_and_a_newer_one(
    mover: Mover, change: Callable[[Mover], None]
) -> None:
    mover.write(plain="hello again", folder__x="x")
    os.link(mover.data / "plain", mover.data / "folder" / "hard")
    mover("backup")
    first = tree(mover.data)
    change(mover)
    mover("backup")
    second = tree(mover.data)

    mover.mount("destination")
    for previous, expected in (("0", second), ("1", first), ("0", second)):
        mover.environ["SELECT_PREVIOUS"] = previous
        assert mover("restore").code == 0
        assert tree(mover.data) == expected


def test_a_name_that_is_not_restored_keeps_its_file(mover: Mover) -> None:
    mover.write(plain="hello")
    mover("backup")
    mover.mount("destination")
    mover.write(plain="hello of somebody else", foreign="untouched")
    os.link(mover.data / "plain", mover.data / "theirs")
    os.link(mover.data / "foreign", mover.data / "foreign too")
    assert mover("restore").code == 0
    assert {p.name: p.read_text(encoding="utf-8") for p in mover.data.iterdir()} == {
        "plain": "hello",
        "theirs": "hello of somebody else",
        "foreign": "untouched",
        "foreign too": "untouched",
    }
