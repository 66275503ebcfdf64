"""Snapshots that a wrong clock has dated, and somebody's of more paths: no order by time makes a backup disappear."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.integration.mover.harness import Mover, Ran
from volsync_py.contract.report import Outcome

FUTURE = datetime(2036, 1, 1, tzinfo=UTC)
POLICIES = ["--keep-last 1", "--keep-daily 1", "--keep-within 30d", "--keep-last 2 --keep-within-daily 3d"]


def made_at(mover: Mover, when: datetime) -> str:
    """Make a backup as a node makes it whose clock says so, and return its id."""
    mover.write(a=f"of {when}")
    mover.restic("backup", str(mover.data), "--host", "volsync", "--time", f"{when:%Y-%m-%d %H:%M:%S}", TZ="UTC")
    (made,) = (s for s in mover.snapshots() if str(s["time"]).startswith(f"{when:%Y-%m-%dT%H:%M:%S}"))
    return str(made["id"])


def there(mover: Mover) -> set[str]:
    return {str(snapshot["id"]) for snapshot in mover.snapshots()}


def saved(ran: Ran) -> str:
    assert ran.code == 0
    assert ran.report.snapshot is not None
    return ran.report.snapshot.id


@pytest.mark.parametrize("policy", POLICIES)
def test_while_a_snapshot_is_of_the_future_nothing_is_removed_and_it_is_said_why(mover: Mover, policy: str) -> None:
    mover.environ["FORGET_OPTIONS"] = policy
    mover.write(a="one")
    kept = {saved(mover("backup")), made_at(mover, FUTURE)}
    for number in range(2):
        mover.write(a=f"{number}")
        ran = mover("backup")
        kept.add(saved(ran))
        told = {step.name: step for step in ran.report.steps}["forget"]
        assert (told.outcome, told.error_class) == (Outcome.FAILED, "ClockSkewed")
        assert "2036-01-01" in told.message
        assert there(mover) == kept


def test_what_was_just_backed_up_stays_though_another_snapshot_is_some_minutes_ahead(mover: Mover) -> None:
    mover.environ["FORGET_OPTIONS"] = "--keep-last 1"
    mover.write(a="one")
    assert mover("backup").code == 0
    ahead = made_at(mover, datetime.now(UTC) + timedelta(minutes=3))
    mover.write(a="two")
    ran = mover("backup")
    assert there(mover) == {ahead, saved(ran)}
    assert [step.outcome for step in ran.report.steps if step.name == "forget"] == [Outcome.SUCCEEDED]
    mover.write(a="three")
    last = saved(mover("backup"))
    assert there(mover) == {ahead, last}


def test_a_snapshot_of_the_future_proves_nothing(mover: Mover) -> None:
    mover.write(a="old")
    made_at(mover, FUTURE)
    mover.write(a="new")
    report = mover("backup").report
    assert report.snapshot is not None
    shutil.rmtree(mover.data)
    mover.data.mkdir()
    mover.run = {"verification": {"snapshot": report.snapshot.id, "snapshotTime": report.snapshot.time}}
    proof = mover("prove").report
    assert (proof.outcome, proof.error_class) == (Outcome.FAILED, "ClockSkewed")
    assert "is of 2036-01-01" in proof.message
    assert not list(mover.data.iterdir())


def test_snapshots_of_more_than_the_volume_are_neither_removed_nor_restored(mover: Mover, tmp_path: Path) -> None:
    mover.environ["FORGET_OPTIONS"] = "--keep-last 1"
    (tmp_path / "etc").mkdir()
    mover.write(a="one")
    first = saved(mover("backup"))
    both = [str(mover.data), str(tmp_path / "etc")]
    for _ in range(2):
        mover.restic("backup", *both, "--host", "volsync")
    foreign = there(mover) - {first}
    assert len(foreign) == 2
    for number in range(2):
        mover.write(a=f"{number}")
        last = saved(mover("backup"))
        assert there(mover) == {*foreign, last}
    mover.restic("backup", *both, "--host", "volsync")
    restored = mover("restore").report.restored
    assert restored is not None
    assert restored.id == last
