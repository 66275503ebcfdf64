"""Whole runs on a simulated clock: pods an hour for each class of failure, proof before images, no idle writes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.movers.objects import destination, source
from tests.unit.movers.simulated import Simulation
from volsync_py.contract.report import ErrorClass, Outcome, Report, RestoredFacts, SnapshotFacts
from volsync_py.movers.restic.outcome import CLASSES, Pace

IMAGE = {"copyMethod": "Snapshot", "capacity": "1Gi", "accessModes": ["ReadWriteOnce"], "destinationPVC": None}
BACKED_UP = Report(Outcome.SUCCEEDED, snapshot=SnapshotFacts("0" * 64, "2026-11-24T12:00:00Z"))
RESTORED = Report(Outcome.SUCCEEDED, restored=RestoredFacts("0" * 64, "2026-11-24T12:00:00Z", 1, 1))
UNPROVEN = Report(Outcome.SUCCEEDED)
# Partial is a success with a warning; the others end a Job.
FAILURES = sorted(c.value for c in ErrorClass if c is not ErrorClass.PARTIAL)
METHODS = ["Direct", "Clone", "Snapshot"]


def failure(error_class: str) -> Report:
    return Report(Outcome.FAILED, ErrorClass(error_class), "a message")


def images(one: Simulation) -> list[str]:
    """Return what is published, and every snapshot there is."""
    published = (one.status.get("latestImage") or {}).get("name")
    return [*([published] if published else []), *one.of_kind("VolumeSnapshot")]


@pytest.mark.parametrize("error_class", FAILURES)
@pytest.mark.parametrize("kind", ["source", "destination"])
def test_a_failure_starts_few_pods_in_its_first_hour_and_publishes_nothing(kind: str, error_class: str) -> None:
    one = Simulation(source(copyMethod="Snapshot") if kind == "source" else destination(**IMAGE))
    pods = one.run(3600, lambda: failure(error_class))
    most = {Pace.RETRY: 12, Pace.CHANGE: 1}[CLASSES[error_class].pace]
    assert 1 <= pods <= most
    healthy = next(c for c in one.status["conditions"] if c["type"] == "Healthy")
    assert (healthy["status"], healthy["reason"]) == ("False", error_class)
    assert CLASSES[error_class].next_step in healthy["message"]
    assert one.status["attempt"]["count"] == pods
    assert "lastManualSync" not in one.status
    if kind == "destination":
        assert images(one) == []


@pytest.mark.parametrize("report", [UNPROVEN, failure("Unknown")], ids=["no proof", "a failure"])
def test_an_image_that_was_proved_stays_when_the_next_restore_is_not(report: Report) -> None:
    one = Simulation(destination(**IMAGE))
    one.settle()
    one.end_job(RESTORED)
    (published, *_) = before = images(one)
    assert published
    one.resource["spec"]["trigger"]["manual"] = "two"
    one.run(600, lambda: report)
    assert images(one) == before
    assert one.status["lastManualSync"] == "m"


OUTCOMES = st.lists(st.sampled_from(["success", *FAILURES]), min_size=1, max_size=6)


@settings(max_examples=60)
@given(kind=st.sampled_from(["source", "destination"]), method=st.sampled_from(METHODS), outcomes=OUTCOMES)
def test_whatever_comes_a_pass_leaves_nothing_to_do_and_the_cluster_is_tidy(
    kind: str, method: str, outcomes: list[str]
) -> None:
    good = BACKED_UP if kind == "source" else RESTORED
    image = IMAGE if method != "Direct" else {}
    one = Simulation(source(copyMethod=method) if kind == "source" else destination(**image))
    tried = outcomes[: outcomes.index("success") + 1] if "success" in outcomes else outcomes
    for outcome in tried:
        # A change of the spec is what every kind of failure is tried again for.
        one.resource["metadata"]["generation"] += 1
        one.settle()
        one.end_job(good if outcome == "success" else failure(outcome))
    assert one.made.count("Job") == len(tried)
    succeeded = tried[-1] == "success"
    assert (one.status.get("lastManualSync") == "m") == succeeded
    assert ("attempt" in one.status) == (not succeeded)
    if succeeded:
        one.now += timedelta(seconds=16)
        one.settle()
        assert one.of_kind("Job") == []
        assert "volsync-n-src" not in one.of_kind("PersistentVolumeClaim")
        assert len(one.of_kind("VolumeSnapshot")) == (1 if kind == "destination" and image else 0)
    elif kind == "destination":
        assert images(one) == []
