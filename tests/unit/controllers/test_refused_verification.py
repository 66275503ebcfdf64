"""What the API server refuses of a verification is counted as one of its failures, and is no word of the backups."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.controllers.late_cluster import LateCluster
from tests.unit.controllers.stepped_manager import SteppedManager
from tests.unit.movers.objects import source
from volsync_py.contract.report import Outcome, ProvenFacts, Report, SnapshotFacts
from volsync_py.core.labels import Annotation
from volsync_py.core.merge import merged
from volsync_py.core.names import Role
from volsync_py.kube.errors import Forbidden
from volsync_py.kube.resources import Resource

Object = dict[str, Any]
SNAPSHOT = "ab" * 32
BACKED_UP = Report(Outcome.SUCCEEDED, snapshot=SnapshotFacts(SNAPSHOT, "2026-11-24T11:00:00Z"))
PROVEN = Report(Outcome.SUCCEEDED, proven=ProvenFacts(SNAPSHOT, "2026-11-24T11:00:00Z", 9, 800))


class Refusing(LateCluster):
    """A cluster that refuses one request about what belongs to a verification, and counts what is asked for."""

    def __init__(self, reports: list[Report]) -> None:
        super().__init__(source(), reports)
        self.refuses = ""
        self.refusals = self.status_writes = 0

    def create(self, resource: Resource, obj: Object, **options: Any) -> Object:
        self._ask(f"create {resource.kind}", obj["metadata"].get("name", ""))
        return super().create(resource, obj, **options)

    def delete(self, resource: Resource, name: str, namespace: str | None = None, **options: Any) -> Object:
        self._ask(f"delete {resource.kind}", name)
        return super().delete(resource, name, namespace, **options)

    def patch(self, resource: Resource, *arguments: Any, **options: Any) -> Object:
        self.status_writes += options.get("subresource") == "status"
        return super().patch(resource, *arguments, **options)

    def _ask(self, request: str, name: str) -> None:
        if name.startswith("prove-") and request == self.refuses:
            self.refusals += 1
            raise Forbidden(403, "Forbidden", "exceeded quota: storage")

    @property
    def resource(self) -> Object:
        return self.objects["ReplicationSource", "n"]

    @property
    def on_record(self) -> Object:
        found: Object = self.resource["status"]["restic"]["verification"]
        return found

    def conditions(self) -> dict[str, Object]:
        return {c["type"]: c for c in self.resource["status"]["conditions"]}

    def change(self, **changes: Any) -> None:
        self._stored(merged(self.resource, changes))

    def of_verification(self) -> list[str]:
        return [kind for kind, name in self.objects if name.startswith("prove-volsync")]


@pytest.fixture
def backed_up() -> Iterator[tuple[Refusing, SteppedManager]]:
    cluster = Refusing([BACKED_UP, PROVEN])
    cluster.change(spec={"restic": {"verification": {}}})
    manager = SteppedManager(cluster, Role.SOURCE)
    manager.settle()
    assert cluster.conditions()["Healthy"]["status"] == "True"
    yield cluster, manager
    manager.end()


def ask_for_proof(cluster: Refusing, manager: SteppedManager, refuses: str, keep: str) -> None:
    cluster.change(spec={"restic": {"verification": {"keep": keep}}})
    manager.settle()
    cluster.refuses, cluster.status_writes = refuses, 0
    cluster.change(metadata={"annotations": {Annotation.PROVE_NOW.value: "t"}})
    # A loop would have no end.
    manager.settle()
    for number in range(20):
        cluster.change(metadata={"labels": {"touched": str(number)}})
        manager.settle()


# Where no claim of its own is to be kept, that it was begun is written as well.
@pytest.mark.parametrize(
    ("kind", "keep", "writes"),
    [("PersistentVolumeClaim", "OnFailure", 1), ("Job", "OnFailure", 1), ("Job", "Never", 2)],
)
def test_a_refused_verification_is_one_attempt_and_no_word_of_the_backups(
    backed_up: tuple[Refusing, SteppedManager], kind: str, keep: str, writes: int
) -> None:
    cluster, manager = backed_up
    before = cluster.conditions()
    ask_for_proof(cluster, manager, f"create {kind}", keep)
    assert (cluster.status_writes, cluster.refusals, cluster.of_verification()) == (writes, 1, [])
    after = cluster.conditions()
    assert [after[one] for one in ("Healthy", "Synchronizing")] == [before[one] for one in ("Healthy", "Synchronizing")]
    assert after["Verified"]["status"] == "Unknown"
    assert "exceeded quota" in cluster.on_record["lastError"]["message"]
    assert (cluster.on_record["attempts"], cluster.on_record["lastError"]["class"]) == (1, "Refused")
    assert manager.look_again_seconds is not None
    assert manager.look_again_seconds <= 301
    # Where it is let begin, it does.
    cluster.refuses = ""
    cluster.now += timedelta(seconds=301)
    cluster.change(metadata={"labels": {"touched": "again"}})
    manager.settle()
    assert cluster.conditions()["Verified"]["status"] == "True"
    assert cluster.conditions()["Healthy"] == before["Healthy"]


def test_what_may_not_be_removed_of_a_verification_writes_no_status_without_end(
    backed_up: tuple[Refusing, SteppedManager],
) -> None:
    cluster, manager = backed_up
    before = cluster.conditions()
    ask_for_proof(cluster, manager, "delete PersistentVolumeClaim", "OnFailure")
    assert cluster.status_writes == 1
    assert cluster.conditions()["Verified"]["status"] == "True"
    assert cluster.conditions()["Healthy"] == before["Healthy"]
    cluster.refuses = ""
    cluster.change(metadata={"labels": {"touched": "again"}})
    manager.settle()
    assert cluster.of_verification() == []
