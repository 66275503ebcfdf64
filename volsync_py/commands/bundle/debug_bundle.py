"""`volsync-py debug-bundle`."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from volsync_py.commands.common.called import say
from volsync_py.commands.common.cluster import Where, of_cluster


@click.command
@click.argument("name", required=False)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file to write; volsync-py-debug-TIME.tar.gz here if nothing is said.",
)
@of_cluster
def debug_bundle(name: str | None, output: Path | None, where: Where) -> None:
    """Write a file to attach to a report: resources, Jobs, pods, claims, events and logs of a namespace, or of NAME.

    No Secret is read, and what may hold one is left out; what is in the file is printed. Look through it before you
    hand it on.
    """
    # Their imports take longer than all that `--help` needs.
    from volsync_py.commands.bundle.content import Bundle
    from volsync_py.commands.bundle.reader import Reader
    from volsync_py.commands.common.chosen import none_called

    cluster = where.connect()
    bundle = Bundle()
    if not Reader(cluster, bundle).read(name or ""):
        raise click.ClickException("; ".join([none_called(cluster, name or "").message, *bundle.missing]))
    path = output or Path(f"volsync-py-debug-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.tar.gz")
    try:
        # Whoever else uses this machine has no business with it, and no file is overwritten.
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(bundle.packed())
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}; choose another --output") from None
    click.echo(path)
    for line in bundle.listed():
        say(line, err=True)
