"""What stands in a volume where a restore is about to write, and restic does not get over.

Seen with restic 0.18.0 to 0.19.1, each time where a *file* comes back:

- over a regular file with several names it leaves zeros where old and new content agreed, and exits with 0;
- in a regular file that it may write and not read, it leaves what was there where zeros come back, and exits with 0;
- it opens a FIFO, and waits for ever for somebody at the other end;
- it cannot open a socket, nor, without the right to, a device.

So what has such a name and comes back is taken away first. Which names come back, restic says itself: a dry run of the
same selection into a folder that is not there reads nothing of the volume. Names that do not come back are not touched,
and what is taken away is only set aside, beside its name, until the restore has ended: it may fail before it writes.

Where a name is no text, restic's JSON does not tell it from others. What might be another's is never taken away: a
shared file is copied for the name, which loses nothing, and one that may not be read is read back after the restore; a
FIFO is held open, and restic replaces it or leaves it alone. What is in a folder that may be entered and not listed, is
not found; where such a folder comes back, all is read back.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Collection
from contextlib import ExitStack

from volsync_py.contract.report import ErrorClass
from volsync_py.pod import volume
from volsync_py.pod.completed import CompletedRestic
from volsync_py.pod.disk import FULL
from volsync_py.pod.environment import MoverError
from volsync_py.pod.output import comparable, is_exact
from volsync_py.pod.session import Session
from volsync_py.pod.shortfall import full_folders, shown


def clear(session: Session, held: ExitStack, *selection: str) -> list[str]:
    """Make way for a restore; `selection` is its command line without a target, `held` lasts until its end.

    Returns further options for the restore itself.
    """
    with volume.opened(session.data) as root:
        # Path to whether it is a FIFO, or None for a file.
        found: dict[str, bool | None] = {}
        # Folders that may be written into without a look at what is there.
        closed: set[str] = set()
        for path, of, is_blind in volume.entries(root, folders=True):
            if stat.S_ISDIR(of.st_mode):
                closed |= {path} if is_blind else set()
            elif stat.S_ISREG(of.st_mode):
                if of.st_nlink > 1 or is_blind:
                    found[path] = None
            elif not stat.S_ISLNK(of.st_mode):
                found[path] = stat.S_ISFIFO(of.st_mode)
        if not found and not closed:
            return []
        session.log(
            f"{len(found) + len(closed)} names in the volume share their files, are no files, or may not be read: "
            "those that come back are made anew"
        )
        coming = _coming(session, {*found, *closed}, *selection)
        verify = any(comparable(path) in coming for path in closed)
        for path, is_pipe in found.items():
            if comparable(path) not in coming:
                continue
            if is_exact(path):
                _set_aside(session, root, path, held)
            elif is_pipe:
                _hold(session, root, path, held)
            elif is_pipe is None:
                verify |= not _unshare(session, root, path)
    # Where a file is still shared, or could not be read, restic reads it back.
    return ["--verify"] if verify else []


def _coming(session: Session, paths: Collection[str], *selection: str) -> set[str]:
    """Return which of the names come back, in their comparable form."""
    wanted = frozenset(map(comparable, paths))
    with tempfile.TemporaryDirectory() as empty:
        # With a lock, as the restore itself: beside a prune, what is listed may be gone when it is read.
        command = (*selection, "-t", os.path.join(empty, "none"), "--dry-run", "-vv")
        return set(session.must(session.locked(*command, wanted=wanted)).found)


def _set_aside(session: Session, root: int, path: str, held: ExitStack) -> None:
    """Take a name out of the way; at the end it is back, or something else has come back under it."""

    def put_back() -> None:
        with volume.opened(session.data) as again:
            volume.put_back(again, path, aside)

    try:
        aside = volume.set_aside(root, path)
    except OSError as error:
        raise _stuck(session, path, "has to be made anew", error) from None
    if aside:
        held.callback(put_back)


def _hold(session: Session, root: int, path: str, held: ExitStack) -> None:
    try:
        pipe = volume.hold_pipe(root, path)
    except OSError as error:
        raise _stuck(session, path, "is a FIFO and may be in the way", error) from None
    if pipe is not None:
        held.callback(os.close, pipe)


def _stuck(session: Session, path: str, what: str, error: OSError) -> MoverError:
    if isinstance(error, PermissionError):
        text = f"{_named(session, path)} {what}, which the mover's user may not do"
        return MoverError(ErrorClass.CONFIGURATION, f"{text}: remove it, or let moverSecurityContext name its owner")
    return MoverError(ErrorClass.CONFIGURATION, f"{_named(session, path)} {what}, but {error.strerror}: remove it")


def _named(session: Session, path: str) -> str:
    return shown(path, session.restic.redact)


def _unshare(session: Session, root: int, path: str) -> bool:
    """Return whether the name has a file of its own now."""
    try:
        volume.unshare(root, path)
    except OSError as error:
        if error.errno in FULL:
            text = f"{_named(session, path)} shares its file with another name, and there is no room for its own"
            raise MoverError(ErrorClass.TARGET_FULL, text) from None
        return error.errno == errno.ENOENT
    return True


def clear_folders(session: Session, ended: CompletedRestic) -> bool:
    """Take the folders away that kept a restore with deletion from replacing them; False if there were none.

    restic deletes such a folder for a file, but not for a link, a FIFO, a device or a further name of a file.
    """
    if ended.ok or ended.stopped is not None:
        return False
    cleared = False
    with volume.opened(session.data) as root:
        for path in full_folders(ended):
            if not is_exact(path):
                continue
            session.log(f"{_named(session, path)} is a folder where something else comes back: it is deleted")
            try:
                cleared |= volume.remove_folder(root, path)
            except OSError as error:
                raise _stuck(session, path, "has to be deleted", error) from None
    return cleared
