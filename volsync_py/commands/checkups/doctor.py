"""`volsync-py doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from volsync_py.commands.common.called import say
from volsync_py.commands.common.cluster import Cluster, Where, of_cluster
from volsync_py.commands.common.shown import as_document, width
from volsync_py.commands.common.timeout import seconds_of

if TYPE_CHECKING:
    from volsync_py.core.objects import Object

_COLORS = {"FAIL": "red", "warn": "yellow", "ok": "green"}


@click.command
@click.argument("name", required=False)
@click.option("-A", "--all-namespaces", is_flag=True, help="Of all namespaces.")
@click.option("--all", "every", is_flag=True, help="Ask each repository, also where the last run has ended well.")
@click.option("--no-pod", is_flag=True, help="Ask no repository: nothing is created.")
@click.option("--image", default="", help="The image of the pods that ask; that of the movers if nothing is said.")
@click.option("--timeout", default="1m", show_default=True, help="How long to wait for a pod's start.")
@click.option("-o", "--output", type=click.Choice(["table", "json", "yaml"]), default="table")
@of_cluster
def doctor(
    name: str | None,
    all_namespaces: bool,
    every: bool,
    no_pod: bool,
    image: str,
    timeout: str,
    output: str,
    where: Where,
) -> int:
    """Look for what is wrong, with NAME, with a namespace, with the cluster, and say what to do about it.

    Each check is ok, warn or FAIL. What you may not read is a warning that names the right. The exit code is 1 if
    anything is FAIL. Repositories are asked by short-lived pods: that of NAME, else those whose last run is not of the
    last day or did not end well, five at most.
    """
    if name and all_namespaces:
        raise click.UsageError("a name is of one namespace: leave -A out, or name the namespace with -n")
    cluster = where.connect()
    # The checks read schedules, whose libraries take longer to import than `--help` may.
    from volsync_py.commands.checkups.asking import Wish, with_answers
    from volsync_py.commands.checkups.finding import Verdict
    from volsync_py.commands.checkups.gather import gather
    from volsync_py.commands.checkups.report import Report
    from volsync_py.commands.checkups.table import examine
    from volsync_py.commands.common.chosen import check_namespace

    wish = Wish(not no_pod, every or bool(name), image, seconds_of(timeout))
    if name:
        _check_name(cluster, name)
    elif not all_namespaces:
        check_namespace(cluster)
    facts = gather(cluster, None if all_namespaces else cluster.namespace, lambda obj: _is_meant(obj, name))
    facts = with_answers(cluster, facts, wish)
    meant = f"{cluster.namespace}/{name}" if name else f"the namespace {cluster.namespace}"
    report = Report(list(examine(facts)), "all namespaces" if all_namespaces else meant)
    if output in {"json", "yaml"}:
        click.echo(as_document(report.as_json(), output))
    else:

        def paint(word: str, verdict: Verdict) -> str:
            return click.style(word, fg=_COLORS[verdict], bold=verdict is Verdict.FAIL)

        say("\n".join([report.verdict(), *report.lines(width(), paint)]))
    return int(report.failed)


def _is_meant(obj: Object, name: str | None) -> bool:
    return name is None or obj["metadata"]["name"] == name


def _check_name(cluster: Cluster, name: str) -> None:
    """End with a sentence if nothing is called so; where that may not be read, the checks say so."""
    from volsync_py.commands.common.chosen import BOTH, none_called
    from volsync_py.kube.errors import Forbidden, NotFound

    try:
        if any(cluster.has(kind, name) for kind in BOTH):
            return
    except (Forbidden, NotFound):
        return
    raise none_called(cluster, name)
