"""Whoever waits for an object says for which one, once, and makes nothing meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.movers.objects import destination, source
from tests.unit.movers.seen import created, decision_on, words
from tests.unit.movers.simulated import Simulation
from volsync_py.core.actions import PatchStatus
from volsync_py.core.times import format_rfc3339

COPY, CACHE, RESTORED = "volsync-n-src", "volsync-src-n-cache", "volsync-n-dest"
PROVISIONED = {"copyMethod": "Direct", "destinationPVC": None, "capacity": "1Gi", "accessModes": ["ReadWriteOnce"]}
Made = Callable[[], list[dict[str, Any]]]


def begun(objects: list[dict[str, Any]], *, with_job: bool) -> Simulation:
    """Return a run that has made all it needs, with its Job or as it was just before."""
    one = Simulation(objects)
    one.settle()
    if not with_job:
        one.objects = [o for o in one.objects if o["kind"] != "Job"]
    return one


def synchronizing(one: Simulation) -> str:
    """Return what is said, which must be that the run is under way."""
    status, reason, message = one.conditions()["Synchronizing"]
    assert (status, reason) == ("True", "SyncInProgress")
    return message


@pytest.mark.parametrize(
    ("made", "kind", "name"),
    [
        (source, "Job", "volsync-src-n"),
        (source, "PersistentVolumeClaim", CACHE),
        (lambda: source(copyMethod="Clone"), "PersistentVolumeClaim", COPY),
        (lambda: source(copyMethod="Snapshot"), "PersistentVolumeClaim", COPY),
        (lambda: source(copyMethod="Snapshot"), "VolumeSnapshot", COPY),
        (lambda: destination(**PROVISIONED), "PersistentVolumeClaim", RESTORED),
        (destination, "Job", "volsync-dst-n"),
    ],
    ids=["Job", "cache", "clone", "copy of a snapshot", "snapshot", "volume to restore into", "Job of a restore"],
)
def test_an_object_that_goes_is_named_as_long_as_it_is_there(made: Made, kind: str, name: str) -> None:
    one = begun(made(), with_job=kind == "Job")
    going = next(o for o in one.objects if (o["kind"], o["metadata"]["name"]) == (kind, name))
    since = format_rfc3339(one.now)
    going["metadata"] |= {"deletionTimestamp": since, "finalizers": ["a.example.com/b"]}
    jobs = one.made.count("Job")
    one.settle()
    assert synchronizing(one) == (
        f"Waiting for the end of {kind}/{name}, which is being deleted since {since}, "
        "held by the finalizer a.example.com/b"
    )
    assert one.made.count("Job") == jobs
    one.now += timedelta(days=1)
    assert words(decision_on(one.objects, one.now)) == []

    one.objects.remove(going)
    one.settle()
    assert one.made.count("Job") == jobs + 1
    assert synchronizing(one) == "Synchronization in-progress"


def test_copies_of_an_earlier_spec_that_go_slowly_are_named() -> None:
    one = begun(source(copyMethod="Snapshot"), with_job=False)
    one.change({"volumeSnapshotClassName": "another"})
    for obj in one.objects:
        if obj["metadata"]["name"] == COPY and obj["kind"] == "PersistentVolumeClaim":
            obj["metadata"]["deletionTimestamp"] = format_rfc3339(one.now)
    seen = decision_on(one.objects, one.now)
    assert words(seen) == ["status", f"delete VolumeSnapshot/{COPY}"]
    one.settle()
    one.settle()
    assert COPY in synchronizing(one)


def test_a_snapshot_that_is_bound_and_not_ready_is_named_when_that_lasts() -> None:
    one = begun(source(copyMethod="Snapshot"), with_job=False)
    one.objects = [o for o in one.objects if (o["kind"], o["metadata"]["name"]) != ("PersistentVolumeClaim", COPY)]
    snapshot = next(o for o in one.objects if o["kind"] == "VolumeSnapshot")
    snapshot["status"]["readyToUse"] = False
    one.settle()
    # Most are ready within seconds: not worth a write.
    assert synchronizing(one) == "Synchronization in-progress"
    assert one.delay == 30
    one.now += timedelta(seconds=one.delay)
    one.settle()
    assert synchronizing(one) == f"Waiting for VolumeSnapshot/{COPY} to be ready to use"
    snapshot["status"]["readyToUse"] = True
    assert created(decision_on(one.objects, one.now), "Job")


def test_a_run_that_is_paused_before_its_copy_is_made_says_so() -> None:
    one = Simulation(source(copyMethod="Snapshot"))
    one.change(paused=True)
    one.settle()
    assert one.made == []
    assert "spec.paused" in synchronizing(one)


@pytest.mark.parametrize("kind", ["PersistentVolumeClaim", "VolumeSnapshot"])
def test_what_keeps_the_next_run_from_its_beginning_is_named_with_its_finalizers(kind: str) -> None:
    one = begun(source(copyMethod="Snapshot"), with_job=True)
    since = format_rfc3339(one.now)
    for obj in one.objects:
        if (obj["kind"], obj["metadata"]["name"]) == (kind, COPY):
            obj["metadata"] |= {"deletionTimestamp": since, "finalizers": ["a.example.com/b", "c"]}
    one.resource["spec"]["trigger"] = {"manual": "two"}
    one.status.pop("lastSyncStartTime")
    one.status["lastSyncTime"] = since
    one.objects = [o for o in one.objects if o["kind"] != "Job"]
    for action in decision_on(one.objects, one.now).actions:
        if isinstance(action, PatchStatus):
            one._carry_out(action)
    status, reason, message = one.conditions()["Synchronizing"]
    assert (status, reason) == ("False", "CleaningUp")
    assert f"{kind}/{COPY} (being deleted since {since}, held by the finalizers a.example.com/b, c)" in message
