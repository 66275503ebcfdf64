"""What `volsync-py page` writes: it asks, and has pages made of what comes back."""

from __future__ import annotations

from collections.abc import Iterator

from volsync_py.commands.common.chosen import all_of, none_called, place_of
from volsync_py.commands.common.cluster import Cluster
from volsync_py.core.objects import Object
from volsync_py.health.sharing import health_among
from volsync_py.health.state import Health
from volsync_py.page.addresses import file_of
from volsync_py.page.one import one_page
from volsync_py.page.overview import overview_page
from volsync_py.page.seen import Picture, picture_of

# From a page of one resource to that of all.
_BACK = "../../index.html"


def page_of_all(cluster: Cluster, *, all_namespaces: bool, selector: str) -> str:
    """Return one page, whose names are no links, for there is no page of each."""
    return overview_page(_asked(cluster, all_namespaces=all_namespaces, selector=selector)[1])


def folder_of(cluster: Cluster, *, all_namespaces: bool, selector: str) -> Iterator[tuple[str, str]]:
    """Return all pages, each with its path in the folder."""
    objects, picture = _asked(cluster, all_namespaces=all_namespaces, selector=selector)
    yield "index.html", overview_page(picture, lambda one: _file_of(one.health))
    healths = {_file_of(one.health): one.health for one in picture.found}
    for obj in objects:
        file = file_of(obj["kind"], obj["metadata"]["namespace"], obj["metadata"]["name"])
        yield file, one_page(obj, healths[file], picture.now, back=_BACK)


def page_of_one(cluster: Cluster, name: str) -> str:
    """Return the page of the source of this name, or of the destination."""
    objects = all_of(cluster, all_namespaces=False)
    found = next((obj for obj in objects if obj["metadata"]["name"] == name), None)
    if found is None:
        raise none_called(cluster, name)
    # In the zone of whoever looks.
    now = cluster.now().astimezone()
    return one_page(found, health_among(found, objects, now), now)


def _file_of(health: Health) -> str:
    return file_of(health.kind, health.namespace, health.name)


def _asked(cluster: Cluster, *, all_namespaces: bool, selector: str) -> tuple[list[Object], Picture]:
    """Ask for all resources; return them, and what is shown of them in the zone of whoever looks."""
    objects = all_of(cluster, all_namespaces=all_namespaces, selector=selector)
    now, where = cluster.now().astimezone(), place_of(cluster, all_namespaces=all_namespaces)
    return objects, picture_of(objects, now, where, with_namespace=all_namespaces)
