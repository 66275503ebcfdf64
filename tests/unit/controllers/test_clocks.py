"""Clocks that are wrong: ours against the API server's, and those that have written what is on record."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.controllers.late_cluster import Chores, LateCluster
from tests.unit.controllers.stepped_manager import SteppedManager
from tests.unit.movers.objects import claim, destination, job_of, resource, secret, source
from tests.unit.movers.seen import NOW, decision_on
from tests.unit.movers.simulated import Simulation
from tests.unit.movers.test_simulated import BACKED_UP, failure
from volsync_py.core.names import Role
from volsync_py.core.times import format_rfc3339, instant, past
from volsync_py.kube.controller import Request
from volsync_py.movers.restic.job_state import started

ONE = Request("ns", "n")
YEAR = timedelta(days=365)
AHEAD = format_rfc3339(NOW + YEAR)


class Slow(LateCluster):
    """A cluster whose Job controller takes its time."""

    def chores(self) -> Chores:
        return []


@pytest.mark.parametrize("ahead", [timedelta(hours=1), -timedelta(hours=1), timedelta(days=400)], ids=str)
def test_a_clock_that_differs_from_the_servers_gives_up_no_job_early_and_waits_for_none_too_long(
    ahead: timedelta,
) -> None:
    cluster = Slow(source(), [])
    manager = SteppedManager(cluster, Role.SOURCE, ahead=ahead)
    try:
        manager.settle()
        for _ in range(25):
            cluster.now += timedelta(seconds=1)
            manager.queue.add(ONE)
            manager.settle()
        status = cluster.objects["ReplicationSource", "n"]["status"]
        assert (cluster.jobs_made, "attempt" in status) == (1, False)
        assert {c["type"]: c["reason"] for c in status["conditions"]}["Healthy"] == "NotYetRun"
        cluster.now += timedelta(hours=2)
        manager.queue.add(ONE)
        manager.settle()
        told = {c["type"]: c["reason"] for c in cluster.objects["ReplicationSource", "n"]["status"]["conditions"]}
        assert told["Healthy"] == "PodRejected"
    finally:
        manager.end()


DONE = {"lastSyncTime": "2026-11-24T11:00:05Z"}


def scheduled(status: dict[str, Any], **restic: Any) -> Simulation:
    spec: dict[str, Any] = {"sourcePVC": "data", "trigger": {"schedule": "0 * * * *"}}
    spec["restic"] = {"repository": "repository", "copyMethod": "Direct", **restic}
    return Simulation([resource("ReplicationSource", spec, **status), claim("data"), secret()])


def test_a_backup_that_was_made_in_the_future_stops_no_schedule() -> None:
    one = scheduled({"lastSyncTime": AHEAD})
    one.settle()
    assert one.status["lastSyncTime"] == format_rfc3339(NOW)
    one.now += timedelta(hours=1)
    one.settle()
    assert one.job() is not None


def test_a_run_that_began_in_the_future_has_begun() -> None:
    one = scheduled({**DONE, "lastSyncStartTime": AHEAD})
    one.settle()
    one.end_job(BACKED_UP)
    assert (one.status["lastSyncTime"], one.status["lastSyncDuration"]) == (format_rfc3339(one.now), "5s")


@pytest.mark.parametrize(("key", "word"), [("lastPruned", "prune"), ("lastChecked", "check")], ids=["prune", "check"])
def test_upkeep_of_the_future_stops_none_that_is_due(key: str, word: str) -> None:
    one = scheduled(
        {"lastSyncTime": "2026-11-24T12:00:00Z", "restic": {key: AHEAD}}, check={"intervalDays": 7}, pruneIntervalDays=7
    )
    one.settle()
    assert one.status["restic"][key] == format_rfc3339(NOW)
    one.now += timedelta(days=8)
    one.settle()
    job = one.job()
    assert job is not None
    assert f'"{word}": true' in job["metadata"]["annotations"]["volsync-py/run"]


@pytest.mark.parametrize("error_class", ["Unreachable", "WrongPassword", "RepositoryMissing"])
@pytest.mark.parametrize("failed", [AHEAD, format_rfc3339(NOW - timedelta(minutes=1)), None, "odd"])
def test_an_attempt_that_is_to_come_later_than_any_pace_makes_it_comes_now(error_class: str, failed: Any) -> None:
    attempt = {"count": 1, "lastError": {"class": error_class, "message": "m"}, "lastFailureTime": failed}
    attempt |= {"nextAttemptTime": AHEAD, "observedGeneration": 1, "secretVersion": "7"}
    one = scheduled({**DONE, "lastSyncStartTime": "2026-11-24T12:00:00Z", "attempt": attempt})
    one.settle()
    assert one.job() is not None


def test_an_attempt_that_waits_for_a_slot_in_a_year_still_waits() -> None:
    one = scheduled({**DONE, "lastSyncStartTime": "2026-11-24T12:00:00Z"})
    one.resource["spec"]["trigger"]["schedule"] = "0 0 1 1 *"
    one.settle()
    one.end_job(failure("WrongPassword"))
    assert one.status["attempt"]["nextAttemptTime"] == "2027-01-01T00:00:00Z"
    one.now += timedelta(days=30)
    one.settle()
    assert one.job() is None


def test_a_copy_of_an_earlier_slot_is_made_anew_whenever_its_attempt_is_said_to_have_failed() -> None:
    one = scheduled({**DONE, "lastSyncStartTime": "2026-11-24T12:00:00Z"}, copyMethod="Clone")
    one.settle()
    one.end_job(failure("Unreachable"))
    one.objects = [o for o in one.objects if o["kind"] != "Job"]
    one.status["attempt"]["lastFailureTime"] = AHEAD
    one.now += timedelta(hours=1, seconds=30)
    one.settle()
    assert one.made.count("PersistentVolumeClaim") == 3


TIMES: list[Any] = [None, "", "odd", 5, [], AHEAD, "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]
TIMES += ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2026-11-24", "2026-11-24T12:00:00"]
times = st.sampled_from(TIMES)
STATUS_TIMES = ["lastSyncTime", "lastSyncStartTime", "nextSyncTime"]


@settings(max_examples=60)
@given(
    stored=st.dictionaries(st.sampled_from(STATUS_TIMES), times),
    repository=st.dictionaries(st.sampled_from(["lastPruned", "lastChecked"]), times),
    failed=times,
    due=times,
    moved=times,
    made=times,
    phase=st.sampled_from(["Pending", "Running", "Failed"]),
    ended=st.sampled_from(["Complete", "Failed", ""]),
)
def test_whatever_times_are_stored_a_pass_is_decided(
    stored: Any, repository: Any, failed: Any, due: Any, moved: Any, made: Any, phase: str, ended: str
) -> None:
    for objects in (source(check={"intervalDays": 7}, copyMethod="Snapshot"), destination()):
        error = {"class": "Unreachable", "message": "m"}
        condition = {"type": "Healthy", "status": "False", "reason": "r", "message": "m", "lastTransitionTime": moved}
        attempt = {"count": 1, "lastError": error, "lastFailureTime": failed, "nextAttemptTime": due}
        attempt["observedGeneration"] = 1
        objects[0]["status"] = {**stored, "restic": repository, "attempt": attempt, "conditions": [condition]}
        decision_on(objects)
        job = job_of(source() if objects[0]["kind"] == "ReplicationSource" else destination())
        job["metadata"] |= {"uid": "j", "creationTimestamp": made}
        job["metadata"]["annotations"]["volsync-py/started"] = made
        conditions = [{"type": ended, "status": "True", "lastTransitionTime": moved}] if ended else []
        job["status"] = {"startTime": made, "conditions": conditions}
        labels = {"job-name": job["metadata"]["name"], "controller-uid": "j"}
        ready = {"type": "Ready", "status": "False", "lastTransitionTime": moved}
        pod = {"kind": "Pod", "metadata": {"name": "p", "namespace": "ns", "labels": labels, "creationTimestamp": made}}
        pod |= {"spec": {"containers": [{"image": "i"}]}, "status": {"phase": phase, "conditions": [ready]}}
        copy = {"apiVersion": "v1", **claim("volsync-n-src"), "status": {}}
        copy["metadata"]["creationTimestamp"] = made
        for more in ((job,), (job, pod), (pod,), (copy,)):
            decision_on([*objects, *more])


@pytest.mark.parametrize("value", TIMES)
def test_a_century_can_be_added_to_whatever_is_stored_and_taken_from_it(value: Any) -> None:
    century = timedelta(days=36500)
    found = instant(value, NOW)
    assert found - century < found < found + century
    assert past(value, NOW) <= NOW


@pytest.mark.parametrize(("said", "since"), [(NOW + timedelta(days=1), NOW - timedelta(hours=1)), (NOW, NOW)])
def test_a_job_is_as_old_as_it_is_whatever_its_annotation_says_of_the_future(said: datetime, since: datetime) -> None:
    job = job_of(source())
    job["metadata"]["creationTimestamp"] = format_rfc3339(NOW - timedelta(hours=1))
    job["metadata"]["annotations"]["volsync-py/started"] = format_rfc3339(said)
    assert started(job, NOW + timedelta(seconds=1)) == since
