"""Where forget is left out, it would have removed nothing: random policies on random histories, in three time zones.

restic judges each policy on a repository with many hosts at once, each of which has a history of its own.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from hack.tool_cache import tool_path
from tests.integration.mover.forge import snapshots
from tests.integration.mover.harness import PASSWORD
from volsync_py.pod.retention import Kept, keeps_all

# Each policy is a process of restic; a policy is judged on so many histories.
_POLICIES, _HISTORIES = 16, 30
# A year in which clocks are changed on different days of spring and autumn, and one that has a leap day before it.
_NEWEST = [datetime(2025, month, day, 12, tzinfo=UTC) for month, day in ((3, 31), (3, 30), (11, 2), (10, 26), (12, 31))]
_STEPS = [timedelta(minutes=20), timedelta(hours=1), timedelta(hours=23), timedelta(hours=24), timedelta(days=7)]
_STEPS += [timedelta(days=28), timedelta(days=30), timedelta(days=31), timedelta(days=365)]


def history(source: random.Random, zone: ZoneInfo) -> list[Kept]:
    """Return snapshots as a node of the zone would have made them, the newest first."""
    time, made = source.choice(_NEWEST), []
    step = source.choice(_STEPS)
    for _ in range(source.randint(1, 8)):
        local = time.astimezone(zone).isoformat().replace("+00:00", "Z")
        made.append(Kept(local, ("keep",) if source.random() < 0.3 else ()))
        time -= step + timedelta(minutes=source.choice([-61, -1, 0, 0, 1, 60]) if step > timedelta(hours=2) else 0)
    return made


def policy(source: random.Random) -> list[tuple[str, str]]:
    """Return one rule or two."""
    rules = []
    for _ in range(source.choice([1, 1, 2])):
        name = source.choice(["last", "hourly", "daily", "weekly", "monthly", "yearly", "tag", *_WITHIN])
        units = source.choice(
            ["1y", "2y", "1m", "2m", "13m", "27d", "1d", "3d", "24h", "1h", "1m1d", "1y1m1d1h", "3d1d"]
        )
        number = str(source.choice([1, 2, 3, 5, 8]))
        rules.append((name, "keep" if name == "tag" else units if name.startswith("within") else number))
    return rules


_WITHIN = ["within", *(f"within-{unit}" for unit in ("hourly", "daily", "weekly", "monthly", "yearly"))]


def removed(repository: Path, zone: str, rules: list[tuple[str, str]]) -> dict[str, int]:
    """Ask restic how many snapshots of each host it would remove."""
    env = {"RESTIC_REPOSITORY": str(repository), "RESTIC_PASSWORD": PASSWORD, "HOME": str(repository), "TZ": zone}
    words = [word for name, value in rules for word in (f"--keep-{name}", value)]
    command = [
        str(tool_path("restic")),
        "forget",
        "--dry-run",
        "--no-lock",
        "--no-cache",
        "--json",
        "--group-by",
        "host",
    ]
    done = subprocess.run([*command, *words], env=env, capture_output=True, text=True, check=True)
    groups: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[0])
    return {group["host"]: len(group["remove"] or []) for group in groups}


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Australia/Lord_Howe"])
def test_where_everything_is_said_to_be_kept_restic_removes_nothing(
    empty_repository: Path, tmp_path: Path, zone: str
) -> None:
    seed = os.environ.get("VOLSYNC_PY_SEED") or str(random.randrange(10**9))
    source = random.Random(seed + zone)
    histories = {f"host{number}": history(source, ZoneInfo(zone)) for number in range(_HISTORIES)}
    repository = tmp_path / "repository"
    shutil.copytree(empty_repository, repository)
    snapshots(
        repository,
        PASSWORD,
        (
            {"time": one.time, "hostname": host, "paths": ["/data"], "tags": list(one.tags), "username": host}
            for host, kept in histories.items()
            for one in kept
        ),
    )
    proved = 0
    for _ in range(_POLICIES):
        # The newest one of each history is kept by its last rule, so that restic judges all of them.
        rules = [*policy(source), ("last", "1")]
        judged = removed(repository, zone, rules)
        assert set(judged) == set(histories), (seed, rules)
        for host, kept in histories.items():
            if keeps_all(rules, kept):
                proved += 1
                assert judged[host] == 0, (seed, rules, kept)
    assert proved > _POLICIES
