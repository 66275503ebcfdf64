"""`volsync-py explain`."""

from __future__ import annotations

from typing import Any

import click

from volsync_py.commands.common.called import say
from volsync_py.commands.common.shown import as_document

# How people are told what programs read by these names.
_WORDS = {"knownBy": "known by", "meaning": "means", "triedAgain": "tried again", "nextStep": "what to do"}


@click.command
@click.argument("error_class", metavar="[CLASS]", required=False)
@click.option("-o", "--output", type=click.Choice(["table", "json", "yaml", "name"]), default="table")
def explain(error_class: str | None, output: str) -> None:
    """Say what a class of failure means, when it is tried again, and what to do; without CLASS, list them.

    It knows the other reasons of conditions, too, and all that `status` prints in their place.
    """
    rows = _rows()
    found = [one for one in rows if error_class is None or one["name"].lower() == error_class.lower()]
    if not found:
        raise click.ClickException(f"there is no class {error_class}; volsync-py explain lists them")
    if output in {"json", "yaml"}:
        click.echo(as_document(found if error_class is None else found[0], output))
    elif output == "name":
        click.echo("\n".join(one["name"] for one in found))
    elif error_class is None:
        longest = max(len(one["name"]) for one in rows)
        say("\n".join(f"{one['name']:{longest}}  {one['nextStep']}" for one in rows))
    else:
        one = found[0]
        say("\n".join([one["name"], *(f"  {word:11}  {one[key]}" for key, word in _WORDS.items() if key in one)]))


def _rows() -> list[dict[str, Any]]:
    """Return all classes, and after them all other reasons."""
    # Help does without them.
    from volsync_py.health.reasons import REASONS
    from volsync_py.movers.restic.outcome import CLASSES, tried_again

    classes = [
        {
            "name": str(name),
            "knownBy": row.recognised_by,
            "triedAgain": tried_again(name),
            "nextStep": row.next_step,
        }
        for name, row in CLASSES.items()
    ]
    reasons = [
        {"name": name, "knownBy": row.where, "meaning": row.meaning, "nextStep": row.next_step}
        for name, row in REASONS.items()
    ]
    return [*classes, *reasons]
