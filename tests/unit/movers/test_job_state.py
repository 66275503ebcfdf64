"""A Job is judged by its conditions and by what its pod says of itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from volsync_py.contract.report import ErrorClass, Outcome, Report, StepReport
from volsync_py.core.labels import Annotation
from volsync_py.core.times import format_rfc3339
from volsync_py.movers.restic.job_state import Phase, job_state, set_parallelism

NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)


def job(condition: str = "", *, seconds_ago: float = 1, parallelism: int = 1, **status: Any) -> dict[str, Any]:
    when = format_rfc3339(NOW - timedelta(seconds=seconds_ago))
    found = [{"type": condition, "status": "True", "lastTransitionTime": when}] if condition else []
    meta = {"name": "j", "namespace": "n", "uid": "u", "creationTimestamp": when}
    spec = {"parallelism": parallelism}
    kind = {"apiVersion": "batch/v1", "kind": "Job"}
    return {**kind, "metadata": meta, "spec": spec, "status": {"conditions": found, **status}}


def pod(phase: str, *, seconds_ago: float = 1, state: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    when = format_rfc3339(NOW - timedelta(seconds=seconds_ago))
    containers = [{"name": "restic", "state": state or {}}]
    meta = {"name": "p", "creationTimestamp": when}
    return {"metadata": meta, "spec": {}, "status": {"phase": phase, "containerStatuses": containers, **status}}


def ended(report: Report | None = None, *, code: int = 1, reason: str = "Error") -> dict[str, Any]:
    message = {"message": report.to_json()} if report else {}
    return {"terminated": {"exitCode": code, "reason": reason, **message}}


FAILED_REPORT = Report(Outcome.FAILED, ErrorClass.WRONG_PASSWORD, "wrong password", 12)
FIRST_WORD = Report(Outcome.FAILED, ErrorClass.INTERRUPTED, "died without a last word", 137)


def test_a_complete_job_is_not_judged_before_its_pod_is_seen_to_have_ended() -> None:
    state = job_state(job("Complete"), [pod("Running")], NOW)
    assert (state.phase, state.look_again_at) == (Phase.RUNNING, NOW + timedelta(seconds=9))


def test_a_complete_job_whose_pod_has_gone_is_a_success_without_report_after_a_while() -> None:
    state = job_state(job("Complete", seconds_ago=11), [], NOW)
    assert (state.phase, state.report) == (Phase.SUCCEEDED, None)


def test_the_report_of_a_successful_pod_is_read() -> None:
    report = Report(Outcome.SUCCEEDED, steps=(StepReport("backup", Outcome.SUCCEEDED),))
    state = job_state(job("Complete"), [pod("Succeeded", state=ended(report, code=0))], NOW)
    assert state.report == report


@pytest.mark.parametrize(
    ("state", "status", "error_class"),
    [
        (ended(FAILED_REPORT, code=12), {}, "WrongPassword"),
        (ended(FIRST_WORD, code=137, reason="OOMKilled"), {}, "OutOfMemory"),
        (ended(FIRST_WORD, code=137), {}, "Interrupted"),
        (ended(code=137), {}, "Interrupted"),
        (ended(code=1), {}, "Unknown"),
        (ended(code=128, reason="StartError"), {}, "StartError"),
        ({}, {"reason": "DeadlineExceeded"}, "DeadlineExceeded"),
        (ended(code=1), {"conditions": [{"type": "DisruptionTarget", "status": "True"}]}, "Interrupted"),
    ],
)
def test_a_failed_pod_has_its_class(state: dict[str, Any], status: dict[str, Any], error_class: str) -> None:
    assert job_state(job("Failed"), [pod("Failed", state=state, **status)], NOW).error_class == error_class


@pytest.mark.parametrize(
    ("one", "error_class"),
    [
        (pod("Pending", state={"waiting": {"reason": "ErrImagePull", "message": "m"}}), "ImageUnavailable"),
        (pod("Pending", state={"waiting": {"reason": "CreateContainerConfigError"}}), "StartError"),
        (pod("Pending"), ""),
        (pod("Pending", seconds_ago=130), "VolumeUnavailable"),
        (
            pod("Pending", seconds_ago=130, conditions=[{"type": "PodScheduled", "status": "False", "message": "no"}]),
            "NotScheduled",
        ),
        (pod("Running", seconds_ago=130), ""),
    ],
)
def test_a_pod_that_does_not_get_on_says_why(one: dict[str, Any], error_class: str) -> None:
    state = job_state(job(), [one], NOW)
    assert (state.phase, state.error_class) == (Phase.RUNNING, error_class)


def test_a_lost_node_is_told_after_five_minutes() -> None:
    def lost(seconds: float) -> str:
        when = format_rfc3339(NOW - timedelta(seconds=seconds))
        ready = {"type": "Ready", "status": "False", "lastTransitionTime": when}
        return job_state(job(), [pod("Running", conditions=[ready])], NOW).error_class

    assert (lost(299), lost(300)) == ("", "NodeLost")


def test_a_job_without_a_pod_is_asked_about_after_thirty_seconds_unless_it_is_paused() -> None:
    assert job_state(job(seconds_ago=29), [], NOW).phase is Phase.RUNNING
    assert job_state(job(seconds_ago=30), [], NOW).phase is Phase.PODLESS
    assert job_state(job(seconds_ago=30, parallelism=0), [], NOW).phase is Phase.RUNNING


def leaving(one: dict[str, Any]) -> dict[str, Any]:
    """Return a pod that was told to go."""
    one["metadata"]["deletionTimestamp"] = format_rfc3339(NOW)
    return one


def test_a_pod_that_is_being_deleted_on_a_lost_node_is_no_missing_pod() -> None:
    unready = {"type": "Ready", "status": "False", "lastTransitionTime": format_rfc3339(NOW - timedelta(seconds=300))}
    state = job_state(job(seconds_ago=3600), [leaving(pod("Running", conditions=[unready]))], NOW)
    assert (state.phase, state.error_class) == (Phase.RUNNING, "NodeLost")


@pytest.mark.parametrize("phase", ["Pending", "Running", "Failed"])
def test_a_pod_that_ends_because_of_an_eviction_or_a_pause_is_waited_for(phase: str) -> None:
    one = leaving(pod(phase, seconds_ago=3600, state={"waiting": {"reason": "ErrImagePull"}}))
    state = job_state(job(seconds_ago=3600), [one], NOW)
    assert (state.phase, state.error_class) == (Phase.RUNNING, "")


@pytest.mark.parametrize(
    "status",
    [
        {"active": 1},
        {"terminating": 1},
        {"failed": 1},
        {"conditions": [{"type": "FailureTarget", "status": "True"}]},
        {"conditions": [{"type": "SuccessCriteriaMet", "status": "True"}]},
    ],
)
def test_the_end_of_a_pod_may_be_seen_before_the_job_counts_it(status: dict[str, Any]) -> None:
    assert job_state(job(seconds_ago=3600, **status), [], NOW).phase is Phase.RUNNING


def test_a_job_that_goes_on_after_a_pause_has_thirty_seconds_for_its_new_pod() -> None:
    one = job(seconds_ago=3600, parallelism=0)
    changes = set_parallelism(one, 1, NOW - timedelta(seconds=29)).changes
    assert changes["spec"] == {"parallelism": 1}
    one["spec"]["parallelism"] = 1
    one["metadata"]["annotations"] = changes["metadata"]["annotations"]
    state = job_state(one, [], NOW)
    assert (state.phase, state.look_again_at) == (Phase.RUNNING, NOW + timedelta(seconds=1))
    assert job_state(one, [], NOW + timedelta(seconds=1)).phase is Phase.PODLESS
    one["metadata"]["annotations"][Annotation.STARTED] = "whenever"
    assert job_state(one, [], NOW).phase is Phase.PODLESS
