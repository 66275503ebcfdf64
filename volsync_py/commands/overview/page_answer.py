"""What `volsync-py page` writes: it asks, and has pages made of what comes back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import click

from volsync_py.commands.common.cluster import Cluster
from volsync_py.core.objects import Object
from volsync_py.kube.resources import REPLICATION_DESTINATIONS, REPLICATION_SOURCES
from volsync_py.page.addresses import file_of
from volsync_py.page.one import one_page
from volsync_py.page.overview import overview_page
from volsync_py.page.seen import picture_of

_KINDS = (REPLICATION_SOURCES, REPLICATION_DESTINATIONS)
# From a page of one resource to that of all.
_BACK = "../../index.html"


def page_of_all(cluster: Cluster, *, all_namespaces: bool, selector: str) -> str:
    """Return one page, whose names are no links, for there is no page of each."""
    objects, where = _asked(cluster, all_namespaces=all_namespaces, selector=selector)
    return overview_page(picture_of(objects, _now(cluster), where, with_namespace=all_namespaces))


def folder_of(cluster: Cluster, *, all_namespaces: bool, selector: str) -> Iterator[tuple[str, str]]:
    """Return all pages, each with its path in the folder."""
    objects, where = _asked(cluster, all_namespaces=all_namespaces, selector=selector)
    picture = picture_of(objects, _now(cluster), where, with_namespace=all_namespaces)
    yield (
        "index.html",
        overview_page(picture, lambda one: file_of(one.health.kind, one.health.namespace, one.health.name)),
    )
    for obj in objects:
        meta = obj["metadata"]
        path = file_of(str(obj.get("kind")), str(meta.get("namespace") or ""), meta["name"])
        yield path, one_page(obj, picture, back=_BACK)


def page_of_one(cluster: Cluster, name: str) -> str:
    """Return the page of the source of this name, or of the destination."""
    found = next((obj for kind in _KINDS if (obj := cluster.has(kind, name)) is not None), None)
    if found is None:
        raise click.ClickException(
            f"there is no source and no destination called {name} in the namespace {cluster.namespace}; "
            "volsync-py status --all -A shows all there are"
        )
    return one_page(found, picture_of([found], _now(cluster), _named(cluster), with_namespace=True))


def _asked(cluster: Cluster, *, all_namespaces: bool, selector: str) -> tuple[list[Object], str]:
    """Ask for all resources, as the API server's own watch has them: one request for each of the two kinds."""
    space = None if all_namespaces else cluster.namespace
    client = cluster.client
    found = [
        obj for kind in _KINDS for obj in client.list_all(kind, space, label_selector=selector, resource_version="0")
    ]
    return found, "any namespace" if all_namespaces else _named(cluster)


def _named(cluster: Cluster) -> str:
    return f"the namespace {cluster.namespace}"


def _now(cluster: Cluster) -> datetime:
    """Return the time of the server's clock, for what is stored is of that, in the zone of whoever looks."""
    offset: timedelta = cluster.client.server_offset()
    return (datetime.now(UTC) + offset).astimezone()
