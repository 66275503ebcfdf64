"""`volsync-py ls`, `cat`, `diff`, `find` and `stats`: what is in snapshots."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from volsync_py.bounded_json import number_of, text_of
from volsync_py.commands.common.called import say
from volsync_py.commands.common.shown import as_document, terminal_width
from volsync_py.commands.repository.asking import Asking, asks_repository
from volsync_py.commands.repository.entries import Entry, Found, Lines, Paths, entry_of, found_in, json_of
from volsync_py.commands.repository.snapshot_chosen import LATEST, chooses_snapshot, id_of, snapshot_meant
from volsync_py.contract.questions import Kind, Question
from volsync_py.health.words import count, plain, size

if TYPE_CHECKING:
    from volsync_py.commands.repository.repository import Repository

_DATA = click.Choice(["table", "json", "yaml", "name"])
# What restic calls a change, and what people do.
_CHANGES = {"+": "added", "-": "removed", "M": "changed", "U": "changed", "T": "changed", "?": "changed"}


@click.command
@click.argument("name")
@click.argument("snapshot", default=LATEST)
@click.argument("path", default="/")
@click.option("-R", "--recursive", is_flag=True, help="Also what is in the folders.")
@click.option("-l", "--long", is_flag=True, help="With rights, owner, size and time.")
@click.option("-o", "--output", type=_DATA, default="table")
@chooses_snapshot
@asks_repository
def ls(
    snapshot: str,
    path: str,
    recursive: bool,
    long: bool,
    output: str,
    at: str,
    previous: int,
    asking: Asking,
) -> None:
    """List a folder of a snapshot: what is in the volume's own if no PATH is given.

    SNAPSHOT is an id, the beginning of one, or latest. A PATH alone is of the latest.
    """
    if snapshot.startswith("/"):
        snapshot, path = LATEST, snapshot
    folder = absolute(path)
    with asking.opened() as asked:
        meant = snapshot_meant(asked, snapshot, at, previous)
        shown = Shown(output, folder, Paths(terminal_width()), long=long)
        asked.ask(Question(Kind.LIST, meant, paths=(folder,), recursive=recursive), shown.take)
    shown.end()


class Shown:
    """What is listed, printed as it comes; only documents are kept."""

    def __init__(self, output: str, folder: str, paths: Paths, *, long: bool) -> None:
        self._output, self._folder, self._paths, self._long = output, folder, paths, long
        self._lines = Lines()
        self._kept: list[dict[str, Any]] = []
        self._self: Entry | None = None
        self._number = 0

    def take(self, chunk: bytes) -> None:
        """Take a piece of the answer."""
        for value in self._lines.take(chunk):
            entry = entry_of(value)
            if entry is None:
                continue
            if entry.path == self._folder and entry.is_folder:
                self._self = entry
                continue
            self._number += 1
            self._show(entry)

    def _show(self, entry: Entry) -> None:
        if self._output in {"json", "yaml"}:
            self._kept.append(entry.raw)
        elif self._output == "name":
            click.echo(plain(entry.path))
        else:
            click.echo(self._paths.line(*([entry.about()] if self._long else []), path=entry.short()))

    def end(self) -> None:
        """Print what was kept; a click exception says that there is no such path."""
        if not self._number and self._self is None and self._folder != "/":
            raise click.ClickException(
                f"there is no {plain(self._folder)} in this snapshot; ls without it lists what is"
            )
        if self._output in {"json", "yaml"}:
            click.echo(as_document(self._kept, self._output))
        _tell(self._paths)


def _tell(paths: Paths) -> None:
    if paths.hint():
        say(paths.hint(), err=True)


def absolute(path: str) -> str:
    """Return a path as snapshots have it; those of a volume begin at its root."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise click.UsageError(f"{path}: a path of a snapshot has no ..")
    return "/" + "/".join(parts)


@click.command
@click.argument("name")
@click.argument("words", metavar="[SNAPSHOT] PATH", nargs=-1, required=True)
@chooses_snapshot
@asks_repository
def cat(
    words: tuple[str, ...],
    at: str,
    previous: int,
    asking: Asking,
) -> None:
    """Write the bytes of one file of a snapshot to standard output: of the latest, if only a PATH is given."""
    if len(words) > 2:
        raise click.UsageError("one file at a time; download takes several")
    snapshot, path = words if len(words) == 2 else (LATEST, words[0])
    out = sys.stdout.buffer
    with asking.opened() as asked:
        meant = snapshot_meant(asked, snapshot, at, previous)
        asked.ask(Question(Kind.FILE, meant, paths=(absolute(path),)), lambda chunk: _write(out, chunk))


def _write(out: Any, chunk: bytes) -> None:
    out.write(chunk)
    out.flush()


