"""What has gone leaves nothing behind in the memory of the manager."""

from __future__ import annotations

import copy
import gc

from tests.unit.controllers.late_cluster import LateCluster
from tests.unit.controllers.stepped_manager import SteppedManager
from tests.unit.movers.objects import source
from tests.unit.movers.test_simulated import BACKED_UP, failure
from volsync_py.core.names import Role
from volsync_py.kube.resources import REPLICATION_SOURCES

NUMBER = 25


def come_and_go(cluster: LateCluster, manager: SteppedManager, word: str) -> int:
    """Let sources be backed up, one of them in vain, and be deleted; return how many objects Python has afterwards."""
    template = source()[0]
    cluster.reports = [failure("WrongPassword"), *[BACKED_UP] * (NUMBER - 1)]
    for number in range(NUMBER):
        one = copy.deepcopy(template)
        one["metadata"]["name"] = f"{word}-{number}"
        cluster.create(REPLICATION_SOURCES, one)
    manager.settle(NUMBER)
    made = cluster.of_kind("ReplicationSource")
    assert sum(one["status"].get("lastManualSync") == "m" for one in made) == NUMBER - 1
    for one in made:
        meta = one["metadata"]
        cluster.delete(REPLICATION_SOURCES, meta["name"], "ns", uid=meta["uid"])
    manager.settle(NUMBER)
    cluster.objects = {key: obj for key, obj in cluster.objects.items() if key[0] != "Event"}
    assert sorted(kind for kind, _ in cluster.objects) == ["Namespace", "PersistentVolumeClaim", "Secret"]
    gc.collect()
    return len(gc.get_objects())


def test_what_has_gone_leaves_nothing_behind() -> None:
    cluster = LateCluster(source()[1:], [])
    manager = SteppedManager(cluster, Role.SOURCE)
    try:
        _, before, after = (come_and_go(cluster, manager, word) for word in ("first", "second", "third"))
    finally:
        manager.end()
    assert manager.problems == []
    # A single object that stayed of each source would be more.
    assert after - before < NUMBER
