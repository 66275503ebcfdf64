"""The copy that a backup reads is of the right volume and the right time, and nobody else's object is taken for it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.movers.objects import claim, source
from tests.unit.movers.seen import NOW, decision_on, words
from tests.unit.movers.simulated import Simulation
from volsync_py.contract.report import ErrorClass, Outcome, Report, SnapshotFacts
from volsync_py.core.labels import Annotation

BACKED_UP = Report(Outcome.SUCCEEDED, snapshot=SnapshotFacts("0" * 64, "2026-11-24T12:00:00Z"))
FAILED = Report(Outcome.FAILED, ErrorClass.UNREACHABLE, "no route")
NAME = "volsync-n-src"


def hourly(**restic: Any) -> Simulation:
    one = Simulation(source(**restic))
    one.resource["spec"]["trigger"] = {"schedule": "0 * * * *"}
    return one


def copies(one: Simulation) -> dict[str, dict[str, Any]]:
    return {o["kind"]: o for o in one.objects if o["metadata"]["name"] == NAME}


@pytest.mark.parametrize("method", ["Direct", "Clone", "Snapshot"])
@pytest.mark.parametrize("ours", [False, True], ids=["of somebody else", "controlled by us, without our label"])
def test_an_object_that_is_not_the_runs_own_is_not_taken_for_a_stale_copy(method: str, ours: bool) -> None:
    one = hourly(copyMethod=method)
    one.settle()
    one.end_job(FAILED)
    one.objects = [o for o in one.objects if o["metadata"]["name"] != NAME]
    theirs = claim(NAME)
    theirs["metadata"]["creationTimestamp"] = "2026-11-24T11:00:00Z"
    if ours:
        theirs["metadata"]["ownerReferences"] = [{"kind": "ReplicationSource", "uid": "u", "controller": True}]
    one.objects.append(theirs)
    seen = words(decision_on(one.objects, one.now + timedelta(hours=2)))
    assert f"delete PersistentVolumeClaim/{NAME}" not in seen


def test_a_run_without_a_copy_has_no_stale_ones() -> None:
    one = hourly(copyMethod="Clone")
    one.settle()
    one.end_job(FAILED)
    one.change({"copyMethod": "Direct"})
    one.objects = [o for o in one.objects if o["kind"] != "Job"]
    seen = words(decision_on(one.objects, one.now + timedelta(hours=2)))
    assert "create Job/volsync-src-n" in seen
    assert not [word for word in seen if word.startswith("delete")]


def test_a_stale_snapshot_that_is_not_to_be_deleted_becomes_the_users() -> None:
    one = hourly(copyMethod="Snapshot")
    one.settle()
    one.end_job(FAILED)
    copies(one)["VolumeSnapshot"]["metadata"]["labels"]["volsync.backube/do-not-delete"] = "x"
    one.now += timedelta(hours=2)
    one.settle()
    left = copies(one)["VolumeSnapshot"]["metadata"]
    assert left["labels"] == {"volsync.backube/do-not-delete": "x"}
    assert not left.get("ownerReferences")
    assert one.conditions()["Healthy"][1] == "ObjectInTheWay"


def test_a_copy_that_was_tried_with_is_made_anew_for_the_next_slot() -> None:
    one = hourly(copyMethod="Clone")
    one.settle()
    one.end_job(FAILED)
    first = copies(one)["PersistentVolumeClaim"]["metadata"]["uid"]
    one.now += timedelta(minutes=1)
    one.settle()
    assert copies(one)["PersistentVolumeClaim"]["metadata"]["uid"] == first
    one.end_job(FAILED)
    one.now += timedelta(hours=1)
    one.settle()
    assert copies(one)["PersistentVolumeClaim"]["metadata"]["uid"] != first


def test_a_snapshot_that_takes_longer_than_a_slot_is_waited_for_after_a_failure() -> None:
    one = hourly(copyMethod="Snapshot")
    one.settle()
    one.end_job(FAILED)
    one.now += timedelta(hours=1)
    one.settle()
    snapshot = copies(one)["VolumeSnapshot"]
    one.objects = [o for o in one.objects if o["kind"] != "Job" and o is not copies(one).get("PersistentVolumeClaim")]
    snapshot["status"] = {"boundVolumeSnapshotContentName": "c", "readyToUse": False}
    for _ in range(3):
        one.now += timedelta(minutes=50)
        one.settle()
        assert copies(one)["VolumeSnapshot"] is snapshot
    snapshot["status"]["readyToUse"] = True
    one.settle()
    one.end_job(BACKED_UP)
    assert one.conditions()["Healthy"][1] == "Succeeded"


def held_up(method: str, **restic: Any) -> Simulation:
    """Return a run whose copy is there, and whose Job is not."""
    one = Simulation(source(claim("other"), copyMethod=method, **restic))
    one.settle()
    one.end_job(FAILED)
    return one


@pytest.mark.parametrize("method", ["Clone", "Snapshot"])
def test_a_copy_of_another_volume_is_replaced(method: str) -> None:
    one = held_up(method)
    one.change(sourcePVC="other")
    one.settle()
    found = copies(one)
    if method == "Snapshot":
        assert found["VolumeSnapshot"]["spec"]["source"] == {"persistentVolumeClaimName": "other"}
    else:
        assert found["PersistentVolumeClaim"]["spec"]["dataSource"]["name"] == "other"
    assert one.made.count("PersistentVolumeClaim") == 3
    assert one.made.count("Job") == 2


def test_a_copy_by_another_method_is_replaced() -> None:
    one = held_up("Snapshot")
    one.change({"copyMethod": "Clone"})
    one.settle()
    assert copies(one)["PersistentVolumeClaim"]["spec"]["dataSource"]["kind"] == "PersistentVolumeClaim"


@pytest.mark.parametrize("method", ["Clone", "Snapshot"])
def test_a_copy_of_another_storage_class_is_replaced(method: str) -> None:
    one = held_up(method, storageClassName="typo")
    one.change({"storageClassName": "right"})
    one.settle()
    assert copies(one)["PersistentVolumeClaim"]["spec"]["storageClassName"] == "right"


def test_a_snapshot_that_waits_for_a_class_that_is_not_there_is_replaced_when_the_class_is_corrected() -> None:
    one = Simulation(source(copyMethod="Snapshot", volumeSnapshotClassName="typo"))
    for action in decision_on(one.objects).actions:
        one._carry_out(action)
    copies(one)["VolumeSnapshot"]["status"] = {}
    one.settle()
    assert one.job() is None
    one.change({"volumeSnapshotClassName": "right"})
    one.settle()
    assert copies(one)["VolumeSnapshot"]["spec"]["volumeSnapshotClassName"] == "right"
    assert one.job() is not None


def test_a_copy_that_a_mover_works_on_is_left_to_it() -> None:
    one = Simulation(source(claim("other"), copyMethod="Snapshot"))
    one.settle()
    before = copies(one)
    one.change(sourcePVC="other")
    one.settle()
    assert copies(one) == before


@pytest.mark.parametrize("method", ["Direct", "Clone", "Snapshot"])
def test_a_source_that_is_being_deleted_is_waited_for_and_gets_nothing(method: str) -> None:
    one = Simulation(source(copyMethod=method))
    one.objects[1]["metadata"]["deletionTimestamp"] = "2026-11-24T11:59:59Z"
    one.settle()
    assert one.made == []
    assert one.conditions()["Synchronizing"][1] == "Error"
    status, reason, message = one.conditions()["Healthy"]
    assert (status, reason) == ("False", "ClaimTerminating")
    assert "spec.sourcePVC: PersistentVolumeClaim 'data' is being deleted" in message


@pytest.mark.parametrize("method", ["Direct", "Clone", "Snapshot"])
def test_a_volume_that_is_half_restored_is_not_backed_up(method: str) -> None:
    one = Simulation(source(copyMethod=method))
    one.objects[1]["metadata"]["annotations"] = {Annotation.HALF_RESTORED.value: "restore"}
    one.settle()
    assert one.made == []
    status, reason, message = one.conditions()["Healthy"]
    assert (status, reason) == ("False", "HalfRestored")
    assert message.endswith("remove the claim's annotation volsync-py/half-restored")
    one.objects[1]["metadata"]["annotations"] = {}
    one.settle()
    assert one.job() is not None


def test_a_claim_that_is_not_bound_after_two_minutes_is_told_of() -> None:
    one = Simulation(source(copyMethod="Clone"))
    one.settle()
    one.add_pod()
    copies(one)["PersistentVolumeClaim"]["status"] = {"phase": "Pending"}
    told = "event PersistentVolumeClaimNotBound"
    assert told not in words(decision_on(one.objects, NOW + timedelta(seconds=119)))
    assert words(decision_on(one.objects, NOW + timedelta(seconds=121))).count(told) == 1


@pytest.mark.parametrize("error", [{}, {"error": {"message": "no such class"}}])
def test_a_snapshot_that_is_not_bound_after_half_a_minute_is_told_of(error: dict[str, Any]) -> None:
    one = Simulation(source(copyMethod="Snapshot"))
    for action in decision_on(one.objects).actions:
        one._carry_out(action)
    copies(one)["VolumeSnapshot"]["status"] = error
    told = "event VolumeSnapshotNotBound"
    assert told not in words(decision_on(one.objects, NOW + timedelta(seconds=29)))
    assert told in words(decision_on(one.objects, NOW + timedelta(seconds=31)))


@pytest.mark.parametrize("method", ["Clone", "Snapshot"])
@pytest.mark.parametrize("annotated", [True, False], ids=["for a restore in place", "by somebody"])
def test_a_copy_of_what_a_restore_in_place_replaces_makes_no_backup(method: str, annotated: bool) -> None:
    one = hourly(copyMethod=method)
    one.settle()
    before = {kind: copy["metadata"]["uid"] for kind, copy in copies(one).items()}
    assert before
    one.resource["metadata"]["annotations"] = {Annotation.PAUSED_FOR.value: "restore"} if annotated else {}
    one.change(paused=True)
    one.settle()
    assert (copies(one) == {}, one.job() is None) == (annotated, annotated)
    one.now += timedelta(minutes=30)
    one.change(paused=None)
    one.settle()
    after = {kind: copy["metadata"]["uid"] for kind, copy in copies(one).items()}
    assert after.keys() == before.keys()
    assert (after == before) is not annotated
    one.end_job(BACKED_UP)
    assert one.status["lastSyncTime"]
