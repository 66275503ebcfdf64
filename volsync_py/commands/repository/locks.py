"""`volsync-py locks`."""

from __future__ import annotations

from collections.abc import Callable

import click

from volsync_py.commands.common.called import say
from volsync_py.commands.common.chosen import BOTH
from volsync_py.commands.common.cluster import Cluster
from volsync_py.commands.common.shown import as_document, width
from volsync_py.commands.repository.asking import Asking, asks_repository
from volsync_py.commands.repository.entries import json_of
from volsync_py.commands.repository.lock_list import DEAD, Lock, Namespace, lock_of
from volsync_py.contract.questions import Kind, Question
from volsync_py.core.objects import Object
from volsync_py.health.words import count, plain
from volsync_py.kube.resources import JOBS, PODS


@click.command
@click.argument("name")
@click.option("--remove-dead", is_flag=True, help="Remove those that nobody has renewed for half an hour.")
@click.option("-o", "--output", type=click.Choice(["table", "json", "yaml", "name"]), default="table")
@asks_repository
def locks(
    remove_dead: bool,
    output: str,
    asking: Asking,
) -> int:
    """Say whose locks the repository has, and whether who holds each is still there.

    A lock of a mover that has gone is removed by the next one of the same resource. One whose holder is not of this
    namespace is dead when it has not been renewed for half an hour.
    """
    found = _asked(asking)
    _print(found, output)
    return remove(found, lambda: _unlock(asking), lambda: _asked(asking)) if remove_dead else 0


def remove(found: list[Lock], unlock: Callable[[], int], again: Callable[[], list[Lock]]) -> int:
    """Unlock if that removes any, say what stays, and return the exit code; a click exception if one has not gone."""
    for lock in found:
        if lock.state == DEAD and not lock.goes_now:
            say(lock.stays(), err=True)
    to_go = {lock.id for lock in found if lock.goes_now}
    if not to_go:
        return 0
    code = unlock()
    if code:
        return code
    left = sorted(to_go & {lock.id for lock in again()})
    if left:
        raise click.ClickException(
            f"{count(len(left), 'lock')} that the unlock was to remove {'is' if len(left) == 1 else 'are'} still there "
            f"({', '.join(plain(one)[:8] for one in left)}): may the repository's credentials delete objects?"
        )
    say(f"{count(len(to_go), 'lock')} removed", err=True)
    return 0


def _unlock(asking: Asking) -> int:
    from volsync_py.commands.repository.work import work

    return work(asking.where.connect(), asking.name, "unlock", asking.image, asking.timeout)


def _asked(asking: Asking) -> list[Lock]:
    with asking.opened() as asked:
        answer = asked.read(Question(Kind.LOCKS))
    cluster = asked.cluster
    there, now = _there(cluster), cluster.now()
    return [lock for line in answer.splitlines() if (lock := lock_of(json_of(line), there, now)) is not None]


def _there(cluster: Cluster) -> Namespace:
    client, where = cluster.client, cluster.namespace
    resources: list[Object] = [obj for kind in BOTH for obj in client.list_all(kind, where)]
    return Namespace.of(resources, client.list_all(JOBS, where), client.list_all(PODS, where))


def _print(found: list[Lock], output: str) -> None:
    if output in {"json", "yaml"}:
        click.echo(as_document([lock.as_json() for lock in found], output))
    elif output == "name":
        click.echo("\n".join(lock.id for lock in found), nl=bool(found))
    else:
        for lock in found:
            say("\n".join(lock.lines(width())))
        dead = sum(lock.state == DEAD for lock in found)
        say(f"{count(len(found), 'lock')}, {dead} of them dead" if found else "no locks", err=True)
