"""Whole logs of VolSync's movers, and what of them reaches the status, in order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from volsync_py.core.times import format_rfc3339
from volsync_py.core.view import MoverSettings
from volsync_py.movers.restic.job_state import job_state
from volsync_py.movers.restic.logfilter import status_logs

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
# Lines that are kept are marked.
LOGS = {
    "a backup": """\
  Starting container
  VolSync restic container version: v0.17.0
  backup
  restic 0.18.1 compiled with go1.24.4 on linux/amd64
  Testing mandatory env variables
  == Checking directory for content ===
  === Check for dir initialized ===
> === Initialize Dir ===
> created restic repository 9601b79b0b at s3:http://minio.minio.svc.cluster.local:9000/restic
  \x20
  Please note that knowledge of your password is required to access
  the repository. Losing your password means that your data is
  irrecoverably lost.
  === Starting backup ===
  ~/ /data
> repository 9601b79b opened (version 2, compression level auto)
> created new cache in /cache
> no parent snapshot found, will read all files
  \x20
  Files:           3 new,     0 changed,     0 unmodified
  Dirs:            1 new,     0 changed,     0 unmodified
> Added to the repository: 8.002 MiB (8.002 MiB stored)
  \x20
> processed 3 files, 8.000 MiB in 0:02
> snapshot 2f9ca1a5 saved
  === Starting forget ===
  Applying Policy: keep 1 latest snapshots
  keep 1 snapshots:
  ID        Time                 Host        Tags        Reasons        Paths
  2f9ca1a5  2026-11-23 08:59:16  volsync                 last snapshot  /data
  1 snapshots
> Restic completed in 9s
  === Done ===""",
    "an empty folder": """\
  Starting container
  VolSync restic container version: v0.17.0
  backup
  restic 0.18.1 compiled with go1.24.4 on linux/amd64
  Testing mandatory env variables
  == Checking directory for content ===
> == Directory is empty skipping backup ===""",
    "a backup after an unlock": """\
  Starting container
  unlock backup
  Testing mandatory env variables
  === Starting unlock ===
> successfully removed 1 locks
  == Checking directory for content ===
  === Check for dir initialized ===
  dir is initialized
  === Starting backup ===
> using parent snapshot 2f9ca1a5
  \x20
  Files:           1 new,     0 changed,     3 unmodified
  Dirs:            0 new,     1 changed,     0 unmodified
> Added to the repository: 1.101 KiB (842 B stored)
  \x20
> processed 4 files, 8.000 MiB in 0:00
> snapshot 8a4c1b7d saved
  === Starting forget ===
  Applying Policy: keep 2 daily snapshots
  keep 1 snapshots:
  ID        Time                 Host        Tags        Reasons         Paths
  8a4c1b7d  2026-11-23 09:10:02  volsync                 daily snapshot  /data
  1 snapshots
  \x20
  remove 1 snapshots:
  ID        Time                 Host        Tags        Paths
  2f9ca1a5  2026-11-23 08:59:16  volsync                 /data
  1 snapshots
  \x20
  [0:00] 100.00%  1 / 1 files deleted
> Restic completed in 5s
  === Done ===""",
    "a restore": """\
  Starting container
  restore
  Testing mandatory env variables
  === Check for dir initialized ===
  dir is initialized
  === Starting restore ===
  Selected restic snapshot with id: 8a4c1b7d
  /data /
> repository 9601b79b opened (version 2, compression level auto)
> restoring snapshot 8a4c1b7d of [/data] at 2026-11-23 09:10:02.1 +0000 UTC by root@volsync to .
  Summary: Restored 5 files/dirs (8.000 MiB) in 0:00
> Restic completed in 4s
  === Done ===""",
    "a restore from an empty repository": """\
  Starting container
  restore
  Testing mandatory env variables
  === Check for dir initialized ===
> === Initialize Dir ===
> created restic repository 77aa10d2c4 at s3:http://minio.minio.svc.cluster.local:9000/empty
  Please note that knowledge of your password is required to access
  the repository. Losing your password means that your data is
  irrecoverably lost.
  === Starting restore ===
> No eligible snapshots found
> === No data will be restored ===
> Restic completed in 3s
  === Done ===""",
    "a wrong password": """\
  Starting container
  backup
  Testing mandatory env variables
  == Checking directory for content ===
  === Check for dir initialized ===
> Fatal: wrong password or no key found
> ERROR: failure connecting to repository, incorrect password""",
}


def lines(log: str, *marks: str) -> list[str]:
    return [line[2:] for line in log.split("\n") if line[:1] in marks]


@pytest.mark.parametrize(
    ("log", "kept"),
    [
        ("a backup", 9),
        ("an empty folder", 1),
        ("a backup after an unlock", 6),
        ("a restore", 3),
        ("a restore from an empty repository", 5),
        ("a wrong password", 2),
    ],
)
def test_of_a_whole_log_the_marked_lines_are_kept_in_their_order(log: str, kept: int) -> None:
    text = "\n".join(lines(LOGS[log], " ", ">"))
    expected = lines(LOGS[log], ">")
    assert status_logs(text, successful=True, max_bytes=10_000) == "\n".join(expected)
    assert len(expected) == kept


@pytest.mark.parametrize("log", LOGS)
def test_a_failure_and_the_debug_setting_keep_the_log_as_it_is(log: str) -> None:
    text = "\n".join(lines(LOGS[log], " ", ">"))
    assert status_logs(text, successful=False, max_bytes=10_000) == text
    assert status_logs(text, successful=True, max_bytes=10_000, debug=True) == text


@pytest.mark.parametrize(("most", "expected"), [(0, ""), (-1, ""), (11, "second\nlast"), (10, "last"), (100, None)])
def test_of_a_log_that_is_too_long_the_end_stays(most: int, expected: str | None) -> None:
    text = "first\nsecond\nlast"
    assert status_logs(text, successful=False, max_bytes=most) == (text if expected is None else expected)


def test_by_default_a_kibibyte_of_the_whole_log_is_kept() -> None:
    settings = MoverSettings(image="mover")
    assert (settings.log_max_bytes, settings.log_tail_lines, settings.log_debug) == (1024, -1, False)


def pod(name: str, phase: str, age: int) -> dict[str, Any]:
    meta = {"name": name, "creationTimestamp": format_rfc3339(NOW - timedelta(minutes=age))}
    return {"metadata": meta, "spec": {}, "status": {"phase": phase}}


PODS = [
    pod("pending", "Pending", 1),
    pod("succeeded", "Succeeded", 3),
    pod("succeeded-before", "Succeeded", 8),
    pod("failed", "Failed", 4),
    pod("failed-before", "Failed", 7),
    pod("running", "Running", 2),
    pod("running-before", "Running", 9),
]


@pytest.mark.parametrize(
    ("condition", "without", "name"),
    [
        ("Complete", (), "succeeded"),
        ("Failed", (), "failed"),
        ("Failed", ("Failed",), "running"),
        ("Failed", ("Failed", "Running"), None),
        ("Complete", ("Succeeded",), None),
    ],
)
def test_the_newest_pod_that_ended_as_the_job_did_tells_of_it(
    condition: str, without: tuple[str, ...], name: str | None
) -> None:
    ended = {"type": condition, "status": "True", "lastTransitionTime": format_rfc3339(NOW - timedelta(minutes=1))}
    job = {"metadata": {"name": "j"}, "spec": {}, "status": {"conditions": [ended]}}
    state = job_state(job, [p for p in PODS if p["status"]["phase"] not in without], NOW)
    assert (state.pod["metadata"]["name"] if state.pod is not None else None) == name
