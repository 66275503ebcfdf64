"""Does a restore that was planned and confirmed, and says what came of it, whatever ends it."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable
from contextlib import suppress

import click

from volsync_py.commands import restored_run
from volsync_py.commands.asked_run import Ended, refused
from volsync_py.commands.called import program
from volsync_py.commands.cluster import Cluster
from volsync_py.commands.refused import sentence
from volsync_py.commands.restore_plan import Plan
from volsync_py.commands.set_aside import SetAside
from volsync_py.commands.waiting import LOOK_SECONDS, SEEN_SECONDS, Run, wait_for
from volsync_py.core.labels import RESTORE_BEGUN, RESTORE_DONE, Label
from volsync_py.core.names import Role
from volsync_py.core.objects import Object, labels_of, status_of
from volsync_py.kube.errors import KubeError, NotFound
from volsync_py.kube.resources import PVCS, REPLICATION_DESTINATIONS

INTERRUPTED = 130
_UNSERVED = (
    "no operator has looked at it: see whether one runs and serves this namespace (volsync-py status says since when "
    "the others wait)"
)


def restoring(cluster: Cluster, plan: Plan, seconds: float | None, *, wait: bool) -> int:
    """Restore, and return the exit code."""
    return _Restoring(cluster, plan).run(seconds, wait=wait)


class _Restoring:
    def __init__(self, cluster: Cluster, plan: Plan) -> None:
        self._cluster, self._plan = cluster, plan
        self._wait = Run(cluster, Role.DESTINATION, plan.name, self._judged, restored_run.doing)
        self._aside = SetAside(cluster, plan, self._wait.display)
        # How the destination was when somebody last looked.
        self._seen: Object = plan.destination

    def run(self, seconds: float | None, *, wait: bool) -> int:
        try:
            self._prepare()
        except (KubeError, click.ClickException, KeyboardInterrupt) as error:
            self._never_begun(error)
            raise
        try:
            if not wait:
                return self._not_waited_for()
            in_time = wait_for([self._wait], seconds, lambda run, found: None)
            ended = self._wait.ended
            if in_time and ended is not None and ended.well:
                return self._ended_well(ended)
            return self._ended_badly(ended or Ended(False, "not ended in time, and goes on"))
        except KeyboardInterrupt:
            click.echo(f"{self._plan.name}: you no longer wait, and the restore goes on", err=True)
            self._tell_what_is_left()
            return INTERRUPTED
        except KubeError as error:
            click.echo(f"{self._plan.name}: {sentence(error)}", err=True)
            self._tell_what_is_left()
            return 1

    def _prepare(self) -> None:
        """Do all that comes before the first byte is written."""
        if self._plan.existing is None:
            if self._plan.made is not None:
                self._cluster.client.create(PVCS, self._plan.made)
            self._begin(paused=False)
            return
        self._begin(paused=True)
        if not self._has_begun():
            self._await_operator()
        self._aside.keep_away()
        if not self._has_begun():
            self._aside.take_undo()
        self._seen = self._change({"spec": {"paused": None}, "metadata": {"labels": {Label.RESTORE: RESTORE_BEGUN}}})

    def _begin(self, *, paused: bool) -> None:
        """Make the destination; one of an earlier command that has failed is made again under its name."""
        if self._plan.goes_on and not _has_failed(self._plan.destination):
            return
        wanted = self._plan.destination
        if self._plan.goes_on:
            self._remove_destination()
            kept = {key: wanted["metadata"][key] for key in ("name", "namespace", "labels")}
            wanted = {**{key: wanted[key] for key in ("apiVersion", "kind", "spec")}, "metadata": kept}
        if paused:
            wanted = {**wanted, "spec": {**wanted["spec"], "paused": True}}
        else:
            wanted = {**wanted, "metadata": {**wanted["metadata"], "labels": {Label.RESTORE: RESTORE_BEGUN}}}
        self._seen = self._cluster.client.create(REPLICATION_DESTINATIONS, wanted)

    def _has_begun(self) -> bool:
        """Return whether something may have been written into a claim that was there."""
        return labels_of(self._seen).get(Label.RESTORE) == RESTORE_BEGUN

    def _await_operator(self) -> None:
        """Return when an operator has taken the destination over, before anything is stopped for its sake."""
        deadline = time.monotonic() + SEEN_SECONDS
        while True:
            found = self._cluster.client.get(REPLICATION_DESTINATIONS, self._plan.name, self._cluster.namespace)
            why = refused(found)
            if restored_run.is_seen(found) and not why:
                return
            if time.monotonic() > deadline:
                raise click.ClickException(f"{self._plan.name}: {why or _UNSERVED}")
            time.sleep(LOOK_SECONDS)

    def _judged(self, destination: Object) -> Ended | None:
        self._seen = destination
        if self._plan.existing is not None:
            intruders = self._aside.intruders()
            if intruders:
                self._change({"spec": {"paused": True}})
                return Ended(
                    False,
                    f"was stopped, because the claim is mounted again, by {', '.join(intruders)}: stop what has scaled "
                    "it back; the same command goes on",
                )
        found = restored_run.ended(destination)
        waited = time.monotonic() - self._wait.since
        if found is None and not restored_run.is_seen(destination) and waited > SEEN_SECONDS:
            return Ended(False, f"is not begun: {_UNSERVED}")
        return found

    def _never_begun(self, error: BaseException) -> None:
        """Take back what was done for a restore that has not begun."""
        self._wait.display.clear()
        if self._has_begun():
            self._tell_what_is_left()
            return
        try:
            if self._plan.existing is not None:
                self._aside.let_back()
                self._aside.drop_undo()
            elif self._plan.made is not None and not self._plan.goes_on:
                self._remove(lambda: self._cluster.client.delete(PVCS, self._plan.claim, self._cluster.namespace))
            self._remove_destination()
        except (KubeError, KeyboardInterrupt):
            self._tell_what_is_left()
            return
        if isinstance(error, KeyboardInterrupt):
            click.echo(f"{self._plan.name}: interrupted; nothing was restored, and all is as it was", err=True)
        else:
            click.echo(f"{self._plan.name}: nothing was restored, and all is as it was", err=True)

    def _not_waited_for(self) -> int:
        name, where = self._plan.name, self._plan.where
        click.echo(f"{name}: asked for, into the claim {self._plan.claim}")
        click.echo(f"  volsync-py status {name} {where} says what becomes of it; then")
        click.echo(f"  kubectl {where} delete replicationdestination {name}")
        return 0

    def _ended_well(self, ended: Ended) -> int:
        if self._plan.existing is not None:
            self._aside.let_back()
        if self._plan.keeps_destination:
            self._done()
        else:
            self._remove_destination()
        click.echo(f"restored {ended.text}, into the claim {self._plan.claim}")
        commands = self._plan.undo_commands()
        if commands:
            click.echo("\n".join(["undo:", *(f"  {line}" for line in commands)]))
            if self._plan.existing is not None:
                snapshot = f"kubectl {self._plan.where} delete volumesnapshot {self._plan.name}"
                click.echo(f"without need of it:\n  {snapshot}")
        return 0

    def _ended_badly(self, ended: Ended) -> int:
        self._wait.display.clear()
        click.echo(f"{self._plan.name}: {ended.text}", err=True)
        if self._plan.existing is not None and restored_run.has_written_nothing(self._seen):
            # A change of the Secret would let it begin, while the workload runs again.
            self._change({"spec": {"paused": True}})
            self._aside.let_back()
            self._aside.drop_undo()
            said = "the claim is as it was, and so is what mounts it; the ReplicationDestination stays, paused"
            click.echo(f"{said}:\n  volsync-py status {self._plan.name} {self._plan.where}", err=True)
            self._done()
            return 1
        self._tell_what_is_left()
        return 1

    def _tell_what_is_left(self) -> None:
        said = [self._plan.left(), "how it stands:", f"  volsync-py status {self._plan.name} {self._plan.where}"]
        if self._plan.existing is not None:
            # Without a name, another command would make another claim.
            said += ["go on:", f"  {program()} {shlex.join(sys.argv[1:])}"]
        said += ["back to what was before:", *(f"  {line}" for line in self._plan.back_commands())]
        click.echo("\n".join(said), err=True)

    def _done(self) -> None:
        self._change({"metadata": {"labels": {Label.RESTORE: RESTORE_DONE}}})

    def _change(self, changes: Object) -> Object:
        client, namespace = self._cluster.client, self._cluster.namespace
        changed: Object = client.patch(REPLICATION_DESTINATIONS, self._plan.name, changes, namespace)
        return changed

    def _remove_destination(self) -> None:
        name, namespace = self._plan.name, self._cluster.namespace
        self._remove(lambda: self._cluster.client.delete(REPLICATION_DESTINATIONS, name, namespace))
        deadline = time.monotonic() + SEEN_SECONDS
        while self._cluster.has(REPLICATION_DESTINATIONS, name) is not None and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)

    @staticmethod
    def _remove(delete: Callable[[], object]) -> None:
        with suppress(NotFound):
            delete()


def _has_failed(destination: Object) -> bool:
    return (status_of(destination).get("latestMoverStatus") or {}).get("result") == "Failed"
