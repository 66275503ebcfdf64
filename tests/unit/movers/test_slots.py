"""A slot is held by what is alive, and nobody waits for one who is kept from beginning by something else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from tests.unit.movers.objects import secret, source
from tests.unit.movers.seen import NOW, SETTINGS, decision_on, status_of, words
from tests.unit.movers.simulated import Simulation
from volsync_py.core.times import format_rfc3339
from volsync_py.movers.restic.slots import LONGEST_HELD, START_PATIENCE, SlotUse, slot_use

COPY = "volsync-n-src"
LIMITED = evolve(SETTINGS, max_movers=2)


def begun(*, paused: bool = False, **restic: Any) -> Simulation:
    one = Simulation(source(**restic))
    one.settle()
    if paused:
        one.change(paused=True)
        one.settle()
    return one


def use(one: Simulation, seconds: float = 0.0) -> SlotUse:
    """Return what the resource does after a while."""
    copies = [o for o in one.objects if o["kind"] in ("PersistentVolumeClaim", "VolumeSnapshot")]
    pods = [o for o in one.objects if o["kind"] == "Pod"]
    job = next((o for o in one.objects if o["kind"] == "Job"), None)
    return slot_use(one.resource, job, pods, copies, one.now + timedelta(seconds=seconds))


def without_job(one: Simulation) -> Simulation:
    one.objects = [o for o in one.objects if o["kind"] != "Job"]
    return one


PATIENCE, LONGEST = START_PATIENCE.total_seconds(), LONGEST_HELD.total_seconds()


@pytest.mark.parametrize(
    ("phase", "seconds", "expected"),
    [
        (None, PATIENCE - 1, SlotUse.HOLDS),
        (None, PATIENCE, SlotUse.NONE),
        ("Pending", PATIENCE - 1, SlotUse.HOLDS),
        ("Pending", PATIENCE, SlotUse.NONE),
        ("Running", PATIENCE, SlotUse.HOLDS),
        ("Running", LONGEST - 1, SlotUse.HOLDS),
        ("Running", LONGEST, SlotUse.NONE),
    ],
)
def test_a_mover_holds_a_slot_while_it_runs_or_may_soon_and_no_longer_than_a_day(
    phase: str | None, seconds: float, expected: SlotUse
) -> None:
    one = begun()
    if phase is not None:
        one.add_pod(phase=phase)
    assert use(one, seconds) is expected


def test_a_mover_that_loses_its_slot_by_running_long_is_told_of_then() -> None:
    one = begun()
    one.add_pod(phase="Running")
    looks = [one.now + timedelta(seconds=LONGEST + 300 * number) for number in range(-1, 4)]
    told = ["event MoverRunsLong" in words(decision_on(one.objects, now, LIMITED)) for now in looks]
    assert told == [False, True, True, False, False]
    assert "event MoverRunsLong" not in words(decision_on(one.objects, looks[1]))


@pytest.mark.parametrize("change", ["paused", "ended", "going"])
def test_a_job_that_rests_has_ended_or_goes_holds_none(change: str) -> None:
    one = begun(paused=change == "paused")
    job = next(o for o in one.objects if o["kind"] == "Job")
    if change == "ended":
        job["status"] = {"conditions": [{"type": "Failed", "status": "True"}]}
    if change == "going":
        job["metadata"]["deletionTimestamp"] = format_rfc3339(NOW)
    assert use(one) is SlotUse.NONE


@pytest.mark.parametrize("method", ["Clone", "Snapshot"])
def test_a_copy_that_is_made_keeps_a_slot_for_a_while(method: str) -> None:
    one = without_job(begun(copyMethod=method))
    assert use(one) is SlotUse.COPIES
    assert use(one, PATIENCE) is SlotUse.NONE


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"attempt": {"count": 1, "lastFailureTime": format_rfc3339(NOW)}}, SlotUse.NONE),
        ({"attempt": {"count": 1, "lastFailureTime": "2026-11-24T11:59:00Z"}}, SlotUse.COPIES),
        ({"conditions": [{"type": "Synchronizing", "status": "False", "reason": "Error"}]}, SlotUse.NONE),
        ({"conditions": [{"type": "Synchronizing", "status": "True", "reason": "WaitingForMover"}]}, SlotUse.WAITS),
        ({"lastSyncStartTime": None}, SlotUse.NONE),
    ],
    ids=["kept for a retry", "made for a retry", "in trouble", "says that it waits", "no run"],
)
def test_a_copy_keeps_a_slot_only_for_an_attempt_that_is_being_prepared(
    status: dict[str, Any], expected: SlotUse
) -> None:
    one = without_job(begun(copyMethod="Clone"))
    one.resource["status"] |= status
    assert use(one) is expected


@pytest.mark.parametrize("gone", ["deleted", "external"])
def test_what_is_not_ours_any_more_waits_for_nothing(gone: str) -> None:
    one = without_job(begun())
    one.resource["status"]["conditions"] = [{"type": "Synchronizing", "reason": "WaitingForMover"}]
    assert use(one) is SlotUse.WAITS
    if gone == "deleted":
        one.resource["metadata"]["deletionTimestamp"] = format_rfc3339(NOW)
    else:
        one.resource["spec"] = {"external": {"provider": "x.y/z"}}
    assert use(one) is SlotUse.NONE


# ---- who asks for a slot


def told(objects: list[dict[str, Any]], *, slot: bool) -> tuple[list[str], str]:
    """Return what is done, and the reason that is given, with a slot or without."""
    decision = decision_on(objects, settings=LIMITED, slot=slot)
    said = status_of(decision).get("conditions") or []
    return words(decision), next((c["reason"] for c in said if c["type"] == "Synchronizing"), "")


@pytest.mark.parametrize("method", ["Direct", "Clone", "Snapshot"])
def test_who_could_begin_waits_for_a_slot_and_makes_nothing_before(method: str) -> None:
    assert told(source(copyMethod=method), slot=False) == (["status"], "WaitingForMover")
    assert len(told(source(copyMethod=method), slot=True)[0]) > 1
    decision = decision_on(source(), settings=LIMITED, slot=False)
    assert decision.requeue_after_seconds == 3600


def going(name: str) -> dict[str, Any]:
    owner = {"kind": "ReplicationSource", "uid": "u", "controller": True}
    meta = {"name": name, "namespace": "ns", "uid": name, "ownerReferences": [owner]}
    meta["deletionTimestamp"] = "2026-11-24T11:00:00Z"
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": spec}


def paused(**restic: Any) -> list[dict[str, Any]]:
    objects = source(**restic)
    objects[0]["spec"]["paused"] = True
    return objects


@pytest.mark.parametrize(
    ("objects", "reason"),
    [
        (paused(copyMethod="Snapshot"), "SyncInProgress"),
        (paused(copyMethod="Direct"), "SyncInProgress"),
        (source(going("volsync-src-n-cache")), "SyncInProgress"),
        (source(going(COPY), copyMethod="Clone"), "SyncInProgress"),
        (source(secret(RESTIC_PASSWORD="")), "Error"),
        (source(moverServiceAccount="nobody"), "Error"),
        ([o for o in source() if o["metadata"]["name"] != "data"], "Error"),
    ],
    ids=["paused", "paused, Direct", "its cache goes", "its copy goes", "no password", "no account", "no volume"],
)
def test_who_is_kept_from_beginning_by_something_else_does_not_wait_for_a_slot(
    objects: list[dict[str, Any]], reason: str
) -> None:
    assert told(objects, slot=False)[1] == reason
    # With a slot it would be no different.
    assert told(objects, slot=True) == told(objects, slot=False)


def test_a_pause_is_over_only_when_there_is_a_slot() -> None:
    one = begun(paused=True)
    one.change(paused=False)
    job = next(o for o in one.objects if o["kind"] == "Job")
    # Its pod is still ending, so this Job may go on as it is.
    job["status"] = {"startTime": format_rfc3339(NOW), "terminating": 1}
    assert told(one.objects, slot=False) == (["status"], "WaitingForMover")
    assert "patch Job/volsync-src-n" in told(one.objects, slot=True)[0]
    # One without a pod is made again, and asks then.
    job["status"] = {"startTime": format_rfc3339(NOW)}
    assert "delete Job/volsync-src-n" in told(one.objects, slot=False)[0]
