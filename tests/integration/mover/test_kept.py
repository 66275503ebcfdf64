"""What is complete stays, and what is told is there: retention, the record of it, and repositories that were lost."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.integration.mover.forge import quicken
from tests.integration.mover.harness import PASSWORD, Mover, Ran
from tests.integration.mover.test_user import NO_RIGHTS

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give its rights away")


def ids(mover: Mover) -> list[str]:
    return [str(s["id"]) for s in mover.snapshots()]


def count(ran: Ran) -> int:
    assert ran.report.snapshots is not None
    return ran.report.snapshots.count


def backup(mover: Mover, *, complete: bool = True) -> str:
    """Back up; a file that may not be read makes it incomplete. Returns the snapshot's id."""
    hidden = mover.data / "hidden"
    hidden.write_text("h", encoding="utf-8")
    hidden.chmod(0o600)
    os.chown(hidden, 0 if complete else 12345, 0)
    mover.wrapper = NO_RIGHTS
    ran = mover("backup")
    assert (ran.code, ran.report.error_class) == (0, "" if complete else "Partial"), ran.log
    assert ran.report.snapshot is not None
    return ran.report.snapshot.id


# ---- what lacks files evicts nothing that is complete


@needs_root
@pytest.mark.parametrize("lost", [False, True], ids=["", "the record is lost each time"])
def test_the_newest_complete_snapshot_stays_while_no_later_one_is_complete(mover: Mover, lost: bool) -> None:
    mover.write(a="a")
    mover.environ["FORGET_OPTIONS"] = "--keep-last 1"
    backup(mover)
    whole = backup(mover)
    assert ids(mover) == [whole]
    mover.run["history"] = {"lastSnapshot": whole, "completeSnapshot": whole}
    for _ in range(3):
        if lost:
            (mover.cache / "volsync-py-retention.json").unlink()
        partial = backup(mover, complete=False)
        assert ids(mover) == [whole, partial]
        mover.run["history"]["lastSnapshot"] = partial
    last = backup(mover)
    assert ids(mover) == [last]


@needs_root
def test_of_a_volume_that_was_never_read_as_a_whole_no_more_is_kept_than_the_policy_says(mover: Mover) -> None:
    mover.write(a="a")
    mover.environ["FORGET_OPTIONS"] = "--keep-last 2"
    kept = [backup(mover, complete=False) for _ in range(5)]
    assert ids(mover) == kept[-2:]


@needs_root
def test_without_any_record_the_snapshot_before_an_incomplete_one_stays(mover: Mover) -> None:
    mover.write(a="a")
    mover.environ["FORGET_OPTIONS"] = "--keep-last 1"
    whole = backup(mover)
    shutil.rmtree(mover.cache)
    mover.cache.mkdir()
    assert ids(mover) == [whole, backup(mover, complete=False)] or ids(mover)[0] == whole


# ---- the record is what the repository holds, or it is not believed


def test_a_snapshot_of_a_run_without_forget_is_not_hidden_from_the_next_one(mover: Mover) -> None:
    mover.write(a="a")
    mover.environ["FORGET_OPTIONS"] = "--keep-last 2"
    mover("backup")
    mover.run["grants"] = {"forget": False}
    mover("backup")
    mover.run["grants"] = {}
    ran = mover("backup")
    assert [(s.name, s.outcome) for s in ran.report.steps] == [("backup", "Succeeded"), ("forget", "Succeeded")]
    assert count(ran) == len(ids(mover)) == 2


@pytest.mark.parametrize("which", [[0], [1], [2], [0, 1, 2]], ids=str)
def test_snapshots_that_somebody_has_forgotten_are_not_counted(mover: Mover, which: list[int]) -> None:
    mover.write(a="a")
    mover.environ["FORGET_OPTIONS"] = "--keep-last 10"
    for _ in range(3):
        mover("backup")
    there = ids(mover)
    mover.run["history"] = {"lastSnapshot": there[-1], "completeSnapshot": there[-1]}
    mover.restic("forget", *(there[i] for i in which))
    ran = mover("backup")
    assert count(ran) == len(ids(mover)) == 4 - len(which)
    gone = [s.error_class for s in ran.report.steps if s.name == "history"]
    assert gone == (["BackupsGone"] if len(which) == 3 else [])


