"""`volsync-py browse`: the snapshots of a source or destination, and what is in them, on an interactive screen."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from volsync_py.commands.repository.asking import Asking, asks_repository


@click.command
@click.argument("name")
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="The folder that downloads go into; the current one if nothing is said.",
)
@click.option("--overwrite", is_flag=True, help="Downloads replace files of the same name.")
@asks_repository
def browse(
    folder: Path,
    overwrite: bool,
    asking: Asking,
) -> int:
    """Look through the snapshots of a source or destination, and download from them.

    Enter opens, Backspace goes back, / filters, d downloads, i shows details, ? all keys, q quits.
    """
    try:
        from volsync_py.commands.browse.screen import Browser
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("textual", "rich"):
            raise
        raise click.ClickException("browse needs the library of the screen: pip install 'volsync-py[browse]'") from None
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise click.UsageError("browse needs a terminal: volsync-py snapshots, ls and download do the same without one")
    with asking.opened() as asked:
        screen = Browser(asked, asking.name, (asked.host, asked.path), folder, overwrite=overwrite)
        # Somebody reads a list before the next one is opened.
        asked.thinks = True
        asked.tell, asked.wait = screen.tell, screen.asker.wait
        try:
            # The terminal's own selection of text goes on working.
            screen.run(mouse=False)
        finally:
            screen.asker.end()
    if screen.asker.defect is not None:
        raise screen.asker.defect
    return screen.return_code or 0
