"""What a command's start costs, and `volsync-py status` with many sources: requests and time, beside `kubectl get`.

`python -m tests.bench.commands [SOURCES]`, on a development cluster of its own; 0 sources: starts alone, of an
installation of its own.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import Any

from hack.processes import ROOT, DevCluster
from hack.tool_cache import tool_path
from volsync_py.commands.table import COMMANDS

VOLSYNC = "/apis/volsync.backube/v1alpha1/namespaces/default/replicationsources"
ROUNDS = 5
# A start is short: of so many the shortest is the one that nobody disturbed.
STARTS = 9


def source(number: int) -> dict[str, Any]:
    """Return a source; each hundredth fails."""
    return {
        "metadata": {"name": f"s{number}"},
        "spec": {
            "sourcePVC": "data",
            "trigger": {"schedule": "0 * * * *"},
            "restic": {
                "repository": f"repository-{number}",
                "copyMethod": "Snapshot",
                "retain": {"hourly": 6, "daily": 7},
            },
        },
    }


def status(number: int, hour: str, following: str) -> dict[str, Any]:
    """Return what a source's status holds after a run."""
    healthy = number % 100 != 0
    said = [("Synchronizing", False, "WaitingForSchedule"), ("Healthy", healthy, "Succeeded" if healthy else "Stalled")]
    return {
        "observedGeneration": 1,
        "lastSyncTime": hour,
        "lastSyncDuration": "41.2s",
        "nextSyncTime": following,
        "latestMoverStatus": {"result": "Successful", "logs": "processed 1000 files, 1.2 GiB in 0:41\n" * 12},
        "restic": {
            "repositoryHash": f"{number:016x}",
            "lastSnapshot": {"id": "a" * 64, "time": hour, "filesNew": 1, "bytesProcessed": 2**30, "bytesAdded": 2**20},
            "snapshots": {"count": 13, "oldest": hour, "newest": hour},
        },
        "conditions": [
            {
                "type": kind,
                "status": str(well),
                "reason": reason,
                "message": "a cause of some length – and what to do about it",
                "lastTransitionTime": hour,
            }
            for kind, well, reason in said
        ],
    }


def seconds(command: list[str], code: int) -> str:
    """Return the median time of a command that ends with a code, and how much of it is the processor's."""
    walls, processors = [], []
    for _ in range(ROUNDS):
        started, before = time.perf_counter(), processor_seconds()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        walls.append(time.perf_counter() - started)
        processors.append(processor_seconds() - before)
        assert done.returncode == code, done.stderr
    return f"{statistics.median(walls):.2f} s ({statistics.median(processors):.2f} s of the processor)"


def processor_seconds() -> float:
    """Return what the processes that have ended took of the processor."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def installed(folder: Path) -> Path:
    """Install the project as people do, and return the folder of its programs.

    An editable installation has every interpreter import more at its start, also the bare one.
    """
    venv.create(folder, with_pip=True)
    subprocess.run([folder / "bin/python", "-m", "pip", "install", "--quiet", f"{ROOT}[cli,browse]"], check=True)
    return folder / "bin"


def starts(programs: Path) -> None:
    """Print how long the help of each command takes, as a multiple of a bare interpreter; all take turns."""
    python, volsync_py = str(programs / "python"), str(programs / "volsync-py")
    alone = {
        "a bare interpreter": [python, "-c", "pass"],
        "argparse alone": [python, "-c", "import argparse"],
        "click alone": [python, "-c", "import click"],
        "ssl alone": [python, "-c", "import ssl"],
        # What a program without any library needs that asks an API server.
        "Python's HTTPS client": [python, "-c", "import argparse, json, ssl, http.client"],
    }
    commands = {"version": [volsync_py, "version"]}
    commands |= {name: [volsync_py, name, "--help"] for name in sorted(COMMANDS)}
    least: dict[str, float] = {}
    for _ in range(STARTS):
        for name, command in (alone | commands).items():
            before = processor_seconds()
            subprocess.run(command, capture_output=True, check=True)
            took = processor_seconds() - before
            least[name] = min(took, least.get(name, took))
    bare = least["a bare interpreter"]
    print(f"a bare interpreter: {bare * 1000:.0f} ms of the processor; as multiples of that, and in ms:")
    for name, took in least.items():
        print(f"  {name:24} {took / bare:4.1f} {took * 1000:4.0f}")


def main() -> None:
    """Make the sources, ask for them, and print what it took."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as folder:
        starts(installed(Path(folder)))
    if not number:
        return
    with tempfile.TemporaryDirectory() as folder:
        cluster = DevCluster(Path(folder))
        try:
            now = time.time()
            hour, following = (
                time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + offset)) for offset in (-1800, 1800)
            )
            for one in range(number):
                cluster.ask("POST", VOLSYNC, source(one))
                path, changes = f"{VOLSYNC}/s{one}/status", {"status": status(one, hour, following)}
                cluster.ask("PATCH", path, changes, "application/merge-patch+json")
            file = f"--kubeconfig={cluster.kubeconfig}"
            ours = {}
            for words in (["status"], ["status", "-A"]):
                cluster.admin("clear")
                took = seconds(["volsync-py", *words, file], 1)
                made = [r for r in cluster.admin("requests")["requests"] if r["agent"].startswith("volsync-py")]
                ours[" ".join(words)] = f"{took} with {len(made) / ROUNDS:g} requests"
            bare = seconds([sys.executable, "-c", "pass"], 0)
            kubectl = seconds([str(tool_path("kubectl")), file, "get", "replicationsources"], 0)
        finally:
            cluster.stop()
    for typed, cost in ours.items():
        print(f"{number} sources: volsync-py {typed} {cost};")
    print(f"kubectl get replicationsources {kubectl}; a bare interpreter {bare}")


if __name__ == "__main__":
    main()
