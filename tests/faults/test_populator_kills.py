"""The manager is killed before and after the API server handles each single write of a claim that is filled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hack.processes import DevCluster, S3Server, wait_until
from tests.faults.telling import Tell
from tests.faults.test_manager_kills import MOST_WRITES, Managers
from tests.integration.main.filled import IMAGE, image_of, is_temporary, populated
from tests.integration.world import World


@pytest.fixture
def managers(cluster: DevCluster, tmp_path: Path) -> Iterator[Managers]:
    one = Managers(tmp_path, cluster)
    yield one
    one.current.stop()


def end_state(world: World, claim: str) -> dict[str, Any]:
    """Return what is left of how a claim was filled, without names that differ."""
    image = image_of(world)["metadata"]
    return {
        "bound": (world.claim_of(claim).get("status") or {}).get("phase"),
        "temporary": [name for name in world.names("persistentvolumeclaims") if is_temporary(name)],
        "labels": sorted(image["labels"]),
        "owners": [one["kind"] for one in image["ownerReferences"]],
    }


# Without events, which come when nothing else is left to do, and of which nothing is to be seen in the end state.
WRITES = 6
WHOLE = {
    "bound": "Bound",
    "temporary": [],
    "labels": ["app.kubernetes.io/created-by"],
    "owners": ["ReplicationDestination"],
}


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("drop", ["before", "after"])
def test_a_manager_killed_at_any_write_fills_the_claim_and_leaves_no_trace(
    cluster: DevCluster, s3: S3Server, managers: Managers, empty_repository: Path, drop: str, tell: Tell
) -> None:
    world = World(cluster, s3, f"filled-{drop}")
    world.prepare()
    world.put(empty_repository)
    world.source()
    world.wait_done("replicationsources", "backup")
    world.destination(**IMAGE)
    world.wait_done("replicationdestinations", "restore")
    for number in range(MOST_WRITES):
        claim, killed = f"app{number}", False
        # The last kill may have come after the end.
        managers.killed()
        cluster.admin("clear")
        match = {"agent": "volsync-py/", "writes": "yes"}
        cluster.admin("faults", match=match, skip=number, drop=drop, kill=managers.current.process.pid)
        populated(world, claim)

        def ended(claim: str = claim) -> bool:
            nonlocal killed
            killed = managers.killed() or killed
            return end_state(world, claim) == WHOLE

        wait_until(f"the end of {claim}", ended, 60)
        assert world.read(claim) == world.read("data")
        assert world.created("persistentvolumeclaims") == 1
        if not killed and number >= WRITES:
            break
    tell("a manager, killed", f"a claim that is filled: {number} writes, killed {drop} each")
    cluster.admin("clear")
    world.end()
    assert number >= WRITES
