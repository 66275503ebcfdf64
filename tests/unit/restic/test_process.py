"""How a restic process is read and ended; a program of the test's stands for restic, because it says what is wanted."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from volsync_py.restic.ended import Ended
from volsync_py.restic.process import Restic
from volsync_py.restic.run import Deadlines

RETRY = "Load(<index/0a1b>, 0, 0) returned error, retrying after 552ms: 500 Internal Server Error"
MENDED = "Load(<index/0a1b>, 0, 0) operation successful after 1 retries"
# More than a pipe holds, so that a reader that has stopped is noticed.
MUCH = 200_000


@define
class Said:
    """What the mover made of the program's output."""

    log: list[str] = field(factory=list)
    progress: list[str] = field(factory=list)
    status: list[dict[str, Any]] = field(factory=list)


@pytest.fixture
def said() -> Said:
    return Said()


def run(folder: Path, said: Said, script: str, **changes: Any) -> Ended:
    """Run a shell script as restic."""
    program = folder / "restic"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    options: dict[str, Any] = {
        "env": {"PATH": os.environ["PATH"], "RESTIC_CACHE_DIR": "/cache", "TMPDIR": "/tmp/private"},
        "directory": str(folder),
        "deadlines": Deadlines(contactSeconds=1, stallSeconds=1, killSeconds=5),
        "log": said.log.append,
        "progress": said.progress.append,
        "on_status": said.status.append,
        "program": str(program),
    }
    command = changes.pop("command", "command")
    return Restic(**options | changes).run(command)


def test_an_error_in_reading_ends_the_process_and_is_raised_where_it_is_seen(tmp_path: Path, said: Said) -> None:
    def fails(message: dict[str, Any]) -> None:
        raise ValueError("of the test")

    status = '{"message_type":"status","bytes_done":1}'
    started = time.monotonic()
    with pytest.raises(ValueError, match="of the test"):
        run(tmp_path, said, f"echo '{status}'; yes x | head -c {MUCH}; exec sleep 60", on_status=fails)
    assert time.monotonic() - started < 30


def test_what_is_no_number_where_one_belongs_counts_as_none_and_hangs_nothing(tmp_path: Path, said: Said) -> None:
    status = '{"message_type":"status","bytes_done":"many"}'
    assert run(tmp_path, said, f"echo '{status}'; yes x | head -c {MUCH}").ok
    assert [message["bytes_done"] for message in said.status] == [0]


def test_one_error_of_the_server_ends_no_command_that_goes_on_for_long(tmp_path: Path, said: Said) -> None:
    assert run(tmp_path, said, f"echo '{RETRY}' >&2; echo '{MENDED}' >&2; sleep 2.5").ok


def test_a_server_that_keeps_failing_ends_the_command(tmp_path: Path, said: Said) -> None:
    script = f"trap 'exit 130' TERM; while true; do echo '{RETRY}' >&2; sleep 0.2; done"
    ended = run(tmp_path, said, script)
    assert (ended.error_class, ended.code) == ("Unreachable", 130)
    assert ended.cause == "Load(<index/0a1b>, 0, 0) failed: 500 Internal Server Error"


def test_a_process_that_does_not_heed_a_signal_is_killed(tmp_path: Path, said: Said) -> None:
    script = f"trap '' TERM; while true; do echo '{RETRY}' >&2; sleep 0.2; done"
    ended = run(tmp_path, said, script, deadlines=Deadlines(contactSeconds=1, killSeconds=0.5))
    assert (ended.error_class, ended.code) == ("Unreachable", 137)


def test_what_comes_after_the_end_was_decided_is_not_logged(tmp_path: Path, said: Said) -> None:
    missing = "Stat(<config/>) returned error, retrying after 1s: The specified bucket does not exist"
    script = f"trap 'echo signal terminated received >&2; exit 130' TERM; echo '{missing}' >&2"
    script += "; sleep 60 >/dev/null 2>&1 & wait"
    ended = run(tmp_path, said, script)
    assert (ended.error_class, ended.missing_bucket) == ("RepositoryMissing", True)
    assert said.log == []


def test_a_line_that_overwrites_itself_is_told_as_it_stood_last(tmp_path: Path, said: Said) -> None:
    run(tmp_path, said, r"printf '10 %%\r20 %%\r\n' >&2; printf '30 %%\r\n'")
    assert (said.log, said.progress) == (["20 %"], ["30 %"])


def errors(count: int) -> str:
    line = '{"message_type":"error","error":{"message":"open f%d: permission denied"},"during":"%s","item":"/data/f%d"}'
    return f"""for i in $(seq {count}); do printf '{line}\\n' "$i" archival "$i"; done >&2"""


def test_errors_are_counted_without_bound_and_told_up_to_one(tmp_path: Path, said: Said) -> None:
    summary = '{"message_type":"summary","snapshot_id":"0123"}'
    ended = run(tmp_path, said, f"echo '{summary}'; {errors(1000)}; exit 3")
    assert (ended.failed, len(ended.items), ended.items[0]) == (1000, 200, "/data/f1")
    assert ended.message("summary")["snapshot_id"] == "0123"
    assert said.log[0] == "error: /data/f1: open f1: permission denied"
    assert said.log[200:] == ["error: and 800 more"]


def test_an_item_that_is_met_twice_counts_once(tmp_path: Path, said: Said) -> None:
    ended = run(tmp_path, said, f"{errors(3)}; {errors(3).replace('archival', 'scan')}; exit 3")
    assert ended.failed == 3
    assert len(said.log) == 3


def test_the_first_of_many_errors_is_the_cause(tmp_path: Path, said: Said) -> None:
    fatal = '{"message_type":"exit_error","code":1,"message":"Fatal: There were 1000 errors"}'
    ended = run(tmp_path, said, f"{errors(1000)}; echo '{fatal}' >&2; exit 1")
    assert ended.cause.startswith("There were 1000 errors; the first: open f1: permission denied; ")


@pytest.mark.parametrize(
    ("command", "in_the_volume"), [("backup", True), ("restore", True), ("init", False), ("forget", False)]
)
def test_only_what_reads_or_writes_the_volume_runs_in_it(
    tmp_path: Path, said: Said, command: str, in_the_volume: bool
) -> None:
    ended = run(tmp_path, said, "pwd >&2", command=command)
    assert ended.said.lines == (str(tmp_path) if in_the_volume else "/",)
