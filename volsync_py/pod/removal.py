"""A tree is taken away however deep it is, and nothing outside it is touched.

There is one open folder at a time and no recursion: trees are deeper than Python's stack and than the number of files
that a process may open. The way up leads through `..`, so it is looked at whether that is where one came from.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress

from attrs import define

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@define
class _Level:
    """A folder on the way down: which one it is, and the folders in it that are still there."""

    identity: tuple[int, int]
    folders: list[str]


def remove_tree(at: int, name: str) -> None:
    """Take a folder of an opened folder away with all that is in it; OSError if something of it stays."""
    here = os.dup(at)
    levels = [_Level(_identity(here), [name])]
    try:
        while levels[0].folders:
            folders = levels[-1].folders
            if folders:
                here = _moved(here, folders[-1])
                levels.append(_Level(_identity(here), _without_files(here)))
                continue
            levels.pop()
            here = _moved(here, "..")
            if _identity(here) != levels[-1].identity:
                raise OSError(errno.ESTALE, "is being moved while it is deleted")
            os.rmdir(levels[-1].folders.pop(), dir_fd=here)
    finally:
        os.close(here)


def _moved(here: int, name: str) -> int:
    """Return a neighbouring folder in an opened one's place."""
    there = os.open(name, FOLDER, dir_fd=here)
    os.close(here)
    return there


def _identity(folder: int) -> tuple[int, int]:
    of = os.fstat(folder)
    return of.st_dev, of.st_ino


def _without_files(folder: int) -> list[str]:
    """Take away what is no folder, and return the names of those that are."""
    folders = []
    with os.scandir(folder) as found:
        # A list, because some file systems skip names when others go meanwhile.
        for entry in list(found):
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            else:
                with suppress(FileNotFoundError):
                    os.unlink(entry.name, dir_fd=folder)
    return folders