def test_backups_under_the_host_name_of_before_are_not_gone(mover: Mover) -> None:
    mover.write(a="a")
    mover.environ["FORGET_OPTIONS"] = "--keep-last 10"
    mover("backup")
    (last,) = ids(mover)
    mover.run["history"] = {"lastSnapshot": last, "completeSnapshot": last}
    mover.run["host"] = "other"
    ran = mover("backup")
    assert (ran.code, [s.name for s in ran.report.steps if s.name == "history"]) == (0, [])


def test_the_snapshots_of_another_source_are_counted_with_the_group_that_they_are_of(mover: Mover) -> None:
    mover.write(a="a")
    mover.environ["FORGET_OPTIONS"] = "--keep-last 10"
    mover("backup")
    own, mover.environ["RESTIC_CACHE_DIR"] = mover.environ.get("RESTIC_CACHE_DIR"), str(mover.folder / "another")
    assert own is None
    Path(mover.environ["RESTIC_CACHE_DIR"]).mkdir()
    mover("backup")
    del mover.environ["RESTIC_CACHE_DIR"]
    assert count(mover("backup")) == len(ids(mover)) == 3


@pytest.mark.parametrize("replace", ["nothing", "init", "other"])
def test_a_repository_that_was_lost_is_told_of_and_counted_anew(mover: Mover, replace: str) -> None:
    repository = Path(mover.repository)
    mover.write(a="a")
    mover.environ["FORGET_OPTIONS"] = "--keep-last 10"
    for _ in range(3):
        ran = mover("backup")
    assert ran.report.snapshot is not None
    assert "history" not in [s.name for s in ran.report.steps]
    mover.run["history"] = {
        "repositoryID": ran.report.repository_id,
        "lastSnapshot": ran.report.snapshot.id,
        "completeSnapshot": ran.report.snapshot.id,
    }
    shutil.rmtree(repository)
    if replace != "nothing":
        mover.restic("init")
        quicken(repository, PASSWORD)
    if replace == "other":
        mover.restic("backup", ".", "--host", "another")
    ran = mover("backup")
    assert (ran.code, count(ran)) == (0, 1)
    assert (ran.report.outcome, ran.report.error_class) == ("Warning", "BackupsGone"), ran.log
    assert ran.report.repository_id not in ("", mover.run["history"]["repositoryID"])
    assert f"Warning: {ran.report.message}" in ran.log.splitlines()
    assert ("made anew" in ran.report.message) is (replace == "nothing")


def test_a_repository_without_a_past_is_told_nothing_of(new_mover: Mover) -> None:
    new_mover.write(a="a")
    for _ in range(2):
        ran = new_mover("backup")
        assert (ran.report.outcome, ran.report.error_class) == ("Succeeded", "")
        assert len(ran.report.repository_id) == 64


# ---- nothing after the snapshot fails the run

RAISE = """
import volsync_py.pod.runner as runner, volsync_py.pod.maintenance as upkeep, volsync_py.pod.backup as b
def fail(*_, **__): raise {what}
{where} = fail
"""


@pytest.mark.parametrize(
    ("where", "what"),
    [
        *((f"runner.{step}", "RecursionError()") for step in ("forget", "tell_of_loss", "prune", "check")),
        *((f"upkeep.{name}", "OverflowError()") for name in ("keeps_all", "_groups", "save")),
        ("upkeep.save", "OSError(28, 'full')"),
        ("b._tell", "ValueError('of the test')"),
    ],
)
def test_whatever_is_raised_after_the_snapshot_the_backup_is_a_success(mover: Mover, where: str, what: str) -> None:
    mover.write(a="a")
    mover.environ["FORGET_OPTIONS"] = "--keep-last 1"
    mover.run["check"] = {"subset": ""}
    mover("backup")
    mover.preamble = RAISE.format(where=where, what=what)
    ran = mover("backup", "prune")
    assert (ran.code, ran.report.outcome in ("Succeeded", "Warning")) == (0, True), ran.log
    assert ran.report.snapshot is not None
    assert ran.report.snapshot.id in ids(mover)


