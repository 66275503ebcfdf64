"""Which volumes of a destination go after a run is what the spec says at its end, not at their creation."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.movers.objects import destination
from tests.unit.movers.simulated import Simulation
from volsync_py.contract.report import ErrorClass, Outcome, Report, RestoredFacts

RESTORED = Report(Outcome.SUCCEEDED, restored=RestoredFacts("0" * 64, "2026-11-24T12:00:00Z", 1, 1))
PROVISIONED: dict[str, Any] = {"destinationPVC": None, "capacity": "1Gi", "accessModes": ["ReadWriteOnce"]}
VOLUMES = [("cleanupTempPVC", "volsync-n-dest"), ("cleanupCachePVC", "volsync-dst-n-cache")]
EACH = pytest.mark.parametrize(("field", "name"), VOLUMES)


def restore(**restic: Any) -> Simulation:
    one = Simulation(destination(**{**PROVISIONED, "copyMethod": "Snapshot", **restic}))
    one.settle()
    return one


def claims(one: Simulation) -> list[str]:
    return one.of_kind("PersistentVolumeClaim")


@EACH
def test_switched_on_for_a_volume_that_is_there_it_goes_after_the_next_run(field: str, name: str) -> None:
    one = restore()
    one.end_job(RESTORED)
    one.change({field: True})
    one.settle()
    assert name in claims(one)
    one.change(trigger={"manual": "two"})
    one.settle()
    (labelled,) = (o for o in one.objects if o["metadata"]["name"] == name)
    assert labelled["metadata"]["labels"]["volsync.backube/cleanup"] == "u"
    one.end_job(RESTORED)
    assert name not in claims(one)


@EACH
def test_switched_on_while_the_run_is_under_way_it_goes_after_it(field: str, name: str) -> None:
    one = restore()
    one.change({field: True})
    one.end_job(RESTORED)
    assert name not in claims(one)


@EACH
def test_switched_off_while_the_run_is_under_way_the_volume_stays(field: str, name: str) -> None:
    one = restore(**{field: True})
    one.change({field: False})
    one.end_job(RESTORED)
    (kept,) = (o for o in one.objects if o["metadata"]["name"] == name)
    assert "volsync.backube/cleanup" not in kept["metadata"]["labels"]


def test_the_volume_that_is_published_is_not_deleted_and_the_spec_is_told_of() -> None:
    one = restore(copyMethod="Direct", cleanupTempPVC=True)
    one.end_job(RESTORED)
    assert one.status["latestImage"]["name"] == "volsync-n-dest"
    assert "volsync-n-dest" in claims(one)
    status, reason, message = one.conditions()["Healthy"]
    assert (status, reason) == ("True", "CleanupIgnored")
    assert "spec.restic.cleanupTempPVC" in message


def test_the_volume_that_is_published_outlives_a_run_that_fails_for_good() -> None:
    one = restore(copyMethod="Direct", cleanupTempPVC=True)
    one.end_job(RESTORED)
    one.change({"copyMethod": "Snapshot"}, trigger={"manual": "two"})
    one.settle()
    one.end_job(Report(Outcome.FAILED, ErrorClass.WRONG_PASSWORD, "wrong"))
    assert "volsync-n-dest" in claims(one)
    one.change({"previous": 0})
    one.settle()
    one.end_job(RESTORED)
    assert one.status["latestImage"]["kind"] == "VolumeSnapshot"
    assert "volsync-n-dest" not in claims(one)


def test_a_volume_that_the_user_names_stays_although_it_is_one_of_ours() -> None:
    one = restore(cleanupTempPVC=True)
    one.change({"destinationPVC": "volsync-n-dest"})
    one.end_job(RESTORED)
    assert "volsync-n-dest" in claims(one)
