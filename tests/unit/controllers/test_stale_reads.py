"""Whatever the watches have not told yet, a run makes no wrong write, and events alone bring it to its end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.controllers.late_cluster import LateCluster
from tests.unit.controllers.stepped_manager import ROLES, SteppedManager
from tests.unit.movers.objects import claim, destination, source
from tests.unit.movers.test_simulated import BACKED_UP, IMAGE, METHODS, RESTORED, failure
from volsync_py.contract.report import Report
from volsync_py.core.names import Role, cache_name, destination_name
from volsync_py.kube.controller import Request
from volsync_py.kube.resources import PVCS

ONE = Request("ns", "n")
# The data, the cache, and the volume that a destination made to restore into.
KEPT = {"data", *(cache_name(role, "n") for role in Role), destination_name("n")}


class World:
    """A cluster and its manager, moved by steps."""

    def __init__(self, role: Role, objects: list[dict[str, Any]], reports: list[Report]) -> None:
        self.role, self.cluster = role, LateCluster(objects, reports)
        self.manager = SteppedManager(self.cluster, role)

    def step(self, what: str, which: int) -> None:
        """Take one step, if there is anything to do."""
        if what == "pass":
            self.manager.make_pass()
        elif what == "tidy":
            self.manager.later.do()
        elif what == "restart":
            self.manager.end()
            self.manager = SteppedManager(self.cluster, self.role)
        elif what == "touch":
            # A user labels the resource, perhaps while a pass is on its way.
            resource = ROLES[self.role]
            self.cluster.patch(resource, "n", {"metadata": {"labels": {"touched": str(which)}}})
        elif what == "news":
            self.manager.tell(which)
        else:
            chores = self.cluster.chores()
            if chores:
                chores[which % len(chores)]()

    @property
    def status(self) -> dict[str, Any]:
        """The status of the custom resource."""
        found: dict[str, Any] = self.cluster.objects[ROLES[self.role].kind, "n"]["status"]
        return found


WHAT = ["pass"] * 3 + ["news"] * 3 + ["chore"] * 3 + ["tidy", "touch", "restart"]
STEPS = st.lists(st.tuples(st.sampled_from(WHAT), st.integers(0, 5)), max_size=60)


@settings(max_examples=100)
@given(
    role=st.sampled_from(Role),
    method=st.sampled_from(METHODS),
    failures=st.integers(0, 2),
    steps=STEPS,
)
def test_a_run_comes_to_its_end_by_events_alone_without_a_wrong_write_however_late_they_are(
    role: Role, method: str, failures: int, steps: list[tuple[str, int]]
) -> None:
    good = BACKED_UP if role is Role.SOURCE else RESTORED
    image = IMAGE if method != "Direct" else {}
    objects = source(copyMethod=method) if role is Role.SOURCE else destination(**image)
    world = World(role, objects, [*[failure("Unreachable")] * failures, good])
    try:
        for what, which in steps:
            world.step(what, which)
        world.manager.settle()
        for _ in range(failures):
            # Only the pause after a failure is a matter of time.
            if not world.cluster.reports:
                break
            assert world.manager.look_again_seconds is not None
            world.cluster.now += timedelta(seconds=world.manager.look_again_seconds)
            world.manager.queue.add(ONE)
            world.manager.settle()
        # Nor is the end of a Job that is shown.
        world.cluster.now += timedelta(seconds=16)
        world.manager.queue.add(ONE)
        world.manager.settle()
        writes = world.cluster.writes
        world.manager.queue.add(ONE)
        world.manager.settle()
        assert world.cluster.writes == writes, "a pass too many writes something"
    finally:
        world.manager.end()
    assert world.manager.problems == []
    # Nothing is refused but the status of a resource that its user has changed meanwhile.
    changed = any(what == "touch" for what, _ in steps)
    assert set(world.cluster.refused) <= ({f"patch {ROLES[role].kind}"} if changed else set())
    assert world.cluster.jobs_made == failures + 1
    assert world.status["lastManualSync"] == "m"
    assert world.cluster.of_kind("Job") == []
    assert {c["metadata"]["name"] for c in world.cluster.of_kind("PersistentVolumeClaim")} <= KEPT
    images = [s["metadata"]["name"] for s in world.cluster.of_kind("VolumeSnapshot")]
    assert images == ([world.status["latestImage"]["name"]] if image and role is Role.DESTINATION else [])


@pytest.mark.parametrize(("role", "made"), [(Role.SOURCE, source), (Role.DESTINATION, destination)])
def test_a_claim_that_a_run_waits_for_calls_it_when_it_is_there(
    role: Role, made: Callable[[], list[dict[str, Any]]]
) -> None:
    world = World(role, [obj for obj in made() if obj["metadata"]["name"] != "data"], [BACKED_UP, RESTORED])
    try:
        world.manager.settle()
        assert "'data'" in world.status["conditions"][0]["message"]
        world.cluster.create(PVCS, claim("data"))
        world.manager.settle()
    finally:
        world.manager.end()
    assert world.cluster.jobs_made == 1
