"""The API server as a command asks it: with its user's kubeconfig and rights, and with the options that choose it."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any, NamedTuple

import click

from volsync_py import __version__
from volsync_py.kube.without_models import import_without_models

# One command asks one thing after the other, at most two at a time.
_POOL_SIZE = 2
_USUAL_KUBECONFIG = "~/.kube/config"


class Cluster(NamedTuple):
    """A client, and the namespace that is asked about."""

    client: Any
    namespace: str

    def now(self) -> datetime:
        """Return the time of the server's clock: what is stored is of that."""
        offset: timedelta = self.client.server_offset()
        return datetime.now(UTC) + offset

    def has(self, resource: Any, name: str) -> dict[str, Any] | None:
        """Return an object of the namespace, or None."""
        from volsync_py.kube.errors import NotFound

        try:
            found: dict[str, Any] = self.client.get(resource, name, self.namespace)
        except NotFound as error:
            # Else it is the kind that is not known.
            if not error.details.get("name"):
                raise
            return None
        return found


def connect(kubeconfig: str | None, context: str | None, namespace: str | None) -> Cluster:
    """Return the cluster that is asked; a click exception says why there is none."""
    import_without_models()
    from volsync_py.kube import config
    from volsync_py.kube.client import Client

    # As kubectl does it: what was named, also by the environment, and the usual file come before a pod's own account.
    usual = os.path.expanduser(_USUAL_KUBECONFIG)
    named = kubeconfig or os.environ.get("KUBECONFIG") or (usual if os.path.exists(usual) else None)
    try:
        connection = config.load(named, context, pool_size=_POOL_SIZE)
    except config.ConfigError as error:
        raise click.ClickException(f"{error}; name another with --kubeconfig, or a --context of it") from None
    client = Client(connection, user_agent=f"volsync-py-command/{__version__}")
    return Cluster(client, namespace or connection.namespace)


class Where(NamedTuple):
    """What somebody has said about the cluster and the namespace; nothing is read before it is asked for."""

    namespace: str | None = None
    context: str | None = None
    kubeconfig: str | None = None

    def connect(self) -> Cluster:
        """Return the cluster that is asked; a click exception says why there is none."""
        return connect(self.kubeconfig, self.context, self.namespace)


def of_cluster(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of all commands that ask a cluster; those that choose it come as `where`."""

    @wraps(command)
    def run(*, namespace: str | None, context: str | None, kubeconfig: str | None, **others: Any) -> Any:
        return command(where=Where(namespace, context, kubeconfig), **others)

    wrapped: Callable[..., Any] = run
    for option in (
        click.option("-n", "--namespace", help="The namespace; the context's if nothing is said."),
        click.option("--context", help="The context of the kubeconfig."),
        click.option("--kubeconfig", help="The kubeconfig; KUBECONFIG, or kubectl's own, if nothing is said."),
        click.option(
            "--no-color",
            is_flag=True,
            expose_value=False,
            callback=_leave_colors_out,
            help="No colours; NO_COLOR says the same.",
        ),
    ):
        wrapped = option(wrapped)
    return wrapped


def _leave_colors_out(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        context.color = False
        # Whatever draws a screen asks for this alone.
        os.environ["NO_COLOR"] = "1"