def test_a_report_that_cannot_be_written_as_it_is_says_what_decides(mover: Mover) -> None:
    mover.write(a="a")
    mover.preamble = """
import volsync_py.contract.report as report
whole = report._with_less_log
def fail(one, keep):
    if one.log and one.snapshot: raise ValueError
    return whole(one, keep)
report._with_less_log = fail
"""
    ran = mover("backup")
    assert (ran.code, ran.report.outcome, ran.report.log) == (0, "Succeeded", "")
    assert ran.report.snapshot is not None


def test_a_rule_that_goes_back_beyond_the_calendar_keeps_everything(mover: Mover) -> None:
    mover.write(a="a")
    mover.environ["FORGET_OPTIONS"] = "--keep-within 9999y"
    for number in (1, 2, 3):
        ran = mover("backup")
        assert (ran.code, ran.report.outcome, count(ran)) == (0, "Succeeded", number)


# ---- only what restic says that it has done, has been done

SUMMARY = '{"message_type":"summary","snapshot_id":"%s"}' % ("0123456789abcdef" * 4)


def pretend(mover: Mover, *cases: str) -> None:
    """Put a program in restic's place that says what the cases of a shell's `case` say, and ends with success."""
    program = mover.folder / "bin" / "restic"
    program.parent.mkdir(exist_ok=True)
    lines = ["#!/bin/sh", 'case "$1" in', *cases, "esac"]
    program.write_text("\n".join(lines), encoding="utf-8")
    program.chmod(0o755)
    mover.environ["PATH"] = f"{program.parent}:{os.defpath}"


@pytest.mark.parametrize("said", ["", '{"message_type":"summary"}', '{"message_type":"summary","snapshot_id":7}'])
def test_a_backup_that_names_no_snapshot_is_none(mover: Mover, said: str) -> None:
    mover.write(a="a")
    pretend(mover, f"backup) echo '{said}';;")
    ran = mover("backup")
    assert (ran.code, ran.report.error_class, ran.report.snapshot) == (1, "Unknown", None)
    assert [(s.name, s.outcome) for s in ran.report.steps] == [("backup", "Failed")]


def test_an_init_that_names_no_repository_is_none(mover: Mover) -> None:
    mover.write(a="a")
    pretend(mover, "backup) exit 10;;")
    ran = mover("backup")
    assert (ran.code, ran.report.error_class, ran.report.initialized) == (3, "Unknown", False)
    assert [(s.name, s.outcome) for s in ran.report.steps] == [("init", "Failed")]


@pytest.mark.parametrize("step", ["forget", "check"])
def test_upkeep_that_says_nothing_has_not_been_done(mover: Mover, step: str) -> None:
    mover.write(a="a")
    mover.environ["FORGET_OPTIONS"] = "--keep-last 1"
    mover.run["check"] = {"subset": ""}
    pretend(mover, f"backup) echo '{SUMMARY}';;")
    ran = mover("backup")
    assert (ran.code, ran.report.outcome) == (0, "Warning")
    assert (step, "Failed", "Unknown") in [(s.name, s.outcome, s.error_class) for s in ran.report.steps]


def test_a_restore_that_says_nothing_is_no_proof(mover: Mover) -> None:
    listed = '[{"id":"%s","time":"2026-11-24T12:00:00Z","hostname":"volsync","paths":["%s"]}]'
    pretend(mover, f"snapshots) echo '{listed % ('ab' * 32, mover.data)}';;")
    ran = mover("restore")
    assert (ran.code, ran.report.error_class, ran.report.restored) == (1, "Unknown", None), ran.log


@pytest.mark.parametrize("says", ["exit 10", "echo 'bucket does not exist' >&2; exit 1"])
def test_a_snapshot_that_was_saved_is_not_made_again_in_a_new_repository(mover: Mover, says: str) -> None:
    mover.write(a="a")
    pretend(mover, f"backup) echo '{SUMMARY}'; {says};;", "init) echo x > init;;")
    ran = mover("backup")
    assert ran.code != 0
    assert not (mover.data / "init").exists()
