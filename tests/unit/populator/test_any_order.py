"""In whatever order things happen, and wherever the manager dies, claims are filled and nothing is left behind."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.populator.filled import FillingCluster, Killed
from tests.unit.populator.filling_manager import FillingManager
from tests.unit.populator.objects import KEEP

# A claim takes six writes; a loop that finds no end is a bug of its own.
MOST_WRITES = 20


class World:
    """A cluster and its managers, one after the other."""

    def __init__(self) -> None:
        self.cluster = FillingCluster()
        self.manager = FillingManager(self.cluster)
        self.kills = 0

    def step(self, what: str, which: int) -> None:
        """Take one step, if there is anything to do."""
        cluster = self.cluster
        if what == "news":
            self.manager.tell(which)
        elif what == "chore":
            chores = cluster.chores()
            if chores:
                chores[which % len(chores)]()
        elif what in ("pass", "die before", "die after"):
            cluster.dies_in = None if what == "pass" else 0
            cluster.dies_after = what == "die after"
            self._survived(self.manager.make_pass)
            cluster.dies_in = None
        elif what == "restart":
            self.restart()
        elif what in ("publish", "delete_destination"):
            getattr(cluster, what)()
        else:
            getattr(cluster, what)(which)

    def restart(self) -> None:
        """End the manager, and start another one."""
        self.manager.end()
        self.cluster.is_manager = False
        self.manager = FillingManager(self.cluster)

    def settle(self) -> None:
        """Let everything come to its end, with as many managers as that takes."""
        while not self._survived(self.manager.settle):
            pass

    def _survived(self, action: Any) -> bool:
        try:
            action()
        except Killed:
            self.kills += 1
            self.restart()
            return False
        return True

    @property
    def filled(self) -> dict[str, str]:
        """Each claim, and the image that its volume holds."""
        claims = self.cluster.of_kind("PersistentVolumeClaim")
        return {c["metadata"]["name"]: self.cluster.contents.get(c["spec"].get("volumeName", ""), "") for c in claims}


USER = ["make_claim", "make_claim", "delete_claim", "publish", "delete_destination", "delete_image", "keep_image"]
USER += ["delete_temporary"]
WHAT = ["pass"] * 4 + ["news"] * 4 + ["chore"] * 4 + ["die before", "die after", "restart", *USER]
STEPS = st.lists(st.tuples(st.sampled_from(WHAT), st.integers(0, 5)), max_size=60)


@settings(max_examples=100)
@given(steps=STEPS)
def test_claims_are_filled_and_nothing_is_left_in_whatever_order_things_happen(steps: list[tuple[str, int]]) -> None:
    world = World()
    try:
        kept: set[str] = set()
        for what, which in steps:
            world.step(what, which)
            images = world.cluster.of_kind("VolumeSnapshot")
            kept = {i["metadata"]["name"] for i in images if KEEP in i["metadata"]["labels"]}
        # At the end there is an image, so each claim can be filled.
        world.cluster.publish()
        world.settle()
        problems = world.manager.problems
    finally:
        world.manager.end()
    assert problems == []
    assert world.cluster.leaks() == []
    assert all(world.filled.values())
    # Only who asks for its end ends what is to be kept.
    deleted = any(what in ("delete_image", "delete_destination") for what, _ in steps)
    left = {i["metadata"]["name"] for i in world.cluster.of_kind("VolumeSnapshot")}
    assert deleted or kept <= left


def end_of(world: World) -> Any:
    """Return what is left, without names that differ."""
    claims = world.cluster.of_kind("PersistentVolumeClaim")
    phases = {c["metadata"]["name"]: c.get("status", {}).get("phase") for c in claims}
    images = [sorted(i["metadata"]["labels"]) for i in world.cluster.of_kind("VolumeSnapshot")]
    owners = [[o["kind"] for o in i["metadata"]["ownerReferences"]] for i in world.cluster.of_kind("VolumeSnapshot")]
    return phases, world.filled, images, owners, len(world.cluster.contents)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_manager_killed_at_any_write_leaves_no_trace_of_it(after: bool) -> None:
    def run(number: int | None) -> World:
        world = World()
        world.cluster.dies_in, world.cluster.dies_after = number, after
        try:
            world.cluster.make_claim(0)
            world.settle()
        finally:
            world.manager.end()
        return world

    whole = run(None)
    assert whole.filled == {"app0": "image"}
    # Label, temporary claim, owner, volume, label, temporary claim.
    assert whole.cluster.wrote == 6
    for number in range(MOST_WRITES):
        world = run(number)
        if not world.kills:
            break
        assert end_of(world) == end_of(whole), f"killed at write {number}"
    assert number == whole.cluster.wrote
