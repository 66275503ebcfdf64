"""A Job whose pod cannot start is made again when something has changed, or when it has had its time."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from tests.unit.movers.objects import source
from tests.unit.movers.seen import SETTINGS, decision_on, words
from tests.unit.movers.simulated import Simulation
from volsync_py.contract.report import ErrorClass, Outcome, Report, SnapshotFacts
from volsync_py.core.actions import Delete, Propagation
from volsync_py.core.times import format_rfc3339

BACKED_UP = Report(Outcome.SUCCEEDED, snapshot=SnapshotFacts("0" * 64, "2026-11-24T12:00:00Z"))
NO_ANSWER = Report(Outcome.FAILED, ErrorClass.UNREACHABLE, "no answer")
UNSCHEDULED: dict[str, Any] = {"conditions": [{"type": "PodScheduled", "status": "False", "message": "no node fits"}]}


def waiting(reason: str) -> dict[str, Any]:
    return {"containerStatuses": [{"name": "restic", "state": {"waiting": {"reason": reason, "message": "m"}}}]}


NO_IMAGE = waiting("ImagePullBackOff")
GATED = {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated", "message": "held by a gate"}
INIT = [
    {"name": "proxy", "started": True, "state": {"running": {}}},
    {"name": "next", "state": {"waiting": {"reason": "PodInitializing"}}},
]
STUCK: dict[str, dict[str, Any] | None] = {
    "NotScheduled": UNSCHEDULED,
    "SchedulingGated": {"conditions": [GATED]},
    "InitContainer": {"initContainerStatuses": INIT, **waiting("PodInitializing")},
    "JobSuspended": None,
    "VolumeUnavailable": {},
    "ImageUnavailable": NO_IMAGE,
    "StartError": waiting("CreateContainerConfigError"),
    "PodRejected": None,
}
# Long enough for each to be recognised, and for no pace to be over but that of the images.
SECONDS = {"ImageUnavailable": 5, "StartError": 5, "PodRejected": 31, "JobSuspended": 5}
WAITING = ["NotScheduled", "SchedulingGated", "InitContainer", "JobSuspended"]
# What a user is told of each: the scheduler's words, and ours where Kubernetes has none.
WORDS = {
    "NotScheduled": "no node fits",
    "SchedulingGated": "held by a gate",
    "InitContainer": "Pod/pod waits for its init container 'proxy'",
    "JobSuspended": "the Job is suspended",
}


def stuck(error_class: str, one: Simulation | None = None) -> Simulation:
    one = one or Simulation(source())
    one.settle()
    status = STUCK[error_class]
    if status is not None:
        one.add_pod(**copy.deepcopy(status))
    if error_class == "JobSuspended":
        suspend(one)
    one.now += timedelta(seconds=SECONDS.get(error_class, 121))
    return one


def suspend(one: Simulation) -> None:
    job = one.job()
    assert job is not None
    job["spec"]["suspend"] = True


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
    pod["status"]["containerStatuses"][0]["lastState"] = {state: {"exitCode": 1}}
    before = one.job()
    edited(one)
    one.settle()
    assert one.job() is before


def test_a_job_whose_pod_is_ready_stays_though_the_news_of_the_pod_is_late() -> None:
    one = stuck("NotScheduled")
    job = one.job()
    assert job is not None
    job["status"] = {**(job.get("status") or {}), "ready": 1}
    edited(one)
    one.settle()
    assert one.job() is job


def test_a_job_that_has_changed_since_it_was_judged_is_not_deleted() -> None:
    one = stuck("NotScheduled")
    edited(one)
    job = one.job()
    assert job is not None
    (gone,) = (a for a in decision_on(one.objects, one.now).actions if isinstance(a, Delete))
    assert gone.resource_version == job["metadata"]["resourceVersion"]


def test_a_side_car_that_runs_does_not_make_a_mover_started() -> None:
    one = stuck("StartError")
    (pod,) = (o for o in one.objects if o["kind"] == "Pod")
    pod["status"]["phase"] = "Running"
    pod["status"]["containerStatuses"].append({"name": "beside", "state": {"running": {}}})
    before = one.job()
    edited(one)
    one.settle()
    assert one.job() is not before


def beside(one: Simulation) -> None:
    (pod,) = (o for o in one.objects if o["kind"] == "Pod")
    pod["status"]["phase"] = "Running"
    pod["status"]["containerStatuses"].append({"name": "beside", "state": {"running": {}}})


HOUR: dict[str, tuple[range, Callable[[Simulation], None] | None]] = {
    "NotScheduled": (range(1, 2), None),
    "SchedulingGated": (range(1, 2), None),
    "InitContainer": (range(1, 2), None),
    "JobSuspended": (range(1, 2), suspend),
    "VolumeUnavailable": (range(1, 2), None),
    "ImageUnavailable": (range(5, 13), None),
    "StartError": (range(5, 13), beside),
    "PodRejected": (range(5, 13), None),
}


@pytest.mark.parametrize("error_class", STUCK)
def test_what_does_not_start_costs_a_few_jobs_and_looks_an_hour(error_class: str) -> None:
    wanted, happens = HOUR[error_class]
    one = Simulation(source())
    end, looks = one.now + timedelta(hours=1), 0
    while one.now < end:
        one.settle()
        status = STUCK[error_class]
        if status is not None and not one.of_kind("Pod"):
            one.add_pod(**copy.deepcopy(status))
        if happens is not None and one.delay != 1:
            happens(one)
        one.settle()
        one.now += timedelta(seconds=one.delay or 60)
        looks += 1
    print(f"{error_class}: {one.made.count('Job')} Jobs, {looks} looks an hour")
    assert one.made.count("Job") in wanted
    assert looks < 100
    assert one.conditions()["Healthy"][1] == error_class


def test_a_mover_that_was_placed_beside_a_pod_is_placed_anew_when_no_node_takes_it() -> None:
    one = stuck("NotScheduled")
    before = one.job()
    assert before is not None
    before["spec"]["template"]["spec"]["nodeSelector"] = {"kubernetes.io/hostname": "gone"}
    one.now += timedelta(seconds=60)
    one.settle()
    again = one.job()
    assert again is not None
    assert "nodeSelector" not in again["spec"]["template"]["spec"]


def after(*reports: Report) -> Simulation:
    """Return a source that has run before, at its next run."""
    one = Simulation(source())
    for number, report in enumerate(reports):
        one.resource["metadata"]["annotations"] = {"volsync-py/run-now": str(number)}
        one.settle()
        one.end_job(report)
        one.now += timedelta(seconds=one.delay or 60)
    asked(one)
    return one


@pytest.mark.parametrize("error_class", WAITING)
@pytest.mark.parametrize(
    ("before", "health"),
    [
        pytest.param((), ("Unknown", "NotYetRun"), id="never run"),
        pytest.param((BACKED_UP,), ("True", "Succeeded"), id="succeeded before"),
        pytest.param((BACKED_UP, NO_ANSWER), ("False", "Unreachable"), id="failed before"),
    ],
)
def test_a_job_that_waits_for_somebody_else_is_kept_and_its_health_stays_for_half_an_hour(
    error_class: str, before: tuple[Report, ...], health: tuple[str, str]
) -> None:
    one = stuck(error_class, after(*before))
    first = one.job()
    one.settle()
    assert one.conditions()["Healthy"][:2] == health
    assert one.conditions()["Synchronizing"][2].startswith(f"Waiting for the mover's start: {WORDS[error_class]}")
    one.now += timedelta(minutes=26)
    one.settle()
    assert one.conditions()["Healthy"][:2] == health
    one.now += timedelta(minutes=4)
    one.settle()
    assert one.conditions()["Healthy"][:2] == ("False", error_class)
    one.now += timedelta(days=9)
    one.settle()
    assert one.job() is first


@pytest.mark.parametrize("error_class", ["SchedulingGated", "InitContainer"])
def test_what_somebody_holds_a_pod_with_is_told_after_half_a_minute(error_class: str) -> None:
    one = stuck(error_class)
    one.now -= timedelta(seconds=121 - 29)
    one.settle()
    assert one.conditions()["Synchronizing"][2] == "Synchronization in-progress"
    one.now += timedelta(seconds=1)
    one.settle()
    assert one.conditions()["Synchronizing"][2].startswith("Waiting for the mover's start: ")


@pytest.mark.parametrize(
    ("waiting_for", "told"),
    [
        ({"reason": "ErrImagePull", "message": "no such host"}, ": ErrImagePull: no such host"),
        ({"reason": "CreateContainerConfigError"}, ": CreateContainerConfigError"),
        ({"reason": "PodInitializing"}, ""),
    ],
)
def test_an_init_container_that_cannot_begin_is_told_of_in_the_kubelets_words(
    waiting_for: dict[str, Any], told: str
) -> None:
    one = stuck("InitContainer")
    (pod,) = (o for o in one.objects if o["kind"] == "Pod")
    done = {"name": "first", "state": {"terminated": {"exitCode": 0}}}
    pod["status"]["initContainerStatuses"] = [done, {"name": "proxy", "state": {"waiting": waiting_for}}]
    first = one.job()
    one.settle()
    told = f"Waiting for the mover's start: Pod/pod waits for its init container 'proxy'{told}"
    assert one.conditions()["Synchronizing"][2] == told
    assert one.job() is first


def test_an_init_container_that_runs_keeps_the_mover_waiting_though_the_kubelet_calls_it_started() -> None:
    one = stuck("InitContainer")
    one.settle()
    assert "waits for its init container 'proxy'" in one.conditions()["Synchronizing"][2]


def test_a_side_car_that_runs_keeps_nobody_waiting() -> None:
    one = stuck("InitContainer")
    (pod,) = (o for o in one.objects if o["kind"] == "Pod")
    pod["spec"]["initContainers"] = [{"name": "proxy", "restartPolicy": "Always"}, {"name": "next"}]
    one.settle()
    assert "waits for its init container 'next'" in one.conditions()["Synchronizing"][2]


def test_a_job_that_goes_on_after_it_was_suspended_has_its_time_anew() -> None:
    one = stuck("JobSuspended")
    one.now += timedelta(hours=9)
    job = one.job()
    assert job is not None
    job["spec"]["suspend"] = False
    job["status"] = {"startTime": format_rfc3339(one.now)}
    one.settle()
    assert one.job() is job
    assert one.conditions()["Synchronizing"][2] == "Synchronization in-progress"


def test_an_init_container_that_failed_is_named() -> None:
    one = stuck("InitContainer")
    (pod,) = (o for o in one.objects if o["kind"] == "Pod")
    pod["status"]["phase"] = "Failed"
    pod["status"]["initContainerStatuses"][0]["state"] = {"terminated": {"exitCode": 3}}
    job = one.job()
    assert job is not None
    ended = {"type": "Failed", "status": "True", "lastTransitionTime": format_rfc3339(one.now)}
    job["status"] = {"conditions": [ended]}
    one.settle()
    error = one.status["attempt"]["lastError"]
    assert error == {"class": "StartError", "message": "the init container 'proxy' exited with 3"}


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


def test_the_pod_of_a_job_that_was_given_up_is_no_trouble_while_the_news_of_its_end_may_be_on_the_way() -> None:
    one = stuck("NotScheduled")
    (pod,) = (o for o in one.objects if o["kind"] == "Pod")
    edited(one)
    one.settle()
    one.objects = [o for o in one.objects if o["kind"] != "Job"] + [pod]
    one.settle()
    assert one.job() is None
    assert one.conditions()["Synchronizing"][2] == "Waiting for the end of Pod/pod, the mover of an earlier Job"
    assert one.conditions()["Healthy"][:2] == ("Unknown", "NotYetRun")
    one.now += timedelta(seconds=10)
    one.settle()
    assert one.conditions()["Healthy"][:2] == ("False", "ObjectInTheWay")


def test_a_pod_that_was_in_the_way_is_not_told_of_when_it_has_gone() -> None:
    one = stuck("NotScheduled")
    edited(one)
    (pod,) = (o for o in one.objects if o["kind"] == "Pod")
    job = one.job()
    assert job is not None
    one.objects = [o for o in one.objects if o is not job]
    one.resource["status"]["attempt"] = {
        "count": 1,
        "lastError": {"class": "NotScheduled", "message": "no node"},
        "lastFailureTime": format_rfc3339(one.now - timedelta(seconds=30)),
        "nextAttemptTime": format_rfc3339(one.now),
    }
    one.settle()
    assert one.conditions()["Healthy"][1] == "ObjectInTheWay"
    one.objects = [o for o in one.objects if o is not pod]
    one.settle()
    assert one.job() is not None
    assert one.conditions()["Healthy"][:2] == ("Unknown", "NotYetRun")
