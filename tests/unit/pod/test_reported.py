"""What a run's report holds for people: no secret, and nothing that moves a cursor."""

from __future__ import annotations

from typing import cast

from volsync_py.contract.report import LONGEST_HOLDER, Outcome, Report, StepReport
from volsync_py.pod.runner import _Mover
from volsync_py.pod.signals import Stop

SECRET = "canary-of-the-test"
# Anybody who can write a lock into the repository says what its host is called.
SAID = f"{SECRET}\x1b[2J\nHealthy"


def test_no_word_of_a_report_holds_a_secret_or_ends_its_line() -> None:
    mover = _Mover({"RESTIC_PASSWORD": SECRET}, cast(Stop, None))
    step = StepReport("forget", Outcome.FAILED, message=SAID)
    said = Report(Outcome.FAILED, message=SAID, steps=(step,), items=(SAID,), lock_holder=f"process 7 on {SAID}")
    fit = mover.fit(said)
    told = [fit.message, fit.steps[0].message, *fit.items, fit.lock_holder]
    assert [text.removeprefix("process 7 on ") for text in told] == [r"***\x1b[2J\nHealthy"] * 4


def test_of_a_long_name_of_a_host_no_part_of_a_secret_is_left_at_the_end() -> None:
    mover = _Mover({"RESTIC_PASSWORD": SECRET}, cast(Stop, None))
    holder = "x" * (LONGEST_HOLDER - 6) + SECRET + "x" * 999
    told = mover.fit(Report(Outcome.FAILED, lock_holder=holder)).lock_holder
    assert "canary" not in told
    assert len(told) == LONGEST_HOLDER
