"""What the screen of `browse` shows: the snapshots, then one folder after the other. Asks; draws nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from attrs import define, evolve

from volsync_py.bounded_json import list_of, number_of, text_of
from volsync_py.commands.common.called import as_called
from volsync_py.commands.repository.entries import Entry, Lines, entry_of
from volsync_py.commands.repository.repository import Answers, whole
from volsync_py.commands.repository.snapshot_list import Listed, listed, written
from volsync_py.contract.questions import Kind, Question
from volsync_py.core.selection import snapshot_time
from volsync_py.health.words import lasting, plain, size

# What of one folder is kept, some 100 MB; nobody looks through more.
MOST_KEPT = 100_000
# What of it is shown at once: a screen draws so many in a moment, and a filter finds the others.
MOST_SHOWN = 1000
# Tags of one snapshot that are shown.
_MOST_TAGS = 1000
# Times of a file that are kept for its details.
_TIMES = ("mtime", "ctime", "atime")

Item = Listed | Entry


@define
class Level:
    """A list that the screen shows; `more`: it is longer than what is kept of it."""

    title: str
    head: tuple[str, ...]
    items: Sequence[Item]
    snapshot: str = ""
    path: str = ""
    more: bool = False
    filter: str = ""
    row: int = 0

    def shown(self) -> tuple[list[Item], str]:
        """Return what passes the filter, as much as is shown, and a sentence if that is not all."""
        wanted = self.filter.casefold()
        fits = [one for one in self.items if not wanted or wanted in " ".join(cells(one)).casefold()]
        said = []
        if len(fits) > MOST_SHOWN:
            said.append(f"the first {MOST_SHOWN} of {len(fits)} are shown: / filters")
        if self.more:
            said.append(f"only the first {len(self.items)} entries were read: volsync-py find looks through all")
        return fits[:MOST_SHOWN], as_called("; ".join(said))


def snapshots(asked: Answers, own: tuple[str, str], name: str) -> Level:
    """Ask for the snapshots of a host and path, newest first."""
    found = listed(whole(asked, Question(Kind.SNAPSHOTS)), *own)
    mine = [one for one in reversed(found) if one.own]
    return Level(f"snapshots of {plain(name)}", ("ID", "TIME", "AGE", "SIZE", "TAGS"), mine)


class _Enough(Exception):
    """No more is kept."""


def folder(asked: Answers, snapshot: str, path: str) -> Level:
    """Ask for the entries of a folder: folders first, by name."""
    lines, found = Lines(), list[Entry]()

    def take(chunk: bytes) -> None:
        for value in lines.take(chunk):
            entry = entry_of(value)
            if entry is None or entry.path == path:
                continue
            if len(found) == MOST_KEPT:
                raise _Enough
            found.append(evolve(entry, raw={name: entry.raw[name] for name in _TIMES if name in entry.raw}))

    more = False
    try:
        asked.ask(Question(Kind.LIST, snapshot, paths=(path,)), take)
    except _Enough:
        more = True
    found.sort(key=lambda one: (not one.is_folder, one.path))
    return Level(f"{snapshot[:8]}  {plain(path)}", ("NAME", "SIZE", "TIME"), found, snapshot, path, more)


def cells(item: Item) -> tuple[str, ...]:
    """Return what the list shows of an item."""
    if isinstance(item, Entry):
        name = evolve(item, path=item.path.rpartition("/")[2])
        return name.short(), size(item.size) if item.kind == "file" else "", item.changed
    at = snapshot_time(item.raw)
    summary = item.raw.get("summary")
    room = size(number_of(summary, "total_bytes_processed")) if isinstance(summary, dict) else ""
    tags = plain(",".join(map(str, list_of(item.raw, "tags", most=_MOST_TAGS))))
    return item.id[:8], written(at), lasting(datetime.now(UTC) - at), room, tags


def details(item: Item) -> str:
    """Return everything that is known of an item."""
    if isinstance(item, Entry):
        told = {
            "path": item.path,
            "type": item.kind,
            "mode": f"{item.permissions}, owner {item.owner}",
            "size": f"{item.size} bytes",
            "changed": text_of(item.raw, "mtime"),
            "inode changed": text_of(item.raw, "ctime"),
            "read": text_of(item.raw, "atime"),
        }
    else:
        told = {"id": item.id, "time": text_of(item.raw, "time"), "host": text_of(item.raw, "hostname")}
        told |= {"tags": ", ".join(map(str, list_of(item.raw, "tags", most=_MOST_TAGS))), "size": cells(item)[3]}
    return "\n".join(f"{name:14}{plain(value)}" for name, value in told.items() if value)
