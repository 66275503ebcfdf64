"""In which order the actions of a decision are carried out, and what is left for whoever holds a lock."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.core.test_replication import NOW, Work, resource
from volsync_py.core.actions import Create, PatchStatus
from volsync_py.core.replication import decide
from volsync_py.core.result import Decision, StepResult, Success, UnderLock

STARTED = "2026-11-24T00:00:00Z"


def create(kind: str) -> Create:
    return Create({"kind": kind, "metadata": {"name": "x", "labels": {}}}, "uid")


CLAIM, JOB = create("PersistentVolumeClaim"), create("Job")
STEP = StepResult(actions=(CLAIM,), under_lock=UnderLock("repository", (JOB,)))
STATUS = "status"


def said(reason: str, **more: Any) -> dict[str, Any]:
    return {"conditions": [{"type": "Synchronizing", "status": "False", "reason": reason}], **more}


REFUSED = said("Error", lastSyncStartTime=STARTED, observedGeneration=1)


def decided(status: dict[str, Any], step: StepResult = STEP, held: str = "repository") -> Decision:
    return decide(resource(**status), Work(step), NOW, held=held)


def order(decision: Decision) -> list[Any]:
    return [STATUS if isinstance(action, PatchStatus) else action for action in decision.actions]


@pytest.mark.parametrize(
    "status",
    [{}, said("WaitingForManual"), said("SyncInProgress", lastSyncStartTime=STARTED)],
    ids=["no status", "idle", "in progress"],
)
def test_the_status_is_written_before_what_it_announces(status: dict[str, Any]) -> None:
    assert order(decided(status)) == [STATUS, CLAIM, JOB]


def test_a_run_that_is_not_on_record_is_put_there_first_even_after_an_error() -> None:
    assert order(decided(said("Error", observedGeneration=1))) == [STATUS, CLAIM, JOB]


def test_the_status_takes_an_error_back_only_after_what_was_refused_has_been_done() -> None:
    assert order(decided(REFUSED)) == [CLAIM, JOB, STATUS]
    assert order(decided(REFUSED, StepResult(actions=(CLAIM,)))) == [CLAIM, STATUS]


def test_nothing_comes_before_a_status_of_which_it_is_not_known_that_it_is_kept() -> None:
    assert order(decided(said("Error", lastSyncStartTime=STARTED))) == [STATUS, CLAIM, JOB]


def test_what_comes_before_the_job_needs_no_lock_and_the_job_is_decided_by_who_holds_it() -> None:
    before = decided({}, held="")
    assert (order(before), before.lock) == ([STATUS, CLAIM], "repository")
    assert decided({}).lock == ""
    assert (order(decided({}, StepResult(actions=(CLAIM,)), held="")), decided({}, StepResult()).lock) == (
        [STATUS, CLAIM],
        "",
    )


def test_the_lock_of_another_repository_is_not_the_one() -> None:
    assert decided({}, held="another") == decided({}, held="")


def test_after_a_refusal_the_status_waits_for_what_is_done_under_the_lock() -> None:
    before = decided(REFUSED, held="")
    assert (order(before), before.lock) == ([CLAIM], "repository")


def test_a_run_that_has_ended_is_counted_with_the_status_that_says_so() -> None:
    ended: dict[str, Any] = {"lastSyncStartTime": STARTED, "lastSyncTime": STARTED, "observedGeneration": 1}
    work = Twice([StepResult(success=Success()), STEP])
    on_record = decide(resource({"manual": ""}, **ended), work, NOW)
    assert (order(on_record), on_record.lock) == ([STATUS, CLAIM], "repository")
    assert on_record.finished is not None
    after_a_refusal = decide(resource({"manual": ""}, **ended, **said("Error")), Twice(work.steps), NOW)
    assert (order(after_a_refusal), after_a_refusal.finished) == ([CLAIM], None)


class Twice(Work):
    """A mover that has ended a run, and begins the next one."""

    def __init__(self, steps: list[StepResult]) -> None:
        super().__init__()
        self.steps = steps
        self._left = iter(steps)

    def synchronize(self) -> StepResult:
        return next(self._left)
