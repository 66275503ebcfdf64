"""`volsync-py takeover`."""

from __future__ import annotations

import click

from volsync_py.commands.common.called import say
from volsync_py.commands.common.cluster import Where, of_cluster


@click.command
@click.option("--back", is_flag=True, help="The other way: from this operator to VolSync.")
@click.option("-o", "--output", type=click.Choice(["table", "json", "yaml"]), default="table")
@of_cluster
def takeover(back: bool, output: str, where: Where) -> int:
    """Say what is there of VolSync, what the change to this operator means for this cluster, and how it is made.

    It reads all namespaces and changes nothing. The exit code is 0 if nothing has to be done before, else 1.
    """
    # Their imports take longer than all that `--help` needs.
    from volsync_py.commands.common.shown import as_document, width
    from volsync_py.commands.takeover.going_back import going_back
    from volsync_py.commands.takeover.going_over import going_over
    from volsync_py.commands.takeover.reader import Reader, schemas

    seen = Reader(where.connect()).seen()
    told = going_back(seen) if back else going_over(seen, schemas())
    if output == "table":
        say("\n".join(told.lines(width())))
    else:
        click.echo(as_document(told.as_json(), output))
    return int(bool(told.findings))
