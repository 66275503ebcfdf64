"""`volsync-py backup`."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import click
from attrs import define, field

from volsync_py.commands.asked_run import Ended, doing, ended, refused, snapshot_of
from volsync_py.commands.chosen import by_name_or_label, patched
from volsync_py.commands.cluster import Cluster, connect, of_cluster
from volsync_py.commands.mover_log import last_line
from volsync_py.core.durations import parse_go_duration
from volsync_py.core.labels import Annotation
from volsync_py.core.names import Role
from volsync_py.core.objects import Object
from volsync_py.kube.errors import NotFound, ServerError, TooManyRequests, Unreachable
from volsync_py.kube.resources import REPLICATION_SOURCES

INTERRUPTED = 130
# A run takes some seconds at least; three small requests each time are no burden.
_LOOK_SECONDS = 1.0
# What is said of a source when a run is asked for may be of the time before; an operator that runs has looked by then.
_REFUSED_SECONDS = 20.0
# An API server that is upgraded is away for as long; a wait of hours survives that.
_UNREACHABLE_SECONDS = 120.0


@click.command
@by_name_or_label
@click.option("--wait", is_flag=True, help="Show how far it is, and end with the result.")
@click.option("--timeout", default="", help="How long to wait at most, such as 30m; for ever if nothing is said.")
@of_cluster
def backup(
    names: Sequence[str],
    selector: str,
    wait: bool,
    timeout: str,
    namespace: str | None,
    context: str | None,
    kubeconfig: str | None,
) -> int:
    """Back sources up now, whatever their trigger: one extra run of each.

    With --wait it ends when the run has: 0 if it ended well, 1 if the operator has given up for now, which it does
    after three attempts, or at once where only a change can help. Ctrl-C ends the waiting, not the backup.
    """
    seconds = _seconds(timeout)
    cluster = connect(kubeconfig, context, namespace)
    token = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    changes = {"metadata": {"annotations": {Annotation.RUN_NOW: token}}}
    runs = []
    for _, source in patched(cluster, [REPLICATION_SOURCES], names, selector, changes):
        name = str(source["metadata"]["name"])
        runs.append(_Run(cluster, name, token, snapshot_of(source)))
        if not wait:
            click.echo(f"{name}: asked for ({token}); volsync-py status {name} says what becomes of it")
    return _await(runs, seconds) if wait else 0


@define
class _Run:
    """One run that is waited for."""

    cluster: Cluster
    name: str
    token: str
    snapshot_before: str
    told: str = ""
    may_read_log: bool = True
    since: float = field(factory=time.monotonic)
    answered: float = field(factory=time.monotonic)

    def look(self) -> Ended | None:
        """Ask how it stands, say what is new of it, and return how it ended, if it has."""
        try:
            source = self.cluster.client.get(REPLICATION_SOURCES, self.name, self.cluster.namespace)
            found = self._judged(source)
        except NotFound:
            return Ended(False, "was deleted")
        except (Unreachable, ServerError, TooManyRequests):
            if time.monotonic() - self.answered > _UNREACHABLE_SECONDS:
                raise
            return None
        self.answered = time.monotonic()
        return found

    def _judged(self, source: Object) -> Ended | None:
        found = ended(source, self.token, self.snapshot_before)
        if found is not None:
            return found
        why = refused(source)
        if why and time.monotonic() - self.since > _REFUSED_SECONDS:
            return Ended(False, f"is not started: {why}")
        self._tell(doing(source, self.token))
        if (source.get("status") or {}).get("lastSyncStartTime") and self.may_read_log:
            line = last_line(self.cluster, Role.SOURCE, self.name)
            self.may_read_log = line is not None
            self._tell(line or "")
        return None

    def _tell(self, text: str) -> None:
        if text and text not in self.told:
            click.echo(f"{self.name}: {text}", err=True)
            # The condition and the log take turns; neither is said again before the other has something new.
            self.told = f"{self.told.splitlines()[-1] if self.told else ''}\n{text}"


def _await(runs: list[_Run], seconds: float | None) -> int:
    """Wait for all, and return the exit code."""
    deadline = None if seconds is None else time.monotonic() + seconds
    left, well = list(runs), True
    try:
        while left:
            for run in list(left):
                found = run.look()
                if found is not None:
                    left.remove(run)
                    well = well and found.well
                    click.echo(f"{run.name}: {found.text}", err=not found.well)
            if left and deadline is not None and time.monotonic() > deadline:
                click.echo(f"{_names(left)}: not ended in time; the backup goes on", err=True)
                return 1
            if left:
                time.sleep(_LOOK_SECONDS)
    except KeyboardInterrupt:
        said = f"{_names(left)}: you no longer wait, and the backup goes on; volsync-py status says what becomes of it"
        click.echo(said, err=True)
        return INTERRUPTED
    return 0 if well else 1


def _names(runs: Sequence[_Run]) -> str:
    return ", ".join(run.name for run in runs)


def _seconds(timeout: str) -> float | None:
    if not timeout:
        return None
    try:
        return parse_go_duration(timeout).total_seconds()
    except ValueError as error:
        raise click.UsageError(f"--timeout: {error}") from None
