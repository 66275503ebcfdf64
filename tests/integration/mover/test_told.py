"""What people learn of a run from its log and its report, above all when it went wrong."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from hack.processes import wait_until
from hack.tool_cache import tool_path
from tests.integration.mover.harness import Mover
from volsync_py.pod.debugging import NAME


def test_a_first_backup_says_what_scripts_look_for_and_no_more_of_the_missing_repository(new_mover: Mover) -> None:
    new_mover.write(a="a")
    ran = new_mover("backup")
    assert ran.report.log == ran.log.rstrip("\n")
    lines = ran.log.splitlines()
    assert [line.split(" ")[0] for line in lines[-9:]] == [
        *("===", "created", "===", "no", "Added", "processed", "snapshot", "Restic", "==="),
    ]
    assert lines[-6] == "no parent snapshot found, will read all files"
    assert "using parent snapshot" in new_mover("backup").log.splitlines()


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kathmandu"])
def test_a_restore_names_its_snapshot_word_by_word_as_restic_does(mover: Mover, zone: str) -> None:
    mover.write(a="a")
    for there, when in (("UTC", "2026-01-02 03:04:05"), ("America/Sao_Paulo", "2026-07-01 00:00:00"), (zone, "now")):
        options = [] if when == "now" else ["--time", when]
        mover.restic("backup", str(mover.data), "--host", "volsync", "--no-scan", *options, TZ=there, USER="somebody")
    mover.environ["TZ"] = zone
    for snapshot in mover.snapshots():
        command = [str(tool_path("restic")), "restore", snapshot["id"], "-t", ".", "--dry-run", "--no-lock"]
        said = subprocess.run(
            command, env=mover.environment(), cwd=mover.data, capture_output=True, text=True, check=True
        )
        (line,) = (one for one in said.stdout.splitlines() if one.startswith("restoring"))
        assert line.endswith(" to .")
        mover.run["restore"] = {"snapshot": snapshot["id"]}
        assert line in mover("restore").log.splitlines()


def test_a_password_with_an_at_sign_in_the_url_is_told_to_nobody(mover: Mover) -> None:
    mover.repository = "rest:http://user:canary@secret@127.0.0.1:1/path"
    mover.run["deadlines"] = {"contactSeconds": 1}
    mover.write(a="a")
    ran = mover("backup")
    assert ran.report.error_class == "Unreachable"
    for text in (ran.log, ran.report.to_json()):
        assert "canary" not in text
        assert "@secret" not in text


def test_what_nobody_has_foreseen_is_in_the_report_with_its_kind(mover: Mover) -> None:
    mover.write(a="a")
    mover.preamble = "import volsync_py.pod.runner as r\ndef fail(*_): raise KeyError('of the test')\nr.backup = fail"
    ran = mover("backup")
    assert (ran.code, ran.report.error_class) == (1, "Unknown")
    assert ran.report.message == "KeyError: 'of the test'"
    assert "ERROR: KeyError" in ran.report.log
    assert "Traceback" in ran.log


@pytest.mark.parametrize(
    ("environ", "text", "code"),
    [
        ({"PATH": "/nowhere"}, "No such file or directory (restic)", 1),
        ({"TMPDIR": "/nowhere", "DATA_DIR": "/nowhere"}, "the volume cannot be read", 1),
        ({"DATA_DIR": ""}, "DATA_DIR must be defined", 1),
        ({"VOLSYNC_PY_RUN": '{"version":1,"tags":"a"}'}, "tags is str", 2),
    ],
)
def test_what_the_system_refuses_is_a_matter_of_configuration(
    mover: Mover, environ: dict[str, str], text: str, code: int
) -> None:
    mover.write(a="a")
    mover.environ |= environ
    ran = mover("backup")
    assert (ran.code, ran.report.error_class) == (code, "Configuration"), ran.log
    assert text in ran.report.message
    assert f"ERROR: {ran.report.message}" in ran.report.log.splitlines()


def test_a_failure_of_restic_is_told_in_its_words_and_in_those_of_volsync(mover: Mover) -> None:
    mover.write(a="a")
    mover("backup")
    mover.environ["RESTIC_PASSWORD"] = "another one"
    assert mover("backup").report.log.splitlines()[-2:] == [
        "Fatal: wrong password or no key found",
        "ERROR: failure connecting to repository, incorrect password",
    ]


def test_a_backup_that_takes_seconds_says_how_far_it_is(mover: Mover) -> None:
    (mover.data / "random").write_bytes(os.urandom(12_000_000))
    mover.run["backup"] = {"uploadKiBps": 3000}
    ran = mover("backup")
    told = [line for line in ran.log.splitlines() if line.startswith("progress: ")]
    assert told
    assert all(" of 1 files, " in line and " of 11.444 MiB" in line for line in told)
    assert "progress" not in ran.report.log


def test_the_progress_of_a_prune_is_not_kept(mover: Mover) -> None:
    for _ in range(3):
        (mover.data / "random").write_bytes(os.urandom(100_000))
        mover.environ["FORGET_OPTIONS"] = "--keep-last 1"
        ran = mover("backup", "prune")
    assert "files deleted" in ran.log or "total prune" in ran.log
    assert "files deleted" not in ran.report.log
    assert "snapshot" in ran.report.log
    # How much is left is told for people only, and still known.
    stored = sum(p.stat().st_size for p in (Path(mover.repository) / "data").rglob("*") if p.is_file())
    assert stored == pytest.approx(ran.report.repository_bytes, rel=0.02)
    assert mover("backup").report.repository_bytes == 0


def test_a_mover_in_debug_mode_waits_for_a_person_and_then_does_its_work(new_mover: Mover) -> None:
    new_mover.write(a="a")
    new_mover.environ |= {"DEBUG_MOVER": "1", "TMPDIR": str(new_mover.folder)}
    process = new_mover.start("backup")
    wait_until("the file", (new_mover.folder / NAME).exists)
    assert not Path(new_mover.repository).exists()
    (new_mover.folder / NAME).unlink()
    ran = new_mover.finish(process)
    assert (ran.code, ran.report.error_class) == (0, "")
    assert len(new_mover.snapshots()) == 1


def test_a_mover_in_debug_mode_ends_when_told_to_and_has_done_nothing(new_mover: Mover) -> None:
    new_mover.write(a="a")
    new_mover.environ |= {"DEBUG_MOVER": "1", "TMPDIR": str(new_mover.folder)}
    process = new_mover.start("backup")
    wait_until("the file", (new_mover.folder / NAME).exists)
    process.send_signal(signal.SIGTERM)
    ran = new_mover.finish(process)
    assert (ran.code, ran.report.error_class) == (130, "Interrupted")
    assert not Path(new_mover.repository).exists()


# Told to stop when restic is done, and nothing has been told of it yet.
STOPS_LATE = """
import os, signal, volsync_py.pod.runner as runner
restore = runner.restore
def stopped(session):
    restore(session)
    os.kill(os.getpid(), signal.SIGTERM)
runner.restore = stopped
"""


def test_a_restore_that_is_told_to_stop_at_its_very_end_proves_nothing(mover: Mover) -> None:
    mover.write(a="a")
    mover("backup")
    mover.mount("restored")
    mover.preamble = STOPS_LATE
    ran = mover("restore")
    assert (ran.code, ran.report.error_class) == (130, "Interrupted")
    assert ran.report.restored is None
