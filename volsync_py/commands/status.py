"""`volsync-py status`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import click

from volsync_py.commands.cluster import Cluster, connect, no_color, of_cluster
from volsync_py.commands.health import NOT_WELL, Health, State, health_of
from volsync_py.commands.overview import Overview
from volsync_py.commands.page import page
from volsync_py.commands.shown import as_document, width
from volsync_py.core.objects import Object
from volsync_py.kube.resources import REPLICATION_DESTINATIONS, REPLICATION_SOURCES

_KINDS = (REPLICATION_SOURCES, REPLICATION_DESTINATIONS)
# Two requests each time; people see a change soon enough, and a cluster does not feel it.
_WATCH_SECONDS = 5.0
_COLORS = {State.FINE: "green", State.RUNNING: "blue", State.NEW: "blue", State.PAUSED: "cyan"}
_COLORS |= {State.WARNING: "yellow", State.UPKEEP: "yellow"}


@click.command
@click.argument("name", required=False)
@click.option("-A", "--all-namespaces", is_flag=True, help="Of all namespaces.")
@click.option("--all", "every", is_flag=True, help="A line also for each that is well.")
@click.option("-w", "--watch", is_flag=True, help="Say it anew every five seconds, until Ctrl-C.")
@click.option("-o", "--output", type=click.Choice(["table", "json", "yaml", "name"]), default="table")
@of_cluster
@no_color
def status(
    name: str | None,
    all_namespaces: bool,
    every: bool,
    watch: bool,
    output: str,
    namespace: str | None,
    context: str | None,
    kubeconfig: str | None,
    no_color: bool,
) -> int:
    """Say whether all is backed up, what isn't well, and what to do about it; of NAME, everything on a page.

    Overdue is what has missed a slot of its schedule by more than the time between two slots. The exit code is 1 if
    anything is failing, overdue or unserved, or if its retention, prune or check fail.
    """
    if name and all_namespaces:
        raise click.UsageError("a name is of one namespace: leave -A out, or name the namespace with -n")
    cluster = connect(kubeconfig, context, namespace)
    color = False if no_color or os.environ.get("NO_COLOR") else None
    while True:
        if name:
            text, needs_you = _one(cluster, name, output)
        else:
            text, needs_you = _many(_overview(cluster, all_namespaces=all_namespaces), output, every=every)
        if watch and sys.stdout.isatty():
            click.clear()
        click.echo(text, color=color)
        if not watch:
            return int(needs_you)
        time.sleep(_WATCH_SECONDS)


def _overview(cluster: Cluster, *, all_namespaces: bool) -> Overview:
    """Ask for all resources, as the API server's own watch has them: one request for each of the two kinds."""
    where = None if all_namespaces else cluster.namespace
    objects = [obj for kind in _KINDS for obj in cluster.client.list_all(kind, where, resource_version="0")]
    now = _now(cluster)
    found = [health_of(obj, now) for obj in objects]
    return Overview(found, now, f"the namespace {where}" if where else "any namespace", with_namespace=where is None)


def _many(overview: Overview, output: str, *, every: bool) -> tuple[str, bool]:
    """Return the text, and whether somebody is needed."""
    if output in {"json", "yaml"}:
        text = as_document(overview.as_json(), output)
    elif output == "name":
        text = "\n".join(_path(one) for one in overview.found if every or one.state in NOT_WELL)
    else:
        lines = [overview.verdict(), *overview.lines(width(), _paint)]
        if every and overview.found:
            lines += ["", *overview.table(_paint)]
        text = "\n".join(lines)
    return text, overview.needs_you


def _one(cluster: Cluster, name: str, output: str) -> tuple[str, bool]:
    objects = list(_called(cluster, name))
    if not objects:
        raise click.ClickException(
            f"there is no source and no destination called {name} in the namespace {cluster.namespace}; "
            "volsync-py status --all -A shows all there are"
        )
    now = _now(cluster)
    needs_you = any(health_of(obj, now).needs_you for obj in objects)
    if output in {"json", "yaml"}:
        return as_document(objects[0] if len(objects) == 1 else objects, output), needs_you
    if output == "name":
        return "\n".join(_path(health_of(obj, now)) for obj in objects), needs_you
    return "\n\n".join("\n".join(page(obj, now, width(), _paint)) for obj in objects), needs_you


def _called(cluster: Cluster, name: str) -> Iterator[Object]:
    for kind in _KINDS:
        found = cluster.has(kind, name)
        if found is not None:
            yield found


def _now(cluster: Cluster) -> datetime:
    """Return the time of the server's clock: what is stored is of that."""
    offset: timedelta = cluster.client.server_offset()
    return datetime.now(UTC) + offset


def _path(one: Health) -> str:
    return f"{one.kind.lower()}.volsync.backube/{one.name}"


def _paint(word: str, state: State) -> str:
    return click.style(word, fg=_COLORS.get(state, "red"), bold=state not in _COLORS)
