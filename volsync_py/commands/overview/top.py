"""`volsync-py top`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from volsync_py.commands.common.called import say
from volsync_py.commands.common.cluster import Cluster, Where, of_cluster

if TYPE_CHECKING:
    from volsync_py.core.objects import Object

# By what one may sort: the names of the columns.
_KEYS = ("size", "added", "took", "files", "snapshots", "claim", "full")


@click.command
@click.option("-A", "--all-namespaces", is_flag=True, help="Of all namespaces.")
@click.option("--sort", type=click.Choice(_KEYS), default="size", help="By which column; the largest comes first.")
@click.option("--most", type=click.IntRange(min=0), default=0, help="How many at most; all of them if nothing is said.")
@click.option("-o", "--output", type=click.Choice(["table", "json", "yaml", "name"]), default="table")
@of_cluster
def top(
    all_namespaces: bool,
    sort: str,
    most: int,
    output: str,
    where: Where,
) -> None:
    """Say which sources are large and which grow, by what their statuses say of the last run.

    SIZE is what the last snapshot holds, ADDED what the last run has put into the repository, FULL what part of the
    claim is backed up.
    """
    # Their imports take longer than all that `--help` needs.
    from volsync_py.commands.common.chosen import check_namespace
    from volsync_py.commands.common.shown import as_document, width
    from volsync_py.commands.overview.largest import Largest
    from volsync_py.kube.resources import REPLICATION_SOURCES

    cluster = where.connect()
    namespace = None if all_namespaces else cluster.namespace
    sources = cluster.client.list_all(REPLICATION_SOURCES, namespace, resource_version="0")
    if not sources and not all_namespaces:
        check_namespace(cluster)
    found = Largest.of(sources, _claims(cluster, namespace), sort, most=most, with_namespace=all_namespaces)
    if output == "table":
        click.echo("\n".join(found.lines(width())))
    elif output == "name":
        for row in found.rows:
            click.echo(f"replicationsource.volsync.backube/{row.name}")
    else:
        click.echo(as_document(found.as_json(), output))


def _claims(cluster: Cluster, namespace: str | None) -> dict[tuple[str, str], Object]:
    """Return the claims by namespace and name; none, and a sentence, where they may not be read."""
    from volsync_py.commands.common.refused import sentence
    from volsync_py.kube.errors import Forbidden
    from volsync_py.kube.resources import PVCS

    try:
        claims = cluster.client.list_all(PVCS, namespace, resource_version="0")
    except Forbidden as error:
        say(f"without the claims: {sentence(error)}", err=True)
        return {}
    return {(one["metadata"]["namespace"], one["metadata"]["name"]): one for one in claims}
