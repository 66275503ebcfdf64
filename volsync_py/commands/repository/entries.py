"""Files and folders of snapshots as restic tells of them, and how they are shown. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from attrs import define, frozen

from volsync_py.bounded_json import Unreadable, list_of, number_of, read_json, text_of
from volsync_py.health.words import abridged, count, plain, size

# A path of Linux is shorter, and its names may take four bytes a character.
_LONGEST_PATH = 65536
# One line of restic's, with room for many extended attributes.
_LONGEST_LINE_BYTES = 8 * 1024 * 1024
# A narrow window gets longer lines.
_LEAST_PATH = 12
_MARKS = {"dir": "/", "symlink": "@", "fifo": "|", "socket": "="}
# What `find` answers about one snapshot.
_MOST_MATCHES = 10_000_000


@frozen
class Entry:
    """One file or folder."""

    path: str
    kind: str
    size: int
    permissions: str
    owner: str
    changed: str
    raw: dict[str, Any]

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.kind == "dir"

    def short(self) -> str:
        """Return its path, with a mark for what is no file."""
        return plain(self.path) + _MARKS.get(self.kind, "")

    def about(self) -> str:
        """Return everything else about it."""
        room = size(self.size) if self.kind == "file" else "-"
        return f"{plain(self.permissions[:10])}  {plain(self.owner):>11}  {room:>10}  {self.changed}"


def entry_of(value: Any) -> Entry | None:
    """Return the entry that restic tells of, or None."""
    if not isinstance(value, dict):
        return None
    path = text_of(value, "path", most=_LONGEST_PATH)
    if not path.startswith("/"):
        return None
    owner = f"{number_of(value, 'uid')}:{number_of(value, 'gid')}"
    changed = plain(text_of(value, "mtime")[:16].replace("T", " "))
    kind, size_ = text_of(value, "type"), number_of(value, "size")
    return Entry(path, kind, size_, text_of(value, "permissions"), owner, changed, value)


@define
class Paths:
    """Lines that end with a path, which a terminal gets in its width; what is no terminal has None."""

    width: int | None
    # How many were abridged.
    abridged: int = 0

    def line(self, *before: str, path: str) -> str:
        """Return a line; a path for which there is no room loses its middle."""
        head = "".join(f"{text}  " for text in before)
        room = len(path) if self.width is None else max(self.width - len(head), _LEAST_PATH)
        self.abridged += len(path) > room
        return head + abridged(path, room)

    def hint(self) -> str:
        """Return how to see what was left out, "" if nothing was."""
        if not self.abridged:
            return ""
        is_one = self.abridged == 1
        return f"{count(self.abridged, 'path')} {'has' if is_one else 'have'} no room here: -o name prints all of it"


class Lines:
    """Takes the pieces of an answer, and gives its lines as JSON values."""

    def __init__(self) -> None:
        self._rest = b""

    def take(self, chunk: bytes) -> Iterator[Any]:
        """Return the values of the lines that are complete now."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        # A line that does not end is nothing that restic writes.
        self._rest = self._rest[:_LONGEST_LINE_BYTES]
        for line in lines:
            value = json_of(line)
            if value is not None:
                yield value


def json_of(text: bytes) -> Any:
    """Return the value of a JSON text, or None."""
    try:
        return read_json(text, most=max(len(text), 1)) if text.strip() else None
    except Unreadable:
        return None


@frozen
class Found:
    """What `find` has found in one snapshot."""

    snapshot: str
    entries: tuple[Entry, ...]


def found_in(answer: bytes) -> list[Found]:
    """Return what was found, snapshot by snapshot."""
    data = json_of(answer)
    groups = [one for one in data if isinstance(one, dict)] if isinstance(data, list) else []
    return [Found(text_of(one, "snapshot"), tuple(_entries(one))) for one in groups]


def _entries(group: dict[str, Any]) -> Iterable[Entry]:
    return filter(None, map(entry_of, list_of(group, "matches", most=_MOST_MATCHES)))
