"""`volsync-py check`, `prune` and `unlock`: a repository looked after once, beside what the operator does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from volsync_py.commands.common.called import say
from volsync_py.commands.common.cluster import Where, of_cluster


def _works(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--image", default="", help="The image of the pod that does it; the movers' if nothing is said."),
        click.option("--timeout", default="10m", show_default=True, help="How long to wait for the pod's start."),
        click.argument("name"),
    ):
        command = option(command)
    return of_cluster(command)


@click.command
@click.option("--read-data", "subset", default="", help="Also read packs: 5%, 1/10, 2G, or 100% for all.")
@_works
def check(
    name: str,
    subset: str,
    image: str,
    timeout: str,
    where: Where,
) -> int:
    """Check the repository of a source or destination, and say whether it is whole; Ctrl-C ends the waiting alone."""
    # Imported when it is done: a start and a mistyped option do without.
    from attrs import evolve

    from volsync_py.commands.repository.job import replication_called
    from volsync_py.commands.repository.work import work
    from volsync_py.contract.notations import is_read_data, is_size
    from volsync_py.contract.run_document import Check
    from volsync_py.health.words import plain

    if subset and not is_read_data(subset) and not is_size(subset):
        raise click.UsageError(
            f"--read-data: {plain(subset)!r} is no part of it: write it like 5%, 1/10 or 2G; 100% reads all"
        )
    cluster = where.connect()
    run = evolve(replication_called(cluster, name).restic.run, check=Check(subset))
    return work(cluster, name, "check", image, timeout, run)


@click.command
@_works
def prune(name: str, image: str, timeout: str, where: Where) -> int:
    """Free the space of what no snapshot refers to any more; Ctrl-C ends the waiting alone.

    restic's own lock keeps two prunes of one repository apart, and a backup waits for its end. What is known to be
    damaged is not pruned: a prune removes what a repair could still use.
    """
    from volsync_py.commands.repository.job import replication_called
    from volsync_py.commands.repository.work import work
    from volsync_py.core.names import Role
    from volsync_py.movers.restic.repository_on_record import is_damaged

    cluster = where.connect()
    replication = replication_called(cluster, name)
    if replication.role is not Role.SOURCE:
        raise click.ClickException(f"{name} is a destination, and a destination removes nothing: name the source")
    if is_damaged(replication.status.get("restic") or {}):
        raise click.ClickException(
            f"the repository of {name} is known to be damaged, and a prune may remove what a repair needs: "
            f"volsync-py check {name} -n {cluster.namespace} says what is wrong, restic repair mends it, and a check "
            "of the operator's that ends well (spec.restic.check) lets prunes go on"
        )
    return work(cluster, name, "prune", image, timeout)


@click.command
@_works
def unlock(name: str, image: str, timeout: str, where: Where) -> int:
    """Remove the locks that nobody has renewed for half an hour; those of who lives stay."""
    from volsync_py.commands.repository.work import work

    code = work(where.connect(), name, "unlock", image, timeout)
    if code == 0:
        say(f"what was renewed within half an hour stays: volsync-py locks {name} shows what is left", err=True)
    return code
