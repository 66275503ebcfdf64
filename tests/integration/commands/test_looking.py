"""What is in snapshots: listed, compared, found, written out and proved, all by one pod that waits."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.processes import DevCluster, wait_until
from tests.integration.commands.asking import command, into_full_disk
from tests.integration.commands.repository import HERE, NUMBERS, left


@pytest.fixture(scope="module")
def waiting(asks: DevCluster) -> Iterator[DevCluster]:
    """The repository's namespace, with a pod that waits for questions."""
    command(asks.kubeconfig, "snapshots", "db", *HERE, "--keep", "10m")
    yield asks
    command(asks.kubeconfig, "snapshots", "db", *HERE, "--keep", "0s")
    wait_until("the end of the pod", lambda: not left(asks), 20)


def test_a_folder_is_listed_and_all_below_it_if_asked(waiting: DevCluster) -> None:
    root = command(waiting.kubeconfig, "ls", "db", *HERE)
    assert root.stdout.split() == ["/a.txt", "/counter", "/folder/", "/link@", "/numbers"], root.stderr
    deep = command(waiting.kubeconfig, "ls", "db", "latest", "folder", "-R", "-o", "name", *HERE)
    assert deep.stdout.split() == ["/folder/deep", "/folder/deep/b.txt"]
    old = command(waiting.kubeconfig, "ls", "db", "--previous", "2", "/a.txt", "-l", *HERE)
    assert old.stdout.split()[:4] == ["-rw-r--r--", "0:0", "6", "B"]
    none = command(waiting.kubeconfig, "ls", "db", "/nope", *HERE)
    assert (none.returncode, none.stdout) == (1, "")
    assert "there is no /nope in this snapshot" in none.stderr
    assert len(left(waiting)) == 2


def test_snapshots_are_compared_counted_and_searched(waiting: DevCluster) -> None:
    newest, older, _ = command(waiting.kubeconfig, "snapshots", "db", "-o", "name", *HERE).stdout.split()
    changed = command(waiting.kubeconfig, "diff", "db", older[:8], newest, *HERE)
    assert changed.stdout.split() == ["changed", "/counter"], changed.stderr
    assert "changed 1 file" in changed.stderr
    found = command(waiting.kubeconfig, "find", "db", "b*.txt", *HERE)
    assert [line.split()[-1] for line in found.stdout.splitlines()] == ["/folder/deep/b.txt"] * 3
    assert "3 matches in 3 snapshots" in found.stderr
    nothing = command(waiting.kubeconfig, "find", "db", "zzz", *HERE)
    assert nothing.returncode == 1
    assert "nothing is called zzz" in nothing.stderr
    as_data = command(waiting.kubeconfig, "find", "db", "zzz", "-o", "json", *HERE)
    assert (as_data.returncode, as_data.stdout, as_data.stderr) == (1, "[]\n", nothing.stderr.splitlines()[-1] + "\n")
    counted = command(waiting.kubeconfig, "stats", "db", *HERE)
    assert [line.split("  ")[0] for line in counted.stdout.splitlines()] == ["latest snapshot", "repository"]
    assert "4 snapshots" in counted.stdout


def test_bytes_are_those_of_the_file(waiting: DevCluster, tmp_path: Path) -> None:
    program = [str(Path(sys.executable).with_name("volsync-py")), "cat", "db", "/numbers", *HERE]
    env = {**os.environ, "KUBECONFIG": str(waiting.kubeconfig)}
    done = subprocess.run(program, env=env, capture_output=True, check=True)
    assert hashlib.sha256(done.stdout).hexdigest() == hashlib.sha256(NUMBERS).hexdigest()
    nobody = command(waiting.kubeconfig, "cat", "db", "ffffffff", "/numbers", *HERE)
    assert "NoEligibleSnapshot: " in nobody.stderr
    missing = command(waiting.kubeconfig, "cat", "db", "latest", "/nope", *HERE)
    assert (missing.returncode, missing.stdout) == (1, "")
    assert 'path "/nope" not found in snapshot' in missing.stderr


def test_bytes_that_find_no_room_are_a_sentence(waiting: DevCluster) -> None:
    code, said = into_full_disk(waiting.kubeconfig, "cat", "db", "/numbers", *HERE)
    assert code == 1
    assert said.endswith("volsync-py cat: standard output cannot be written: No space left on device\n")
    assert "Traceback" not in said


def test_what_is_downloaded_is_proved_and_stays_in_its_folder(waiting: DevCluster, tmp_path: Path) -> None:
    here = ("-o", str(tmp_path), *HERE)
    one = command(waiting.kubeconfig, "download", "db", "/numbers", "/folder", *here)
    assert one.returncode == 0, one.stderr
    assert hashlib.sha256(NUMBERS).hexdigest() in one.stdout
    assert (tmp_path / "numbers").read_bytes() == NUMBERS
    assert (tmp_path / "folder" / "deep" / "b.txt").read_text(encoding="utf-8") == "world\n"
    again = command(waiting.kubeconfig, "download", "db", "/numbers", *here)
    assert (again.returncode, "is there already" in again.stderr) == (1, True)
    none = command(waiting.kubeconfig, "download", "db", "/none", "-o", str(tmp_path / "none"), *HERE)
    assert (none.returncode, none.stdout) == (1, "")
    whole = command(waiting.kubeconfig, "download", "db", "--previous", "1", "/", *here)
    assert whole.returncode == 0, whole.stderr
    assert (tmp_path / "db" / "counter").read_text(encoding="utf-8") == "1\n"
    # A link to /etc/passwd is none that belongs here.
    assert (
        "1 entry is left out, which could lead out of the folder, are no files or have no place of their own: /link"
        in whole.stderr
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["db", "folder", "numbers"]
    assert sorted(path.name for path in (tmp_path / "db").iterdir()) == ["a.txt", "counter", "folder", "numbers"]
