"""A run is judged by what it was started with, whatever the spec says by then."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.movers.objects import claim, destination, source
from tests.unit.movers.simulated import Simulation
from volsync_py.contract.report import Outcome, Report, RestoredFacts, SnapshotFacts
from volsync_py.movers.restic.run_record import RunRecord

BACKED_UP = Report(Outcome.SUCCEEDED, snapshot=SnapshotFacts("0" * 64, "2026-11-24T12:00:00Z"))
CLAIM = "PersistentVolumeClaim"
RESTORED = Report(Outcome.SUCCEEDED, restored=RestoredFacts("0" * 64, "2026-11-24T12:00:00Z", 1, 1))


def published(one: Simulation) -> str:
    return str((one.status.get("latestImage") or {}).get("name") or "")


def claim_of_the_job(one: Simulation) -> str:
    job = one.job()
    assert job is not None
    return RunRecord.of(job).claim


def test_a_volume_that_was_not_restored_into_is_not_published() -> None:
    one = Simulation(destination(claim("other"), copyMethod="Snapshot"))
    one.settle()
    one.change({"destinationPVC": "other"})
    one.end_job(RESTORED)
    assert published(one) == ""
    assert one.of_kind("VolumeSnapshot") == []
    assert claim_of_the_job(one) == "other"
    one.end_job(RESTORED)
    assert published(one).startswith("other-")
    assert one.status["lastManualSync"] == "m"


def test_an_image_is_not_made_of_a_restore_that_was_not_made_for_one() -> None:
    one = Simulation(destination())
    one.settle()
    one.change({"copyMethod": "Snapshot"})
    one.end_job(RESTORED)
    assert published(one) == ""
    assert one.made.count("Job") == 2
    one.end_job(RESTORED)
    assert one.of_kind("VolumeSnapshot") == [published(one)]


def test_a_restore_whose_volume_is_gone_begins_again() -> None:
    provisioned = {"destinationPVC": None, "capacity": "1Gi", "accessModes": ["ReadWriteOnce"]}
    one = Simulation(destination(copyMethod="Snapshot", **provisioned))
    one.settle()
    one.objects = [o for o in one.objects if o["metadata"]["name"] != "volsync-n-dest"]
    one.end_job(RESTORED)
    assert published(one) == ""
    one.end_job(RESTORED)
    assert published(one).startswith("volsync-n-dest-")


def test_a_name_of_an_earlier_image_is_taken_off_the_volume_before_the_next_restore() -> None:
    one = Simulation(destination(copyMethod="Snapshot"))
    one.objects[1]["metadata"]["annotations"] = {"volsync.backube/snapname": "an-image-of-before"}
    one.settle()
    one.end_job(RESTORED)
    assert published(one) == f"data-{one.now:%Y%m%d%H%M%S}"


@pytest.mark.parametrize("make", [source, destination])
def test_a_tag_that_is_set_while_a_run_is_under_way_has_a_run_of_its_own(make: Any) -> None:
    good = BACKED_UP if make is source else RESTORED
    one = Simulation(make())
    one.settle()
    one.change({"cacheCapacity": "2Gi"}, trigger={"manual": "two"})
    one.end_job(good)
    assert one.status["lastManualSync"] == "m"
    assert one.job() is not None
    one.end_job(good)
    assert one.status["lastManualSync"] == "two"
    assert one.job() is None


def test_a_tag_takes_the_place_of_a_schedule_while_a_run_is_under_way_and_is_served() -> None:
    objects = source()
    objects[0]["spec"]["trigger"] = {"schedule": "0 0 1 1 *"}
    one = Simulation(objects)
    one.settle()
    one.change(trigger={"schedule": None, "manual": "two"})
    one.end_job(BACKED_UP)
    assert "lastManualSync" not in one.status
    one.end_job(BACKED_UP)
    assert one.status["lastManualSync"] == "two"


def test_what_a_record_does_not_say_is_read_off_the_job() -> None:
    one = Simulation(source(copyMethod="Clone"))
    one.settle()
    job = one.job()
    assert job is not None
    record = RunRecord.of(job)
    assert (record.is_ours, record.manual, record.copy_method, record.granted) == (True, "m", "Clone", True)
    assert (record.image, record.claim, record.args) == ("mover:1", "volsync-n-src", ("backup",))
    for text in ("", "no JSON", "[1]"):
        job["metadata"]["annotations"] = {"volsync-py/run": text}
        theirs = RunRecord.of(job)
        assert (theirs.is_ours, theirs.granted, theirs.claim) == (False, False, "volsync-n-src")


@pytest.mark.parametrize("method", ["Direct", "Snapshot"])
def test_a_volume_that_has_taken_the_name_since_is_not_published(method: str) -> None:
    one = Simulation(destination(copyMethod=method))
    one.settle()
    (at,) = (i for i, o in enumerate(one.objects) if (o["kind"], o["metadata"]["name"]) == (CLAIM, "data"))
    other = claim("data")
    other["metadata"]["uid"] = "another"
    one.objects[at] = other
    one.end_job(RESTORED)
    assert (published(one), one.of_kind("VolumeSnapshot"), one.made.count("Job")) == ("", [], 2)
    one.end_job(RESTORED)
    assert published(one)
