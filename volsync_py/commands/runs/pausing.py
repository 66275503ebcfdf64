"""`volsync-py pause` and `volsync-py resume`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from volsync_py.commands.common.by_name import by_name_or_label, of_repository
from volsync_py.commands.common.called import say
from volsync_py.commands.common.cluster import Where, of_cluster
from volsync_py.core.labels import Annotation

if TYPE_CHECKING:
    from volsync_py.core.objects import Object


@click.command
@by_name_or_label
@of_repository
@of_cluster
def pause(names: Sequence[str], selector: str, repository: str, where: Where) -> None:
    """Stop the movers of sources and destinations, and start none, until `resume`.

    With --repository nothing of the namespace writes into this repository any more, as for a repair by hand. What keeps
    the resources in git may take that back.
    """
    _set(names, selector, repository, where, paused=True)


@click.command
@by_name_or_label
@of_repository
@of_cluster
def resume(names: Sequence[str], selector: str, repository: str, where: Where) -> None:
    """Let sources and destinations run again; a slot that was missed is made up for at once."""
    _set(names, selector, repository, where, paused=False)


def _set(
    names: Sequence[str],
    selector: str,
    repository: str,
    where: Where,
    *,
    paused: bool,
) -> None:
    # Help does without it.
    from volsync_py.commands.common.chosen import BOTH, WORDS, patched

    cluster = where.connect()
    for kind, obj in patched(cluster, BOTH, names, selector, changes_of(paused=paused), repository):
        say(f"{WORDS[kind]} {obj['metadata']['name']}: {'paused' if paused else 'resumed'}")


def changes_of(*, paused: bool) -> Object:
    """Return the merge patch that pauses or resumes. Pure."""
    if paused:
        return {"spec": {"paused": True}}
    # Taken away and not set to false: so it is as before somebody paused it, for whoever compares it with git. Whoever
    # resumes it means it: no restore resumes it again when somebody has paused it since.
    return {"metadata": {"annotations": {Annotation.PAUSED_FOR: None}}, "spec": {"paused": None}}
