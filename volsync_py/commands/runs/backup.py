"""`volsync-py backup`."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import click

from volsync_py.commands.common.chosen import by_name_or_label, patched
from volsync_py.commands.common.cluster import Where, of_cluster
from volsync_py.commands.common.timeout import seconds_of
from volsync_py.core.labels import Annotation
from volsync_py.core.names import Role
from volsync_py.kube.resources import REPLICATION_SOURCES

if TYPE_CHECKING:
    from volsync_py.commands.runs.asked_run import Ended
    from volsync_py.commands.runs.waiting import Run

INTERRUPTED = 130


@click.command
@by_name_or_label
@click.option("--wait", is_flag=True, help="Show how far it is, and end with the result.")
@click.option("--timeout", default="", help="How long to wait at most, such as 30m; for ever if nothing is said.")
@of_cluster
def backup(
    names: Sequence[str],
    selector: str,
    wait: bool,
    timeout: str,
    where: Where,
) -> int:
    """Back sources up now, whatever their trigger: one extra run of each.

    With --wait it ends when the run has: 0 if it ended well, 1 if the operator has given up for now, which it does
    after three attempts, or at once where only a change can help. Ctrl-C ends the waiting, not the backup.
    """
    seconds = seconds_of(timeout)
    cluster = where.connect()
    token = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    changes = {"metadata": {"annotations": {Annotation.RUN_NOW: token}}}
    # Help does without it.
    from volsync_py.commands.runs.asked_run import doing, ended, snapshot_of
    from volsync_py.commands.runs.waiting import Run

    runs = []
    for _, source in patched(cluster, [REPLICATION_SOURCES], names, selector, changes):
        name = str(source["metadata"]["name"])
        judge = partial(ended, token=token, snapshot_before=snapshot_of(source))
        runs.append(Run(cluster, Role.SOURCE, name, judge, partial(doing, token=token)))
        if not wait:
            click.echo(f"{name}: asked for ({token}); volsync-py status {name} says what becomes of it")
    return _await(runs, seconds) if wait else 0


def _await(runs: list[Run], seconds: float | None) -> int:
    """Wait for all, and return the exit code."""
    from volsync_py.commands.runs.waiting import wait_for

    try:
        if not wait_for(runs, seconds, _tell):
            click.echo(f"{_left(runs)}: not ended in time; the backup goes on", err=True)
            return 1
    except KeyboardInterrupt:
        said = f"{_left(runs)}: you no longer wait, and the backup goes on; volsync-py status says what becomes of it"
        click.echo(said, err=True)
        return INTERRUPTED
    return 0 if all(run.ended is not None and run.ended.well for run in runs) else 1


def _tell(run: Run, found: Ended) -> None:
    click.echo(f"{run.name}: {found.text}", err=not found.well)


def _left(runs: Sequence[Run]) -> str:
    return ", ".join(run.name for run in runs if run.ended is None)
