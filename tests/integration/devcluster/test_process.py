"""The cluster's process: what it leaves behind, and what it says when it cannot go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hack.processes import ROOT, DevCluster, Process, free_ports, wait_until


def children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


def test_the_end_of_the_process_that_runs_the_pods_ends_the_cluster_with_a_sentence(tmp_path: Path) -> None:
    one = DevCluster(tmp_path)
    (runtime,) = children(one.process.pid)
    os.kill(runtime, signal.SIGKILL)
    assert one.process.wait(20) == 1
    assert one.log.read_text(encoding="utf-8").splitlines()[-1] == (
        "devcluster: the process that runs the pods has ended"
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_folder_of_its_own_goes_with_the_cluster(tmp_path: Path, number: int) -> None:
    command = [sys.executable, "-m", "hack.devcluster"]
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "KUBECONFIG=" in process.stdout.readline()
        assert "READY" in process.stdout.readline()
        assert len(list(tmp_path.iterdir())) == 1
        process.send_signal(number)
        assert process.wait(30) == 0
    assert list(tmp_path.iterdir()) == []


def test_what_a_program_started_ends_with_it_even_if_it_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys, threading, time; from pathlib import Path; from hack.processes import Process\n"
        "made = lambda: print(Process('sleeper', ['sleep', '600'], Path(sys.argv[1])).process.pid, flush=True)\n"
        # The thread that asks ends long before the program: what it started must not.
        "one = threading.Thread(target=made); one.start(); one.join(); time.sleep(600)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        stat = Path(f"/proc/{int(program.stdout.readline())}/cmdline")
        wait_until("the command", lambda: stat.read_bytes() == b"sleep\x00600\x00")
        program.kill()
        program.wait()
    wait_until("its end", lambda: not stat.exists() or stat.read_bytes() == b"")


def test_a_process_that_never_works_is_ended(tmp_path: Path) -> None:
    one = Process("never", ["sleep", "600"], tmp_path)

    def fail() -> bool:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        one.wait_until("never", fail)
    assert one.process.poll() is not None


def test_ports_taken_together_differ() -> None:
    assert len(set(free_ports(200))) == 200
