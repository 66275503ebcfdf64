"""Prints the log of the newest mover of a source or destination, or what its status has kept of the last one."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from volsync_py.commands.common.called import say
from volsync_py.commands.common.chosen import BOTH, WORDS, none_called
from volsync_py.commands.common.cluster import Cluster
from volsync_py.commands.common.mover_log import CONTAINER, newest_pod
from volsync_py.core.names import Role
from volsync_py.core.objects import Object, status_of
from volsync_py.core.stored_times import time_in
from volsync_py.health.words import ago, plain
from volsync_py.kube.errors import Invalid, NotFound
from volsync_py.kube.resources import PODS, REPLICATION_SOURCES

# As many as are of use; the client keeps the end of what is larger.
_ALL_LINES = -1


def print_log(cluster: Cluster, name: str, *, follow: bool) -> None:
    """Print it; a click exception says that nothing is called so, or that there is no log."""
    for kind in BOTH:
        obj = cluster.has(kind, name)
        if obj is not None:
            role = Role.SOURCE if kind is REPLICATION_SOURCES else Role.DESTINATION
            if not _of_pod(cluster, role, name, follow=follow):
                _of_status(obj, WORDS[kind])
            return
    raise none_called(cluster, name)


def _of_pod(cluster: Cluster, role: Role, name: str, *, follow: bool) -> bool:
    """Print the log of the newest pod, and return whether there is one that has begun."""
    pod = newest_pod(cluster, role, name)
    if pod is None:
        return False
    called = str(pod["metadata"]["name"])
    said = f"log of the pod {called} ({plain(status_of(pod).get('phase'))}):"
    try:
        if follow:
            with cluster.client.follow_log(PODS, cluster.namespace, called, container=CONTAINER) as lines:
                say(said, err=True)
                for line in lines:
                    click.echo(plain(line.decode(errors="replace")))
        else:
            text = cluster.client.pod_log(PODS, cluster.namespace, called, container=CONTAINER, tail_lines=_ALL_LINES)
            say(said, err=True)
            click.echo(plain(text, lines=True), nl=False)
    except (NotFound, Invalid):
        # It has gone meanwhile, or its container has not begun.
        return False
    return True


def _of_status(obj: Object, word: str) -> None:
    mover = status_of(obj).get("latestMoverStatus")
    kept = plain((mover.get("logs") if isinstance(mover, dict) else None) or "", lines=True)
    name = obj["metadata"]["name"]
    if not kept:
        raise click.ClickException(
            f"no mover of the {word} {name} has a log: there is no pod, and the status has kept nothing; "
            f"volsync-py status {name} says what it does"
        )
    ended = time_in(status_of(obj), "lastSyncTime")
    when = f"; the last run that ended well did so {ago(ended, datetime.now(UTC))}" if ended else ""
    say(f"no pod is left; this is what the status has kept of the last mover{when}:", err=True)
    click.echo(kept)
