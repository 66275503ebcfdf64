"""A verification: the newest snapshot comes back whole, is counted, and a command looks at it; nobody waits for it."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

from tests.integration.mover.harness import PASSWORD, Mover
from volsync_py.contract.report import Outcome, Report


@pytest.fixture
def backed_up(mover: Mover) -> Mover:
    """A mover with a backup of every kind of entry, and an empty volume in its place."""
    mover.write(a="one", d__e__f="deep")
    os.link(mover.data / "a", mover.data / "linked")
    (mover.data / "symbolic").symlink_to("a")
    os.mkfifo(mover.data / "pipe")
    with open(mover.data / "holes", "wb") as file:
        file.truncate(5_000_000)
    (mover.data / "large").write_bytes(os.urandom(3_000_000))
    assert mover("backup").code == 0
    shutil.rmtree(mover.data)
    mover.data.mkdir()
    return mover


def is_over(process: int) -> bool:
    """Return whether a process has ended, also if nobody has asked for its end yet."""
    stat = Path(f"/proc/{process}/stat")
    return not stat.exists() or stat.read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"


def look(mover: Mover, *command: str, seconds: float = 60) -> None:
    mover.run = {"verification": {"command": list(command), "commandSeconds": seconds}}


def test_the_newest_snapshot_comes_back_whole_and_is_counted(backed_up: Mover) -> None:
    (backed_up.data / "lost+found").mkdir()
    ran = backed_up("prove")
    assert (ran.code, ran.report.outcome, ran.report.message) == (0, Outcome.SUCCEEDED, "")
    proven = ran.report.proven
    assert proven is not None
    assert (proven.files, proven.bytes, proven.command_ran) == (9, 8_000_007, False)
    assert [step.name for step in ran.report.steps] == ["prove"]
    assert (backed_up.data / "d" / "e" / "f").read_text(encoding="utf-8") == "deep"


@pytest.mark.parametrize("more", [{"alien": ""}, {"lost+found__alien": "x"}], ids=["a file", "bytes"])
def test_what_is_on_the_volume_is_counted_and_not_what_restic_says(backed_up: Mover, more: dict[str, str]) -> None:
    backed_up.write(**more)
    report = backed_up("prove").report
    assert (report.outcome, report.error_class) == (Outcome.FAILED, "NotAsBackedUp")
    assert report.message.startswith("the snapshot holds 9 files and folders of 8000007 bytes, and 1")


def test_it_takes_no_lock_that_a_prune_would_wait_for(backed_up: Mover) -> None:
    locks = Path(backed_up.repository, "locks")
    shutil.rmtree(locks)
    # Whoever tries to lock fails.
    locks.write_bytes(b"")
    ran = backed_up("prove")
    assert (ran.code, ran.report.message) == (0, "")


@pytest.mark.parametrize("which", [0, -1], ids=["of files", "of folders"])
def test_a_damaged_pack_is_found(backed_up: Mover, which: int) -> None:
    packs = [p for p in Path(backed_up.repository, "data").rglob("*") if p.is_file()]
    pack = sorted(packs, key=lambda p: -p.stat().st_size)[which]
    pack.chmod(0o600)
    pack.write_bytes(b"\0" * pack.stat().st_size)
    # A verification has a cache of its own.
    shutil.rmtree(backed_up.cache)
    ran = backed_up("prove")
    assert (ran.code != 0, ran.report.outcome, ran.report.error_class) == (True, Outcome.FAILED, "RepositoryDamaged")
    assert ran.report.proven is not None
    assert ran.report.proven.files == 0
    # What may be a prune of somebody else's is looked at once more.
    assert ran.log.count("looking once more") == 1


def test_a_pack_that_has_gone_is_found(backed_up: Mover) -> None:
    packs = [p for p in Path(backed_up.repository, "data").rglob("*") if p.is_file()]
    max(packs, key=lambda p: p.stat().st_size).unlink()
    assert backed_up("prove").report.error_class == "RepositoryDamaged"


def test_a_repository_without_the_last_backup_on_record_proves_nothing(backed_up: Mover) -> None:
    backed_up.run = {"verification": {"snapshot": "ab" * 32, "snapshotTime": "2199-01-01T00:00:00Z"}}
    report = backed_up("prove").report
    assert (report.error_class, report.proven) == ("BackupsGone", None)
    assert "abababab" in report.message
    # One that somebody has made since is as good.
    backed_up.run = {"verification": {"snapshot": "ab" * 32, "snapshotTime": "2020-01-01T00:00:00.123456789+02:00"}}
    assert backed_up("prove").code == 0


def test_a_repository_without_snapshots_or_none_at_all_is_not_made(new_mover: Mover, mover: Mover) -> None:
    assert mover("prove").report.error_class == "BackupsGone"
    shutil.rmtree(mover.repository)
    assert mover("prove").report.error_class == "BackupsGone"
    assert not Path(mover.repository).exists()


def test_the_command_sees_the_volume_and_no_secret(backed_up: Mover) -> None:
    backed_up.environ |= {"AWS_SECRET_ACCESS_KEY": "another-canary-1", "HTTPS_PROXY": "http://u:canary-2@proxy"}
    look(backed_up, "sh", "-c", "env; pwd; cat a")
    ran = backed_up("prove")
    assert ran.report.proven is not None
    assert (ran.code, ran.report.proven.command_ran, ran.report.proven.command_code) == (0, True, 0)
    assert f"command: {backed_up.data}" in ran.log
    assert "command: one" in ran.log
    assert f"VERIFIED_SNAPSHOT={ran.report.proven.id}" in ran.log
    said = [line.partition("command: ")[2] for line in ran.log.splitlines() if "command: " in line]
    names = {line.partition("=")[0] for line in said if "=" in line}
    assert names <= {
        "PATH",
        "TZ",
        "LANG",
        "LC_ALL",
        "HOME",
        "DATA_DIR",
        "VERIFIED_SNAPSHOT",
        "PWD",
        "SHLVL",
        "_",
        "OLDPWD",
    }


def test_the_command_cannot_read_the_environment_of_its_mover(backed_up: Mover) -> None:
    backed_up.wrapper = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"]
    look(backed_up, "sh", "-c", "cat /proc/$PPID/environ && exit 7; exit 0")
    ran = backed_up("prove")
    assert (ran.code, "Permission denied" in ran.log) == (0, True)


def test_a_command_that_fails_fails_the_verification_with_its_last_words(backed_up: Mover) -> None:
    look(backed_up, "sh", "-c", f"echo first; echo page 7 is torn {PASSWORD} >&2; exit 3")
    ran = backed_up("prove")
    assert (ran.report.outcome, ran.report.error_class) == (Outcome.FAILED, "NotAsBackedUp")
    assert ran.report.message == "the command exited with 3; its last words: first | page 7 is torn ***"
    assert ran.report.proven is not None
    assert (ran.report.proven.files, ran.report.proven.command_code) == (9, 3)


def test_of_a_command_that_says_much_only_the_end_is_kept(backed_up: Mover) -> None:
    look(backed_up, "sh", "-c", "yes line | head -c 3000000; echo the end; exit 1")
    ran = backed_up("prove")
    assert ran.report.message.endswith("| the end")
    assert len(ran.log) < 20_000


def test_a_command_that_is_not_there_is_a_mistake_of_the_spec(backed_up: Mover) -> None:
    look(backed_up, "/no/such/program")
    report = backed_up("prove").report
    assert (report.error_class, "/no/such/program" in report.message) == ("Configuration", True)


def test_a_command_ends_with_its_time_and_with_what_it_has_started(backed_up: Mover) -> None:
    look(backed_up, "sh", "-c", "sleep 500 & echo $! > child; echo begun; wait", seconds=1)
    ran = backed_up("prove")
    assert ran.report.message == "the command had not ended after 1 s; its last words: begun"
    child = int((backed_up.data / "child").read_text(encoding="ascii"))
    assert is_over(child)


def test_a_mover_that_is_told_to_stop_ends_its_command(backed_up: Mover) -> None:
    look(backed_up, "sh", "-c", "echo $$ > child; sleep 500", seconds=600)
    process = backed_up.start("prove")
    child = backed_up.data / "child"
    while process.poll() is None and not (child.exists() and child.read_text(encoding="ascii").strip()):
        os.sched_yield()
    process.send_signal(signal.SIGTERM)
    ran = backed_up.finish(process)
    assert ran.report.error_class == "Interrupted"
    assert is_over(int(child.read_text(encoding="ascii")))


def test_a_report_of_a_verification_comes_back_from_its_text(backed_up: Mover) -> None:
    report = backed_up("prove").report
    assert Report.from_json(report.to_json()) == report
