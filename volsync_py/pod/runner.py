"""One run of the mover: the operations it is given, and the report that it leaves.

It never talks to Kubernetes. A report that says "interrupted" is written first and replaced at the end,
so that even a killed mover leaves one; whatever goes wrong in between is in the one at the end. It never exits 0 after
a signal.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from attrs import evolve

from volsync_py import __version__
from volsync_py.contract.log_lines import one_line
from volsync_py.contract.report import LONGEST_HOLDER, ErrorClass, Outcome, Report, StepReport
from volsync_py.contract.run_document import Deadlines, Run, RunError
from volsync_py.pod.backup import backup
from volsync_py.pod.debugging import wait_for_person
from volsync_py.pod.disk import cache_trouble, class_of
from volsync_py.pod.environment import (
    MoverError,
    Redactor,
    check_mandatory,
    check_repository,
    padded_keys,
    restic_environment,
)
from volsync_py.pod.humanlog import HumanLog
from volsync_py.pod.hung_calls import CALL_FACTOR, HungCallWatch
from volsync_py.pod.lost_backups import tell_of_loss
from volsync_py.pod.maintenance import check, forget, prune, unlock
from volsync_py.pod.process import Restic
from volsync_py.pod.proof import prove
from volsync_py.pod.restore import restore
from volsync_py.pod.session import Session
from volsync_py.pod.signals import Stop

_OPERATIONS = ("unlock", "backup", "prune", "check", "restore", "prove")
_INTERRUPTED = 130
# A firewall that takes a request for an attack, or a server that is being set up, has passed after half a minute.
_PAUSE_SHARE = 1 / 3
# Written when the image is made, so that no run has to ask.
_VERSION_OF_RESTIC = Path(sys.prefix) / "restic-version"
# What VolSync's mover says of these, for whoever looks for it; of the others it says no more than restic.
_WORDS = {
    ErrorClass.WRONG_PASSWORD: "failure connecting to repository, incorrect password",
    ErrorClass.REPOSITORY_LOCKED: "failure locking repository",
}


class _Mover:
    """What is there of a run, however far it has come."""

    def __init__(self, environ: Mapping[str, str], stop: Stop) -> None:
        self.environ, self.stop = environ, stop
        self.redact = Redactor(environ)
        self.log = HumanLog(self.redact)
        self.session: Session | None = None

    def run(self, args: Sequence[str]) -> Report:
        """Run the operations, and return the report; nothing is raised."""
        private: Path | None = None
        try:
            _greet(self.log, args)
            if self.environ.get("DEBUG_MOVER") == "1":
                wait_for_person(self.log, self.stop)
            self.log("Testing mandatory env variables")
            check_mandatory(self.environ)
            private = Path(tempfile.mkdtemp(prefix="volsync-py-"))
            return self._operate(args, private)
        except MoverError as error:
            return self._failed(error)
        except OSError as error:
            at = f" ({error.filename})" if error.filename else ""
            return self._failed(MoverError(class_of(error), f"{error.strerror or error}{at}"))
        except Exception as error:  # noqa: BLE001 - it has to be in the report
            # Imported here: only this needs it, and it takes a moment.
            import traceback

            for line in traceback.format_exc().splitlines():
                self.log.progress(line)
            return self._failed(MoverError(ErrorClass.UNKNOWN, f"{type(error).__name__}: {error}"))
        finally:
            if private is not None:
                shutil.rmtree(private, ignore_errors=True)

    def _operate(self, args: Sequence[str], private: Path) -> Report:
        """Run the operations, and after some refusals once more.

        What the storage has granted before it may refuse for a moment; white space at the ends of credentials is rarely
        meant, and is taken off.
        """
        self.session = _session(self.environ, private, self.log, self.stop)
        padded = padded_keys(self.environ)
        try:
            _operate(self.session, args)
        except MoverError as error:
            if error.error_class != ErrorClass.ACCESS_DENIED or self.session.report.snapshot is not None:
                raise
            if not padded and not (self._was_granted(self.session) and self._pause(self.session)):
                raise
            if padded:
                text = f"{', '.join(padded)} in the repository Secret begins or ends with white space, and is refused"
                self.log(f"Warning: {text}: trying without")
            bare = {**self.environ, **{name: self.environ[name].strip() for name in padded}}
            self.session = _session(bare, private, self.log, self.stop)
            _operate(self.session, args)
        return self.session.report

    def _was_granted(self, session: Session) -> bool:
        """Return whether this repository is on record, or was opened in this run, and not made by it."""
        known = bool(session.run.history.repository_id) or session.restic.heard.is_set()
        return known and not session.report.initialized

    def _pause(self, session: Session) -> bool:
        """Wait before a second look; return whether nobody has asked to stop."""
        seconds = session.run.deadlines.contact_seconds * _PAUSE_SHARE
        self.log(f"Warning: the storage refuses what it has granted before: trying once more in {seconds:g} s")
        return not session.restic.interrupted.wait(seconds)

    def waits_for_restic(self) -> bool:
        """Return whether a restic process runs, which has deadlines of its own."""
        return self.session is not None and bool(self.session.restic.current)

    def hung(self, seconds: float) -> Report:
        """Return the report of a run that hangs in a system call; a backup that was made by then stays one."""
        text = f"a volume does not answer: a system call of the mover has not come back for {seconds:g} s"
        if self.session is None or self.session.report.snapshot is None:
            done = self.session.report if self.session else Report(Outcome.FAILED)
            return done.failed(ErrorClass.STALLED, text, 1)
        self.session.add(StepReport("forget", Outcome.FAILED, ErrorClass.STALLED, text))
        return self.session.report

    def fit(self, report: Report) -> Report:
        """Return a report as people may read it, with the end of the log."""
        steps = tuple(evolve(s, message=self.readable(s.message)) for s in report.steps)
        items = tuple(map(self.readable, report.items))
        holder = self.readable(report.lock_holder)
        message, log = self.readable(report.message), self.log.tail()
        return evolve(report, message=message, steps=steps, items=items, lock_holder=holder[:LONGEST_HOLDER], log=log)

    def readable(self, text: str) -> str:
        """Return a text as people may read it."""
        return one_line(self.redact(text))

    def _failed(self, error: MoverError) -> Report:
        message = self.readable(error.message)
        password = self.environ.get("RESTIC_PASSWORD", "")
        if error.error_class == ErrorClass.WRONG_PASSWORD and password != password.strip():
            message += "; RESTIC_PASSWORD begins or ends with white space, which counts"
        if not self.stop.told:
            if error.by_restic:
                self.log(f"Fatal: {message}")
                self.log(f"ERROR: {_WORDS.get(error.error_class, 'restic failed: ' + error.error_class)}")
            else:
                self.log(f"ERROR: {message}")
        done = self.session.report if self.session else Report(Outcome.FAILED)
        return done.failed(error.error_class, message, error.code)


def run(args: Sequence[str], environ: Mapping[str, str], stop: Stop) -> int:
    """Run the operations and return the exit code."""
    # restic's unlock sends it to whatever process has a dead lock's number.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    target = Path(environ.get("VOLSYNC_PY_TERMINATION_LOG", "/dev/termination-log"))
    _write(target, Report(Outcome.FAILED, ErrorClass.INTERRUPTED, "the mover died without a last word", 137))
    started = time.monotonic()
    mover = _Mover(environ, stop)
    stall = _stall_seconds(environ)
    with HungCallWatch(stall * CALL_FACTOR, mover.waits_for_restic, lambda: _give_up(target, mover, stall)):
        report = mover.run(args)
    # From here on only the report is left to be written: who asks to stop now gets the end that was reached.
    stop.ignore()
    if stop.told:
        report = report.failed(ErrorClass.INTERRUPTED, "the mover was told to stop", _INTERRUPTED)
        mover.log("ERROR: the mover was told to stop")
    elif report.outcome != Outcome.FAILED:
        mover.log(f"Restic completed in {int(time.monotonic() - started)}s")
        mover.log("=== Done ===")
    _write(target, mover.fit(report))
    return report.exit_code


def _stall_seconds(environ: Mapping[str, str]) -> float:
    """Return the deadline of the run's document; that of none if it cannot be read, which is told elsewhere."""
    try:
        return Run.from_json(environ["VOLSYNC_PY_RUN"]).deadlines.stall_seconds
    except (KeyError, RunError):
        return Deadlines().stall_seconds


