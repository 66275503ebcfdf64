"""A Job can be found by its name for as long as somebody may look for it, and is in nobody's way."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.movers.objects import destination, source
from tests.unit.movers.seen import decision_on, words
from tests.unit.movers.simulated import Simulation
from tests.unit.movers.test_simulated import BACKED_UP, IMAGE, RESTORED, UNPROVEN, failure
from volsync_py.core.times import format_rfc3339
from volsync_py.core.view import MoverSettings

NAMES = {"source": "volsync-src-n", "destination": "volsync-dst-n"}
ASKED = "volsync-py/run-now"


def simulation(kind: str = "source", trigger: dict[str, Any] | None = None, **restic: Any) -> Simulation:
    one = Simulation(source(**restic) if kind == "source" else destination(**restic))
    one.resource["spec"]["trigger"] = trigger or {"manual": "m"}
    one.settle()
    return one


def later(one: Simulation, seconds: float) -> None:
    one.now += timedelta(seconds=seconds)
    one.settle()


# ---- the end of a run


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("asked", ["manual", "run-now"])
def test_the_job_of_a_run_that_somebody_asked_for_can_be_seen_for_fifteen_seconds(kind: str, asked: str) -> None:
    one = simulation(kind, {"manual": "m"} if asked == "manual" else {"schedule": "0 0 1 1 *"})
    if asked == "run-now":
        one.resource["metadata"].setdefault("annotations", {})[ASKED] = "x"
        one.objects = [o for o in one.objects if o["kind"] != "Job"]
        one.settle()
    one.end_job(BACKED_UP if kind == "source" else RESTORED)
    # The run is over at once, and nothing more is written while its Job is shown.
    assert one.conditions()["Synchronizing"][0] == "False"
    assert one.status["lastSyncTime"] == format_rfc3339(one.now)
    assert (one.of_kind("Job"), one.delay) == ([NAMES[kind]], 16)
    one.now += timedelta(seconds=15)
    assert words(decision_on(one.objects, one.now)) == []
    later(one, 1)
    assert one.of_kind("Job") == []


@pytest.mark.parametrize("annotations", [{}, {ASKED: "x"}], ids=["schedule", "run-now"])
def test_the_job_of_a_schedule_goes_at_once(annotations: dict[str, str]) -> None:
    one = Simulation(source(annotations=annotations))
    one.resource["spec"]["trigger"] = {"schedule": "0 0 1 1 *"}
    one.settle()
    one.end_job(BACKED_UP)
    assert one.of_kind("Job") == ([NAMES["source"]] if annotations else [])


def test_a_run_that_is_due_takes_the_place_of_a_job_that_is_shown() -> None:
    one = simulation()
    one.end_job(BACKED_UP)
    one.change(trigger={"manual": "two"})
    # Nothing is written for it but the deletion, and the run begins with the next pass.
    assert words(decision_on(one.objects, one.now)) == ["delete Job/volsync-src-n"]
    one.settle()
    assert one.job() is not None
    assert one.made.count("Job") == 2


def test_a_tag_that_is_taken_away_while_its_run_is_under_way_leaves_the_job_to_who_waits_for_it() -> None:
    one = simulation(trigger={"manual": "now", "schedule": "0 0 1 1 *"})
    one.change(trigger={"manual": None})
    one.end_job(BACKED_UP)
    assert one.of_kind("Job") == [NAMES["source"]]
    assert one.conditions()["Synchronizing"][1] == "WaitingForSchedule"


@pytest.mark.parametrize("change", [{"paused": True}, {"sourcePVC": None}], ids=["paused", "a spec that is broken"])
def test_a_job_that_was_shown_goes_whatever_has_become_of_the_spec(change: dict[str, Any]) -> None:
    one = simulation()
    one.end_job(BACKED_UP)
    one.change(**change)
    later(one, 1)
    told = one.conditions()["Synchronizing"][1]
    assert (one.of_kind("Job"), one.delay) == ([NAMES["source"]], 15)
    later(one, 15)
    assert (one.of_kind("Job"), one.conditions()["Synchronizing"][1]) == ([], told)


@pytest.mark.parametrize("conditions", [[], [{"type": "Complete", "status": "True"}]], ids=["none", "no time"])
def test_a_job_that_does_not_say_when_it_ended_is_not_shown(conditions: list[dict[str, Any]]) -> None:
    one = simulation()
    one.end_job(BACKED_UP)
    (job,) = (o for o in one.objects if o["kind"] == "Job")
    job["status"]["conditions"] = conditions
    one.settle()
    assert one.of_kind("Job") == []


def test_who_wants_no_job_to_be_shown_has_none() -> None:
    one = simulation()
    one.end_job(BACKED_UP)
    settings = MoverSettings(image="mover:1", cluster_id="cluster", ended_job_shown=timedelta(0))
    assert words(decision_on(one.objects, one.now, settings)) == ["delete Job/volsync-src-n"]


# ---- the end of an attempt


@pytest.mark.parametrize("kind", NAMES)
def test_a_hiccup_leaves_the_job_to_who_waits_for_it_until_the_next_attempt(kind: str) -> None:
    one = simulation(kind)
    begun = one.now
    while one.now - begun < timedelta(minutes=5):
        if one.job() is not None:
            one.end_job(failure("Unreachable"))
        else:
            later(one, 1)
        assert one.of_kind("Job") == [NAMES[kind]]
    assert one.made.count("Job") == one.status["attempt"]["count"] + bool(one.job()) == 5
    while one.job() is None:
        later(one, 1)
    one.end_job(BACKED_UP if kind == "source" else RESTORED)
    assert one.status["lastManualSync"] == "m"


def test_a_failed_job_stays_for_a_moment_where_the_next_attempt_comes_late() -> None:
    one = simulation()
    one.resource["status"]["attempt"] = {"count": 8, "lastError": {"class": "Unreachable"}}
    one.end_job(failure("Unreachable"))
    assert one.status["attempt"]["count"] == 9
    assert one.of_kind("Job") == [NAMES["source"]]
    assert one.delay == 16
    later(one, 16)
    assert one.of_kind("Job") == []
    later(one, 600)
    assert one.made.count("Job") == 1


@pytest.mark.parametrize("method", ["Direct", "Clone", "Snapshot"])
def test_the_job_of_a_failure_that_only_a_change_can_mend_stays_for_a_moment_and_its_copy_goes(method: str) -> None:
    one = simulation(copyMethod=method)
    one.end_job(failure("WrongPassword"))
    assert (one.of_kind("Job"), one.of_kind("VolumeSnapshot")) == ([NAMES["source"]], [])
    assert "volsync-n-src" not in one.of_kind("PersistentVolumeClaim")
    assert one.delay == 16
    later(one, 16)
    assert (one.of_kind("Job"), one.delay) == ([], 60)
    assert one.status["attempt"]["count"] == 1


def test_what_is_mended_is_tried_at_once_although_the_failed_job_is_still_there() -> None:
    one = simulation()
    one.end_job(failure("WrongPassword"))
    one.change(trigger={"manual": "two"})
    one.settle()
    assert one.job() is not None


def test_a_restore_that_proves_nothing_leaves_no_job_that_says_complete() -> None:
    one = Simulation(destination(**IMAGE))
    one.settle()
    one.end_job(UNPROVEN)
    assert one.status["attempt"]["lastError"]["class"] == "NoReport"
    assert one.of_kind("Job") == []


def test_a_failed_job_that_does_not_say_when_it_ended_is_recorded_once_and_goes() -> None:
    one = simulation()
    job = one.job()
    assert job is not None
    job["status"] = {"conditions": [{"type": "Failed", "status": "True"}]}
    one.settle()
    assert (one.of_kind("Job"), one.status["attempt"]["count"]) == ([], 1)


def test_a_spec_that_is_broken_beside_a_failed_job_is_told_and_nothing_is_tried() -> None:
    one = simulation()
    one.end_job(failure("Unreachable"))
    one.change(sourcePVC=None)
    later(one, 60)
    assert one.conditions()["Synchronizing"][:2] == ("False", "Error")
    assert "sourcePVC" in one.conditions()["Healthy"][2]
    assert one.made.count("Job") == 1
    one.change(sourcePVC="data")
    one.settle()
    assert one.made.count("Job") == 2


# ---- what others wait for


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize(
    ("error_class", "said"),
    [("WrongPassword", ("False", "Error")), ("Unreachable", ("True", "SyncInProgress"))],
)
def test_a_run_that_only_a_change_can_mend_keeps_nobody_waiting_for_its_end(
    kind: str, error_class: str, said: tuple[str, str]
) -> None:
    one = simulation(kind)
    one.end_job(failure(error_class))
    # From the pass that has seen the end on, and for as long as no mover runs.
    for _ in range(8):
        assert one.conditions()["Synchronizing"][:2] == said
        assert one.conditions()["Healthy"][:2] == ("False", error_class)
        later(one, 1)
    assert "lastSyncStartTime" in one.status
    one.change(trigger={"manual": "two"})
    one.settle()
    assert one.conditions()["Synchronizing"][:2] == ("True", "SyncInProgress")
