"""One line of the log for each step of a run, and none when nothing happens."""

from __future__ import annotations

from collections.abc import MutableMapping
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.unit.controllers.late_cluster import LateCluster
from tests.unit.controllers.stepped_manager import SteppedManager
from tests.unit.movers.objects import source
from tests.unit.movers.test_simulated import BACKED_UP, failure
from volsync_py.contract.report import ErrorClass, Outcome, Report, StepReport
from volsync_py.controllers import step_log
from volsync_py.core.names import Role
from volsync_py.kube.controller import Request
from volsync_py.movers.restic.outcome import CLASSES

Lines = list[MutableMapping[str, Any]]


PARTIAL = Report(
    Outcome.SUCCEEDED,
    snapshot=BACKED_UP.snapshot,
    steps=(StepReport("backup", Outcome.SUCCEEDED, ErrorClass.PARTIAL, "a file could not be read"),),
)
# What the first pass of a resource says, and what a Job of it needs.
BEGINS = [
    "info condition set: Healthy Unknown NotYetRun",
    "info condition set: Synchronizing True SyncInProgress",
    "info object created: PersistentVolumeClaim/volsync-src-n-cache",
    "info object created: ServiceAccount/volsync-src-n",
]
JOB_MADE, JOB_GONE = "info object created: Job/volsync-src-n", "info object deleted: Job/volsync-src-n"
ENDED = f"info run ended well: {'0' * 64}"
AGAIN = "info condition set: Synchronizing True SyncInProgress"


def told(*ends: Report, **trigger: str) -> tuple[Lines, Lines]:
    """Return the lines of a source's runs, and those of a pass after them that has nothing to do."""
    objects = source()
    objects[0]["spec"]["trigger"] = trigger or {"manual": "m"}
    cluster = LateCluster(objects, list(ends))
    manager = SteppedManager(cluster, Role.SOURCE)
    try:
        with capture_logs() as lines:
            manager.settle()
            for _ in range(len(cluster.reports)):
                cluster.now += timedelta(hours=3)
                manager.queue.add(Request("ns", "n"))
                manager.settle()
            # Once more for the last Job, which goes when others are done.
            cluster.now += timedelta(minutes=1)
            manager.queue.add(Request("ns", "n"))
            manager.settle()
        with capture_logs() as idle:
            manager.queue.add(Request("ns", "n"))
            manager.settle()
    finally:
        manager.end()
    return lines, idle


def short(lines: Lines) -> list[str]:
    """Return each line as a text, without what says where and when."""
    names = ("object", "condition", "attempts", "status", "reason", "snapshot")
    facts = [" ".join(str(line[name]) for name in names if name in line) for line in lines]
    return [f"{line['log_level']} {line['event']}: {said}" for line, said in zip(lines, facts, strict=True)]


def test_a_good_run_is_told_step_by_step_and_what_is_idle_says_nothing() -> None:
    lines, idle = told(BACKED_UP)
    assert short(lines) == [*BEGINS, JOB_MADE, ENDED, JOB_GONE]
    assert idle == []


def test_an_attempt_that_only_a_change_helps_is_one_warning_with_cause_and_next_step() -> None:
    lines, idle = told(failure("WrongPassword"))
    assert short(lines) == [*BEGINS, JOB_MADE, "warning attempt failed: 1 WrongPassword", JOB_GONE]
    (failed,) = (line for line in lines if line["log_level"] == "warning")
    assert failed["message"] == f"a message – {CLASSES['WrongPassword'].next_step}"
    assert failed["next_attempt"] == ""
    assert idle == []


def test_each_attempt_of_a_run_that_is_retried_is_one_warning() -> None:
    lines, idle = told(failure("Unreachable"), failure("Unreachable"), BACKED_UP)
    assert short(lines) == [
        *(*BEGINS, JOB_MADE, "warning attempt failed: 1 Unreachable", JOB_GONE),
        *(JOB_MADE, "warning attempt failed: 2 Unreachable", JOB_GONE),
        *(JOB_MADE, ENDED, JOB_GONE),
    ]
    failed = [line for line in lines if line["log_level"] == "warning"]
    assert {line["message"] for line in failed} == {f"a message – {CLASSES['Unreachable'].next_step}"}
    assert all(line["next_attempt"] for line in failed)
    assert idle == []


def test_a_warning_is_told_beside_the_end_of_the_run_and_so_is_its_own_end() -> None:
    lines, idle = told(PARTIAL, PARTIAL, BACKED_UP, schedule="0 * * * *")
    assert short(lines) == [
        *(*BEGINS, JOB_MADE, ENDED, "info condition set: Healthy True Partial", JOB_GONE),
        *(AGAIN, JOB_MADE, ENDED, JOB_GONE),
        *(AGAIN, JOB_MADE, ENDED, "info condition set: Healthy True Succeeded", JOB_GONE),
    ]
    assert idle == []


def test_what_was_told_is_not_told_again() -> None:
    status = {
        "lastSyncTime": "2026-11-30T08:00:00Z",
        "attempt": {"count": 1, "lastError": {"class": "Unreachable", "message": "no answer"}},
        "conditions": [{"type": "Healthy", "status": "False", "reason": "Unreachable", "message": "no answer"}],
    }
    with capture_logs() as lines:
        step_log.status_written(status, {**status, "nextSyncTime": "2026-11-30T09:00:00Z"})
    assert lines == []


def test_a_pass_that_cannot_go_on_is_one_line_of_healthy() -> None:
    message = "Secret 'repository' is not there"
    conditions = [
        {"type": "Synchronizing", "status": "False", "reason": "Error", "message": message},
        {"type": "Healthy", "status": "False", "reason": "SecretNotFound", "message": message},
    ]
    with capture_logs() as lines:
        step_log.status_written({}, {"conditions": conditions})
    assert short(lines) == ["warning condition set: Healthy False SecretNotFound"]
    with capture_logs() as lines:
        step_log.status_written({"conditions": conditions[1:]}, {"conditions": conditions})
    assert short(lines) == ["info condition set: Synchronizing False Error"]


def test_another_cause_than_the_attempts_is_told_beside_it() -> None:
    status = {
        "attempt": {"count": 1, "lastError": {"class": "Unreachable", "message": "no answer"}},
        "conditions": [{"type": "Healthy", "status": "False", "reason": "SecretNotFound", "message": "no Secret"}],
    }
    with capture_logs() as lines:
        step_log.status_written({}, status)
    assert short(lines) == [
        "warning attempt failed: 1 Unreachable",
        "warning condition set: Healthy False SecretNotFound",
    ]
    assert [line["message"] for line in lines] == ["no answer", "no Secret"]


@pytest.mark.parametrize("changes", [{}, {"attempt": None}, {"conditions": "x"}, {"lastSyncTime": None}])
def test_a_status_that_says_nothing_new_is_no_line(changes: dict[str, Any]) -> None:
    with capture_logs() as lines:
        step_log.status_written({"conditions": None}, changes)
    assert lines == []
