"""The manager is killed before and after the API server handles each single write of a run.

The next manager must finish the run, once: the same end as without a kill, one Job, one snapshot, no orphans.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from hack.processes import DevCluster, Manager, S3Server, wait_until
from tests.faults.telling import Tell
from tests.integration.world import NO_JOB_SHOWN, World

SNAPSHOTS = "apis/snapshot.storage.k8s.io/v1"
# A run makes a dozen writes; a loop that finds no end is a bug of its own.
MOST_WRITES = 30


class Managers:
    """One manager at a time; the next one is started when somebody has killed it."""

    def __init__(self, folder: Path, cluster: DevCluster) -> None:
        self._folder, self._cluster, self._number = folder, cluster, count()
        self.current = self._start()

    def _start(self) -> Manager:
        folder = self._folder / str(next(self._number))
        one = Manager(folder, self._cluster.kubeconfig, "--leader-elect=false", NO_JOB_SHOWN)
        one.leads()
        return one

    def killed(self) -> bool:
        """Return whether it was killed, and start the next one then."""
        if self.current.process.poll() is None:
            return False
        self.current = self._start()
        return True


@pytest.fixture
def managers(cluster: DevCluster, tmp_path: Path) -> Iterator[Managers]:
    one = Managers(tmp_path, cluster)
    yield one
    one.current.stop()


def source(method: str) -> Callable[[World], tuple[str, str]]:
    def create(world: World) -> tuple[str, str]:
        world.source(copyMethod=method)
        return "replicationsources", "backup"

    return create


def destination(**restic: Any) -> Callable[[World], tuple[str, str]]:
    def create(world: World) -> tuple[str, str]:
        world.destination(**restic)
        return "replicationdestinations", "restore"

    return create


IMAGE = {"copyMethod": "Snapshot", "capacity": "1Gi", "accessModes": ["ReadWriteOnce"]}
RUNS = {
    "source-snapshot": source("Snapshot"),
    "source-clone": source("Clone"),
    "source-direct": source("Direct"),
    "destination-image": destination(**IMAGE),
    "destination-new-claim": destination(capacity="1Gi", accessModes=["ReadWriteOnce"]),
}

MAKES_ITS_REPOSITORY = "source-direct"


def end_state(world: World, plural: str, name: str) -> dict[str, Any]:
    """Return what a run leaves, without names and times that differ from run to run."""
    status = world.status(plural, name)
    images = world.names("volumesnapshots", SNAPSHOTS)
    latest = (status.get("latestImage") or {}).get("name", "")
    restic = status.get("restic") or {}
    claims = world.names("persistentvolumeclaims")
    return {
        "conditions": sorted((c["type"], c["status"], c["reason"]) for c in status.get("conditions") or []),
        "manual": status.get("lastManualSync"),
        "running": "lastSyncStartTime" in status,
        "attempt": "attempt" in status,
        "result": (status.get("latestMoverStatus") or {}).get("result"),
        "snapshots": (restic.get("snapshots") or {}).get("count"),
        "restored": bool(restic.get("restored")),
        "images": [("latest" if image == latest else "orphan") for image in images],
        "claims": sorted("image" if claim == latest and images else claim for claim in claims),
        "accounts": sorted(world.names("serviceaccounts")),
        "jobs": world.names("jobs", "apis/batch/v1"),
        "pods": world.names("pods"),
        "created": world.created("jobs"),
    }


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("drop", ["before", "after"])
@pytest.mark.parametrize("kind", RUNS)
def test_a_manager_killed_at_any_write_leaves_no_trace_of_it(
    cluster: DevCluster, s3: S3Server, managers: Managers, empty_repository: Path, kind: str, drop: str, tell: Tell
) -> None:
    origin = World(cluster, s3, f"{kind}-{drop}-origin")
    origin.prepare()
    origin.put(empty_repository)
    origin.source()
    origin.wait_done("replicationsources", "backup")

    def run(number: int | None) -> dict[str, Any]:
        world = World(cluster, s3, f"{kind}-{drop}-{'whole' if number is None else number}")
        world.prepare()
        if kind.startswith("destination"):
            world.secret("repository", repository_of=origin)
        elif kind != MAKES_ITS_REPOSITORY:
            world.put(empty_repository)
        if number is not None:
            match = {"agent": "volsync-py/", "writes": "yes", "namespace": world.namespace}
            pid = managers.current.process.pid
            cluster.admin("faults", match=match, skip=number, drop=drop, kill=pid)
        plural, name = RUNS[kind](world)
        expected = ends.get("whole")
        killed = False

        def ended() -> bool:
            nonlocal killed
            killed = managers.killed() or killed
            state = end_state(world, plural, name)
            return state["manual"] == "one" and (
                state == expected if expected else not (state["jobs"] or state["pods"])
            )

        try:
            wait_until(f"the end of {world.namespace}", ended, 60)
        except TimeoutError:
            assert end_state(world, plural, name) == expected
        state = end_state(world, plural, name)
        world.end()
        return {**state, "killed": killed}

    ends: dict[str, dict[str, Any]] = {}
    whole = run(None)
    whole.pop("killed")
    assert whole["created"] == 1
    ends["whole"] = whole
    for number in range(MOST_WRITES):
        state = run(number)
        if not state.pop("killed"):
            break
        assert state == whole, f"killed {drop} write {number}"
    tell("a manager, killed", f"{kind}: {number} writes, killed {drop} each")
    assert number > 5
