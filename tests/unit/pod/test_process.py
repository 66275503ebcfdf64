"""How a restic process is read and ended; a program of the test's stands for restic, because it says what is wanted."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from volsync_py.contract.report import ErrorClass
from volsync_py.contract.run_document import Deadlines
from volsync_py.pod.classify import Output as Words
from volsync_py.pod.completed import CompletedRestic
from volsync_py.pod.process import Restic

RETRY = "Load(<index/0a1b>, 0, 0) returned error, retrying after 552ms: 500 Internal Server Error"
MENDED = "Load(<index/0a1b>, 0, 0) operation successful after 1 retries"
# More than a pipe holds, so that a reader that has stopped is noticed.
MUCH = 200_000


@define
class Output:
    """What the mover made of the program's output."""

    log: list[str] = field(factory=list)
    progress: list[str] = field(factory=list)
    status: list[dict[str, Any]] = field(factory=list)


@pytest.fixture
def said() -> Output:
    return Output()


def run(folder: Path, said: Output, script: str, **changes: Any) -> CompletedRestic:
    """Run a shell script as restic."""
    program = folder / "restic"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    options: dict[str, Any] = {
        "env": {"PATH": os.environ["PATH"], "RESTIC_CACHE_DIR": "/cache", "TMPDIR": "/tmp/private"},
        "directory": str(folder),
        "deadlines": Deadlines(contact_seconds=1, stall_seconds=1, kill_seconds=5),
        "log": said.log.append,
        "progress": said.progress.append,
        "on_status": said.status.append,
        "program": str(program),
    }
    command = changes.pop("command", "command")
    return Restic(**options | changes).run(command)


def test_an_error_in_reading_ends_the_process_and_is_raised_where_it_is_seen(tmp_path: Path, said: Output) -> None:
    def fails(message: dict[str, Any]) -> None:
        raise ValueError("of the test")

    status = '{"message_type":"status","bytes_done":1}'
    started = time.monotonic()
    with pytest.raises(ValueError, match="of the test"):
        run(tmp_path, said, f"echo '{status}'; yes x | head -c {MUCH}; exec sleep 60", on_status=fails)
    assert time.monotonic() - started < 30


# What stands for restic, which does without its cache only where it is told to.
REFUSES = """echo "$*" >> {calls}
case "$*" in *--no-cache*) exit 0;; esac
if [ -e {cache}/version ]; then echo 'unable to open cache: {why}' >&2; exit {code}; fi"""


@pytest.mark.parametrize(
    ("why", "code", "calls", "ends"),
    [
        ("readVersion: readVersion: invalid syntax", 1, 2, ""),
        ("chtimes {cache}: operation not permitted", 1, 2, ""),
        ("write {cache}/version: no space left on device", 1, 1, "CacheFull"),
        ("readVersion: readVersion: invalid syntax", 0, 1, ""),
        ("the answer of a server", 3, 1, "Unknown"),
    ],
    ids=["spoilt", "somebody else's", "full", "gone on without it", "done, but for some files"],
)
def test_a_cache_that_restic_cannot_open_is_made_anew(
    tmp_path: Path, said: Output, why: str, code: int, calls: int, ends: str
) -> None:
    cache = tmp_path / "caches" / ("a" * 64)
    cache.mkdir(parents=True)
    (cache / "version").touch()
    script = REFUSES.format(cache=cache, calls=tmp_path / "calls", why=why.format(cache=cache), code=code)
    env = {"PATH": os.environ["PATH"], "RESTIC_CACHE_DIR": str(cache.parent), "TMPDIR": "/tmp/private"}
    ended = run(tmp_path, said, script, env=env)
    assert ("" if ended.ok else ended.error_class) == ends
    made = (tmp_path / "calls").read_text().splitlines()
    assert len(made) == calls
    assert "--no-cache" not in made[-1]
    assert cache.exists() == (calls == 1)


def test_a_command_goes_on_without_a_cache_that_can_neither_be_opened_nor_removed(tmp_path: Path, said: Output) -> None:
    (tmp_path / "version").touch()
    script = REFUSES.format(cache=tmp_path, calls=tmp_path / "calls", why="readVersion", code=1)
    env = {"PATH": os.environ["PATH"], "RESTIC_CACHE_DIR": str(tmp_path / "gone"), "TMPDIR": "/tmp/private"}
    assert run(tmp_path, said, script, env=env).ok
    assert len((tmp_path / "calls").read_text().splitlines()) == 2


