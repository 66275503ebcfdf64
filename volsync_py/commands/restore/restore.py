"""`volsync-py restore`: what is asked, looked at and confirmed; `restoring.py` does it."""

from __future__ import annotations

import shlex
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from volsync_py.commands.common.called import say
from volsync_py.commands.common.cluster import Cluster, Where, of_cluster
from volsync_py.commands.common.shown import as_document, width
from volsync_py.commands.common.timeout import limit_of

if TYPE_CHECKING:
    from volsync_py.commands.restore.look import Asked
    from volsync_py.commands.restore.plan import Plan


@click.command
@click.argument("name")
@click.option("--at", metavar="TIME", default="", help="As it was then: the newest snapshot made by that time.")
@click.option("--snapshot", metavar="ID", default="", help="This snapshot: its id, or the beginning of it.")
@click.option("--previous", metavar="N", type=click.IntRange(0), help="So many before the newest one.")
@click.option("--to", metavar="CLAIM", default="", help="Into this claim, which is made if there is none.")
@click.option("--in-place", is_flag=True, help="Into the claim that is backed up.")
@click.option("--include", metavar="PATTERN", multiple=True, help="Only what matches, such as /etc/app.conf.")
@click.option("--delete/--no-delete", default=None, help="Remove what a snapshot lacks: the rule in place, if whole.")
@click.option("--scale-down", is_flag=True, help="Take what mounts the claim to 0, and back afterwards.")
@click.option("--no-snapshot", is_flag=True, help="Restore in place without a VolumeSnapshot as the undo.")
@click.option("--size", metavar="QUANTITY", default="", help="Of a claim that is made; else as the one backed up.")
@click.option("--storage-class", metavar="CLASS", default="", help="Of a claim that is made.")
@click.option("--keep-destination", is_flag=True, help="Leave the ReplicationDestination when it has ended well.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and end.")
@click.option("-o", "--output", type=click.Choice(["json", "yaml"]), help="With --dry-run: the objects.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--wait/--no-wait", default=True, help="Wait for the end; in place that is the rule.")
@click.option("--timeout", default="", help="How long to wait at most, such as 30m; for ever if nothing is said.")
@of_cluster
def restore(
    at: str,
    snapshot: str,
    previous: int | None,
    no_snapshot: bool,
    dry_run: bool,
    output: str | None,
    yes: bool,
    wait: bool,
    timeout: str,
    where: Where,
    **asked: Any,
) -> int:
    """Bring the backup of the source NAME back: into a new claim, or where --to or --in-place say.

    It tells what it will do, asks once, and ends with what came back and how to undo it.
    """
    # Neither help nor a word that is mistyped needs any of it.
    from volsync_py.commands.restore.look import Asked, check, planned, source_called
    from volsync_py.commands.restore.point import point

    wanted = Asked(snapshots=not no_snapshot, **asked)
    seconds = _sensible(wanted, output, dry_run=dry_run, wait=wait, timeout=timeout)
    cluster = where.connect()
    source = source_called(cluster, wanted.name)
    now = cluster.now()
    try:
        which = point(at, snapshot, previous, now)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    plan = planned(cluster, source, which, wanted, now, _words(cluster, where))
    if plan.guarded and not wait:
        raise click.UsageError(
            "a claim that is there or in use has to be waited for: what is stopped for it is started again"
        )
    if dry_run:
        return _shown(plan, now, output)
    if plan.refusal():
        raise click.ClickException(plan.refusal())
    check(cluster, plan)
    say("\n".join(plan.lines(now, width())))
    _confirm(yes=yes)
    # What waits knows the mover's words; a plan does without them.
    from volsync_py.commands.restore.execution import restoring

    return restoring(cluster, plan, seconds, wait=wait)


def _sensible(asked: Asked, output: str | None, *, dry_run: bool, wait: bool, timeout: str) -> float | None:
    """Return the time limit; UsageError says what does not go together."""
    if asked.to and asked.in_place:
        raise click.UsageError("--in-place restores into the claim that is backed up: leave --to out")
    if asked.in_place and not wait:
        raise click.UsageError("--in-place has to be waited for: what was stopped for it is started again at its end")
    if output and not dry_run:
        raise click.UsageError("-o shows the objects of --dry-run")
    if asked.include and asked.delete:
        raise click.UsageError("--include restores a part, and a part removes nothing: leave --delete out")
    if asked.size:
        from volsync_py.core.quantity import parse_quantity

        try:
            parse_quantity(asked.size)
        except ValueError as error:
            raise click.UsageError(f"--size: {error}") from None
    return limit_of(timeout)


def _shown(plan: Plan, now: datetime, output: str | None) -> int:
    """Print the plan, or the objects; return the exit code."""
    objects = [plan.destination] if plan.made is None else [plan.made, plan.destination]
    if output:
        click.echo(as_document({"apiVersion": "v1", "kind": "List", "items": objects}, output))
    say("\n".join(plan.lines(now, width())), err=output is not None)
    if plan.refusal():
        say(f"it would be refused: {plan.refusal()}", err=True)
    return int(bool(plan.refusal()))


def _confirm(*, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("nobody can be asked here, because standard input is no terminal: --yes says yes")
    if not click.confirm("go on?", err=True):
        raise click.ClickException("nothing was done")


def _words(cluster: Cluster, where: Where) -> str:
    """Return what another command has to be given to look at the same place."""
    words = ["-n", cluster.namespace]
    for option, value in (("--context", where.context), ("--kubeconfig", where.kubeconfig)):
        words += [option, value] if value else []
    return shlex.join(words)
