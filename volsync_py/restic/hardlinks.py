"""Files with several names in a volume that is restored into.

restic writes into files that are there. Where such a file has several names and was longer than the
snapshot's, restic (0.18.0 to 0.19.1) leaves zeros in it and exits with 0. So the names that a restore is about to write
are taken away first, and restic makes the file anew. Names that it will not write keep their file.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress

from volsync_py.restic.session import Session


def release(session: Session, *restore: str) -> None:
    """Take away the linked names that a restore would write; `restore` is its command line."""
    linked = set(linked_names(session.data))
    if not linked:
        return
    session.log(f"{len(linked)} names in the volume share their files: those that come back are made anew")

    def release_one(item: str) -> None:
        path = item.lstrip("/")
        if path in linked:
            with suppress(FileNotFoundError):
                os.unlink(os.path.join(session.data, path))

    session.must(session.restic.run(*restore, "--dry-run", "--no-lock", "-vv", on_item=release_one))


def linked_names(directory: str) -> Iterator[str]:
    """Return the relative paths of regular files that have other names too."""
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        with os.scandir(os.path.join(directory, folder)) as entries:
            for entry in entries:
                path = os.path.join(folder, entry.name)
                of = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(of.st_mode):
                    waiting.append(path)
                elif stat.S_ISREG(of.st_mode) and of.st_nlink > 1:
                    yield path