def test_a_command_that_was_stopped_gets_its_deadlines_once() -> None:
    output = Words(("unable to open cache: it hangs",))
    assert CompletedRestic(1, output).without_cache
    assert not CompletedRestic(1, output, ErrorClass.STALLED).without_cache


def test_what_is_no_number_where_one_belongs_counts_as_none_and_hangs_nothing(tmp_path: Path, said: Output) -> None:
    status = '{"message_type":"status","bytes_done":"many"}'
    assert run(tmp_path, said, f"echo '{status}'; yes x | head -c {MUCH}").ok
    assert [message["bytes_done"] for message in said.status] == [0]


def test_one_error_of_the_server_ends_no_command_that_goes_on_for_long(tmp_path: Path, said: Output) -> None:
    deadlines = Deadlines(contact_seconds=1, stall_seconds=60)
    assert run(tmp_path, said, f"echo '{RETRY}' >&2; echo '{MENDED}' >&2; sleep 2.5", deadlines=deadlines).ok


def test_a_server_that_keeps_failing_ends_the_command(tmp_path: Path, said: Output) -> None:
    script = f"trap 'exit 130' TERM; while true; do echo '{RETRY}' >&2; sleep 0.2; done"
    ended = run(tmp_path, said, script)
    assert (ended.error_class, ended.code) == ("Unreachable", 130)
    assert ended.cause == "Load(<index/0a1b>, 0, 0) failed: 500 Internal Server Error"


def test_a_process_that_does_not_heed_a_signal_is_killed(tmp_path: Path, said: Output) -> None:
    script = f"trap '' TERM; while true; do echo '{RETRY}' >&2; sleep 0.2; done"
    ended = run(tmp_path, said, script, deadlines=Deadlines(contact_seconds=1, kill_seconds=0.5))
    assert (ended.error_class, ended.code) == ("Unreachable", 137)


BRIEF = Deadlines(contact_seconds=60, stall_seconds=1, kill_seconds=5)


def python(folder: Path, *lines: str) -> str:
    """Return the script that runs a program of these lines."""
    (folder / "program.py").write_text("\n".join([f"PIPE = '{folder}/pipe'", *lines]), encoding="utf-8")
    return f"exec {sys.executable} -u {folder / 'program.py'}"


STATUS = "print(json.dumps({'message_type': 'status', 'seconds_elapsed': i, 'bytes_done': 1000, 'total_files': 3}))"


@pytest.mark.parametrize(
    "lines",
    [
        ("import signal", "signal.pause()"),
        ("import json, time", "for i in range(1000):", f"    {STATUS}", "    time.sleep(0.5)"),
        # Nobody opens its other end.
        ("import os", "os.mkfifo(PIPE)", "open(PIPE, 'w')"),
    ],
    ids=["silent", "says the same again and again", "opens a pipe that nobody reads"],
)
def test_a_process_that_does_nothing_is_ended_although_it_complains_of_nothing(
    tmp_path: Path, said: Output, lines: tuple[str, ...]
) -> None:
    ended = run(tmp_path, said, python(tmp_path, *lines), deadlines=BRIEF)
    assert ended.error_class == "Stalled"
    assert ended.cause == "restic has done nothing for 1 s: it has read, written and computed nothing"


@pytest.mark.parametrize(
    "work",
    [
        *("sum(range(300_000))", "open('/dev/zero', 'rb').read(4096)"),
        *(f"print(json.dumps(status | {{'{number}': i}}))" for number in ("total_files", "files_deleted")),
    ],
    ids=["computes", "reads", "finds files", "has deleted files"],
)
def test_a_process_that_does_something_is_waited_for_however_silent_it_is(
    tmp_path: Path, said: Output, work: str
) -> None:
    loop = ("import json, time", "status = {'message_type': 'status'}", "for i in range(40):", f"    {work}")
    assert run(tmp_path, said, python(tmp_path, *loop, "    time.sleep(0.05)"), deadlines=BRIEF).ok


