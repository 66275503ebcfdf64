"""`volsync-py download`: files and folders of a snapshot, and the proof that they arrived as they were sent."""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click
from attrs import frozen

from volsync_py.bounded_json import text_of
from volsync_py.commands.common.answer import AnswerError
from volsync_py.commands.common.called import say
from volsync_py.commands.repository.asking import Asking, asks_repository
from volsync_py.commands.repository.entries import Entry, Lines, entry_of
from volsync_py.commands.repository.looking import absolute
from volsync_py.commands.repository.snapshot_chosen import LATEST, chooses_snapshot, snapshot_meant
from volsync_py.commands.repository.unpacked_tree import Tree
from volsync_py.contract.questions import Kind, Question
from volsync_py.core.selection import parse_snapshot_time
from volsync_py.health.words import count, plain, size

if TYPE_CHECKING:
    from volsync_py.commands.repository.repository import Answers

# How many of the entries that are left out are named.
_MOST_NAMED = 5


@click.command
@click.argument("name")
@click.argument("words", metavar="[SNAPSHOT] PATH...", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="The folder that it is written into; the current one if nothing is said.",
)
@click.option("--overwrite", is_flag=True, help="Replace files of the same name.")
@chooses_snapshot
@asks_repository
def download(
    words: tuple[str, ...],
    folder: Path,
    overwrite: bool,
    at: str,
    previous: int,
    asking: Asking,
) -> None:
    """Write files and folders of a snapshot into a folder of this machine.

    PATH begins with a slash, which is the root of the volume. What is there under its name in the end is what the
    repository holds: size and hash of what was sent are held against what has arrived. Nothing is written outside
    the folder; of a folder of the snapshot, links that could lead out of it and what is no file are left out.
    """
    snapshot, paths = (LATEST, words) if words[0].startswith("/") else (words[0], words[1:])
    if not paths or not all(path.startswith("/") for path in paths):
        raise click.UsageError("name paths of the snapshot, each beginning with a slash")
    wanted = [absolute(path) for path in paths]
    targets = [folder / (path.rpartition("/")[2] or asking.name) for path in wanted]
    for target in targets:
        check_free(target, overwrite=overwrite)
    if len(set(targets)) < len(targets):
        raise click.UsageError("two of the paths have the same name: download them into folders of their own")
    with asking.opened() as asked:
        meant = snapshot_meant(asked, snapshot, at, previous)
        try:
            for path, target in zip(wanted, targets, strict=True):
                # The first path says which snapshot it is; a backup may end meanwhile.
                found = _looked_up(asked, meant, path)
                meant = found.snapshot
                # Whoever may not ask, or names what is not there, gets no empty folder.
                folder.mkdir(parents=True, exist_ok=True)
                written = fetch(asked, found, target)
                click.echo(written.said)
                if written.left_out:
                    say(written.left_out, err=True)
        except OSError as error:
            raise click.ClickException(f"{folder} cannot be written: {error.strerror or error}") from None


def check_free(target: Path, *, overwrite: bool) -> None:
    """Refuse a place that something else has."""
    if target.is_dir() and not target.is_symlink():
        raise click.ClickException(f"{plain(target)} is a folder that is there already: choose another one with -o")
    if (target.exists() or target.is_symlink()) and not overwrite:
        there = plain(target)
        raise click.ClickException(f"{there} is there already: choose another folder with -o, or --overwrite it")


class _Enough(Exception):
    """What was asked for has come."""


@frozen
class Wanted:
    """What a path of a snapshot is."""

    snapshot: str
    path: str
    entry: Entry | None


def _looked_up(asked: Answers, snapshot: str, path: str) -> Wanted:
    """Return what a path is, and the id of the snapshot; the answer is read no further than that."""
    lines, identity, entry = Lines(), "", None

    def take(chunk: bytes) -> None:
        nonlocal identity, entry
        for value in lines.take(chunk):
            identity = identity or (text_of(value, "id") if isinstance(value, dict) else "")
            found = entry_of(value)
            if found is not None and found.path == path:
                entry = found
        if identity and (entry is not None or path == "/"):
            raise _Enough

    try:
        asked.ask(Question(Kind.LIST, snapshot, paths=(path,)), take)
    except _Enough:
        return Wanted(identity, path, entry)
    raise click.ClickException(f"there is no {plain(path)} in this snapshot; volsync-py ls says what there is")


