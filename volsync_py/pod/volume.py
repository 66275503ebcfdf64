"""A volume that others may change while it is worked on: whatever they do, nothing outside it is touched.

A path is walked from the volume's root, each folder opened below the one before it and none through a symbolic link.
What is done to a name is done in the folder that was opened. A folder that was swapped for a link leads nowhere.

What is in the way is set aside in a folder of our own, under its name: a mover that is killed leaves it there, and the
next one knows whose it is and where it belongs.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice

from volsync_py.pod.removal import FOLDER, remove_tree

# What was there a moment ago, or may not be looked at: restic meets it itself, and says so.
_ABSENT = (PermissionError, FileNotFoundError, NotADirectoryError)
# Our folders: named so, private, with the sticky bit that nobody gives a private one, and with one name in them at
# most.
_ASIDE, _COPY = ".volsync-py-", ".volsync-py-copy-"
_OURS = re.compile(r"\.volsync-py-(?:copy-)?[0-9a-f]{32}")
_OUR_MODE = stat.S_ISVTX | stat.S_IRWXU
# Large enough to be quick, and small beside what restic needs.
_CHUNK_BYTES = 1 << 20
# The security module gives each new file the label that it has to have.
_LABEL = "security.selinux"


@contextmanager
def opened(folder: str) -> Iterator[int]:
    """Open a volume's root."""
    root = os.open(folder, FOLDER)
    try:
        yield root
    finally:
        os.close(root)


@contextmanager
def _below(root: int, path: str) -> Iterator[int]:
    """Open a folder of the volume; NotADirectoryError where a part of the path is a link."""
    at = os.dup(root)
    try:
        for name in path.split("/") if path else ():
            if name in ("", ".", ".."):
                raise NotADirectoryError(path)
            below = os.open(name, FOLDER, dir_fd=at)
            os.close(at)
            at = below
        yield at
    finally:
        os.close(at)


def entries(root: int, *, folders: bool = False) -> Iterator[tuple[str, os.stat_result, bool]]:
    """Return all that is no folder, by its path in the volume, with whether it would be written unread.

    What cannot be looked at is left out. With `folders`, they are told too.

    What a mover that was killed has set aside is put back on the way.
    """
    waiting = [""]
    while waiting:
        path = waiting.pop()
        with suppress(*_ABSENT), _below(root, path) as at, os.scandir(at) as found:
            for entry in found:
                with suppress(*_ABSENT):
                    of = entry.stat(follow_symlinks=False)
                    where = os.path.join(path, entry.name)
                    if stat.S_ISDIR(of.st_mode) and _is_ours(at, entry.name, of):
                        for name in _put_right(at, entry.name):
                            its = os.stat(name, dir_fd=at, follow_symlinks=False)
                            yield os.path.join(path, name), its, _is_written_unread(at, name, its)
                    elif stat.S_ISDIR(of.st_mode):
                        waiting.append(where)
                        if folders:
                            yield where, of, _is_written_unread(at, entry.name, of)
                    else:
                        yield where, of, _is_written_unread(at, entry.name, of)


def _is_written_unread(at: int, name: str, of: os.stat_result) -> bool:
    """Return whether a file may be written, or made so by its owner, but not read; a folder entered, but not listed."""
    # The kernel is asked, because lists of rights, capabilities and servers have a say beside the mode.
    is_folder = stat.S_ISDIR(of.st_mode)
    if not (is_folder or stat.S_ISREG(of.st_mode)) or os.access(name, os.R_OK, dir_fd=at):
        return False
    if is_folder:
        return os.access(name, os.X_OK, dir_fd=at)
    return of.st_uid == os.geteuid() or os.access(name, os.W_OK, dir_fd=at)


def set_aside(root: int, path: str) -> str:
    """Move a name that is no folder's into a folder of our own beside it, and return that; "" if it has gone."""
    parent, name = os.path.split(path)
    with suppress(FileNotFoundError, NotADirectoryError), _below(root, parent) as at, _own_folder(at, _ASIDE) as own:
        aside, folder = own
        os.rename(name, name, src_dir_fd=at, dst_dir_fd=folder)
        return aside
    return ""


def put_back(root: int, path: str, aside: str) -> None:
    """Give what was set aside its name again, or take it away if the name is taken by now."""
    parent, name = os.path.split(path)
    with suppress(FileNotFoundError, NotADirectoryError), _below(root, parent) as at:
        folder = os.open(aside, FOLDER, dir_fd=at)
        try:
            _give_back(at, folder, name)
        finally:
            os.close(folder)
        os.rmdir(aside, dir_fd=at)


def _give_back(at: int, folder: int, name: str) -> None:
    try:
        os.stat(name, dir_fd=at, follow_symlinks=False)
    except FileNotFoundError:
        os.rename(name, name, src_dir_fd=folder, dst_dir_fd=at)
    else:
        os.unlink(name, dir_fd=folder)


