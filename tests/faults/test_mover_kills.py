"""A running mover is killed again and again, at any moment, with everything that belongs to it.

The next one must go on without a person: no lock in its way, nothing lost, a repository in which every byte is
right. The moments are random; the seed is printed and can be given in VOLSYNC_PY_SEED.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from contextlib import nullcontext
from pathlib import Path

import pytest

from hack.processes import wait_until
from tests.faults.telling import Tell
from tests.integration.mover.foreign import foreign_client
from tests.integration.mover.harness import PASSWORD, Mover, tree

TITLE = "a mover, killed"
KILLS = 100
# Of those, as many are meant for forget and prune; at least twenty must hit.
IN_MAINTENANCE, LEAST_IN_MAINTENANCE = 40, 20
# What a mover says first, and when its upkeep begins.
ANY, MAINTENANCE = "Starting container", ["Starting forget", "Starting prune"]
# How often each kind of run is told to stop.
STOPS = 12
# How often somebody else works on the repository at the same time.
FOREIGN_EVERY = 10
# Came to its end before the moment that was drawn; another one is drawn then.
ENDED = "ended before"


def killed_at(mover: Mover, operations: list[str], phase: str, delay: float) -> str:
    """Start a mover and kill it `delay` seconds after it has said `phase`; return the last phase that it was in."""
    process = mover.start(*operations)
    assert process.stdout is not None
    last = ""
    for line in process.stdout:
        last = line if line.startswith("=== ") else last
        if phase in line:
            break
    try:
        process.wait(delay)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
    rest, _ = process.communicate()
    # A node starts no other pod before nothing is left of this one, and restic may take longer to end than its parent.
    wait_until("the end of what it has started", lambda: not has_members(process.pid))
    said = [line for line in rest.splitlines() if line.startswith("=== ")]
    phase = said[-1] if said else last
    return phase.strip() if process.returncode == -signal.SIGKILL else ENDED


def has_members(group: int) -> bool:
    """Return whether a process of a group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def seconds_left(mover: Mover, operations: list[str], phases: list[str]) -> dict[str, float]:
    """Run a mover; return how long before its end it has said each of the phases."""
    process = mover.start(*operations)
    assert process.stdout is not None
    said: dict[str, float] = {}
    for line in process.stdout:
        said |= {phase: time.monotonic() for phase in phases if phase in line}
    process.communicate()
    end = time.monotonic()
    assert process.returncode == 0
    return {phase: end - said[phase] for phase in phases}


def seeded(tell: Tell, title: str) -> random.Random:
    """Return a source of chance that can be had again."""
    seed = int(os.environ.get("VOLSYNC_PY_SEED") or random.SystemRandom().randrange(10**9))
    tell(title, f"seed {seed}")
    return random.Random(seed)


@pytest.mark.timeout(1500)
def test_a_hundred_kills_need_no_person_and_lose_nothing(mover: Mover, tell: Tell) -> None:
    chance = seeded(tell, TITLE)
    mover.environ["FORGET_OPTIONS"] = "--keep-last 3"
    mover.run["deadlines"] = {"retryLockSeconds": 1}
    for number in range(20):
        (mover.data / str(number)).write_bytes(chance.randbytes(200_000))
    assert mover("backup").code == 0
    # The record would leave retention out, and there would be nothing to kill.
    record = mover.cache / "volsync-py-retention.json"
    record.unlink()
    left = seconds_left(mover, ["backup", "prune"], [ANY, *MAINTENANCE])
    phases: dict[str, int] = {}
    repository = {"RESTIC_REPOSITORY": mover.repository, "RESTIC_PASSWORD": PASSWORD}
    number = kills = 0
    while kills < KILLS:
        (mover.data / str(number % 20)).write_bytes(chance.randbytes(200_000))
        record.unlink(missing_ok=True)
        foreign = number % FOREIGN_EVERY == 0
        maintenance = not foreign and kills < IN_MAINTENANCE
        phase = chance.choice(MAINTENANCE) if maintenance else ANY
        delay = chance.uniform(0, left[phase])
        with foreign_client(repository, mover.folder) if foreign else nullcontext():
            hit = killed_at(mover, ["backup", "prune"], phase, delay)
            ran = mover("backup")
            # Their lock is a shared one: it holds up retention, and nothing else.
            assert (ran.code, ran.report.error_class) == (0, "RepositoryLocked" if foreign else ""), ran.log
        number += 1
        kills += hit != ENDED
        phases[hit] = phases.get(hit, 0) + 1
    tell(TITLE, f"{kills} kills in {number} runs: {phases}")
    hits = sum(count for phase, count in phases.items() if "forget" in phase or "prune" in phase)
    assert hits >= LEAST_IN_MAINTENANCE
    checked = mover.restic("check", "--read-data")
    assert checked["num_errors"] == 0
    source = tree(mover.data)
    mover.mount("restored")
    mover.run = {}
    assert mover("restore").code == 0
    assert tree(mover.data) == source


@pytest.mark.timeout(600)
@pytest.mark.parametrize("operation", ["backup", "restore"])
def test_a_mover_told_to_stop_at_any_moment_stops_cleanly(mover: Mover, operation: str, tell: Tell) -> None:
    chance = seeded(tell, f"{operation}, told to stop")
    for number in range(20):
        (mover.data / str(number)).write_bytes(chance.randbytes(500_000))
    started = time.monotonic()
    assert mover("backup").code == 0
    life = time.monotonic() - started
    source = tree(mover.data)
    if operation == "restore":
        mover.mount("restored")
    stopped = 0
    while stopped < STOPS:
        if operation == "backup":
            (mover.data / str(stopped % 20)).write_bytes(chance.randbytes(500_000))
        process = mover.start(operation)
        assert process.stdout is not None
        # Before that it is Python that is told to stop.
        assert "Testing mandatory env variables" in "".join(process.stdout.readline() for _ in range(4))
        try:
            process.wait(chance.uniform(0, life))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGTERM)
        ran = mover.finish(process)
        assert (ran.code == 0) == (ran.report.error_class == "")
        assert ran.report.error_class in ("", "Interrupted"), ran.log
        assert (ran.report.restored is not None) == (operation == "restore" and ran.code == 0)
        stopped += ran.code != 0
    assert mover.restic("list", "locks", "--no-lock") == []
    assert mover(operation).code == 0
    assert mover.restic("check", "--read-data")["num_errors"] == 0
    if operation == "restore":
        assert tree(mover.data) == source


@pytest.fixture
def mover(tmp_path: Path, empty_repository: Path) -> Mover:
    shutil.copytree(empty_repository, tmp_path / "repository")
    return Mover(tmp_path / "mover", str(tmp_path / "repository"))