@frozen
class Written:
    """What was written where, and what of it is proved; `left_out`: what of a folder was not, "" if all was."""

    said: str
    left_out: str = ""


def fetch(asked: Answers, found: Wanted, target: Path) -> Written:
    """Write a file or folder of a snapshot; nothing of it is there if it is not what was sent."""
    entry = found.entry
    if entry is None or entry.is_folder:
        return _fetch_folder(asked, found, target)
    if entry.kind == "file":
        return _fetch_file(asked, found, entry, target)
    raise click.ClickException(f"{plain(found.path)} is no file and no folder, but a {plain(entry.kind)}")


def _fetch_file(asked: Answers, found: Wanted, entry: Entry, target: Path) -> Written:
    handle, temporary = tempfile.mkstemp(prefix=".volsync-py-", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            ending = asked.ask(Question(Kind.FILE, found.snapshot, paths=(found.path,)), file.write)
            if ending.bytes != entry.size:
                raise AnswerError("", f"{ending.bytes} bytes have arrived of a file of {entry.size}: nothing is kept")
            file.flush()
            os.fsync(file.fileno())
        _date(temporary, entry)
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return Written(f"{plain(target)}: {size(ending.bytes)}, sha256 {ending.sha256}")


def _date(path: str, entry: Entry) -> None:
    """Give a file the time that it had; one that no clock has shows that of now."""
    try:
        seconds = parse_snapshot_time(str(entry.raw["mtime"])).timestamp()
        os.utime(path, (seconds, seconds))
    except (KeyError, ValueError, OverflowError):
        return


def _fetch_folder(asked: Answers, found: Wanted, target: Path) -> Written:
    temporary = Path(tempfile.mkdtemp(prefix=".volsync-py-", dir=target.parent))
    try:
        with _Unpacking(temporary, found.path) as unpacking:
            ending = asked.ask(Question(Kind.ARCHIVE, found.snapshot, paths=(found.path,)), unpacking.write)
        temporary.chmod(0o755)
        os.replace(temporary, target)
    except tarfile.TarError as error:
        raise AnswerError("", f"the archive cannot be unpacked: {error}") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    tree = unpacking.tree
    what = f"{count(tree.files, 'file')}, {size(tree.bytes)}"
    proved = f"{plain(target)}: {what}; sha256 of the archive {ending.sha256}"
    return Written(proved, _said_of(tree.left_out))


def _said_of(left_out: Sequence[str]) -> str:
    if not left_out:
        return ""
    named = ", ".join(map(plain, left_out[:_MOST_NAMED]))
    more = ", …" if len(left_out) > _MOST_NAMED else ""
    said = count(len(left_out), "entry is", "entries are")
    why = "which could lead out of the folder, are no files or have no place of their own"
    return f"{said} left out, {why}: {named}{more}"


class _Unpacking:
    """A thread that unpacks an archive while it arrives; `write` takes its pieces."""

    def __init__(self, folder: Path, path: str) -> None:
        self.tree, self._inner = Tree(folder), path.strip("/")
        reader, writer = os.pipe()
        self._reader, self._writer = os.fdopen(reader, "rb"), os.fdopen(writer, "wb", buffering=0)
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._unpack, daemon=True)

    def __enter__(self) -> _Unpacking:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._writer.close()
        self._thread.join()
        if self._error is not None and error[0] in (None, BrokenPipeError):
            raise self._error

    def write(self, chunk: bytes) -> None:
        """Take a piece of the archive."""
        view = memoryview(chunk)
        while view:
            view = view[self._writer.write(view) :]

    def _unpack(self) -> None:
        try:
            with self._reader as reader, tarfile.open(fileobj=reader, mode="r|") as archive:
                for member in archive:
                    self._take(archive, member)
                self.tree.finish()
                _drain(reader)
        except Exception as error:  # noqa: BLE001 - raised again by the main thread
            self._error = error

    def _take(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        """Write an entry below the folder that was asked for, or leave out what may not be written."""
        name = member.name.strip("/")
        if name == self._inner:
            return
        inner = name.removeprefix(f"{self._inner}/") if self._inner else name
        self.tree.add(archive, member, inner, f"/{name}")


def _drain(reader: BinaryIO) -> None:
    """Read what stands behind the end of an archive, so that who writes it gets rid of it."""
    while reader.read(65536):
        pass
