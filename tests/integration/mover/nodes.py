"""Everything that can have a name in a volume: made, described, and compared with what a restore promises."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable, Iterator
from typing import Any

from attrs import frozen

# A name of bytes, because names need not be text.
Census = dict[bytes, tuple[Any, ...]]

CONTENT = b"what comes back"
# One that a container may open, and one that nobody can: there is no such driver.
_NULL, _NO_DRIVER = os.makedev(1, 3), os.makedev(4000, 1)
# Where links lead, beside the volume.
OUTSIDE = b"../outside"


def _file(path: bytes, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)


def _somebody_elses(path: bytes) -> None:
    _file(path, CONTENT)
    # The bit stays only where the mover may set it for a group that it is not in.
    os.chown(path, 1234, 5678)
    os.chmod(path, 0o2755)


def _linked(path: bytes, content: bytes) -> None:
    _file(path, content)
    os.link(path, path + b".too")


def _folder(path: bytes, *names: bytes) -> None:
    os.mkdir(path, 0o750)
    for name in names:
        _file(os.path.join(path, name), name)


def _socket(path: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        # The path to a socket must be short, and this one is.
        folder, name = os.path.split(path)
        at = os.open(folder, os.O_PATH)
        try:
            made.bind(f"/proc/self/fd/{at}/".encode() + name)
        finally:
            os.close(at)


# What a snapshot can hold …
COMING: dict[str, Callable[[bytes], None]] = {
    "file": _somebody_elses,
    "linked": lambda path: _linked(path, CONTENT),
    "folder": lambda path: _folder(path, b"inner"),
    "link": lambda path: os.symlink(b"nowhere", path),
    "fifo": lambda path: os.mkfifo(path, 0o640),
    "device": lambda path: os.mknod(path, 0o600 | stat.S_IFCHR, _NULL),
    "missing": lambda path: None,
}
# … and what may be there. Files have the beginning of the snapshot's: restic keeps what agrees.
THERE: dict[str, Callable[[bytes], None]] = {
    "file": lambda path: _file(path, CONTENT + b" and more"),
    "linked": lambda path: _linked(path, CONTENT + b" and more"),
    "folder": _folder,
    "full": lambda path: _folder(path, b"inner", b"extra"),
    "full too": lambda path: _folder(path + b".too", b"extra"),
    "link": lambda path: os.symlink(OUTSIDE + b"/file", path),
    "link to folder": lambda path: os.symlink(OUTSIDE, path),
    "fifo": lambda path: os.mkfifo(path, 0o600),
    "socket": _socket,
    "device": lambda path: os.mknod(path, 0o600 | stat.S_IFCHR, _NO_DRIVER),
    "missing": lambda path: None,
}
NO_FOLDERS = ("file", "linked", "link", "fifo", "device")


@frozen
class Pair:
    """Something that comes back where something is, under a name that is text or is not."""

    coming: str
    there: str
    is_text: bool = True

    @property
    def name(self) -> bytes:
        """The name of both, without a slash."""
        words = f"{self.coming} over {self.there}".encode()
        return words if self.is_text else words + b" \xe4"

    @property
    def looks_alike(self) -> bytes | None:
        """Another name, of something that is not in the snapshot, that restic tells in the same way."""
        return None if self.is_text else self.name[:-1] + b"\xf6"

    @property
    def needs_deletion(self) -> bool:
        """Whether it cannot come back without removing what is not in the snapshot."""
        if self.there == "full too":
            return self.coming == "linked"
        return self.there == "full" and self.coming in NO_FOLDERS

    @property
    def cannot_be_cleared(self) -> bool:
        """Whether what is there cannot be told from something else, and restic cannot open it."""
        is_file = self.coming in ("file", "linked")
        # restic itself deletes a folder for a file's first name.
        full = self.needs_deletion and not (is_file and self.there == "full")
        unopened = is_file and self.there in ("socket", "device")
        return not self.is_text and (full or unopened)


def every_pair() -> Iterator[Pair]:
    """Return each combination once."""
    for is_text in (True, False):
        for coming in COMING:
            for there in THERE:
                yield Pair(coming, there, is_text)


def census(folder: bytes) -> Census:
    """Describe all that is below a folder, by path: kind and mode, owner, and content, target or number."""
    found: Census = {}
    for at, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(at, name)
            found[os.path.relpath(path, folder)] = _row(path)
    return found


def _row(path: bytes) -> tuple[Any, ...]:
    of = os.lstat(path)
    row: tuple[Any, ...] = (stat.filemode(of.st_mode), of.st_uid, of.st_gid)
    if stat.S_ISREG(of.st_mode):
        with open(path, "rb") as file:
            return (*row, of.st_mtime_ns, file.read())
    if stat.S_ISLNK(of.st_mode):
        return (*row, os.readlink(path))
    return row if stat.S_ISDIR(of.st_mode) else (*row, of.st_rdev)


def restored(before: Census, snapshot: Census, selected: Callable[[bytes], bool], *, deletes: bool) -> Census:
    """Return what a volume holds after a restore: what is selected of the snapshot, over what was there."""
    coming = {path: row for path, row in snapshot.items() if selected(path)}
    kept = {path: row for path, row in before.items() if not (deletes and selected(path))}
    after = dict(kept)
    for path, row in coming.items():
        if not row[0].startswith("d"):
            # What is below a folder that has been replaced is gone with it.
            after = {other: its for other, its in after.items() if not other.startswith(path + b"/")}
        after[path] = row
    return after
