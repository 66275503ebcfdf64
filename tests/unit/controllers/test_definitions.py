"""With definitions that do not keep our status no mover is started, the reason is told, and it is seen when they do."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from tests.unit.controllers.late_cluster import LateCluster
from tests.unit.controllers.stepped_manager import SteppedManager
from tests.unit.movers.objects import source
from tests.unit.movers.test_simulated import BACKED_UP, failure
from volsync_py.contract.report import Report
from volsync_py.core.labels import Annotation
from volsync_py.core.merge import lost, merged
from volsync_py.core.names import Role
from volsync_py.core.objects import annotations_of
from volsync_py.kube.controller import Request

ONE = Request("ns", "n")
# Fields of a status that VolSync's definition has.
VOLSYNCS = {"conditions", "lastSyncTime", "lastSyncStartTime", "lastSyncDuration", "nextSyncTime", "lastManualSync"}
VOLSYNCS |= {"latestMoverStatus", "latestImage", "external", "restic"}


class Pruning(LateCluster):
    """A cluster whose definitions keep these fields of a status, or all."""

    kept: set[str] | None = VOLSYNCS
    # Paths of fields within those that they lack.
    lacking: tuple[str, ...] = ()

    def _stored(self, obj: dict[str, Any], word: str = "MODIFIED") -> dict[str, Any]:
        if (self.kept is not None or self.lacking) and obj["kind"] == "ReplicationSource":
            status = obj.get("status") or {}
            obj = {**obj, "status": {k: v for k, v in status.items() if self.kept is None or k in self.kept}}
            for path in self.lacking:
                obj["status"] = without(obj["status"], path.split("."))
            before = self.objects[obj["kind"], obj["metadata"]["name"]]
            parts = (obj.get("spec"), obj["status"], annotations_of(obj))
            if parts == (before.get("spec"), before.get("status"), annotations_of(before)):
                # Nothing has changed, so nobody is told.
                return dict(before)
        return super()._stored(obj, word)


def without(obj: dict[str, Any], path: list[str]) -> dict[str, Any]:
    """Return an object without the field at a path."""
    key, *rest = path
    if key not in obj or not rest:
        return {k: v for k, v in obj.items() if k != key}
    return {**obj, key: without(obj[key], rest)}


def conditions(cluster: LateCluster) -> dict[str, Any]:
    status = cluster.objects["ReplicationSource", "n"]["status"]
    return {c["type"]: c for c in status["conditions"]}


@pytest.mark.parametrize(
    "trigger", [{"manual": "m"}, {"schedule": "* * * * *"}, {}], ids=["manual", "schedule", "always"]
)
@pytest.mark.parametrize("annotations", [{}, {"volsync-py/run-now": "1"}], ids=["", "run-now"])
def test_no_mover_is_started_while_the_status_is_not_kept(trigger: Any, annotations: Any) -> None:
    objects = source(annotations=annotations)
    objects[0]["spec"]["trigger"] = trigger
    cluster = Pruning(objects, [failure("WrongPassword"), BACKED_UP])
    manager = SteppedManager(cluster, Role.SOURCE)
    try:
        manager.settle()
        told = conditions(cluster)
        assert {c["reason"] for c in told.values()} == {"Error", "DefinitionsOutdated"}
        assert "status.observedGeneration" in told["Healthy"]["message"]
        assert "manifests/crds" in told["Healthy"]["message"]
        for _ in range(20):
            cluster.now += timedelta(seconds=manager.look_again_seconds or 0)
            assert manager.look_again_seconds == 60
            writes = cluster.writes
            manager.queue.add(ONE)
            manager.settle()
            assert cluster.writes - writes <= 2
            manager.queue.add(ONE)
            manager.settle()
            assert cluster.writes - writes <= 2, "an event calls for nothing more"
        assert (cluster.jobs_made, cluster.of_kind("Job")) == (0, [])
        cluster.kept = None
        cluster.now += timedelta(seconds=60)
        manager.queue.add(ONE)
        manager.settle()
        assert cluster.jobs_made == 1
    finally:
        manager.end()


# What a release has added to what another one's definitions have, for people who look.
SHOWN = ("lastDays", "attempt.lockHolder", "attempt.lockedSince", "attempt.lockAgeSeconds", "restic.repositorySize")
PRUNED = evolve(BACKED_UP, repository_bytes=9)
LOCKED = evolve(failure("RepositoryLocked"), lock_holder="process 7 on there", lock_age_seconds=9)


@pytest.mark.parametrize("reports", [[BACKED_UP], [PRUNED], [LOCKED, PRUNED]], ids=["backup", "prune", "lock"])
def test_definitions_that_lack_what_is_only_shown_keep_nobody_from_a_backup(reports: list[Report]) -> None:
    writes = []
    for lacking in ((), SHOWN):
        cluster = Pruning(source(), reports)
        cluster.kept, cluster.lacking = None, lacking
        manager = SteppedManager(cluster, Role.SOURCE)
        try:
            manager.settle()
            for _ in reports[1:]:
                assert conditions(cluster)["Healthy"]["reason"] == "RepositoryLocked"
                assert ("lockHolder" in cluster.objects["ReplicationSource", "n"]["status"]["attempt"]) == (not lacking)
                cluster.now += timedelta(hours=1)
                manager.queue.add(ONE)
                manager.settle()
            assert conditions(cluster)["Healthy"]["reason"] == "Succeeded"
            status = cluster.objects["ReplicationSource", "n"]["status"]
            assert ("lastDays" in status) == (not lacking)
            assert ("repositorySize" in status["restic"]) == (not lacking and reports != [BACKED_UP])
            writes.append(cluster.writes)
        finally:
            manager.end()
    assert writes[0] == writes[1], "nothing is said of it, and nothing written again"


def test_no_verification_is_begun_with_definitions_that_do_not_keep_that_it_was() -> None:
    cluster = Pruning(source(), [BACKED_UP, BACKED_UP])
    cluster.kept, cluster.lacking = None, ("restic.verification.startTime",)
    manager = SteppedManager(cluster, Role.SOURCE)
    try:
        manager.settle()
        made = cluster.jobs_made
        asks = {"metadata": {"annotations": {Annotation.PROVE_NOW.value: "t"}}}
        cluster._stored(merged(cluster.objects["ReplicationSource", "n"], asks))
        for _ in range(5):
            writes = cluster.writes
            manager.queue.add(ONE)
            manager.settle()
            assert cluster.jobs_made == made
            assert "status.restic.verification.startTime" in conditions(cluster)["Healthy"]["message"]
            # Once, and what was written calls for no further one.
            assert cluster.writes - writes <= 3
            assert 0 < (manager.look_again_seconds or 0) <= 60
            cluster.now += timedelta(seconds=60)
        cluster.lacking = ()
        manager.queue.add(ONE)
        manager.settle()
        assert cluster.jobs_made > made
    finally:
        manager.end()


def test_definitions_that_are_replaced_while_a_resource_is_in_use_start_no_further_mover() -> None:
    cluster = Pruning(source(), [BACKED_UP, BACKED_UP])
    cluster.kept = None
    manager = SteppedManager(cluster, Role.SOURCE)
    try:
        manager.settle()
        assert (cluster.jobs_made, conditions(cluster)["Healthy"]["status"]) == (1, "True")
        cluster.kept = VOLSYNCS
        found = cluster.objects["ReplicationSource", "n"]
        found["spec"]["trigger"]["manual"] = "again"
        cluster._stored({**found, "spec": {**found["spec"], "paused": False}})
        manager.settle()
        assert conditions(cluster)["Healthy"]["reason"] == "DefinitionsOutdated"
        assert cluster.jobs_made == 1
    finally:
        manager.end()


def test_what_is_lost_of_a_change_is_named_and_nothing_else() -> None:
    changes = {"a": 1, "gone": None, "b": {"c": 1, "d": {"e": 1}}, "l": [{"x": 1, "y": 2}], "m": [1]}
    assert lost(changes, changes, "status") == []
    assert lost(changes, {"a": 2, "b": {"d": {}}, "l": [{"x": 3}], "m": []}, "status") == [
        "status.b.c",
        "status.b.d.e",
        "status.l[].y",
    ]
    assert lost(changes, None, "status") == ["status.a", "status.b", "status.l", "status.m"]
