"""The resources that a command is to act on: by name, by label, or by repository."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import click

from volsync_py.commands.common.cluster import Cluster
from volsync_py.core.objects import Object, mapping
from volsync_py.health.state import repository_of
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
    cluster: Cluster,
    kinds: Sequence[Resource],
    names: Sequence[str],
    selector: str,
    changes: Any,
    repository: str | None = None,
) -> Iterator[tuple[Resource, Object]]:
    """Change what was chosen, and return each with its kind as it is then; one name may be of either kind.

    `repository` is the name of a Secret, "" if none was given, None where the command takes none.
    """
    if sum(map(bool, (names, selector, repository))) != 1:
        other = "" if repository is None else ", or all of a repository with --repository"
        raise click.UsageError(f"name what is meant, or choose it by its labels with -l{other}")
    if not names:
        for kind, name in _found(cluster, kinds, selector, repository or ""):
            yield kind, cluster.client.patch(kind, name, changes, cluster.namespace)
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


def _found(cluster: Cluster, kinds: Sequence[Resource], selector: str, repository: str) -> list[tuple[Resource, str]]:
    """Return kind and name of what has these labels, or this repository; a click exception says that nothing has."""
    listed = [
        (kind, obj)
        for kind in kinds
        for obj in cluster.client.list_all(kind, cluster.namespace, label_selector=selector)
    ]
    if repository:
        meant = of_repository(repository, [obj for _, obj in listed])
        listed = [(kind, obj) for kind, obj in listed if obj in meant]
    if not listed:
        what = f"names the repository Secret {repository}" if repository else f"has the labels {selector}"
        raise click.ClickException(f"nothing in the namespace {cluster.namespace} {what}")
    return [(kind, obj["metadata"]["name"]) for kind, obj in listed]


def of_repository(secret: str, objects: Sequence[Object]) -> list[Object]:
    """Return the resources of one namespace whose repository is that of a Secret, as far as anybody knows. Pure.

    Another Secret may lead to the same one; which does, the statuses of sources tell that were backed up.
    """
    places = {repository_of(obj) for obj in objects if _secret_of(obj) == secret}
    secrets = {_secret_of(obj) for obj in objects if repository_of(obj) in places}
    return [obj for obj in objects if _secret_of(obj) in secrets]


def _secret_of(obj: Object) -> Any:
    return mapping(obj, "spec", "restic").get("repository")
