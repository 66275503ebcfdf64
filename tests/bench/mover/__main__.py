"""What the mover costs over the restic commands that it runs: `python -m tests.bench.mover --help`.

Three ways to do the same work on the same data, in turns: this mover; `backup` and `forget` in one shell; and the
sequence `version; cat config; backup; forget` of VolSync's mover. Printed are medians, and ratios to the second.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from attrs import frozen

from hack.processes import S3Server
from hack.tool_cache import tool_path
from tests.bench.mover.proxy import CountingProxy
from tests.integration.mover.harness import Mover

FILES = {"500 MB": (5_000, 100_000), "200 MB": (50_000, 4_000), "quick": (500, 10_000)}
OPTIONS = "--host volsync --group-by host,paths"
FORGET = f"forget {OPTIONS} --path {{data}} --keep-last {{keep}}"


@frozen
class Run:
    """One run of one way."""

    wall: float
    cpu: float
    requests: int
    processes: int


class Bench:
    """One repository on an S3 server, one volume, one cache."""

    def __init__(self, folder: Path, s3: S3Server, name: str) -> None:
        self.proxy = CountingProxy(s3.port)
        bins = folder / "bin"
        bins.mkdir(exist_ok=True)
        self.count = folder / "processes"
        wrapper = bins / "restic"
        wrapper.write_text(f'#!/bin/sh\necho >> "{self.count}"\nexec "{tool_path("restic")}" "$@"\n')
        wrapper.chmod(0o755)
        url = f"s3:http://127.0.0.1:{self.proxy.port}/bench/{name}"
        keys = {"AWS_ACCESS_KEY_ID": s3.ACCESS, "AWS_SECRET_ACCESS_KEY": s3.SECRET}
        self.mover = Mover(folder / name, url, {**keys, "PATH": f"{bins}:{os.environ['PATH']}"})

    def fill(self, files: int, size: int) -> None:
        """Write the volume."""
        for number in range(files):
            path = self.mover.data / str(number // 100) / str(number)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(os.urandom(size))

    def measure(self, do: Callable[[], None]) -> Run:
        """Run one way once."""
        self.count.write_text("")
        self.proxy.take()
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        do()
        wall, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Run(wall, cpu, self.proxy.take(), len(self.count.read_text().splitlines()))

    def with_mover(self, keep: int) -> None:
        """Back up with this mover."""
        self.mover.environ["FORGET_OPTIONS"] = f"--keep-last {keep}"
        process = self.mover.start("backup")
        out, _ = process.communicate()
        if process.returncode:
            raise SystemExit(out)

    def with_shell(self, *commands: str) -> None:
        """Back up with the commands themselves."""
        env = self.mover.environment()
        env["RESTIC_PROGRESS_FPS"] = "0.2"
        script = " && ".join(f"restic {command} --json > /dev/null" for command in commands)
        subprocess.run(["sh", "-c", script], cwd=self.mover.data, env=env, check=True)

    def forget_record(self) -> None:
        """Take the mover's record away, so that retention is due."""
        (self.mover.cache / "volsync-py-retention.json").unlink(missing_ok=True)


def compare(bench: Bench, label: str, rounds: int, *, retention: bool) -> None:
    """Run the three ways in turns, and print a line each."""
    keep = 3 if retention else 1_000_000
    backup = f"backup . --host volsync --exclude {bench.mover.data}/lost+found"
    forget = [FORGET.format(data=bench.mover.data, keep=keep)] if retention else []
    ways: dict[str, Callable[[], None]] = {
        "backup; forget" if retention else "backup": lambda: bench.with_shell(backup, *forget),
        "this mover": lambda: bench.with_mover(keep),
        "VolSync's sequence": lambda: bench.with_shell("version", "cat config", backup, *forget),
    }
    # Everything is warm, and what the mover remembers of the retention is there.
    bench.with_mover(keep)
    found: dict[str, list[Run]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, do in ways.items():
            if retention:
                bench.forget_record()
            found[name].append(bench.measure(do))
    floor = next(iter(found.values()))
    for name, runs in found.items():
        ratios = {
            what: statistics.median(getattr(a, what) / getattr(b, what) for a, b in zip(runs, floor, strict=True))
            for what in ("wall", "cpu", "requests")
        }
        print(
            f"{label:34}{name:20}{int(statistics.median(r.processes for r in runs)):3} processes"
            f"{int(statistics.median(r.requests for r in runs)):6} requests ({ratios['requests']:.2f} x)"
            f"{statistics.median(r.wall for r in runs):8.2f} s ({ratios['wall']:.2f} x)"
            f"{statistics.median(r.cpu for r in runs):8.2f} CPU-s ({ratios['cpu']:.2f} x)",
            flush=True,
        )


def start_up() -> None:
    """Print what Python itself costs: the imports, in time and memory."""
    code = "import time; t = time.perf_counter(); import volsync_py.pod.runner, resource, json;"
    code += "print(json.dumps([time.perf_counter() - t, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]))"
    done = [
        json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        for _ in range(5)
    ]
    seconds, kib = (statistics.median(column) for column in zip(*done, strict=True))
    print(f"start-up: imports {seconds:.3f} s, {kib / 1024:.0f} MiB resident")


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.mover")
    parser.add_argument("--data", action="append", choices=list(FILES), help="which volume (again and again)")
    parser.add_argument("--rounds", type=int, default=7, help="paired runs")
    args = parser.parse_args()
    start_up()
    folder = Path(tempfile.mkdtemp(prefix="bench-mover-"))
    s3 = S3Server(folder / "s3")
    try:
        for name in args.data or ["500 MB", "200 MB"]:
            bench = Bench(folder, s3, name.replace(" ", "").lower())
            bench.fill(*FILES[name])
            bench.mover("backup")
            compare(bench, f"{name} unchanged, no retention due", args.rounds, retention=False)
            compare(bench, f"{name} unchanged, with retention", args.rounds, retention=True)
    finally:
        s3.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
