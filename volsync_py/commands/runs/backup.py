"""`volsync-py backup`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import click

from volsync_py.commands.common.by_name import by_name_or_label
from volsync_py.commands.common.cluster import Where, of_cluster
from volsync_py.commands.common.timeout import limit_of
from volsync_py.core.labels import Annotation


@click.command
@by_name_or_label
@click.option("--wait", is_flag=True, help="Show how far it is, and end with the result.")
@click.option("--timeout", default="", help="How long to wait at most, such as 30m; for ever if nothing is said.")
@click.option("-o", "--output", type=click.Choice(["table", "json", "yaml", "name"]), default="table")
@of_cluster
def backup(
    names: Sequence[str],
    selector: str,
    wait: bool,
    timeout: str,
    output: str,
    where: Where,
) -> int:
    """Back sources up now, whatever their trigger: one extra run of each.

    With --wait it ends when the run has: 0 if it ended well, 1 if the operator has given up for now, which it does
    after three attempts, or at once where only a change can help. Ctrl-C ends the waiting, not the backup.
    """
    seconds = limit_of(timeout)
    cluster = where.connect()
    # Help does without them.
    from volsync_py.commands.common.chosen import patched
    from volsync_py.commands.runs.answered import answered, tell_asked
    from volsync_py.commands.runs.asked_run import doing, ended, snapshot_of
    from volsync_py.commands.runs.waiting import Run, new_token
    from volsync_py.core.names import Role
    from volsync_py.kube.resources import REPLICATION_SOURCES

    token = new_token()
    changes = {"metadata": {"annotations": {Annotation.RUN_NOW: token}}}
    runs = []
    for _, source in patched(cluster, [REPLICATION_SOURCES], names, selector, changes):
        name = str(source["metadata"]["name"])
        judge = partial(ended, token=token, snapshot_before=snapshot_of(source))
        runs.append(Run(cluster, Role.SOURCE, name, judge, partial(doing, token=token)))
        if not wait:
            tell_asked(name, token, output)
    return answered(runs, token, output, "the backup", seconds, wait=wait)
