"""A Job whose pod cannot start is made again when something has changed, or when it has had its time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from tests.unit.movers.objects import source
from tests.unit.movers.seen import SETTINGS, decision_on, words
from tests.unit.movers.simulated import Simulation
from volsync_py.core.actions import Delete, Propagation
from volsync_py.restic.report import Outcome, Report, SnapshotFacts

BACKED_UP = Report(Outcome.SUCCEEDED, snapshot=SnapshotFacts("0" * 64, "2026-11-24T12:00:00Z"))
UNSCHEDULED: dict[str, Any] = {"conditions": [{"type": "PodScheduled", "status": "False", "message": "no node fits"}]}


def waiting(reason: str) -> dict[str, Any]:
    return {"containerStatuses": [{"name": "restic", "state": {"waiting": {"reason": reason, "message": "m"}}}]}


STUCK: dict[str, dict[str, Any] | None] = {
    "NotScheduled": UNSCHEDULED,
    "VolumeUnavailable": {},
    "ImageUnavailable": waiting("ImagePullBackOff"),
    "StartError": waiting("CreateContainerConfigError"),
    "PodRejected": None,
}
# Long enough for each to be recognised, and for no pace to be over but that of the images.
SECONDS = {"NotScheduled": 121, "VolumeUnavailable": 121, "ImageUnavailable": 5, "StartError": 5, "PodRejected": 31}


def stuck(error_class: str) -> Simulation:
    one = Simulation(source())
    one.settle()
    status = STUCK[error_class]
    if status is not None:
        one.add_pod(**status)
    one.now += timedelta(seconds=SECONDS[error_class])
    return one


def edited(one: Simulation) -> None:
    one.change({"cacheCapacity": "2Gi"})


def corrected(one: Simulation) -> None:
    next(o for o in one.objects if o["kind"] == "Secret")["metadata"]["resourceVersion"] = "8"


def asked(one: Simulation) -> None:
    one.resource["metadata"]["annotations"] = {"volsync-py/run-now": "x"}


def pass_over(one: Simulation, image: str = "mover:1") -> list[str]:
    # A pace of days, so that only a change counts.
    day = timedelta(days=1)
    settings = evolve(SETTINGS, image=image, retry_first=day, retry_longest=day)
    return words(decision_on(one.objects, one.now, settings))


@pytest.mark.parametrize("error_class", STUCK)
@pytest.mark.parametrize("change", [edited, corrected, asked])
def test_what_was_mended_reaches_a_job_that_has_not_started(
    error_class: str, change: Callable[[Simulation], None]
) -> None:
    one = stuck(error_class)
    assert not [word for word in pass_over(one) if word.startswith("delete")]
    first = one.job()
    change(one)
    assert "delete Job/volsync-src-n" in pass_over(one)
    one.settle()
    again = one.job()
    assert first is not None
    assert again is not None
    assert again["metadata"]["uid"] != first["metadata"]["uid"]
    assert one.status["attempt"]["count"] == 1
    assert one.status["attempt"]["lastError"]["class"] == error_class


@pytest.mark.parametrize("error_class", STUCK)
def test_a_manager_with_another_image_makes_a_job_that_has_not_started_again(error_class: str) -> None:
    one = stuck(error_class)
    assert pass_over(one, "mover:2") == ["status", "delete Job/volsync-src-n", f"event {error_class}"]


def test_a_job_that_is_given_up_is_gone_only_when_its_pod_is() -> None:
    one = stuck("NotScheduled")
    edited(one)
    (gone,) = (a for a in decision_on(one.objects, one.now).actions if isinstance(a, Delete))
    assert gone.propagation is Propagation.FOREGROUND


@pytest.mark.parametrize("state", ["running", "terminated"])
def test_a_job_that_has_started_ends_as_it_began(state: str) -> None:
    one = stuck("StartError")
    (pod,) = (o for o in one.objects if o["kind"] == "Pod")
    pod["status"]["containerStatuses"].append({"name": "beside", "state": {state: {"exitCode": 1}}})
    before = one.job()
    edited(one)
    one.settle()
    assert one.job() is before


def test_a_job_that_has_had_its_time_is_made_again_a_few_times_an_hour() -> None:
    one = Simulation(source())
    end = one.now + timedelta(hours=1)
    while one.now < end:
        one.settle()
        if not one.of_kind("Pod"):
            one.add_pod(**UNSCHEDULED)
            one.settle()
        one.now += timedelta(seconds=one.delay or 60)
    assert 5 <= one.made.count("Job") <= 12
    assert one.conditions()["Healthy"][1] == "NotScheduled"


def test_a_volume_may_take_hours_and_the_pod_that_waits_for_it_is_left_alone() -> None:
    one = Simulation(source(copyMethod="Clone"))
    one.settle()
    one.add_pod()
    first = one.job()
    one.now += timedelta(hours=23)
    one.settle()
    assert one.job() is first
    one.now += timedelta(hours=2)
    one.settle()
    assert one.job() is not first


def test_a_copy_survives_that_its_pod_cannot_be_scheduled_for_some_slots() -> None:
    one = Simulation(source(copyMethod="Clone"))
    one.resource["spec"]["trigger"] = {"schedule": "0 * * * *"}
    one.settle()
    (copy,) = (o["metadata"]["uid"] for o in one.objects if o["metadata"]["name"] == "volsync-n-src")
    for _ in range(200):
        if not one.of_kind("Pod"):
            one.add_pod(**UNSCHEDULED)
        one.now += timedelta(seconds=60)
        one.settle()
    (still,) = (o["metadata"]["uid"] for o in one.objects if o["metadata"]["name"] == "volsync-n-src")
    assert still == copy


def test_after_it_was_given_up_a_run_ends_well() -> None:
    one = stuck("ImageUnavailable")
    edited(one)
    one.settle()
    one.end_job(BACKED_UP)
    assert one.conditions()["Healthy"] == ("True", "Succeeded", "The last synchronization succeeded")
    assert "attempt" not in one.status