@click.command
@click.argument("name")
@click.argument("one", metavar="A")
@click.argument("other", metavar="[B]", default=LATEST)
@click.option("-o", "--output", type=_DATA, default="table")
@asks_repository
def diff(
    one: str,
    other: str,
    output: str,
    asking: Asking,
) -> None:
    """Say what is in snapshot B and not, or not so, in A: added, removed and changed. B is the latest if not given."""
    with asking.opened() as asked:
        ids = [id_of(asked, word) if word == LATEST else word for word in (one, other)]
        answer = asked.read(Question(Kind.DIFF, ids[0], other=ids[1]))
    values = [value for line in answer.splitlines() if isinstance(value := json_of(line), dict)]
    changes = [value for value in values if text_of(value, "message_type") == "change"]
    if output in {"json", "yaml"}:
        click.echo(as_document(changes, output))
        return
    if output == "name":
        for change in changes:
            click.echo(plain(text_of(change, "path", most=65536)))
        return
    paths = Paths(terminal_width())
    for change in changes:
        click.echo(change_line(change, paths))
    _tell(paths)
    say(_statistics(values), err=True)


def change_line(change: dict[str, Any], paths: Paths) -> str:
    """Return a line for what differs."""
    word = _CHANGES.get(text_of(change, "modifier")[:1], "changed")
    return paths.line(f"{word:8}", path=plain(text_of(change, "path", most=65536)))


def _statistics(values: Sequence[dict[str, Any]]) -> str:
    told = next((value for value in values if text_of(value, "message_type") == "statistics"), {})
    parts = []
    for name in ("added", "removed"):
        part = told.get(name)
        data: dict[str, Any] = part if isinstance(part, dict) else {}
        parts.append(f"{name} {count(number_of(data, 'files'), 'file')}, {size(number_of(data, 'bytes'))}")
    return f"{'; '.join(parts)}; changed {count(number_of(dict(told), 'changed_files'), 'file')}"


@click.command
@click.argument("name")
@click.argument("patterns", metavar="PATTERN", nargs=-1, required=True)
@click.option("--snapshot", default="", help="In this one alone: its id, or the beginning of it.")
@click.option("--all-hosts", is_flag=True, help="Also in those of other hosts and paths.")
@click.option("-o", "--output", type=_DATA, default="table")
@asks_repository
def find(
    patterns: tuple[str, ...],
    snapshot: str,
    all_hosts: bool,
    output: str,
    asking: Asking,
) -> None:
    """Find files and folders by name in all snapshots: 'invoice*.pdf', or with a / for whole paths."""
    with asking.opened() as asked:
        meant = id_of(asked, snapshot) if snapshot == LATEST else snapshot
        answer = asked.read(Question(Kind.FIND, meant, paths=patterns, everything=all_hosts))
    if output in {"json", "yaml"}:
        click.echo(as_document(json_of(answer) or [], output))
    groups, paths = found_in(answer), Paths(terminal_width())
    for group in groups if output in {"table", "name"} else ():
        for entry in group.entries:
            click.echo(plain(entry.path) if output == "name" else match_line(group, entry, paths))
    if output == "table":
        _tell(paths)
    hits = sum(len(group.entries) for group in groups)
    if output == "table":
        say(f"{count(hits, 'match', 'matches')} in {count(len(groups), 'snapshot')}", err=True)
    if not hits:
        raise click.ClickException(f"nothing is called {plain(' or '.join(patterns))}")


def match_line(group: Found, entry: Entry, paths: Paths) -> str:
    """Return a line for what was found in a snapshot."""
    return paths.line(plain(group.snapshot[:8]), entry.about(), path=entry.short())


@click.command
@click.argument("name")
@click.option("-o", "--output", type=click.Choice(["table", "json", "yaml"]), default="table")
@asks_repository
def stats(
    output: str,
    asking: Asking,
) -> None:
    """Say what the latest snapshot would restore, and what all snapshots of the repository take there."""
    with asking.opened() as asked:
        restored = _counted(asked, Question(Kind.STATS, LATEST, mode="restore-size"))
        stored = _counted(asked, Question(Kind.STATS, mode="raw-data", everything=True))
    if output != "table":
        click.echo(as_document({"latest": restored, "repository": stored}, output))
        return
    click.echo("\n".join(counted_lines(restored, stored)))


def counted_lines(restored: dict[str, Any], stored: dict[str, Any]) -> list[str]:
    """Return what restic has counted of the latest snapshot, and of the repository."""
    files = count(number_of(restored, "total_file_count"), "file")
    snapshots = count(number_of(stored, "snapshots_count"), "snapshot")
    kept, whole = number_of(stored, "total_size"), number_of(stored, "total_uncompressed_size")
    ratio = f", {size(whole)} before compression" if whole else ""
    return [
        f"latest snapshot  {files}, {size(number_of(restored, 'total_size'))}",
        f"repository       {snapshots}, {size(kept)}{ratio}",
    ]


def _counted(asked: Repository, question: Question) -> dict[str, Any]:
    value = json_of(asked.read(question))
    return value if isinstance(value, dict) else {}