def _give_up(target: Path, mover: _Mover, stall: float) -> NoReturn:
    """End the mover, whose main thread hangs in the kernel; nothing is printed, for that is what it may hang in."""
    report = mover.hung(stall * CALL_FACTOR)
    try:
        _write(target, mover.fit(report))
    finally:
        # The thread that hangs would be waited for by any other end.
        os._exit(report.exit_code)


def _greet(log: HumanLog, args: Sequence[str]) -> None:
    log("Starting container")
    log(f"volsync-py mover version: {__version__}")
    log(" ".join(args))
    try:
        log(_VERSION_OF_RESTIC.read_text(encoding="utf-8").strip())
    except OSError:
        # The file is in the image only.
        return


def _session(environ: Mapping[str, str], private: Path, log: HumanLog, stop: Stop) -> Session:
    text = environ.get("VOLSYNC_PY_RUN", "")
    try:
        document = Run.from_json(text) if text else Run()
    except RunError as error:
        raise MoverError(ErrorClass.CONFIGURATION, str(error), 2) from None
    check_repository(environ, on_volume=document.repository_on_volume)
    custom_ca = environ.get("CUSTOM_CA", "")
    options = ["--cacert", custom_ca] if custom_ca else []
    trouble = cache_trouble(environ["RESTIC_CACHE_DIR"])
    if trouble:
        log(f"Warning: the cache cannot be used, and without it a run takes longer: {trouble}")
        options.append("--no-cache")
    restic = Restic(
        env=restic_environment(environ, private),
        directory=environ["DATA_DIR"],
        deadlines=document.deadlines,
        log=log.said,
        redact=log.redact,
        options=tuple(options),
        on_status=log.status,
        progress=log.progress,
    )
    stop.then(restic.interrupt)
    return Session(restic, log, document, environ, environ["DATA_DIR"])


