"""Which snapshot a command is about: the words are those of a restore."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from volsync_py.commands.common.typed_time import parsed_time
from volsync_py.commands.repository.snapshot_list import chosen, listed
from volsync_py.contract.questions import Kind, Question
from volsync_py.core.selection import SelectionError

if TYPE_CHECKING:
    from volsync_py.commands.repository.repository import Repository

LATEST = "latest"


def chooses_snapshot(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that choose a snapshot of the resource's own by time or place in the order."""
    at = click.option("--at", default="", metavar="TIME", help="The newest not after TIME, as restore takes it.")
    previous = click.option("--previous", type=click.IntRange(min=0), default=0, help="So many before that one.")
    return at(previous(command))


def snapshot_meant(asked: Repository, word: str, at: str, previous: int) -> str:
    """Return what a question calls the snapshot; only what restic cannot choose by itself costs a question."""
    if not at and not previous:
        return word or LATEST
    if word not in ("", LATEST):
        raise click.UsageError("a snapshot is meant by its id, or by --at and --previous, not by both")
    return id_of(asked, word, at, previous)


def id_of(asked: Repository, word: str, at: str = "", previous: int = 0) -> str:
    """Return the id of a snapshot, from the repository's list; a click exception says why there is none."""
    instant = _instant(at, asked.cluster.now()) if at else ""
    found = listed(asked.read(Question(Kind.SNAPSHOTS)), asked.host, asked.path)
    try:
        return str(chosen(found, word, asked.host, asked.path, at=instant, previous=previous)["id"])
    except SelectionError as error:
        raise click.ClickException(str(error)) from None


def _instant(at: str, now: datetime) -> str:
    """Return a typed time as RFC 3339 has it."""
    try:
        return parsed_time(at, now, None).isoformat()
    except ValueError as error:
        raise click.UsageError(str(error)) from None
