"""What the steps of one run share: restic, the log, the options, and what has been done so far."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

from attrs import Factory, define, evolve

from volsync_py.contract.report import ErrorClass, Outcome, Report, StepReport
from volsync_py.contract.run_document import Run
from volsync_py.pod.completed import CompletedRestic
from volsync_py.pod.environment import MoverError
from volsync_py.pod.humanlog import HumanLog
from volsync_py.pod.locks import Holder, holder_of
from volsync_py.pod.process import Restic
from volsync_py.pod.storage_clock import MOST_AHEAD, time_ahead

# restic reports one lock at a time, and several processes may have left one each.
_MOST_LOCKS = 5
# How long the pauses between two looks at a lock that is alive may be; who has waited long looks less often.
_PAUSE_SECONDS = 5.0
_PAUSES = 6


@define
class Session:
    """One run of the mover."""

    restic: Restic
    log: HumanLog
    run: Run
    environ: Mapping[str, str]
    data: str
    # The pod's host name, by which restic recognises our locks.
    host_name: str = Factory(socket.gethostname)
    report: Report = Factory(lambda: Report(Outcome.SUCCEEDED))
    # A step of this run has found the repository damaged.
    damaged: bool = False
    # The backup lacks what could not be read.
    incomplete: bool = False
    # The ids of the snapshots of this host and path, the new one among them, before any was removed; None: not known.
    group: frozenset[str] | None = None

    def update(self, **changes: object) -> None:
        """Change fields of the report."""
        self.report = evolve(self.report, **changes)  # type: ignore[arg-type]

    def add(self, step: StepReport) -> None:
        """Add a step to the report; a bad one makes the whole run one with a warning."""
        self.update(steps=(*self.report.steps, step))
        if step.outcome in (Outcome.WARNING, Outcome.FAILED) and self.report.outcome == Outcome.SUCCEEDED:
            self.update(outcome=Outcome.WARNING, error_class=step.error_class, message=step.message)

    @contextmanager
    def step(self, name: str, banner: str) -> Iterator[None]:
        """Run a step that the run cannot do without: its failure is the run's."""
        self.log(f"=== {banner} ===")
        started = time.monotonic()
        try:
            yield
        except MoverError as error:
            seconds = time.monotonic() - started
            failed = StepReport(name, Outcome.FAILED, error.error_class, error.message, seconds)
            self.update(steps=(*self.report.steps, failed))
            raise
        self.add(StepReport(name, Outcome.SUCCEEDED, seconds=time.monotonic() - started))

    def failed(self, name: str, error_class: str, cause: str, seconds: float = 0.0) -> None:
        """Note that something failed which takes nothing away from the backup that was made."""
        self.damaged = self.damaged or error_class == ErrorClass.REPOSITORY_DAMAGED
        self.log(f"ERROR: {name} failed: {cause}")
        self.add(StepReport(name, Outcome.FAILED, error_class, cause, seconds))

    @contextmanager
    def aside(self, name: str) -> Iterator[None]:
        """Run what follows a backup that was made: whatever it raises is told, and fails nothing."""
        try:
            yield
        except MoverError as error:
            self.failed(name, error.error_class, error.message)
        except Exception as error:  # noqa: BLE001 - the backup was made, and no defect of ours makes it undone
            self.failed(name, ErrorClass.UNKNOWN, f"{type(error).__name__}: {error}")

    def maintenance(self, name: str, banner: str, *args: str, answers: bool = False) -> CompletedRestic:
        """Run a command whose failure takes nothing away from the backup; one that `answers` says what it came to."""
        if banner:
            self.log(f"=== {banner} ===")
        started = time.monotonic()
        ended = self.locked(*args, ask=False)
        seconds = time.monotonic() - started
        if not ended.ok:
            self.failed(name, ended.error_class, ended.cause, seconds)
        elif answers and not (ended.document or ended.message("summary")):
            # Only what restic says that it has done, has been done.
            self.failed(
                name, ErrorClass.UNKNOWN, f"restic {args[0]} ended without an error and without a word", seconds
            )
        else:
            self.add(StepReport(name, Outcome.SUCCEEDED, seconds=seconds))
        return ended

    def locked(self, *args: str, ask: bool = True, wanted: Collection[str] = ()) -> CompletedRestic:
        """Run a command; when the repository is locked, recover as the rules for locks say, or report the lock.

        `ask`: where the manager can find out whether the holder lives, let it do so, instead of waiting.
        `wanted`: see `Restic.run`.
        """
        ended = self._recovered(*args, ask=ask, wanted=wanted)
        locked = not ended.ok and ended.error_class == ErrorClass.REPOSITORY_LOCKED
        holder = holder_of(ended.text) if locked else None
        if holder is not None:
            # By the clock that restic compares its time with: the manager knows by its own when this run ended.
            seconds = max(int(holder.age.total_seconds()), 0)
            self.update(lock_holder=holder.process, lock_age_seconds=seconds)
        return ended

    def _recovered(self, *args: str, ask: bool, wanted: Collection[str]) -> CompletedRestic:
        ended = self.restic.run(*args, wanted=wanted)
        for _ in range(_MOST_LOCKS):
            if ended.ok or ended.error_class != ErrorClass.REPOSITORY_LOCKED:
                return ended
            holder = holder_of(ended.text)
            if holder is None:
                return ended
            self.log(f"the repository is locked by {holder}")
            if not holder.is_dead(self.host_name):
                if ask and self._is_for_the_manager(holder):
                    return ended
                return self._when_it_is_free(*args, wanted=wanted)
            wrong_clock = self.wrong_clock()
            if wrong_clock:
                return evolve(ended, note=wrong_clock)
            # Removes locks of our own name whose process has gone, and those that are not renewed: nobody's who lives.
            # A process that has a dead one's number takes that lock for its own; the next one has another number.
            self.log("its process is gone: removing dead locks")
            removed = self.restic.run("unlock")
            if not removed.ok:
                # Why the lock stays, and no longer whose it is.
                return removed
            ended = self.restic.run(*args, wanted=wanted)
        return ended

    def _when_it_is_free(self, *args: str, wanted: Collection[str]) -> CompletedRestic:
        """Run a command again until nobody else's lock keeps it out, or the time for that is over.

        restic's own `--retry-lock` looks at fixed moments. Movers that have begun together would do so together, find
        the locks that the others are about to take, and keep all of them out each time.
        """
        longest = self.run.deadlines.retry_lock_seconds
        self.log(f"the lock is alive: waiting for it up to {longest:g} s")
        began = time.monotonic()
        while True:
            waited = time.monotonic() - began
            pause = random.uniform(0, max(_PAUSE_SECONDS, waited / _PAUSES))
            self.restic.interrupted.wait(max(0.0, min(pause, longest - waited)))
            is_last = time.monotonic() - began >= longest
            ended = self.restic.run(*args, wanted=wanted)
            if is_last or ended.ok or ended.error_class != ErrorClass.REPOSITORY_LOCKED:
                return ended

    def wrong_clock(self) -> str:
        """Return why no lock may be removed here: by this node's clock, locks that live would pass for stale ones."""
        ahead = time_ahead(self.environ)
        if ahead is None or ahead <= MOST_AHEAD:
            return ""
        minutes = int(ahead.total_seconds() // 60)
        return (
            f"no lock is removed, because the clock of this mover's node is {minutes} minutes ahead of the storage "
            "server's, and locks that live would pass for stale ones: correct the node's clock"
        )

    def _is_for_the_manager(self, holder: Holder) -> bool:
        """Return whether the manager is to say if the holder lives, and report who it is."""
        if not (self.run.locks.ask_about_pods and holder.is_known_to_manager):
            return False
        self.log("whether that pod is still there, the manager knows: it is asked")
        self.update(lock_host=holder.host)
        return True

    def must(self, ended: CompletedRestic, code: int | None = None) -> CompletedRestic:
        """Return the end of a command that succeeded, else fail with its class."""
        if ended.ok:
            return ended
        failed = code if code is not None else ended.code or 1
        raise MoverError(ended.error_class, ended.cause, failed, by_restic=True)

    def init(self, missed: CompletedRestic) -> None:
        """Initialise the repository that a command has missed, if this mover may."""
        if missed.missing_bucket:
            self.log("the bucket does not exist yet")
        if not self.run.grants.init:
            text = "the repository does not exist, and another mover may be initialising it"
            raise MoverError(ErrorClass.REPOSITORY_MISSING, text, 10)
        with self.step("init", "Initialize Dir"):
            ended = self.restic.run("init")
            if not ended.ok and ended.missing_bucket and ended.error_class == ErrorClass.REPOSITORY_MISSING:
                text = f"the bucket does not exist and cannot be created: {ended.cause}"
                raise MoverError(ErrorClass.CONFIGURATION, text, 3, by_restic=True)
            self.must(ended, 3)
            made = ended.message("initialized")
            identity = str(made.get("id") or "")
            if not identity:
                text = "restic init ended without an error and named no repository"
                raise MoverError(ErrorClass.UNKNOWN, text, 3, by_restic=True)
        # restic masks the password of the URL.
        self.log(f"created restic repository {identity[:10]} at {made.get('repository')}")
        self.update(initialized=True, repository_id=identity)
