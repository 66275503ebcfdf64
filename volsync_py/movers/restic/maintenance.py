"""What a run says of the upkeep of its repository: retention, prune and check."""

from __future__ import annotations

from volsync_py.core.result import Trouble
from volsync_py.movers.restic.outcome import info
from volsync_py.movers.restic.run_record import RunRecord
from volsync_py.restic.report import Outcome, Report, StepReport

_STEPS = ("forget", "prune", "check")


def maintained(report: Report | None, record: RunRecord) -> Trouble | bool | None:
    """Return what they came to: a trouble, True, or None when none of them ran."""
    steps = [s for s in report.steps if s.name in _STEPS] if report is not None else []
    for step in steps:
        if step.error_class:
            return Trouble(step.error_class, f"{step.name}: {step.message}", info(step.error_class).next_step)
    return True if any(_proves_something(step, record) for step in steps) else None


def _proves_something(step: StepReport, record: RunRecord) -> bool:
    """Tell whether a step is a sign of order: one that was skipped is none, unless there was nothing to remove."""
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
