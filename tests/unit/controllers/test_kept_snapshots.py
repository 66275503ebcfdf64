"""A snapshot of a destination that its user has marked is the user's own, in whatever state the destination is."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.controllers.late_cluster import LateCluster
from tests.unit.controllers.stepped_manager import SteppedManager
from tests.unit.movers.objects import destination, source
from tests.unit.movers.seen import decision_on
from tests.unit.movers.simulated import Simulation
from tests.unit.movers.test_simulated import IMAGE, RESTORED, failure
from volsync_py.core.actions import Patch, PatchStatus
from volsync_py.core.names import Role
from volsync_py.kube.controller import Request
from volsync_py.kube.resources import REPLICATION_DESTINATIONS, VOLUME_SNAPSHOTS

KEEP = "volsync.backube/do-not-delete"
ONE = Request("ns", "n")


def published() -> Simulation:
    """Return a destination whose image has been published."""
    one = Simulation(destination(**IMAGE))
    one.settle()
    one.end_job(RESTORED)
    assert one.status["latestImage"]["kind"] == "VolumeSnapshot"
    return one


def again(one: Simulation) -> None:
    one.change(trigger={"manual": "again"})
    one.settle()


def failing(one: Simulation) -> None:
    again(one)
    one.end_job(failure("WrongPassword"))


STATES: dict[str, Callable[[Simulation], None]] = {
    "idle": lambda one: None,
    "restoring": again,
    "after a failure": failing,
    "paused": lambda one: one.change(paused=True),
    "broken": lambda one: one.change({"copyMethod": "Own"}),
    "two movers": lambda one: one.change(rsync={}),
    "deleted": lambda one: one.resource["metadata"].update(deletionTimestamp="2026-11-24T12:00:00Z"),
    "never run": lambda one: one.resource.update(status={}),
    "waiting": lambda one: one.change(trigger={"manual": None, "schedule": "@yearly"}),
}


@pytest.mark.parametrize("state", STATES)
def test_a_marked_snapshot_is_given_up_before_anything_else(state: str) -> None:
    one = published()
    STATES[state](one)
    (snapshot,) = (o for o in one.objects if o["kind"] == "VolumeSnapshot")
    snapshot["metadata"]["labels"][KEEP] = ""
    first, *rest = decision_on(copy.deepcopy(one.objects), one.now).actions
    assert isinstance(first, Patch)
    assert (first.ref.kind, first.uid) == ("VolumeSnapshot", snapshot["metadata"]["uid"])
    assert first.changes["metadata"]["ownerReferences"] is None
    assert first.changes["metadata"]["resourceVersion"] == snapshot["metadata"]["resourceVersion"]
    assert all(isinstance(a, PatchStatus) or getattr(a, "ref", None) != first.ref for a in rest)
    assert not any(getattr(a, "ref", None) == first.ref for a in rest)


def test_a_marked_snapshot_of_a_source_is_its_copy_until_the_end_of_the_run() -> None:
    one = Simulation(source(copyMethod="Snapshot"))
    one.settle()
    (snapshot,) = (o for o in one.objects if o["kind"] == "VolumeSnapshot")
    snapshot["metadata"]["labels"][KEEP] = ""
    assert not any(isinstance(a, Patch) for a in decision_on(one.objects, one.now).actions)


def in_the_making() -> tuple[LateCluster, SteppedManager, dict[str, Any]]:
    """Return a destination that waits for its image, and the image."""
    cluster = LateCluster(destination(**IMAGE), [RESTORED, RESTORED])
    manager = SteppedManager(cluster, Role.DESTINATION)
    for _ in range(200):
        if cluster.of_kind("VolumeSnapshot"):
            break
        manager.tell(0)
        manager.make_pass()
        for chore in cluster.chores()[:1]:
            chore()
    (image,) = cluster.of_kind("VolumeSnapshot")
    assert "latestImage" not in cluster.objects["ReplicationDestination", "n"]["status"]
    return cluster, manager, image


def test_an_image_that_is_marked_while_it_is_made_is_published_and_the_users() -> None:
    cluster, manager, image = in_the_making()
    try:
        cluster.patch(VOLUME_SNAPSHOTS, image["metadata"]["name"], {"metadata": {"labels": {KEEP: "x"}}})
        manager.settle()
    finally:
        manager.end()
    status = cluster.objects["ReplicationDestination", "n"]["status"]
    (kept,) = cluster.of_kind("VolumeSnapshot")
    assert status["latestImage"]["name"] == kept["metadata"]["name"]
    assert (kept["metadata"].get("ownerReferences"), kept["metadata"]["labels"]) == (None, {KEEP: "x"})
    assert (status["lastManualSync"], cluster.jobs_made) == ("m", 1)
    # A version that was old is asked for once more.
    assert set(cluster.refused) <= {"patch VolumeSnapshot"}


def test_a_destination_that_is_handed_to_somebody_else_gives_up_what_is_marked() -> None:
    cluster, manager, image = in_the_making()
    try:
        cluster.patch(REPLICATION_DESTINATIONS, "n", {"spec": {"restic": None, "external": {"provider": "p"}}})
        cluster.patch(VOLUME_SNAPSHOTS, image["metadata"]["name"], {"metadata": {"labels": {KEEP: "x"}}})
        for _ in range(10):
            manager.tell(0)
        manager.queue.add(ONE)
        manager.make_pass()
    finally:
        manager.end()
    assert not cluster.of_kind("VolumeSnapshot")[0]["metadata"].get("ownerReferences")
