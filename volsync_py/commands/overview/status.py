"""`volsync-py status`."""

from __future__ import annotations

import sys
import time

import click

from volsync_py.commands.common.called import say
from volsync_py.commands.common.cluster import Where, of_cluster

# Two requests each time; people see a change soon enough, and a cluster does not feel it.
_WATCH_SECONDS = 5.0
# Faster than that is of no use to anybody: no run is as short.
_LEAST_SECONDS = 1.0


@click.command
@click.argument("name", required=False)
@click.option("-A", "--all-namespaces", is_flag=True, help="Of all namespaces.")
@click.option("--all", "every", is_flag=True, help="A line also for each that is well.")
@click.option("-w", "--watch", is_flag=True, help="Say it anew every five seconds, until Ctrl-C.")
@click.option(
    "--interval",
    type=click.FloatRange(min=_LEAST_SECONDS),
    default=_WATCH_SECONDS,
    help="How many seconds --watch lets pass.",
)
@click.option("-o", "--output", type=click.Choice(["table", "json", "yaml", "name"]), default="table")
@of_cluster
def status(
    name: str | None,
    all_namespaces: bool,
    every: bool,
    watch: bool,
    interval: float,
    output: str,
    where: Where,
) -> int:
    """Say whether all is backed up, what isn't well, and what to do about it; of NAME, everything on a page.

    Overdue is what has missed a slot of its schedule by more than the time between two slots. The exit code is 1 if
    anything is failing, overdue or unserved, or if its retention, prune or check fail. An API server that is away while
    it watches is waited for.
    """
    if name and all_namespaces:
        raise click.UsageError("a name is of one namespace: leave -A out, or name the namespace with -n")
    # Their imports take longer than all that `--help` needs.
    from volsync_py.commands.common.refused import sentence
    from volsync_py.commands.overview.status_answer import of_many, of_one
    from volsync_py.kube.errors import ServerError, TooManyRequests, Unreachable

    cluster = where.connect()
    seen = False
    while True:
        try:
            if name:
                text, needs_you = of_one(cluster, name, output)
            else:
                text, needs_you = of_many(cluster, output, all_namespaces=all_namespaces, every=every)
        except (ServerError, TooManyRequests, Unreachable) as error:
            # What has never answered may be the wrong cluster.
            if not seen:
                raise
            say(f"{time.strftime('%H:%M:%S')} {sentence(error)}; it is asked again", err=True)
        else:
            if watch and sys.stdout.isatty():
                click.clear()
            if text:
                (say if output == "table" else click.echo)(text)
            seen = True
        if not watch:
            return int(needs_you)
        time.sleep(interval)
