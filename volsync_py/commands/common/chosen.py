"""The resources that a command is to act on: by name, or by label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import click

from volsync_py.commands.common.cluster import Cluster
from volsync_py.core.objects import Object
from volsync_py.kube.errors import Forbidden, NotFound
from volsync_py.kube.resources import NAMESPACES, REPLICATION_DESTINATIONS, REPLICATION_SOURCES, Resource

BOTH = (REPLICATION_SOURCES, REPLICATION_DESTINATIONS)
WORDS = {REPLICATION_SOURCES: "source", REPLICATION_DESTINATIONS: "destination"}


def called(cluster: Cluster, name: str) -> Iterator[Object]:
    """Return what has a name, each kind asked for when the one before has been looked at."""
    return (found for kind in BOTH if (found := cluster.has(kind, name)) is not None)


def all_of(cluster: Cluster, *, all_namespaces: bool, selector: str = "") -> list[Object]:
    """Ask for all resources, as the API server's own watch has them: one request for each of the two kinds."""
    where = None if all_namespaces else cluster.namespace
    found = [
        obj
        for kind in BOTH
        for obj in cluster.client.list_all(kind, where, label_selector=selector, resource_version="0")
    ]
    if not found and not all_namespaces:
        check_namespace(cluster)
    return found


def place_of(cluster: Cluster, *, all_namespaces: bool) -> str:
    """Return where was looked, in words."""
    return "any namespace" if all_namespaces else f"the namespace {cluster.namespace}"


def check_namespace(cluster: Cluster) -> None:
    """End with a sentence if there is no such namespace: nothing in it would be well. Who may not look is not told."""
    with suppress(Forbidden):
        if cluster.has(NAMESPACES, cluster.namespace) is None:
            raise click.ClickException(f"there is no namespace {cluster.namespace}")


def none_called(cluster: Cluster, name: str, kinds: Sequence[Resource] = BOTH) -> click.ClickException:
    """Return what says that nothing is called so; "" is any name."""
    there_is, called = " and no ".join(WORDS[kind] for kind in kinds), f" called {name}" if name else ""
    return click.ClickException(
        f"there is no {there_is}{called} in the namespace {cluster.namespace}; "
        "volsync-py status --all -A shows all there are"
    )


def patched(
    cluster: Cluster, kinds: Sequence[Resource], names: Sequence[str], selector: str, changes: Any
) -> Iterator[tuple[Resource, Object]]:
    """Change what was chosen, and return each with its kind as it is then; one name may be of either kind."""
    if bool(names) == bool(selector):
        raise click.UsageError("name what is meant, or choose it by its labels with -l")
    if selector:
        yield from _labelled(cluster, kinds, selector, changes)
        return
    for name in names:
        for kind in kinds:
            try:
                yield kind, cluster.client.patch(kind, name, changes, cluster.namespace)
            except NotFound as error:
                if not error.details.get("name"):
                    raise
                continue
            break
        else:
            raise none_called(cluster, name, kinds)


def _labelled(
    cluster: Cluster, kinds: Sequence[Resource], selector: str, changes: Any
) -> Iterator[tuple[Resource, Object]]:
    found = [
        (kind, obj["metadata"]["name"])
        for kind in kinds
        for obj in cluster.client.list_all(kind, cluster.namespace, label_selector=selector)
    ]
    if not found:
        raise click.ClickException(f"nothing in the namespace {cluster.namespace} has the labels {selector}")
    for kind, name in found:
        yield kind, cluster.client.patch(kind, name, changes, cluster.namespace)
