"""`volsync-py prove`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import click

from volsync_py.commands.common.by_name import by_name_or_label
from volsync_py.commands.common.cluster import Cluster, Where, of_cluster
from volsync_py.commands.common.timeout import limit_of
from volsync_py.core.labels import Annotation


@click.command
@by_name_or_label
@click.option("--all", "every", is_flag=True, help="All sources of the namespace.")
@click.option("--wait", is_flag=True, help="End with the result.")
@click.option("--timeout", default="", help="How long to wait at most, such as 30m; for ever if nothing is said.")
@click.option("-o", "--output", type=click.Choice(["table", "json", "yaml", "name"]), default="table")
@of_cluster
def prove(
    names: Sequence[str],
    selector: str,
    every: bool,
    wait: bool,
    timeout: str,
    output: str,
    where: Where,
) -> int:
    """Restore the newest backup of sources into a volume of its own, compare every file, and delete it again.

    Nothing of the source's own is touched, and no backup of theirs waits for it. With --wait it ends when the
    verification has: 0 if the backup came back whole, 1 if not. Ctrl-C ends the waiting, not the verification.
    """
    # Help does without them.
    from volsync_py.commands.common.chosen import patched
    from volsync_py.commands.runs.answered import answered, tell_asked
    from volsync_py.commands.runs.asked_proof import doing, ended
    from volsync_py.commands.runs.waiting import Run, new_token
    from volsync_py.core.names import Role
    from volsync_py.kube.resources import REPLICATION_SOURCES

    seconds = limit_of(timeout)
    cluster = where.connect()
    if every:
        names = _all_of(cluster, names, selector)
    token = new_token()
    changes = {"metadata": {"annotations": {Annotation.PROVE_NOW: token}}}
    runs = []
    for _, source in patched(cluster, [REPLICATION_SOURCES], names, selector, changes):
        name = str(source["metadata"]["name"])
        judge = partial(ended, token=token)
        # Its log is none of a run's.
        runs.append(Run(cluster, Role.SOURCE, name, judge, partial(doing, token=token), may_read_log=False))
        if not wait:
            tell_asked(name, token, output)
    return answered(runs, token, output, "the verification", seconds, wait=wait)


def _all_of(cluster: Cluster, names: Sequence[str], selector: str) -> list[str]:
    from volsync_py.kube.resources import REPLICATION_SOURCES

    if names or selector:
        raise click.UsageError("--all goes without names and without -l")
    found = [obj["metadata"]["name"] for obj in cluster.client.list_all(REPLICATION_SOURCES, cluster.namespace)]
    if not found:
        raise click.ClickException(f"there is no source in the namespace {cluster.namespace}")
    return sorted(found)
