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
from volsync_py.controllers import step_log
from volsync_py.core.names import Role
from volsync_py.kube.controller import Request

Lines = list[MutableMapping[str, Any]]


def told(*ends: Any) -> tuple[Lines, Lines]:
    """Return the lines of a source's runs, and those of a pass after them that has nothing to do."""
    cluster = LateCluster(source(), list(ends))
    manager = SteppedManager(cluster, Role.SOURCE)
    try:
        with capture_logs() as lines:
            manager.settle()
            for _ in ends:
                cluster.now += timedelta(hours=3)
                manager.queue.add(Request("ns", "n"))
                manager.settle()
        with capture_logs() as idle:
            manager.queue.add(Request("ns", "n"))
            manager.settle()
    finally:
        manager.end()
    return lines, idle


def of(lines: Lines, event: str) -> Lines:
    return [line for line in lines if line["event"] == event]


def test_a_run_is_told_step_by_step_and_what_is_idle_says_nothing() -> None:
    lines, idle = told(BACKED_UP)
    made, gone = ([line["object"] for line in of(lines, f"object {word}")] for word in ("created", "deleted"))
    assert "Job/volsync-src-n" in made
    assert "Job/volsync-src-n" in gone
    (ended,) = of(lines, "run ended well")
    assert BACKED_UP.snapshot is not None
    assert ended["snapshot"] == BACKED_UP.snapshot.id
    healthy = [line for line in of(lines, "condition set") if line["condition"] == "Healthy"]
    assert (healthy[-1]["status"], healthy[-1]["reason"]) == ("True", "Succeeded")
    assert {line["log_level"] for line in lines} == {"info"}
    assert idle == []


def test_each_failed_attempt_is_a_warning_with_its_cause() -> None:
    lines, _ = told(failure("Unreachable"), failure("Unreachable"), BACKED_UP)
    failed = of(lines, "attempt failed")
    assert [(line["attempts"], line["reason"], line["log_level"]) for line in failed] == [
        (1, "Unreachable", "warning"),
        (2, "Unreachable", "warning"),
    ]
    assert failed[0]["next_attempt"]
    unhealthy = [line for line in of(lines, "condition set") if line["status"] == "False"]
    assert {line["log_level"] for line in unhealthy if line["condition"] != "Synchronizing"} == {"warning"}
    assert {line["log_level"] for line in unhealthy if line["condition"] == "Synchronizing"} <= {"info"}


def test_what_was_told_is_not_told_again() -> None:
    status = {
        "lastSyncTime": "2026-11-30T08:00:00Z",
        "attempt": {"count": 1, "lastError": {"class": "Unreachable", "message": "no answer"}},
        "conditions": [{"type": "Healthy", "status": "False", "reason": "Unreachable", "message": "no answer"}],
    }
    with capture_logs() as lines:
        step_log.status_written(status, {**status, "nextSyncTime": "2026-11-30T09:00:00Z"})
    assert lines == []


@pytest.mark.parametrize("changes", [{}, {"attempt": None}, {"conditions": "x"}, {"lastSyncTime": None}])
def test_a_status_that_says_nothing_new_is_no_line(changes: dict[str, Any]) -> None:
    with capture_logs() as lines:
        step_log.status_written({"conditions": None}, changes)
    assert lines == []
