"""`volsync-py explain`."""

from __future__ import annotations

import click

from volsync_py.commands.common.called import say


@click.command
@click.argument("error_class", metavar="[CLASS]", required=False)
def explain(error_class: str | None) -> None:
    """Say what a class of failure means, when it is tried again, and what to do; without CLASS, list them."""
    # Help does without it.
    from volsync_py.movers.restic.outcome import CLASSES, tried_again

    if error_class is None:
        longest = max(map(len, CLASSES))
        for name, row in CLASSES.items():
            say(f"{name:{longest}}  {row.next_step}")
        return
    found = next((name for name in CLASSES if name.lower() == error_class.lower()), None)
    if found is None:
        raise click.ClickException(f"there is no class {error_class}; volsync-py explain lists them")
    row = CLASSES[found]
    say(f"{found}\n  known by     {row.recognised_by}")
    say(f"  tried again  {tried_again(found)}\n  what to do   {row.next_step}")
