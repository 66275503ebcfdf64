"""Two movers never both may initialise a repository, and a Job that rests does not keep that from all others."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.movers.objects import env_of, resource, source
from tests.unit.movers.seen import NOW, created, decision_on, words
from tests.unit.movers.simulated import Simulation
from tests.unit.movers.test_stuck_jobs import NO_IMAGE
from volsync_py.contract.report import Outcome, Report, StepReport
from volsync_py.core.actions import Patch
from volsync_py.core.times import format_rfc3339
from volsync_py.movers.restic.run_record import RunRecord

FORGOTTEN = Report(Outcome.SUCCEEDED, steps=(StepReport("forget", Outcome.SUCCEEDED),))
STARTED: dict[str, Any] = {"startTime": "2026-11-24T12:00:00Z"}


def grants(objects: list[dict[str, Any]]) -> tuple[bool, bool]:
    """Return whether the mover is told that it may `init`, and `prune`; the first is on record."""
    run = json.loads(env_of(objects)["VOLSYNC_PY_RUN"].replace("$$", "$"))
    assert RunRecord.of(created(decision_on(objects), "Job")).granted == run["grants"]["init"]
    return run["grants"]["init"], run["grants"]["prune"]


def other(*, paused: bool = False, granted: bool = True, age: float = 0, **status: Any) -> dict[str, Any]:
    """Return the Job of another source of the same repository, made so many seconds ago."""
    objects = source() if granted else [*source(), other()]
    objects[0]["spec"]["paused"] = paused
    job = created(decision_on(objects), "Job")
    job["metadata"] |= {"name": "other", "uid": "other", "namespace": "x"}
    job["metadata"]["creationTimestamp"] = format_rfc3339(NOW - timedelta(seconds=age))
    assert RunRecord.of(job).granted == (granted and not paused)
    return {**job, "status": status}


@pytest.mark.parametrize(
    ("job", "init", "prune"),
    [
        pytest.param(other(), False, False, id="just made"),
        pytest.param(other(**STARTED, active=1), False, False, id="about to start"),
        pytest.param(other(**STARTED, active=1, age=9999), False, True, id="does not start, and has not yielded"),
        pytest.param(other(**STARTED, active=1, ready=1, age=9999), False, False, id="running"),
        pytest.param(other(paused=True), True, True, id="made paused"),
        pytest.param(other(paused=True, **STARTED, terminating=1), True, False, id="made paused, with a pod"),
        pytest.param(other(paused=True, **STARTED), True, True, id="paused, at rest"),
        pytest.param({**other(), "spec": {"parallelism": 0}, "status": {}}, False, False, id="paused, not seen yet"),
        pytest.param({**other(), "spec": {"parallelism": 0}, "status": STARTED}, True, True, id="paused in its run"),
        pytest.param(other(granted=False, **STARTED, active=1, age=59), True, False, id="without, about to start"),
        pytest.param(other(granted=False, **STARTED, active=1, age=60), True, True, id="without, does not start"),
        pytest.param(other(granted=False, **STARTED, ready=1, age=9999), True, False, id="without, running"),
        pytest.param({**other(granted=False, age=60), "spec": {"suspend": True}}, True, True, id="without, suspended"),
    ],
)
def test_a_job_gets_the_grants_that_no_other_one_has_or_may_use(job: dict[str, Any], init: bool, prune: bool) -> None:
    assert grants([*source(), job]) == (init, prune)


def test_a_job_whose_record_cannot_be_read_may_have_the_right_to_initialise() -> None:
    job = other(granted=False, **STARTED, active=1, age=9999)
    job["metadata"]["annotations"]["volsync-py/run"] = "[[["
    assert grants([*source(), job]) == (False, True)


def test_a_job_that_is_made_paused_gets_no_grants() -> None:
    objects = source()
    objects[0]["spec"]["paused"] = True
    assert grants(objects) == (False, False)


def paused(**status: Any) -> tuple[Simulation, dict[str, Any]]:
    one = Simulation(source())
    one.settle()
    one.change(paused=True)
    one.settle()
    job = one.job()
    assert job is not None
    assert job["spec"]["parallelism"] == 0
    job["status"] = status
    return one, job


def test_a_job_that_rested_goes_on_as_a_new_one_that_asks_anew() -> None:
    one, job = paused(**STARTED)
    one.change(paused=False)
    one.objects.append(other(**STARTED, active=1))
    assert words(decision_on(one.objects, one.now)) == ["status", "delete Job/volsync-src-n"]
    one.objects = [o for o in one.objects if o is not job]
    assert grants(one.objects) == (False, False)


def test_a_job_that_still_has_its_pod_goes_on_only_as_it_was_seen() -> None:
    one, job = paused(**STARTED, terminating=1)
    version = job["metadata"]["resourceVersion"]
    one.change(paused=False)
    (patch,) = (a for a in decision_on(one.objects, one.now).actions if isinstance(a, Patch))
    assert patch.changes["spec"] == {"parallelism": 1}
    assert patch.changes["metadata"]["resourceVersion"] == version


def test_a_job_that_was_made_paused_is_made_again_with_the_grants_that_there_are_by_then() -> None:
    objects = source()
    objects[0]["spec"]["paused"] = True
    one = Simulation(objects)
    one.settle()
    job = one.job()
    assert job is not None
    job["status"] = STARTED
    one.change(paused=False)
    one.settle()
    again = one.job()
    assert again is not None
    assert again is not job
    assert (again["spec"]["parallelism"], RunRecord.of(again).granted) == (1, True)


def made_again_without_an_image(one: Simulation) -> dict[str, Any]:
    """Return the Job of the attempt that follows one whose pod could not be started."""
    one.settle()
    one.add_pod(**NO_IMAGE)
    one.now += timedelta(minutes=30)
    one.settle()
    again = one.job()
    assert again is not None
    return again


def test_a_job_that_could_not_start_does_not_get_the_grants_again_until_something_has_changed() -> None:
    one = Simulation(source())
    again = made_again_without_an_image(one)
    assert not RunRecord.of(again).granted
    one.change({"cacheCapacity": "2Gi"})
    one.add_pod(**NO_IMAGE)
    one.now += timedelta(minutes=3)
    one.settle()
    mended = one.job()
    assert mended is not None
    assert mended is not again
    assert RunRecord.of(mended).granted


def due(days: float) -> list[dict[str, Any]]:
    """Return a source whose last prune was some days ago, and a mover of the same repository."""
    objects = [*source(check={"intervalDays": 7}), other(**STARTED, active=1)]
    objects[0]["status"] = {"restic": {"lastPruned": format_rfc3339(NOW - timedelta(days=days))}}
    return objects


@pytest.mark.parametrize(
    ("days", "expected"),
    [(6, ("True", "Succeeded")), (8, ("True", "MaintenanceWaits")), (15, ("False", "MaintenanceWaits"))],
)
def test_a_prune_that_has_to_wait_is_told_of(days: float, expected: tuple[str, str]) -> None:
    one = Simulation(due(days))
    one.settle()
    job = one.objects[-1]
    assert RunRecord.of(job).args == ("backup",)
    one.objects = [o for o in one.objects if o["metadata"]["name"] != "other"]
    one.end_job(FORGOTTEN)
    status, reason, message = one.conditions()["Maintained"]
    assert (status, reason) == expected
    assert ("prune is due" in message) == (days > 7)


def test_what_has_to_wait_does_not_hide_what_has_failed() -> None:
    one = Simulation(due(8))
    one.settle()
    one.objects = [o for o in one.objects if o["metadata"]["name"] != "other"]
    failed = {"type": "Maintained", "status": "False", "reason": "RepositoryLocked", "message": "m"}
    one.status["conditions"].append({**failed, "lastTransitionTime": "2026-11-24T11:00:00Z"})
    one.end_job(FORGOTTEN)
    assert one.conditions()["Maintained"] == ("False", "RepositoryLocked", "m")


def test_a_resource_of_another_kind_is_asked_the_same() -> None:
    spec = {"trigger": {}, "restic": {"repository": "repository", "copyMethod": "Direct", "destinationPVC": "data"}}
    restore = [resource("ReplicationDestination", spec), *source()[1:], other(**STARTED, active=1)]
    assert grants(restore) == (False, False)
