"""`volsync-py prove`."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

import click

from volsync_py.commands.common.chosen import by_name_or_label, patched
from volsync_py.commands.common.cluster import Cluster, Where, of_cluster
from volsync_py.commands.common.timeout import seconds_of
from volsync_py.commands.runs.asked_proof import doing, ended
from volsync_py.commands.runs.asked_run import Ended
from volsync_py.commands.runs.waiting import Run, wait_for
from volsync_py.core.labels import Annotation
from volsync_py.core.names import Role
from volsync_py.kube.resources import REPLICATION_SOURCES

_INTERRUPTED = 130


@click.command
@by_name_or_label
@click.option("--all", "every", is_flag=True, help="All sources of the namespace.")
@click.option("--wait", is_flag=True, help="End with the result.")
@click.option("--timeout", default="", help="How long to wait at most, such as 30m; for ever if nothing is said.")
@of_cluster
def prove(
    names: Sequence[str],
    selector: str,
    every: bool,
    wait: bool,
    timeout: str,
    where: Where,
) -> int:
    """Restore the newest backup of sources into a volume of its own, compare every file, and delete it again.

    Nothing of the source's own is touched, and no backup of theirs waits for it. With --wait it ends when the
    verification has: 0 if the backup came back whole, 1 if not. Ctrl-C ends the waiting, not the verification.
    """
    seconds = seconds_of(timeout)
    cluster = where.connect()
    if every:
        names = _all_of(cluster, names, selector)
    token = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    changes = {"metadata": {"annotations": {Annotation.PROVE_NOW: token}}}
    runs = []
    for _, source in patched(cluster, [REPLICATION_SOURCES], names, selector, changes):
        name = str(source["metadata"]["name"])
        judge = partial(ended, token=token)
        # Its log is none of a run's.
        runs.append(Run(cluster, Role.SOURCE, name, judge, partial(doing, token=token), may_read_log=False))
        if not wait:
            click.echo(f"{name}: asked for ({token}); volsync-py status {name} says what becomes of it")
    return _await(runs, seconds) if wait else 0


def _all_of(cluster: Cluster, names: Sequence[str], selector: str) -> list[str]:
    if names or selector:
        raise click.UsageError("--all goes without names and without -l")
    found = [obj["metadata"]["name"] for obj in cluster.client.list_all(REPLICATION_SOURCES, cluster.namespace)]
    if not found:
        raise click.ClickException(f"there is no source in the namespace {cluster.namespace}")
    return sorted(found)


def _await(runs: list[Run], seconds: float | None) -> int:
    """Wait for all, and return the exit code."""
    try:
        if not wait_for(runs, seconds, _tell):
            click.echo(f"{_left(runs)}: not ended in time; the verification goes on", err=True)
            return 1
    except KeyboardInterrupt:
        said = f"{_left(runs)}: you no longer wait, and it goes on; volsync-py status says what becomes of it"
        click.echo(said, err=True)
        return _INTERRUPTED
    return 0 if all(run.ended is not None and run.ended.well for run in runs) else 1


def _tell(run: Run, found: Ended) -> None:
    click.echo(f"{run.name}: {found.text}", err=not found.well)


def _left(runs: Sequence[Run]) -> str:
    return ", ".join(run.name for run in runs if run.ended is None)
