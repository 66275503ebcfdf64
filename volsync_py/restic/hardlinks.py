"""Files with several names in a volume that is restored into.

restic writes into files that are there. Where such a file has several names and was longer than the
snapshot's, restic (0.18.0 to 0.19.1) leaves zeros in it and exits with 0. So the names that a restore is about to write
are taken away first, and restic makes the file anew. Names that it will not write keep their file.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

from volsync_py.restic.environment import MoverError
from volsync_py.restic.output import comparable
from volsync_py.restic.report import ErrorClass
from volsync_py.restic.session import Session


def release(session: Session, *restore: str) -> list[str]:
    """Take away the linked names that a restore would write; `restore` is its command line.

    Returns further options for the restore itself.
    """
    linked = sorted(linked_names(session.data))
    if not linked:
        return []
    session.log(f"{len(linked)} names in the volume share their files: those that come back are made anew")
    forms = Counter(comparable(path) for path in linked)
    ended = session.must(session.restic.run(*restore, "--dry-run", "--no-lock", "-vv", wanted=frozenset(forms)))
    coming = Counter(ended.found)
    for path in linked:
        # Names that differ in bytes that are no text look the same to us. They go together or not at all.
        if coming[comparable(path)] >= forms[comparable(path)]:
            _unlink(session.data, path)
    # Where we might have been wrong about a name, restic reads its file back.
    return [] if all(_is_text(path) for path in linked) else ["--verify"]


def _unlink(directory: str, path: str) -> None:
    try:
        with suppress(FileNotFoundError):
            os.unlink(os.path.join(directory, path))
    except PermissionError:
        text = f"{path!r} shares its file with another name and has to be made anew, which the mover's user may not do"
        raise MoverError(
            ErrorClass.CONFIGURATION, f"{text}: remove it, or let moverSecurityContext name its owner"
        ) from None


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def linked_names(directory: str) -> Iterator[str]:
    """Return the relative paths of regular files that have other names too; what cannot be read is left out."""
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        # Neither can restic write there, and where it has to it says so itself.
        with suppress(PermissionError, FileNotFoundError), os.scandir(os.path.join(directory, folder)) as entries:
            for entry in entries:
                path = os.path.join(folder, entry.name)
                with suppress(PermissionError, FileNotFoundError):
                    of = entry.stat(follow_symlinks=False)
                    if stat.S_ISDIR(of.st_mode):
                        waiting.append(path)
                    elif stat.S_ISREG(of.st_mode) and of.st_nlink > 1:
                        yield path