def test_a_restore_that_deletes_is_waited_for_before_it_tells_of_it(tmp_path: Path, said: Output) -> None:
    # In a file system of its own, where nobody else deletes.
    with tempfile.TemporaryDirectory(dir="/dev/shm") as volume:
        for number in range(10):
            (Path(volume) / str(number)).touch()
        lines = ("import os, time", "for name in os.listdir('.'):", "    time.sleep(0.3)", "    os.unlink(name)")
        program = tmp_path / "restic"
        program.write_text(f"#!/bin/sh\n{python(tmp_path, *lines)}\n", encoding="utf-8")
        program.chmod(0o755)
        restic = Restic({"PATH": os.environ["PATH"]}, volume, BRIEF, said.log.append, program=str(program))
        assert restic.run("restore", "--delete").ok
        assert not os.listdir(volume)


def test_a_repository_that_is_never_heard_of_is_unreachable_by_the_deadline_of_contact(
    tmp_path: Path, said: Output
) -> None:
    script = "trap 'exit 130' TERM; sleep 60 >/dev/null 2>&1 & wait"
    deadlines = Deadlines(contact_seconds=1, stall_seconds=60, kill_seconds=5)
    env = {"PATH": os.environ["PATH"], "RESTIC_REPOSITORY": "gs:bucket:/"}
    ended = run(tmp_path, said, script, deadlines=deadlines, env=env)
    assert (ended.error_class, ended.cause) == ("Unreachable", "nothing was heard of the repository for 1 s")


SILENT_FOR_LONG = f"trap 'exit 130' TERM; sleep {2.5} & wait"
HASTY = Deadlines(contact_seconds=1, stall_seconds=60)


@pytest.mark.parametrize("place", ["gs:bucket:/", "rest:http://127.0.0.1:1/"])
def test_a_repository_that_is_silent_from_the_first_is_unreachable_by_the_deadline_of_contact(
    tmp_path: Path, said: Output, place: str
) -> None:
    env = {"PATH": os.environ["PATH"], "RESTIC_REPOSITORY": place, "RESTIC_CACHE_DIR": str(tmp_path / "cache")}
    ended = run(tmp_path, said, SILENT_FOR_LONG, deadlines=HASTY, env=env)
    assert (ended.error_class, ended.cause) == ("Unreachable", "nothing was heard of the repository for 1 s")


@pytest.mark.parametrize("place", ["gs:bucket:/", "rest:http://127.0.0.1:1/"])
@pytest.mark.parametrize(
    "opens",
    ["mkdir -p $RESTIC_CACHE_DIR/0a1b", """echo '{"message_type":"status"}'"""],
    ids=["has entered it in its cache", "tells of its work"],
)
def test_a_repository_that_was_opened_may_take_longer_than_the_deadline_of_contact(
    tmp_path: Path, said: Output, place: str, opens: str
) -> None:
    env = {"PATH": os.environ["PATH"], "RESTIC_REPOSITORY": place, "RESTIC_CACHE_DIR": str(tmp_path / "cache")}
    assert run(tmp_path, said, f"{opens}; {SILENT_FOR_LONG}", deadlines=HASTY, env=env).ok


def test_a_child_that_keeps_the_output_open_keeps_nobody_waiting(tmp_path: Path, said: Output) -> None:
    deadlines = Deadlines(stall_seconds=600, kill_seconds=0.5)
    ended = run(tmp_path, said, f"sleep 600 & echo $! > {tmp_path}/child; exit 0", deadlines=deadlines)
    os.kill(int((tmp_path / "child").read_text()), signal.SIGKILL)
    assert ended.ok


CHECKED = '{"message_type":"summary","num_errors":2}'
FATAL = '{"message_type":"exit_error","code":1,"message":"Fatal: repository contains errors"}'
PACK = "Load(<data/42d2682e39>, 903, 0)"


def of_check(*messages: str) -> str:
    """Return what `check` says of these errors."""
    lines = [json.dumps({"message_type": "error", "message": text}) for text in messages]
    return "; ".join(f"echo '{line}' >&2" for line in lines)


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ((f"{PACK} failed: <data/42d2682e39> does not exist", "pack 42d2682e: does not exist\n"), True),
        (("pack 42d2 contains 1 errors: ciphertext verification failed",), True),
        ((f"{PACK} failed: unexpected HTTP response (403): 403 Forbidden", "pack 42d2: does not exist"), False),
        ((f"{PACK} failed: client.GetObject: Access Denied.",), False),
        (("error for tree c433fa4c:\n", "  ReadFull(<data/42d2>): unexpected HTTP response (503): 503 Busy\n"), False),
        (
            # A short trouble that has passed takes nothing away from what was found.
            (f"{PACK} returned error, retrying after 1s: EOF", f"{PACK} operation successful after 1 retries", "x"),
            True,
        ),
    ],
)
def test_a_check_has_found_damage_only_if_nothing_kept_it_from_looking(
    tmp_path: Path, said: Output, messages: tuple[str, ...], expected: bool
) -> None:
    ended = run(tmp_path, said, f"{of_check(*messages)}; echo '{CHECKED}'; echo '{FATAL}' >&2; exit 1")
    assert ended.found_damage is expected
    assert (ended.error_class == "RepositoryDamaged") is expected


