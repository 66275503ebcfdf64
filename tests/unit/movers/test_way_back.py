"""From whatever state our manager leaves, VolSync's goes on: after a Friday's change there is a way back on Monday."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.movers.objects import destination, source
from tests.unit.movers.recorded import STATES, end, finish, left_by_volsync, uids, wait
from tests.unit.movers.seen import decision_on
from tests.unit.movers.simulated import Simulation
from tests.unit.movers.test_simulated import BACKED_UP, IMAGE, RESTORED, failure
from tests.unit.movers.test_taken_over_runs import HELD, IDLE, RUNNING
from tests.unit.movers.volsync_manager import VolSync
from tests.unit.movers.volsync_reads import complaints

CLAIM, SNAPSHOT, JOB = "PersistentVolumeClaim", "VolumeSnapshot", "Job"
# What VolSync had not noticed, or not done yet, our manager has by then.
DONE = {"05a-source-cleaning-up", "05b-source-job-complete-unnoticed", "05c-destination-cleaning-up"}
AGAIN = ["create Job/volsync-dst-restore", "complete", "delete Job/volsync-dst-restore"]


def gone_on(one: Simulation) -> list[str]:
    """Return what VolSync does until nothing is left, with movers that end well."""
    there = VolSync(one)
    for _ in range(12):
        there.settle()
        if not one.status.get("lastSyncStartTime"):
            return there.did
        wait(one)
    raise AssertionError(f"VolSync does not bring it to an end: {there.did}")


@pytest.mark.parametrize("name", [n for n in STATES if n not in HELD])
def test_after_our_manager_has_looked_at_it_volsync_does_what_it_would_have_done(name: str) -> None:
    without, one = left_by_volsync(name), left_by_volsync(name)
    one.settle()
    assert complaints(one.objects) == []
    expected, did = gone_on(without), gone_on(one)
    if name.startswith("05d"):
        image = f"create {SNAPSHOT}/volsync-restore-dest-{one.now:%Y%m%d%H%M%S}"
        assert did == [AGAIN[0], image, *AGAIN[1:]]
    else:
        assert did == ([] if name in DONE else expected)
    assert one.status["lastSyncTime"] >= without.status["lastSyncTime"]
    assert uids(one, CLAIM) == uids(without, CLAIM)


@pytest.mark.parametrize("name", RUNNING)
def test_after_a_run_that_our_manager_has_ended_volsync_has_nothing_to_do(name: str) -> None:
    one = left_by_volsync(name)
    finish(one)
    assert complaints(one.objects) == []
    before = {key: one.status.get(key) for key in ("lastSyncTime", "nextSyncTime", "lastManualSync", "latestImage")}
    assert gone_on(one) == []
    assert {key: one.status.get(key) for key in before} == before


@pytest.mark.parametrize("name", IDLE)
def test_a_week_of_changing_over_and_back_starts_no_run(name: str) -> None:
    one = left_by_volsync(name)
    for _ in range(3):
        one.settle()
        assert complaints(one.objects) == []
        assert [word for word in gone_on(one) if not word.startswith("delete")] == []
    assert one.made == []


BROKEN: dict[str, Callable[[dict[str, Any], dict[str, Any]], Any]] = {
    "finalizer": lambda job, status: job["metadata"].update(finalizers=["volsync-py/end"]),
    "is not controlled": lambda job, status: job["metadata"]["ownerReferences"][0].update(controller=False),
    "lacks the label": lambda job, status: job["metadata"]["labels"].pop("app.kubernetes.io/created-by"),
    "never be deleted": lambda job, status: job["metadata"]["labels"].pop("volsync.backube/cleanup"),
    "another resource's": lambda job, status: job["metadata"]["labels"].update({"volsync.backube/cleanup": "x"}),
    "a name that VolSync does not know": lambda job, status: job["metadata"].update(name="volsync-src-backup-2"),
    "lastSyncTime": lambda job, status: status.update(lastSyncTime="2026-11-23T09:00:39.5Z"),
    "lastSyncDuration": lambda job, status: status.update(lastSyncDuration="19 s"),
    "lastManualSync": lambda job, status: status.update(lastManualSync=1),
    "result": lambda job, status: status["latestMoverStatus"].update(result="Warning"),
    "latestImage": lambda job, status: status.update(latestImage={"kind": "VolumeSnapshot"}),
    "no condition": lambda job, status: status["conditions"][0].update(lastTransitionTime=""),
    "never says": lambda job, status: status["conditions"][0].update(reason="WaitingForMover"),
}


@pytest.mark.parametrize("complaint", BROKEN)
def test_what_volsync_could_not_go_on_from_would_be_noticed(complaint: str) -> None:
    one = left_by_volsync("03-source-snapshot-job-running")
    job = one.job()
    assert job is not None
    assert complaints(one.objects) == []
    BROKEN[complaint](job, one.status)
    (found,) = complaints(one.objects)
    assert complaint in found


def test_a_paused_run_stays_paused_with_volsync_again() -> None:
    one = left_by_volsync("08a-source-paused-in-run")
    one.settle()
    assert complaints(one.objects) == []
    there = VolSync(one)
    there.settle()
    assert there.did == []
    one.change(paused=False)
    assert "complete" in gone_on(one)


def test_a_copy_that_waits_for_its_users_word_waits_on_with_volsync() -> None:
    one = left_by_volsync("14a-source-copy-trigger-waiting")
    one.settle()
    assert complaints(one.objects) == []
    there = VolSync(one)
    there.settle()
    assert there.did == []
    (claim,) = (o for o in one.objects if o["kind"] == CLAIM)
    claim["metadata"]["annotations"]["volsync.backube/copy-trigger"] = "first"
    assert "complete" in gone_on(one)


def test_a_word_that_we_have_copied_for_is_not_served_again_by_volsync() -> None:
    one = left_by_volsync("14a-source-copy-trigger-waiting")
    (claim,) = (o for o in one.objects if o["kind"] == CLAIM)
    claim["metadata"]["annotations"]["volsync.backube/copy-trigger"] = "first"
    finish(one)
    one.change(trigger={"manual": "two"})
    there = VolSync(one)
    there.settle()
    assert there.did == ["start"]


RUNS: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "Direct": lambda: source(copyMethod="Direct"),
    "Clone": lambda: source(copyMethod="Clone"),
    "Snapshot": lambda: source(copyMethod="Snapshot"),
    "an image": lambda: destination(**IMAGE),
    "an image of a volume that goes": lambda: destination(**IMAGE, cleanupTempPVC=True, cleanupCachePVC=True),
    "into a claim": destination,
}
OUTCOMES = ["succeeds", "fails", "fails for good", "has only started"]


def every_write(one: Simulation) -> Iterator[None]:
    """Have our manager do all that there is to do; yield after each write."""
    while True:
        decision = decision_on(copy.deepcopy(one.objects), one.now)
        one.delay = decision.requeue_after_seconds
        if not decision.actions:
            return
        for action in decision.actions:
            one._carry_out(action)
            yield


def course(one: Simulation, outcome: str) -> Iterator[None]:
    """Have our manager make a run; yield after each write."""
    yield from every_write(one)
    if outcome == "has only started":
        return
    good = BACKED_UP if one.resource["kind"] == "ReplicationSource" else RESTORED
    end(one, good) if outcome == "succeeds" else end(
        one, failure("Unreachable" if outcome == "fails" else "WrongPassword"), code=1
    )
    yield from every_write(one)


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("run", RUNS)
def test_volsync_goes_on_from_every_write_of_ours(run: str, outcome: str) -> None:
    one = Simulation(RUNS[run]())
    one.settle()
    good = BACKED_UP if one.resource["kind"] == "ReplicationSource" else RESTORED
    end(one, good)
    one.settle()
    # So that there are a cache and an image of an earlier run.
    one.now += timedelta(minutes=10)
    one.change(trigger={"manual": "two"})
    lasting = uids(one, CLAIM, lasting=True)
    for _ in course(one, outcome):
        assert complaints(one.objects) == []
        monday = copy.deepcopy(one)
        served = monday.status.get("lastManualSync") == "two"
        did = gone_on(monday)
        assert did.count("complete") == (0 if served else 1), did
        assert monday.status["lastManualSync"] == "two"
        left = uids(monday, CLAIM)
        assert {name: left.get(name) for name in lasting} == lasting
        assert uids(monday, JOB) == {}
        published = (monday.status.get("latestImage") or {}).get("name")
        assert published is None or any(o["metadata"]["name"] == published for o in monday.objects)
        # And over again on the next Friday.
        monday.settle()
        assert monday.status["lastManualSync"] == "two"
        assert uids(monday, JOB) == {}
