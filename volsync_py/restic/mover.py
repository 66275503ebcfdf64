"""The command of the mover's container: runs the operations it is given, and leaves a report.

It never talks to Kubernetes. A report that says "interrupted" is written first and replaced at the end,
so that even a killed mover leaves one. It never exits 0 after a signal.
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
from typing import Any

from attrs import evolve

from volsync_py import __version__
from volsync_py.restic.backup import backup, check, forget, prune, unlock
from volsync_py.restic.environment import MoverError, Redactor, check_mandatory, restic_environment
from volsync_py.restic.humanlog import HumanLog
from volsync_py.restic.process import Restic
from volsync_py.restic.report import ErrorClass, Outcome, Report
from volsync_py.restic.restore import restore
from volsync_py.restic.run import Run, RunError
from volsync_py.restic.session import Session

_OPERATIONS = ("unlock", "backup", "prune", "restore")
_INTERRUPTED = 130


def main() -> None:
    """Run and exit."""
    sys.exit(run(sys.argv[1:], os.environ))


def run(args: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run the operations and return the exit code."""
    # restic's unlock sends it to whatever process has a dead lock's number.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    target = Path(environ.get("VOLSYNC_PY_TERMINATION_LOG", "/dev/termination-log"))
    redact = Redactor(environ)
    log = HumanLog(redact)
    _write(target, Report(Outcome.FAILED, ErrorClass.INTERRUPTED, "the mover died without a last word", 137))
    log("Starting container")
    log(f"volsync-py mover version: {__version__}")
    log(" ".join(args))
    private = Path(tempfile.mkdtemp(prefix="volsync-py-"))
    started = time.monotonic()
    session: Session | None = None
    try:
        session = _session(environ, private, log)
        _operate(session, args)
        report = session.report
    except MoverError as error:
        message = redact(error.message)
        log(f"Fatal: {message}")
        done = session.report if session else Report(Outcome.FAILED)
        report = evolve(
            done, outcome=Outcome.FAILED, error_class=error.error_class, message=message, exit_code=error.code
        )
    finally:
        shutil.rmtree(private, ignore_errors=True)
    # From here on only the report is left to be written: who asks to stop now gets the end that was reached.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    if session is not None and session.restic.interrupted.is_set():
        report = evolve(
            report,
            outcome=Outcome.FAILED,
            error_class=ErrorClass.INTERRUPTED,
            message="the mover was told to stop",
            exit_code=_INTERRUPTED,
        )
    elif report.outcome != Outcome.FAILED:
        log(f"Restic completed in {int(time.monotonic() - started)}s")
        log("=== Done ===")
    steps = tuple(evolve(s, message=redact(s.message)) for s in report.steps)
    _write(target, evolve(report, message=redact(report.message), steps=steps, log=log.tail()))
    return report.exit_code


def _session(environ: Mapping[str, str], private: Path, log: HumanLog) -> Session:
    log("Testing mandatory env variables")
    check_mandatory(environ)
    text = environ.get("VOLSYNC_PY_RUN", "")
    try:
        document = Run.from_json(text) if text else Run()
    except RunError as error:
        raise MoverError(ErrorClass.CONFIGURATION, str(error), 2) from None
    custom_ca = environ.get("CUSTOM_CA", "")
    restic = Restic(
        env=restic_environment(environ, private),
        directory=environ["DATA_DIR"],
        deadlines=document.deadlines,
        log=log,
        options=("--cacert", custom_ca) if custom_ca else (),
        on_status=log.status,
    )

    def interrupt(number: int, frame: Any) -> None:
        restic.interrupt()

    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGINT, interrupt)
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
            forget(session)
        elif name == "prune":
            prune(session)
        else:
            restore(session)
    if "backup" in args:
        check(session)


def _write(target: Path, report: Report) -> None:
    try:
        target.write_text(report.to_json(), encoding="utf-8")
    except OSError as error:
        sys.stderr.write(f"the report cannot be written: {error.strerror}\n")