def test_a_check_that_cannot_reach_the_server_is_ended_by_the_deadline_and_finds_no_damage(
    tmp_path: Path, said: Output
) -> None:
    retry = of_check(f"{PACK} returned error, retrying after 1s: unexpected HTTP response (503): 503 Busy")
    # What restic counts when it is told to stop.
    (tmp_path / "counted").write_text(CHECKED + "\n", encoding="utf-8")
    script = f"trap 'cat {tmp_path}/counted; exit 130' TERM; while true; do {retry}; sleep 0.2; done"
    ended = run(tmp_path, said, script)
    assert ended.message("summary") == {"message_type": "summary", "num_errors": 2}
    assert (ended.error_class, ended.found_damage) == ("Unreachable", False)


@pytest.mark.parametrize("code", [1, 130])
def test_a_check_that_was_stopped_has_found_no_damage(tmp_path: Path, said: Output, code: int) -> None:
    # What it was kept from it counts as errors, and the version of restic decides how it ends.
    (tmp_path / "counted").write_text(CHECKED + "\n", encoding="utf-8")
    script = f"trap 'cat {tmp_path}/counted; exit {code}' TERM; sleep 60 >/dev/null 2>&1 & wait"
    ended = run(tmp_path, said, script, deadlines=BRIEF)
    assert ended.message("summary") == {"message_type": "summary", "num_errors": 2}
    assert (ended.error_class, ended.found_damage) == ("Stalled", False)


def test_an_answer_that_will_not_change_ends_the_command_with_what_to_do(tmp_path: Path, said: Output) -> None:
    retry = "Stat(<config/>) returned error, retrying after 1s: Stat: The provided token has expired."
    ended = run(tmp_path, said, f"trap 'exit 130' TERM; echo '{retry}' >&2; sleep 60 >/dev/null 2>&1 & wait")
    assert ended.error_class == "AccessDenied"
    assert ended.cause.startswith("Stat(<config/>) failed: Stat: The provided token has expired.; renew AWS_SESSION_")


def test_a_code_on_a_further_line_of_an_answer_counts(tmp_path: Path, said: Output) -> None:
    first = "Stat(<config/>) returned error, retrying after 1s: blob.GetProperties: HEAD https://a.b/c"
    lines = [first, "-" * 80, "RESPONSE 400: 400 Bad Request", "ERROR CODE: InvalidResourceName", "-" * 80]
    printed = "; ".join(f"echo '{line}' >&2" for line in lines)
    ended = run(tmp_path, said, f"trap 'exit 130' TERM; {printed}; sleep 60 >/dev/null 2>&1 & wait")
    assert ended.error_class == "Configuration"
    assert "RESPONSE 400: 400 Bad Request; ERROR CODE: InvalidResourceName; correct the name of" in ended.cause


def test_a_backup_whose_old_trees_are_refused_has_not_found_damage(tmp_path: Path, said: Output) -> None:
    refused = "unexpected HTTP response (403): 403 Forbidden"
    text = f"tree c433 could not be loaded; the repository could be damaged: ReadFull(<data/42>): {refused}"
    error = json.dumps({"message_type": "error", "error": {"message": text}, "during": "archival", "item": "/"})
    ended = run(tmp_path, said, f"echo '{PACK} failed: {refused}' >&2; echo '{error}' >&2; exit 3")
    assert not ended.damaged
    without = run(tmp_path, said, f"echo '{error.replace(refused, 'not found')}' >&2; exit 3")
    assert without.damaged


