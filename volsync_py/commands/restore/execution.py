"""Does a restore that was planned and confirmed, and says what came of it, whatever ends it."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

import click
from attrs import evolve

from volsync_py.commands.common.called import program, say
from volsync_py.commands.common.cluster import Cluster
from volsync_py.commands.common.exit_codes import INTERRUPTED
from volsync_py.commands.common.refused import sentence
from volsync_py.commands.restore import restored_run
from volsync_py.commands.restore.objects import Undo
from volsync_py.commands.restore.own_destination import OwnDestination, is_begun
from volsync_py.commands.restore.plan import Plan
from volsync_py.commands.restore.set_aside import SetAside
from volsync_py.commands.runs.asked_run import Ended, refused
from volsync_py.commands.runs.waiting import LOOK_SECONDS, SEEN_SECONDS, Run, wait_for
from volsync_py.core.labels import RESTORE_BEGUN, RESTORE_DONE, RESTORE_OPEN, Annotation, Label
from volsync_py.core.names import Role
from volsync_py.core.objects import Object
from volsync_py.kube.errors import ApiError, KubeError, NotFound, ServerError
from volsync_py.kube.resources import PVCS, REPLICATION_DESTINATIONS

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
        self._own = OwnDestination(cluster, plan.name)
        # As this command has made it: no other of its name is deleted.
        self._claim: Object | None = None
        # Requests of which nobody may know whether they were carried out.
        self._asked_for_claim = self._asked_to_write = False

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
            say(f"{self._plan.name}: you no longer wait, and the restore goes on", err=True)
            self._tell_what_is_left()
            return INTERRUPTED
        except (KubeError, click.ClickException) as error:
            said = sentence(error) if isinstance(error, KubeError) else error.format_message()
            say(f"{self._plan.name}: {said}", err=True)
            self._tell_what_is_left()
            return 1

    def _prepare(self) -> None:
        """Do all that comes before the first byte is written."""
        plan = self._plan
        if not plan.guarded:
            if plan.made is not None:
                self._make_claim(plan.made)
            self._begin()
            return
        self._begin()
        if not plan.begun:
            self._await_operator()
        self._aside.keep_away()
        if plan.made is not None:
            self._make_claim(plan.made)
        elif not plan.begun:
            self._aside.take_undo(self._own.unchanged)
        self._let_write()

    def _make_claim(self, wanted: Object) -> None:
        self._asked_for_claim = True
        self._claim = self._cluster.client.create(PVCS, wanted)

    def _begin(self) -> None:
        """Make the destination; one of an earlier command is made again, unless it is being restored."""
        plan, found, wanted = self._plan, self._plan.found, self._plan.destination
        if found is not None:
            if is_begun(found) and not restored_run.has_failed(found):
                self._own.adopt(found)
                return
            self._own.take_over(found)
        begun = RESTORE_BEGUN if plan.begun or not plan.guarded else RESTORE_OPEN
        labels = {**wanted["metadata"].get("labels", {}), Label.RESTORE: begun}
        wanted = {**wanted, "metadata": {**wanted["metadata"], "labels": labels}}
        if plan.guarded:
            wanted = {**wanted, "spec": {**wanted["spec"], "paused": True}}
        self._own.make(wanted)

    def _let_write(self) -> None:
        """Say of the claim that it is half restored, and let the mover begin."""
        intruders = self._aside.intruders()
        if intruders:
            raise click.ClickException(f"the claim is mounted again, by {', '.join(intruders)}: stop that")
        self._own.unchanged()
        self._asked_to_write = True
        self._mark(self._plan.name)
        changes = {"spec": {"paused": None}, "metadata": {"labels": {Label.RESTORE: RESTORE_BEGUN}}}
        self._own.change_unchanged(changes)

    def _mark(self, value: str | None) -> None:
        """Say of the claim that it is half restored, or no longer."""
        claim = self._claim or self._plan.existing or {}
        meta = {"uid": claim["metadata"]["uid"], "annotations": {Annotation.HALF_RESTORED: value}}
        self._cluster.client.patch(PVCS, self._plan.claim, {"metadata": meta}, self._cluster.namespace)

    def _has_begun(self) -> bool:
        """Return whether something may have been written into a claim that was there."""
        return self._plan.begun or is_begun(self._own.seen)

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
        self._own.seen = destination
        if self._plan.named:
            intruders = self._aside.intruders()
            if intruders:
                self._own.change({"spec": {"paused": True}})
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
        try:
            undone = self._take_back(error)
        except (KubeError, click.ClickException, KeyboardInterrupt):
            undone = False
        if not undone:
            self._tell_what_is_left()
            return
        interrupted = "interrupted; " if isinstance(error, KeyboardInterrupt) else ""
        say(f"{self._plan.name}: {interrupted}nothing was restored, and all is as it was", err=True)

    def _take_back(self, error: BaseException) -> bool:
        """Return whether all is as it was; before anything is let back, nobody can begin to write any more."""
        refused_for_sure = isinstance(error, ApiError | click.ClickException) and not isinstance(error, ServerError)
        if self._has_begun() or (self._asked_for_claim and self._claim is None and not refused_for_sure):
            return False
        if self._own.seen:
            self._own.change({"spec": {"paused": True}})
            if self._has_begun():
                return False
            self._own.remove()
            self._aside.await_movers()
        elif self._plan.goes_on or not refused_for_sure:
            return False
        if self._claim is not None:
            uid = self._claim["metadata"]["uid"]
            with suppress(NotFound):
                self._cluster.client.delete(PVCS, self._plan.claim, self._cluster.namespace, uid=uid)
        elif self._asked_to_write:
            self._mark(None)
        if not self._plan.guarded:
            return True
        left = self._aside.let_back()
        say("".join(f"{line}\n" for line in left), err=True, nl=False)
        self._aside.drop_undo()
        return not left

    def _not_waited_for(self) -> int:
        name, where = self._plan.name, self._plan.where
        say(f"{name}: asked for, into the claim {self._plan.claim}")
        say(f"  volsync-py status {name} {where} says what becomes of it; then")
        say(f"  kubectl {where} delete replicationdestination {name}")
        return 0

    def _ended_well(self, ended: Ended) -> int:
        plan, left = self._plan, []
        if plan.guarded:
            self._mark(None)
            left = self._aside.let_back()
        if plan.keeps_destination:
            self._done()
        else:
            self._own.remove()
        say(f"restored {ended.text}, into the claim {plan.claim}")
        commands = plan.undo_commands()
        if commands:
            say("\n".join(["undo:", *(f"  {line}" for line in commands)]))
            if plan.existing is not None:
                say(f"without need of it:\n  {self._drops_undo()}")
        self._tell_what_stays(left)
        return int(bool(left))

    def _ended_badly(self, ended: Ended) -> int:
        self._wait.display.clear()
        say(f"{self._plan.name}: {ended.text}", err=True)
        if not self._is_untouched():
            self._tell_what_is_left()
            return 1
        self._mark(None)
        left = self._aside.let_back()
        said = "the claim is as it was" if left else "the claim is as it was, and so is what mounts it"
        lines = [f"{said}; the ReplicationDestination stays, paused:"]
        lines += [f"  volsync-py status {self._plan.name} {self._plan.where}"]
        if self._plan.undo.can:
            lines += [f"so does the VolumeSnapshot; without need of it:\n  {self._drops_undo()}"]
        say("\n".join(lines), err=True)
        self._tell_what_stays(left)
        self._done()
        return 1

    def _is_untouched(self) -> bool:
        """Return whether a claim that was there is as it was for certain; if so, nothing is written any more."""
        plan = self._plan
        if plan.existing is None or plan.begun or not restored_run.has_written_nothing(self._own.seen):
            return False
        # A change of the Secret lets it begin again, while the workload runs.
        self._own.change({"spec": {"paused": True}})
        self._aside.await_movers()
        return restored_run.has_written_nothing(self._own.unchanged())

    def _drops_undo(self) -> str:
        return f"kubectl {self._plan.where} delete volumesnapshot {self._plan.name}"

    def _tell_what_stays(self, left: Sequence[str]) -> None:
        if left:
            lines = [*left, "let it run again:", *(f"  {line}" for line in self._plan.running_commands(scales=True))]
            say("\n".join(lines), err=True)

    def _tell_what_is_left(self) -> None:
        written = self._has_begun() or self._asked_to_write
        # Of an undo that may not have been taken, no claim is made again.
        plan = self._plan if written else evolve(self._plan, undo=Undo(can=False))
        said = [plan.left(written=written), "how it stands:", f"  volsync-py status {plan.name} {plan.where}"]
        if plan.named:
            # Without a name, another command would make another claim.
            said += ["go on:", f"  {program()} {shlex.join(sys.argv[1:])}"]
        said += ["back to what was before:", *(f"  {line}" for line in plan.back_commands())]
        say("\n".join(said), err=True)

    def _done(self) -> None:
        self._own.change({"metadata": {"labels": {Label.RESTORE: RESTORE_DONE}}})
