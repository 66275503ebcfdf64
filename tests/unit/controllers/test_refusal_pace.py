"""What the API server refuses is asked for once a minute, and at once when the resource is changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.controllers.late_cluster import LateCluster
from tests.unit.controllers.stepped_manager import SteppedManager
from tests.unit.movers.objects import source
from tests.unit.movers.test_simulated import BACKED_UP
from volsync_py.core.merge import merged
from volsync_py.core.names import Role
from volsync_py.kube.errors import Invalid
from volsync_py.kube.resources import Resource

Object = dict[str, Any]
CHANGES: list[Object] = [
    {"spec": {"trigger": {"manual": "other"}}, "metadata": {"generation": 7}},
    {"metadata": {"annotations": {"volsync-py/run-now": "1"}}},
]


class Refusing(LateCluster):
    """A cluster that refuses Jobs, and counts them."""

    def __init__(self) -> None:
        super().__init__(source(), [BACKED_UP])
        self.refuses = True
        self.asked = 0

    def create(self, resource: Resource, obj: Object, **options: Any) -> Object:
        if resource.kind == "Job":
            self.asked += 1
            if self.refuses:
                raise Invalid(422, "Invalid", "a policy forbids it")
        return super().create(resource, obj, **options)

    def change(self, changes: Object) -> None:
        self._stored(merged(self.objects["ReplicationSource", "n"], changes))

    def healthy(self) -> Object:
        conditions = self.objects["ReplicationSource", "n"]["status"]["conditions"]
        return next(one for one in conditions if one["type"] == "Healthy")


@pytest.fixture
def refused() -> Iterator[tuple[Refusing, SteppedManager]]:
    cluster = Refusing()
    manager = SteppedManager(cluster, Role.SOURCE)
    manager.settle()
    assert cluster.healthy()["reason"] == "Refused"
    yield cluster, manager
    manager.end()


def test_no_event_has_it_asked_for_within_the_minute(refused: tuple[Refusing, SteppedManager]) -> None:
    cluster, manager = refused
    assert cluster.asked == 1, "nor what was made before it, nor the write that tells of it"
    for number in range(5):
        cluster.now += timedelta(seconds=10)
        cluster.change({"metadata": {"labels": {"touched": str(number)}}})
        manager.settle()
        assert manager.look_again_seconds == 50 - 10 * number
    assert cluster.asked == 1
    cluster.now += timedelta(seconds=10)
    cluster.change({"metadata": {"labels": {"touched": "again"}}})
    manager.settle()
    assert (cluster.asked, manager.look_again_seconds) == (2, 60)


def test_a_clock_that_is_set_back_holds_nothing_up(refused: tuple[Refusing, SteppedManager]) -> None:
    cluster, manager = refused
    cluster.refuses = False
    cluster.now -= timedelta(hours=3)
    cluster.change({"metadata": {"labels": {"touched": "once"}}})
    manager.settle()
    assert (cluster.asked, cluster.healthy()["reason"]) == (2, "Succeeded")


@pytest.mark.parametrize("changes", CHANGES, ids=["spec", "annotation"])
def test_a_change_of_the_resource_has_it_asked_for_at_once(
    refused: tuple[Refusing, SteppedManager], changes: Object
) -> None:
    cluster, manager = refused
    cluster.refuses = False
    cluster.change(changes)
    manager.settle()
    assert (cluster.asked, cluster.healthy()["reason"]) == (2, "Succeeded")


def test_what_is_no_longer_refused_holds_nothing_up(refused: tuple[Refusing, SteppedManager]) -> None:
    cluster, manager = refused
    cluster.refuses = False
    pauses = []
    for value in ("1", None):
        cluster.change({"metadata": {"annotations": {"volsync-py/asked": value}}})
        manager.settle()
        pauses.append(manager.look_again_seconds)
    assert cluster.healthy()["reason"] == "Succeeded"
    assert pauses[0] == pauses[1], "with the annotations that it had when it was refused"


def test_a_deletion_waits_for_nothing(refused: tuple[Refusing, SteppedManager]) -> None:
    cluster, manager = refused
    cluster.change({"metadata": {"deletionTimestamp": "2026-11-24T12:00:00Z"}})
    manager.tell(0)
    manager.make_pass()
    assert manager.look_again_seconds is None