def test_what_comes_after_the_end_was_decided_is_not_logged(tmp_path: Path, said: Output) -> None:
    missing = "Stat(<config/>) returned error, retrying after 1s: The specified bucket does not exist"
    script = f"trap 'echo signal terminated received >&2; exit 130' TERM; echo '{missing}' >&2"
    script += "; sleep 60 >/dev/null 2>&1 & wait"
    ended = run(tmp_path, said, script)
    assert (ended.error_class, ended.missing_bucket) == ("RepositoryMissing", True)
    assert said.log == []


def test_a_line_that_overwrites_itself_is_told_as_it_stood_last(tmp_path: Path, said: Output) -> None:
    run(tmp_path, said, r"printf '10 %%\r20 %%\r\n' >&2; printf '30 %%\r\n'")
    assert (said.log, said.progress) == (["20 %"], ["30 %"])


def errors(count: int) -> str:
    line = '{"message_type":"error","error":{"message":"open f%d: permission denied"},"during":"%s","item":"/data/f%d"}'
    return f"""for i in $(seq {count}); do printf '{line}\\n' "$i" archival "$i"; done >&2"""


def test_errors_are_counted_without_bound_and_told_up_to_one(tmp_path: Path, said: Output) -> None:
    summary = '{"message_type":"summary","snapshot_id":"0123"}'
    ended = run(tmp_path, said, f"echo '{summary}'; {errors(1000)}; exit 3")
    assert (ended.failed, len(ended.items), ended.items[0]) == (1000, 200, "/data/f1")
    assert ended.message("summary")["snapshot_id"] == "0123"
    assert said.log[0] == "error: /data/f1: open f1: permission denied"
    assert said.log[200:] == ["error: and 800 more"]


def test_an_item_that_is_met_twice_counts_once(tmp_path: Path, said: Output) -> None:
    ended = run(tmp_path, said, f"{errors(3)}; {errors(3).replace('archival', 'scan')}; exit 3")
    assert ended.failed == 3
    assert len(said.log) == 3


def test_the_first_of_many_errors_is_the_cause(tmp_path: Path, said: Output) -> None:
    fatal = '{"message_type":"exit_error","code":1,"message":"Fatal: There were 1000 errors"}'
    ended = run(tmp_path, said, f"{errors(1000)}; echo '{fatal}' >&2; exit 1")
    assert ended.cause.startswith("There were 1000 errors; the first: open f1: permission denied; ")


@pytest.mark.parametrize(
    ("command", "in_the_volume"), [("backup", True), ("restore", True), ("init", False), ("forget", False)]
)
def test_only_what_reads_or_writes_the_volume_runs_in_it(
    tmp_path: Path, said: Output, command: str, in_the_volume: bool
) -> None:
    ended = run(tmp_path, said, "pwd >&2", command=command)
    assert ended.said.lines == (str(tmp_path) if in_the_volume else "/",)


SECRET = "canary-of-the-test"


@pytest.mark.parametrize("message", ["error", "complaint", "exit_error", "line"])
def test_no_half_of_a_secret_is_in_what_is_kept_of_a_long_message(tmp_path: Path, said: Output, message: str) -> None:
    # Names are cut at their beginning, texts at their end.
    item, text = f"/{'d' * 100}{SECRET}{'x' * 290}", "y" * 4090 + SECRET
    line = {
        "error": json.dumps({"message_type": "error", "error": {"message": text}, "during": "archival", "item": item}),
        "complaint": json.dumps({"message_type": "error", "message": text}),
        "exit_error": json.dumps({"message_type": "exit_error", "code": 1, "message": text}),
        "line": text,
    }[message]
    (tmp_path / "line").write_text(line + "\n", encoding="utf-8")
    script = f"cat {tmp_path}/line >&2; exit 1"
    ended = run(tmp_path, said, script, redact=lambda whole: whole.replace(SECRET, "***"))
    kept = "".join((*ended.items, *ended.said.lines, *ended.said.errors, *said.log))
    assert "y" * 4000 in kept
    assert "canary" not in kept
    assert "-test" not in kept


def test_a_secret_is_hidden_before_a_message_is_cut(tmp_path: Path, said: Output) -> None:
    text = "x" * 390 + "canary-of-the-test"
    script = f'echo \'{{"message_type":"exit_error","code":1,"message":"{text}"}}\' >&2; exit 1'
    ended = run(tmp_path, said, script, redact=lambda whole: whole.replace("canary-of-the-test", "***"))
    assert ended.cause.endswith("***")
    assert "canary" not in ended.cause
