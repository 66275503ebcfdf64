"""`volsync-py snapshots`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from volsync_py.commands.common.called import say
from volsync_py.commands.common.shown import as_document, width
from volsync_py.commands.repository.asking import Asking, asks_repository
from volsync_py.commands.repository.snapshot_list import Listed, listed, shown_as, verdict
from volsync_py.contract.questions import Kind, Question
from volsync_py.core.names import Role

if TYPE_CHECKING:
    from volsync_py.commands.repository.repository import Repository


@click.command
@click.argument("name")
@click.option("--all-hosts", is_flag=True, help="Also those of other hosts and paths in the same repository.")
@click.option("-o", "--output", type=click.Choice(["table", "json", "yaml", "name"]), default="table")
@asks_repository
def snapshots(
    all_hosts: bool,
    output: str,
    asking: Asking,
) -> None:
    """List the snapshots of a source or destination, newest first, with the rule of its retention that keeps each.

    What is kept by no rule goes after the next backup. Times are UTC.
    """
    with asking.opened() as asked:
        found = snapshots_of(asked)
    shown = [one for one in found if one.own or all_hosts]
    if output in {"json", "yaml"}:
        click.echo(as_document([one.as_json() for one in shown], output))
    elif output == "name":
        click.echo("\n".join(one.id for one in reversed(shown)))
    else:
        if shown:
            now = asked.cluster.now()
            fits = shown_as(shown, now, width(), hosts=all_hosts)
            click.echo("\n".join(fits.lines()))
            if fits.left_out:
                say(fits.hint(), err=True)
        say(verdict(found, shown), err=True)


def snapshots_of(asked: Repository) -> list[Listed]:
    """Ask for all snapshots of a repository, with the rules of retention where the resource has some."""
    policy = asked.replication.role is Role.SOURCE
    answer = asked.read(Question(Kind.SNAPSHOTS, policy=policy))
    return listed(answer, asked.host, asked.path)
