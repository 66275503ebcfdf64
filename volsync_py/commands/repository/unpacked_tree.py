"""The files and folders of an archive, written below one folder whatever names and links the archive has.

Links are made when all the rest is written: a tree without a link has nothing to write through. This holds with every
Python, and does without resolving paths, which gives up where links make them too long.
"""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast

from attrs import define, field

# A file is its owner's to read and to write, and nobody else's to write.
_OWN, _MOST = stat.S_IRUSR | stat.S_IWUSR, 0o755


@define
class Tree:
    """What is written below a folder that is new and nobody else's."""

    folder: Path
    left_out: list[str] = field(factory=list)
    files: int = 0
    bytes: int = 0
    # (path, target, name) of each link, and (path, time) of each folder.
    _links: list[tuple[tuple[str, ...], str, str]] = field(factory=list)
    _dates: list[tuple[Path, float]] = field(factory=list)

    def add(self, archive: tarfile.TarFile, member: tarfile.TarInfo, path: str, name: str) -> None:
        """Write a file or folder, and keep a link for the end; `name` is how it is called where it is left out."""
        parts = tuple(part for part in path.split("/") if part not in ("", "."))
        if not parts:
            # The folder itself.
            return
        if ".." in parts or "\0" in path:
            self.left_out.append(name)
            return
        try:
            if member.isdir():
                self._dates.append((self._folder(parts), member.mtime))
            elif member.issym():
                self._links.append((parts, member.linkname, name))
            # Neither a second name of a file nor one with holes comes from restic.
            elif member.isreg() and not member.issparse():
                self._write(cast("BinaryIO", archive.extractfile(member)), member, parts)
            else:
                self.left_out.append(name)
        except (FileExistsError, NotADirectoryError):
            # The place has something else, also where names differ for the archive and not for this machine.
            self.left_out.append(name)

    def finish(self) -> None:
        """Make the links that stay inside, and give the folders their times."""
        for parts, target, name in self._links:
            try:
                if not _stays_inside(parts, target):
                    raise FileExistsError
                (self._folder(parts[:-1]) / parts[-1]).symlink_to(target)
            except (FileExistsError, NotADirectoryError):
                self.left_out.append(name)
        for path, changed in reversed(self._dates):
            _date(path, changed)

    def _folder(self, parts: tuple[str, ...]) -> Path:
        """Return a folder that is there, and is reached through folders alone; NotADirectoryError if it is not."""
        path = self.folder
        for part in parts:
            path /= part
            try:
                path.mkdir()
            except FileExistsError:
                if not stat.S_ISDIR(path.lstat().st_mode):
                    raise NotADirectoryError(str(path)) from None
        return path

    def _write(self, content: BinaryIO, member: tarfile.TarInfo, parts: tuple[str, ...]) -> None:
        path = self._folder(parts[:-1]) / parts[-1]
        rights = (member.mode & _MOST) | _OWN
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _OWN)
        with os.fdopen(handle, "wb") as file:
            shutil.copyfileobj(content, file)
            os.fchmod(file.fileno(), rights)
        _date(path, member.mtime)
        self.files, self.bytes = self.files + 1, self.bytes + member.size


def _stays_inside(parts: tuple[str, ...], target: str) -> bool:
    """Return whether a link cannot lead out of the folder, whichever other links its target goes through.

    Its own folder is no link; so what goes up at first, and then down by names, ends inside if all links do so.
    """
    steps = [step for step in target.split("/") if step not in ("", ".")]
    ups = next((at for at, step in enumerate(steps) if step != ".."), len(steps))
    safe = bool(target) and not target.startswith("/") and "\0" not in target
    return safe and ups < len(parts) and ".." not in steps[ups:]


def _date(path: Path, changed: float) -> None:
    """Give a file or folder the time that it had; one that no clock has shows that of now."""
    with suppress(ValueError, OverflowError, OSError):
        os.utime(path, (changed, changed), follow_symlinks=False)
