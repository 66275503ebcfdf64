"""What `volsync-py status` answers: it asks, and words what comes back."""

from __future__ import annotations

import click

from volsync_py.commands.common.chosen import all_of, none_called, place_of
from volsync_py.commands.common.cluster import Cluster
from volsync_py.commands.common.shown import as_document, width
from volsync_py.commands.overview.one_source import page
from volsync_py.health.sharing import health_among, healths
from volsync_py.health.state import NOT_WELL, Health, State
from volsync_py.health.verdict import Overview

_COLORS = {State.FINE: "green", State.RUNNING: "blue", State.NEW: "blue", State.PAUSED: "cyan"}
_COLORS |= {State.WARNING: "yellow", State.UPKEEP: "yellow", State.UNPROVED: "red"}


def of_many(cluster: Cluster, output: str, *, all_namespaces: bool, every: bool) -> tuple[str, bool]:
    """Return what is said of a namespace or of all, and whether somebody is needed."""
    return _many(_overview(cluster, all_namespaces=all_namespaces), output, every=every)


def _overview(cluster: Cluster, *, all_namespaces: bool) -> Overview:
    objects = all_of(cluster, all_namespaces=all_namespaces)
    now, where = cluster.now(), place_of(cluster, all_namespaces=all_namespaces)
    return Overview(healths(objects, now), now, where, with_namespace=all_namespaces)


def _many(overview: Overview, output: str, *, every: bool) -> tuple[str, bool]:
    """Return the text, and whether somebody is needed."""
    if output in {"json", "yaml"}:
        text = as_document(overview.as_json(), output)
    elif output == "name":
        text = "\n".join(_path(one) for one in overview.found if every or one.state in NOT_WELL)
    else:
        lines = list(overview.lines(width(), _paint))
        if every and overview.found:
            lines += ["", *overview.table(width(), _paint)]
        text = "\n".join(lines)
    return text, overview.needs_you


def of_one(cluster: Cluster, name: str, output: str) -> tuple[str, bool]:
    """Return what is said of what has a name, and whether somebody is needed."""
    among = all_of(cluster, all_namespaces=False)
    objects = [obj for obj in among if obj["metadata"]["name"] == name]
    if not objects:
        raise none_called(cluster, name)
    now = cluster.now()
    states = [health_among(obj, among, now) for obj in objects]
    needs_you = any(one.needs_you for one in states)
    if output in {"json", "yaml"}:
        return as_document(objects[0] if len(objects) == 1 else objects, output), needs_you
    if output == "name":
        return "\n".join(map(_path, states)), needs_you
    pages = (page(obj, one, now, width(), _paint) for obj, one in zip(objects, states, strict=True))
    return "\n\n".join(map("\n".join, pages)), needs_you


def _path(one: Health) -> str:
    return f"{one.kind.lower()}.volsync.backube/{one.name}"


def _paint(word: str, state: State) -> str:
    return click.style(word, fg=_COLORS.get(state, "red"), bold=state not in _COLORS)
