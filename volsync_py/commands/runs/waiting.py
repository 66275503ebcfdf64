"""Waits for runs of movers: asks how they stand, says what is new of them, and knows when they have ended."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from attrs import define, field

from volsync_py.commands.common.called import say
from volsync_py.commands.common.cluster import Cluster
from volsync_py.commands.common.exit_codes import FAILED, FINE, INTERRUPTED
from volsync_py.commands.common.mover_log import last_line
from volsync_py.commands.common.progress_bar import Display
from volsync_py.commands.runs.asked_run import Ended, refused
from volsync_py.core.names import Role
from volsync_py.core.objects import Object, status_of
from volsync_py.kube.errors import NotFound, ServerError, TooManyRequests, Unreachable
from volsync_py.kube.resources import REPLICATION_DESTINATIONS, REPLICATION_SOURCES

# A run takes some seconds at least; three small requests each time are no burden.
LOOK_SECONDS = 1.0
# What is said of a resource when a run is asked for may be of before; an operator that runs has looked by then.
SEEN_SECONDS = 20.0
# An API server that is upgraded is away for as long; a wait of hours survives that.
_UNREACHABLE_SECONDS = 120.0
_KINDS = {Role.SOURCE: REPLICATION_SOURCES, Role.DESTINATION: REPLICATION_DESTINATIONS}


@define
class Run:
    """One run that is waited for."""

    cluster: Cluster
    role: Role
    name: str
    # What the resource says of the run: its end, or what it does.
    judge: Callable[[Object], Ended | None]
    doing: Callable[[Object], str]
    ended: Ended | None = None
    display: Display = field(init=False)
    may_read_log: bool = True
    since: float = field(factory=time.monotonic)
    answered: float = field(factory=time.monotonic)

    @display.default
    def _display(self) -> Display:
        return Display(self.name)

    def look(self) -> None:
        """Ask how it stands, and say what is new of it."""
        try:
            found = self.cluster.client.get(_KINDS[self.role], self.name, self.cluster.namespace)
            self.ended = self._judged(found)
        except NotFound:
            self.ended = Ended(False, "was deleted")
        except (Unreachable, ServerError, TooManyRequests):
            if time.monotonic() - self.answered > _UNREACHABLE_SECONDS:
                raise
            return
        self.answered = time.monotonic()

    def _judged(self, obj: Object) -> Ended | None:
        found = self.judge(obj)
        if found is not None:
            return found
        why = refused(obj)
        if why and time.monotonic() - self.since > SEEN_SECONDS:
            return Ended(False, f"is not started: {why}")
        self.display.tell(self.doing(obj), "condition")
        if status_of(obj).get("lastSyncStartTime") and self.may_read_log:
            line = last_line(self.cluster, self.role, self.name)
            self.may_read_log = line is not None
            self.display.tell(line or "", "log")
        return None


def new_token() -> str:
    """Return what a run is asked for by, different each time."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def wait_for_all(runs: Sequence[Run], seconds: float | None, what: str, *, for_people: bool) -> int:
    """Wait for runs, say how each ends, and return the exit code; `what` goes on when nobody waits any more.

    Programs get what has ended well in another way.
    """

    def left() -> str:
        return ", ".join(run.name for run in runs if run.ended is None)

    try:
        if not wait_for(runs, seconds, lambda run, found: _tell(run, found, for_people=for_people)):
            say(f"{left()}: not ended in time; {what} goes on", err=True)
            return FAILED
    except KeyboardInterrupt:
        said = f"{left()}: you no longer wait, and {what} goes on; volsync-py status says what becomes of it"
        say(said, err=True)
        return INTERRUPTED
    return FINE if all(run.ended is not None and run.ended.well for run in runs) else FAILED


def _tell(run: Run, found: Ended, *, for_people: bool) -> None:
    if for_people or not found.well:
        say(f"{run.name}: {found.text}", err=not found.well)


def wait_for(runs: Sequence[Run], seconds: float | None, tell: Callable[[Run, Ended], None]) -> bool:
    """Wait for runs and tell of the end of each; return whether all have ended in time."""
    deadline = None if seconds is None else time.monotonic() + seconds
    if len(runs) > 1:
        # One line of a terminal is no place for several bars.
        for run in runs:
            run.display.on_terminal = False
    try:
        while True:
            for run in (one for one in runs if one.ended is None):
                run.look()
                if run.ended is not None:
                    run.display.clear()
                    tell(run, run.ended)
            if all(run.ended is not None for run in runs):
                return True
            if deadline is not None and time.monotonic() > deadline:
                return False
            time.sleep(LOOK_SECONDS)
    finally:
        for run in runs:
            run.display.clear()
