"""A lock that a killed pod of VolSync's has left does not stop the backups that come after the change of operators."""

from __future__ import annotations

from pathlib import Path

from tests.integration.mover.foreign import leave_lock, locks_of
from tests.integration.world import VOLSYNC, World

POD = "volsync-src-backup-x7k2p"


def test_a_lock_of_a_pod_that_has_gone_is_removed_by_the_first_run(world: World, tmp_path: Path) -> None:
    environ = world.repository()
    leave_lock(environ, tmp_path, POD)
    # By its name alone, the pod might be another cluster's.
    involved = {"apiVersion": "v1", "kind": "Pod", "name": POD, "namespace": world.namespace}
    event = {"metadata": {"name": f"{POD}.1"}, "involvedObject": involved, "reason": "Killing", "type": "Normal"}
    world.cluster.ask("POST", f"/api/v1/namespaces/{world.namespace}/events", event)
    (left,) = locks_of(environ, tmp_path)
    world.source(trigger={"schedule": "0 0 1 1 *", "runOnCreate": False}, retain={"last": "1"})
    world.wait("replicationsources", "backup", lambda status: bool(status.get("nextSyncTime")))
    # So VolSync leaves it; a restart or a change of the spec comes next.
    status = {"status": {"lastSyncTime": "2026-11-24T10:00:00Z", "lastManualSync": "zero"}}
    path = world.path("replicationsources", "backup", VOLSYNC) + "/status"
    world.cluster.ask("PATCH", path, status, "application/merge-patch+json")
    world.change("replicationsources", "backup", {"trigger": {"manual": "one", "schedule": None}})
    done = world.wait_done("replicationsources", "backup")
    assert world.condition("replicationsources", "backup", "Healthy")[:2] == ("True", "Succeeded")
    assert world.condition("replicationsources", "backup", "Maintained")[:2] == ("True", "Succeeded")
    assert done["restic"]["snapshots"]["count"] == 1
    assert left not in locks_of(environ, tmp_path)
    assert locks_of(environ, tmp_path) == set()
    # The one that asked, and the one with the pod's name.
    assert world.created("jobs") == 2
