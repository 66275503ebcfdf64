"""`volsync-py crds`."""

from __future__ import annotations

import click

from volsync_py.commands.shipped import definitions


@click.command
def crds() -> None:
    """Print the CustomResourceDefinitions of this version.

    \b
    volsync-py crds | kubectl apply --server-side --force-conflicts -f -

    That takes over definitions that VolSync has installed, and changes none of their objects.
    """
    for text in definitions():
        click.echo(f"---\n{text}", nl=False)