def _operate(session: Session, args: Sequence[str]) -> None:
    for name in args:
        if name not in _OPERATIONS:
            raise MoverError(ErrorClass.CONFIGURATION, f"unknown operation: {name}", 2)
    for name in args:
        if name == "unlock":
            unlock(session)
        elif name == "backup":
            if not backup(session):
                return
            with session.aside("forget"):
                forget(session)
            with session.aside("history"):
                tell_of_loss(session)
        elif name == "prune":
            with session.aside("prune"):
                prune(session)
        elif name == "check":
            with session.aside("check"):
                check(session)
        elif name == "prove":
            prove(session)
        else:
            restore(session)
    if "backup" in args:
        with session.aside("check"):
            check(session)


def _write(target: Path, report: Report) -> None:
    try:
        target.write_text(_document(report), encoding="utf-8")
    except OSError as error:
        sys.stderr.write(f"the report cannot be written: {error.strerror}\n")


def _document(report: Report) -> str:
    """Return the report as it is written; one that cannot be is told without its words."""
    try:
        return report.to_json()
    except Exception as error:  # noqa: BLE001 - what the run came to is known, and is not lost with a word about it
        sys.stderr.write(f"the report cannot be written as it is: {type(error).__name__}\n")
        steps = tuple(evolve(step, message="") for step in report.steps)
        return evolve(report, message="", steps=steps, items=(), lock_holder="", log="", log_truncated=True).to_json()