@contextmanager
def _own_folder(at: int, prefix: str) -> Iterator[tuple[str, int]]:
    """Make a folder of our own and open it; take it away again if nothing comes into it."""
    made = prefix + uuid.uuid4().hex
    os.mkdir(made, _OUR_MODE, dir_fd=at)
    try:
        folder = os.open(made, FOLDER, dir_fd=at)
        try:
            yield made, folder
        finally:
            os.close(folder)
    finally:
        # A folder that is not empty stays.
        with suppress(OSError):
            os.rmdir(made, dir_fd=at)


def _is_ours(at: int, name: str, of: os.stat_result) -> bool:
    """Return whether only a mover can have made a folder: by name, mode, and what is in it."""
    # A folder's group may be handed down to it.
    if not _OURS.fullmatch(name) or stat.S_IMODE(of.st_mode) & ~stat.S_ISGID != _OUR_MODE:
        return False
    folder = os.open(name, FOLDER, dir_fd=at)
    try:
        with os.scandir(folder) as found:
            inside = list(islice(found, 2))
        return not inside or (len(inside) == 1 and not inside[0].is_dir(follow_symlinks=False))
    finally:
        os.close(folder)


def _put_right(at: int, name: str) -> list[str]:
    """Give what a killed mover has set aside its name again, and take away what it has copied; return what is back."""
    back = []
    with suppress(OSError):
        folder = os.open(name, FOLDER, dir_fd=at)
        try:
            for inside in os.listdir(folder):
                if name.startswith(_COPY):
                    # The name that it was meant for has never lost its file.
                    os.unlink(inside, dir_fd=folder)
                else:
                    _give_back(at, folder, inside)
                    back.append(inside)
        finally:
            os.close(folder)
        os.rmdir(name, dir_fd=at)
    return back


def remove_folder(root: int, path: str) -> bool:
    """Take a folder away with all that is in it, and return whether it was there."""
    parent, name = os.path.split(path)
    with suppress(FileNotFoundError, NotADirectoryError), _below(root, parent) as at:
        if name not in ("", ".", "..") and stat.S_ISDIR(os.stat(name, dir_fd=at, follow_symlinks=False).st_mode):
            remove_tree(at, name)
            return True
    return False


def hold_pipe(root: int, path: str) -> int | None:
    """Open a FIFO for both directions, so that nobody waits in opening it; None if it has gone."""
    parent, name = os.path.split(path)
    with suppress(FileNotFoundError, NotADirectoryError), _below(root, parent) as at:
        flags = os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC
        return os.open(name, flags, dir_fd=at)
    return None


def unshare(root: int, path: str) -> None:
    """Give a name that shares its file one of its own, the same in all but its number.

    The other names keep theirs. OSError, and nothing has changed, where not everything can be carried over.
    """
    parent, name = os.path.split(path)
    with _below(root, parent) as at:
        source = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC, dir_fd=at)
        try:
            if os.fstat(source).st_nlink == 1:
                # The others have got theirs.
                return
            with _own_folder(at, _COPY) as (_, folder):
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                target = os.open(name, flags, 0o600, dir_fd=folder)
                try:
                    _copy(source, target)
                    os.rename(name, name, src_dir_fd=folder, dst_dir_fd=at)
                except BaseException:
                    os.unlink(name, dir_fd=folder)
                    raise
                finally:
                    os.close(target)
        finally:
            os.close(source)


def _copy(source: int, target: int) -> None:
    """Carry content, holes, owner, mode, attributes and times over."""
    of = os.fstat(source)
    if not stat.S_ISREG(of.st_mode):
        raise OSError(errno.EINVAL, "is no file any more")
    os.ftruncate(target, of.st_size)
    for start, end in _extents(source, of.st_size):
        while start < end:
            data = os.pread(source, min(end - start, _CHUNK_BYTES), start)
            if not data:
                break
            start += os.pwrite(target, data, start)
    if (of.st_uid, of.st_gid) != (os.fstat(target).st_uid, os.fstat(target).st_gid):
        os.fchown(target, of.st_uid, of.st_gid)
    os.fchmod(target, stat.S_IMODE(of.st_mode))
    for name in os.listxattr(source):
        if name != _LABEL:
            os.setxattr(target, name, os.getxattr(source, name))
    os.utime(target, ns=(of.st_atime_ns, of.st_mtime_ns))
    if os.fstat(target).st_mode != of.st_mode:
        # The kernel drops what the user may not set, and says nothing.
        raise PermissionError(errno.EPERM, "its mode cannot be set")


def _extents(file: int, size: int) -> Iterator[tuple[int, int]]:
    """Return where the file has data: its holes are left as they are."""
    end = 0
    while end < size:
        try:
            start = os.lseek(file, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            # No data follows.
            return
        end = os.lseek(file, start, os.SEEK_HOLE)
        yield start, end
