"""The options of all commands that ask a repository: which pod asks, and how long it is waited for and kept."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from volsync_py.commands.common.cluster import Cluster, Where, of_cluster
from volsync_py.commands.common.timeout import seconds_of

if TYPE_CHECKING:
    from volsync_py.commands.repository.repository import Repository

# How long a pod waits for the next question of a person.
_KEPT_SECONDS = 120.0
# A node that has to be found or an image that has to be pulled takes a while; a person is told what is waited for.
_START = "2m"


class Asking(NamedTuple):
    """Whose repository is to be asked, and what was said about the pod that asks it."""

    where: Where
    name: str
    image: str
    keep: str
    timeout: str

    def opened(self) -> AbstractContextManager[Repository]:
        """Return the repository; what was started for it is removed at the end."""
        return repository(self.where.connect(), self.name, self.image, self.keep, self.timeout)


def asks_repository(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of all commands that ask a repository; the command gets them, and its NAME, as `asking`."""

    @wraps(command)
    def run(*, where: Where, name: str, image: str, keep: str, timeout: str, **others: Any) -> Any:
        return command(asking=Asking(where, name, image, keep, timeout), **others)

    wrapped = of_cluster(run)
    for option in (
        click.option(
            "--image", default="", help="The image of the pod that asks; that of the movers if nothing is said."
        ),
        click.option(
            "--keep", default="", help="How long the pod waits for another question: 2m on a terminal, else 0s."
        ),
        click.option("--timeout", default=_START, show_default=True, help="How long to wait for the pod's start."),
    ):
        wrapped = option(wrapped)
    return wrapped


@contextmanager
def repository(cluster: Cluster, name: str, image: str, keep: str, timeout: str) -> Iterator[Repository]:
    """Return the repository of a source or destination; what was started for it is removed at the end."""
    from volsync_py.commands.repository.job import replication_called
    from volsync_py.commands.repository.repository import Repository

    start, kept = seconds_of(timeout), seconds_of(keep, "--keep") if keep else _kept_by_default()
    one = Repository(cluster, replication_called(cluster, name), image, kept, bool(keep), start)
    try:
        yield one
    finally:
        one.close()


def _kept_by_default() -> float:
    """Return how long a pod is kept if nothing is said: where somebody reads what is said, there may be more to ask."""
    return _KEPT_SECONDS if sys.stderr.isatty() else 0.0
