"""`volsync-py logs`."""

from __future__ import annotations

import click

from volsync_py.commands.common.cluster import Where, of_cluster


@click.command
@click.argument("name")
@click.option("-f", "--follow", is_flag=True, help="Go on with what is written, until the mover ends.")
@of_cluster
def logs(name: str, follow: bool, where: Where) -> None:
    """Print the log of the newest mover of a source or destination, or what its status has kept of the last one.

    Which of them it is goes to standard error.
    """
    # Its imports take longer than all that `--help` needs.
    from volsync_py.commands.runs.printed_log import print_log

    print_log(where.connect(), name, follow=follow)
