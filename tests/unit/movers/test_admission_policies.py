"""What an admission policy makes of our objects is no reason to make them again: it would do so each time."""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.movers.objects import destination, source
from tests.unit.movers.seen import decision_on
from tests.unit.movers.simulated import Simulation
from tests.unit.movers.test_stuck_jobs import NO_IMAGE, UNSCHEDULED
from volsync_py.core.actions import Event

ASKED_FOR = "volsync-py/asked-for"
FAST: dict[str, Any] = {"storageClassName": "fast", "cacheStorageClassName": "fast"}
POLICIES: dict[str, dict[str, Any]] = {
    "size": {"resources": {"requests": {"storage": "1Mi"}}},
    "class": {"storageClassName": "cheap"},
    "access modes": {"accessModes": ["ReadWriteOncePod"]},
}
OWN: dict[str, Any] = {
    "copyMethod": "Direct",
    "destinationPVC": None,
    "capacity": "1Gi",
    "accessModes": ["ReadWriteOnce"],
}
RESOURCES = {
    "a cache": source(**FAST),
    "a clone": source(copyMethod="Clone", **FAST),
    "a copy of a snapshot": source(copyMethod="Snapshot", **FAST),
    "a destination's own": destination(**OWN, **FAST),
}
CLASSES: dict[str, Any] = {"copyMethod": "Snapshot", "volumeSnapshotClassName": "wanted"}


def rewritten(objects: list[dict[str, Any]], change: dict[str, Any]) -> Simulation:
    """Return a resource in a namespace whose policy rewrites claims, which then never get a volume."""

    def admit(obj: dict[str, Any]) -> None:
        if obj["kind"] == "PersistentVolumeClaim":
            obj["spec"] |= copy.deepcopy(change)
            obj["spec"].pop("volumeName")
            obj["status"] = {"phase": "Pending"}

    return Simulation(copy.deepcopy(objects), admits=admit)


def look(one: Simulation) -> None:
    """Make passes until nothing but a reminder is left to do."""
    for _ in range(12):
        actions = [a for a in decision_on(copy.deepcopy(one.objects), one.now).actions if not isinstance(a, Event)]
        if not actions:
            return
        for action in actions:
            one._carry_out(action)
    raise AssertionError(one.made)


def stuck(one: Simulation, minutes: int = 10) -> list[str]:
    """Let the mover's pod wait for its volumes; return what is made after the first pass."""
    before = len(one.made)
    for _ in range(minutes):
        look(one)
        if one.job() is not None and not one.of_kind("Pod"):
            one.add_pod(**copy.deepcopy(UNSCHEDULED))
        one.now += timedelta(minutes=1)
    return one.made[before:]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("kind", RESOURCES)
def test_a_claim_that_a_policy_rewrites_is_not_made_again_and_again(kind: str, policy: str) -> None:
    one = rewritten(RESOURCES[kind], POLICIES[policy])
    look(one)
    assert one.of_kind("Job")
    assert stuck(one) == []


@pytest.mark.parametrize("kind", RESOURCES)
def test_a_rewritten_claim_is_made_again_once_another_one_is_asked_for(kind: str) -> None:
    one = rewritten(RESOURCES[kind], POLICIES["class"])
    stuck(one)
    one.change({"storageClassName": "other", "cacheStorageClassName": "other"})
    # The Job as well, in whose volumes they are.
    made = stuck(one)
    assert made.count("Job") == 1
    assert made.count("PersistentVolumeClaim") >= 1


def test_a_claim_that_has_become_what_is_asked_for_now_is_not_made_again() -> None:
    one = rewritten(RESOURCES["a clone"], POLICIES["class"])
    stuck(one)
    one.change({"storageClassName": "cheap", "cacheStorageClassName": "cheap"})
    assert stuck(one) == ["Job"]


@pytest.mark.parametrize("record", [None, "", "[", "[]", '{"size": {"a": 1}, "class": 7, "accessModes": "x"}'])
def test_a_claim_without_a_record_that_can_be_read_is_compared_as_it_is(record: str | None) -> None:
    one = rewritten(RESOURCES["a cache"], {})
    stuck(one)
    for obj in one.objects:
        if obj["kind"] == "PersistentVolumeClaim" and obj["metadata"]["name"] != "data":
            obj["spec"] |= POLICIES["class"]
            obj["metadata"]["annotations"] = {} if record is None else {ASKED_FOR: record}
    assert stuck(one) == ["PersistentVolumeClaim", "Job"]


def snapshots(policy: str) -> Simulation:
    """Return a source in a namespace whose policy sets the class of snapshots."""

    def admit(obj: dict[str, Any]) -> None:
        if obj["kind"] == "VolumeSnapshot":
            obj["spec"]["volumeSnapshotClassName"] = policy

    return Simulation(source(**CLASSES), admits=admit)


def test_a_snapshot_whose_class_a_policy_rewrites_is_used() -> None:
    one = snapshots("given")
    one.settle()
    assert one.made.count("VolumeSnapshot") == 1
    assert one.job() is not None


def test_a_rewritten_snapshot_is_made_again_once_another_class_is_asked_for() -> None:
    one = snapshots("given")
    one.settle()
    one.objects = [o for o in one.objects if o["kind"] != "Job"]
    one.change({"volumeSnapshotClassName": "other"})
    one.settle()
    assert one.made.count("VolumeSnapshot") == 2


def test_the_record_of_somebody_elses_snapshot_is_not_believed() -> None:
    one = snapshots("given")
    one.settle()
    one.objects = [o for o in one.objects if o["kind"] != "Job"]
    (snapshot,) = (o for o in one.objects if o["kind"] == "VolumeSnapshot")
    snapshot["metadata"].pop("ownerReferences")
    one.settle()
    assert one.conditions()["Healthy"][1] == "ObjectInTheWay"


def test_the_record_says_nothing_of_what_a_copy_holds() -> None:
    one = Simulation(source(copyMethod="Clone"))
    one.settle()
    (copied,) = (o for o in one.objects if o["metadata"]["name"] == "volsync-n-src")
    one.objects = [o for o in one.objects if o["kind"] != "Job"]
    copied["spec"]["dataSource"]["name"] = "another"
    one.settle()
    assert one.made.count("PersistentVolumeClaim") == 3


@pytest.mark.parametrize("status", [NO_IMAGE, UNSCHEDULED])
def test_a_job_whose_image_a_policy_takes_from_elsewhere_is_not_made_again_at_once(status: dict[str, Any]) -> None:
    def admit(obj: dict[str, Any]) -> None:
        if obj["kind"] == "Job":
            obj["spec"]["template"]["spec"]["containers"][0]["image"] = "mirror/mover:1"

    one = Simulation(source(), admits=admit)
    one.settle()
    one.add_pod(**copy.deepcopy(status))
    one.now += timedelta(seconds=5)
    one.settle()
    one.now += timedelta(minutes=3) if status is UNSCHEDULED else timedelta(0)
    one.settle()
    assert one.made.count("Job") == 1
