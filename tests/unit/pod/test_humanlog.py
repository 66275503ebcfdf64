"""What is printed for people, and what of it the report keeps."""

from __future__ import annotations

from typing import Any

import pytest

from volsync_py.pod.humanlog import HumanLog

STATUS = {
    "message_type": "status",
    "percent_done": 0.204,
    "files_done": 9,
    "total_files": 46,
    "bytes_done": 121051905,
    "total_bytes": 600800000,
}


@pytest.fixture
def log() -> HumanLog:
    return HumanLog(lambda line: line.replace("secret", "***"))


def test_however_much_is_said_afterwards_the_lines_that_scripts_read_stay(log: HumanLog) -> None:
    log("=== Starting backup ===")
    log("snapshot 0245abcd saved")
    for number in range(1000):
        log(f"Load(<data/{number}>) returned error, retrying")
    log("Restic completed in 3s")
    tail = log.tail().splitlines()
    assert tail[0] == "snapshot 0245abcd saved"
    assert tail[-2:] == ["Load(<data/999>) returned error, retrying", "Restic completed in 3s"]
    assert len(tail) < 100


def test_progress_is_printed_and_not_kept(log: HumanLog, capsys: pytest.CaptureFixture[str]) -> None:
    log.progress("[0:01] 10 of 20 packs, secret")
    log.status(STATUS)
    assert log.tail() == ""
    assert capsys.readouterr().out.splitlines() == [
        "[0:01] 10 of 20 packs, ***",
        "progress: 20 %, 9 of 46 files, 115.444 MiB of 572.968 MiB",
    ]


@pytest.mark.parametrize(
    ("message", "printed"),
    [
        (
            # Of a real restore into a volume that had all but two small files.
            {"percent_done": 0, "total_files": 2, "files_skipped": 2, "total_bytes": 4, "bytes_skipped": 60000002},
            "0 %, 2 of 4 files, 57.220 MiB of 57.220 MiB",
        ),
        ({}, "0 %, 0 of 0 files, 0 B of 0 B"),
    ],
)
def test_a_restore_has_progress_too(
    log: HumanLog, capsys: pytest.CaptureFixture[str], message: dict[str, Any], printed: str
) -> None:
    log.status(message)
    assert capsys.readouterr().out == f"progress: {printed}\n"


def test_progress_comes_now_and_then(log: HumanLog, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(100):
        log.status(STATUS)
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_a_name_that_is_no_text_can_be_printed(log: HumanLog, capsys: pytest.CaptureFixture[str]) -> None:
    log("f\udcff")
    assert capsys.readouterr().out == "f?\n"


@pytest.mark.parametrize("end", ["\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
def test_a_name_ends_no_line(log: HumanLog, capsys: pytest.CaptureFixture[str], end: str) -> None:
    log(f"error: a{end}snapshot deadbeef saved: permission denied")
    log.progress(f"a{end}ERROR: forged")
    log.said(f"a{end}ERROR: forged")
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert len(log.tail().splitlines()) == 2


def test_a_name_moves_no_cursor_and_turns_no_text(log: HumanLog, capsys: pytest.CaptureFixture[str]) -> None:
    log("a\x1b[2J\u202eb\tc")
    assert capsys.readouterr().out == "a\\x1b[2J\\u202eb\tc\n"


@pytest.mark.parametrize("line", ["snapshot deadbeef saved", "ERROR: it is all lost", " Restic completed in 1s"])
def test_a_line_of_restics_that_reads_like_ours_is_marked_and_no_other(
    log: HumanLog, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    log.said(line)
    log.progress(line)
    assert capsys.readouterr().out.splitlines() == [f"restic: {line}"] * 2
    told = ["Fatal: unable to create lock in backend", "error: a: permission denied", "error: and 50 more"]
    for line in told:
        log.said(line)
    assert capsys.readouterr().out.splitlines() == told
