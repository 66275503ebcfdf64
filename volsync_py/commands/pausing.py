"""`volsync-py pause` and `volsync-py resume`."""

from __future__ import annotations

from collections.abc import Sequence

import click

from volsync_py.commands.chosen import BOTH, WORDS, by_name_or_label, patched
from volsync_py.commands.cluster import Where, of_cluster


@click.command
@by_name_or_label
@of_cluster
def pause(names: Sequence[str], selector: str, where: Where) -> None:
    """Stop the movers of sources and destinations, and start none, until `resume`.

    What keeps them in git may take that back.
    """
    _set(names, selector, where, paused=True)


@click.command
@by_name_or_label
@of_cluster
def resume(names: Sequence[str], selector: str, where: Where) -> None:
    """Let sources and destinations run again; a slot that was missed is made up for at once."""
    _set(names, selector, where, paused=False)


def _set(
    names: Sequence[str],
    selector: str,
    where: Where,
    *,
    paused: bool,
) -> None:
    cluster = where.connect()
    # Taken away and not set to false: so it is as before somebody paused it, for whoever compares it with git.
    changes = {"spec": {"paused": True if paused else None}}
    for kind, obj in patched(cluster, BOTH, names, selector, changes):
        click.echo(f"{WORDS[kind]} {obj['metadata']['name']}: {'paused' if paused else 'resumed'}")
