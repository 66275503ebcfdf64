"""What a run says of the upkeep of its repository: retention, prune and check.

`Maintained` is False only where somebody has to act: for a cause that does not pass by itself, or because something is
overdue by a second interval. What may pass is told as well, and the condition stays True.
"""

from __future__ import annotations

from collections.abc import Collection

from volsync_py.contract.report import Outcome, Report, StepReport
from volsync_py.core.result import Trouble
from volsync_py.movers.restic.outcome import is_terminal, trouble
from volsync_py.movers.restic.run_record import RunRecord

_STEPS = ("forget", "prune", "check")


def maintained(report: Report | None, record: RunRecord, overdue: Collection[str]) -> Trouble | bool | None:
    """Return what they came to: a trouble that calls for somebody, True, or None when none of them ran."""
    steps = _steps(report)
    for step in steps:
        if step.error_class and (is_terminal(step.error_class) or step.name in overdue):
            return _trouble(step)
    if any(step.error_class for step in steps):
        return None
    return True if any(_proves_something(step, record) for step in steps) else None


def passing(report: Report | None) -> Trouble | None:
    """Return what has gone wrong and may pass by itself."""
    return next((_trouble(step) for step in _steps(report) if step.error_class), None)


def _steps(report: Report | None) -> list[StepReport]:
    return [s for s in report.steps if s.name in _STEPS] if report is not None else []


def _trouble(step: StepReport) -> Trouble:
    return trouble(step.error_class, f"{step.name}: {step.message}")


def _proves_something(step: StepReport, record: RunRecord) -> bool:
    """Return whether a step is a sign of order: one that was skipped is none, unless there was nothing to remove."""
    return step.outcome != Outcome.SKIPPED or (step.name == "forget" and not record.damaged)


def postponed(record: RunRecord, *, overdue: bool) -> Trouble | None:
    """Return what is due and was not done, because another mover of the repository was there first."""
    if not record.postponed:
        return None
    late = ", and has been for more than a whole interval" if overdue else ""
    return Trouble(
        "MaintenanceWaits",
        f"{record.postponed} is due{late}: other movers of the same repository were at work each time",
        "nothing to do, unless it stays so: then give the sources of this repository different times",
    )
