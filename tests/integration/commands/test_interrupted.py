"""Ctrl-C, whatever a command does just then: its own exit code, nothing left behind, and a word of what goes on."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hack.processes import DevCluster, wait_until
from tests.integration.commands.asking import read_until, started
from tests.integration.commands.repository import HERE, JOBS, PODS, left, phase, pods

# Where a command is: the cluster, its process and the folder that it writes into.
Moment = Callable[[DevCluster, "subprocess.Popen[str]", Path], None]
MOVER = "volsync-src-db-sleeps"


def its_job_is_there(cluster: DevCluster, process: subprocess.Popen[str], folder: Path) -> None:
    wait_until("the Job", lambda: any(one["metadata"]["name"] != MOVER for one in cluster.get(JOBS)["items"]))


def its_pod_runs(cluster: DevCluster, process: subprocess.Popen[str], folder: Path) -> None:
    asked = "volsync-ask-"
    wait_until("a pod", lambda: any(phase(cluster, n) == "Running" for n in pods(cluster) if n.startswith(asked)))


def it_writes(cluster: DevCluster, process: subprocess.Popen[str], folder: Path) -> None:
    wait_until("a file that is not whole", lambda: any(folder.glob(".volsync-py-*")))


def says(text: str) -> Moment:
    def until_it_says(cluster: DevCluster, process: subprocess.Popen[str], folder: Path) -> None:
        read_until(process.stderr, text)

    return until_it_says


@pytest.mark.parametrize(
    ("words", "moment", "goes_on"),
    [
        ("snapshots db", its_job_is_there, ""),
        ("snapshots db", its_pod_runs, ""),
        ("snapshots db --keep 10m", its_pod_runs, ""),
        ("download db /numbers -o FOLDER", it_writes, ""),
        ("download db / -o FOLDER", it_writes, ""),
        ("doctor db --all", its_job_is_there, ""),
        ("logs db -f", says("log of the pod"), ""),
        (
            "prove db --wait",
            says("db: "),
            "db: you no longer wait, and the verification goes on; volsync-py status says",
        ),
    ],
)
def test_who_is_interrupted_leaves_nothing_behind(
    asks: DevCluster, mover: str, tmp_path: Path, words: str, moment: Moment, goes_on: str
) -> None:
    with started(asks.kubeconfig, *words.replace("FOLDER", str(tmp_path)).split(), *HERE) as process:
        moment(asks, process, tmp_path)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    # A shell goes on in a line of its own.
    assert said.strip().startswith(goes_on) if goes_on else not said.strip()
    assert list(tmp_path.iterdir()) == []
    wait_until("the end of Job and pod", lambda: left(asks) == [mover], 5)


@pytest.fixture
def mover(asks: DevCluster) -> Iterator[str]:
    """A mover of the source that runs until the test ends."""
    asks.ask("POST", PODS, sleeping())
    wait_until("the mover", lambda: phase(asks, MOVER) == "Running")
    yield MOVER
    asks.ask("DELETE", f"{PODS}/{MOVER}")
    wait_until("its end", lambda: MOVER not in pods(asks))


def sleeping() -> dict[str, Any]:
    container = {"name": "restic", "image": "local", "command": ["sh", "-c", "echo one; exec sleep 600"]}
    spec = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 0, "containers": [container]}
    return {"metadata": {"name": MOVER, "labels": {"job-name": "volsync-src-db"}}, "spec": spec}
