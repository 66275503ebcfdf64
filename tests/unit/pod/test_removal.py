"""A tree that is taken away: as deep as can be, and moved meanwhile."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from volsync_py.pod import removal
from volsync_py.pod.removal import FOLDER, remove_tree

# Python's stack ends before, and so do the files that a process may open by default.
DEEP = 2000


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    """A folder in which something is to go, and something to stay."""
    (tmp_path / "stays").touch()
    at = os.open(tmp_path, FOLDER)
    yield at
    os.close(at)
    # What a test that fails has left is deeper than pytest can take away.
    subprocess.run(["rm", "-rf", str(tmp_path / "d")], check=True)


@pytest.fixture
def few_files() -> Iterator[None]:
    """Let the process open no more files than a container may."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("few_files")
def test_a_tree_of_thousands_of_levels_goes(folder: int) -> None:
    at = os.dup(folder)
    for _ in range(DEEP):
        os.mkdir("d", dir_fd=at)
        os.mkdir("beside", dir_fd=at)
        os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=at))
        below = os.open("d", FOLDER, dir_fd=at)
        os.close(at)
        at = below
    os.close(at)
    remove_tree(folder, "d")
    assert sorted(os.listdir(folder)) == ["beside", "file", "stays"]


def test_links_go_and_what_they_lead_to_stays(folder: int, tmp_path: Path) -> None:
    (tmp_path / "tree" / "inner").mkdir(parents=True)
    (tmp_path / "tree" / "inner" / "link").symlink_to("../../stays")
    (tmp_path / "tree" / "folder").symlink_to("..")
    remove_tree(folder, "tree")
    assert os.listdir(folder) == ["stays"]


def test_who_comes_up_elsewhere_deletes_nothing_there(
    folder: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tree" / "inner" / "deep").mkdir(parents=True)
    # An empty folder of that name, which would go if the way up were believed.
    (tmp_path / "other" / "inner").mkdir(parents=True)
    without_files = removal._without_files

    def moves(at: int) -> list[str]:
        found = without_files(at)
        if not found:
            (tmp_path / "tree" / "inner").rename(tmp_path / "other" / "moved")
            (tmp_path / "other" / "deep").mkdir()
        return found

    (tmp_path / "tree" / "inner" / "deep").rmdir()
    monkeypatch.setattr(removal, "_without_files", moves)
    with pytest.raises(OSError, match="is being moved"):
        remove_tree(folder, "tree")
    assert sorted(os.listdir(tmp_path / "other")) == ["deep", "inner", "moved"]
