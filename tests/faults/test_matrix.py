"""Faults of repositories, volumes and processes × backends, with real restic: what becomes of a backup and a restore.

Of each row: the class, the time to the verdict, how many pods it would start in its first hour, what the user reads.
No failing row may leave a proof of a restore, because that is what an image is published on. Deadlines are short, but
for one row of each kind, which runs with those of production.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from hack.processes import S3Server
from tests.faults.places import (
    FOREIGN,
    Place,
    bucket_missing,
    corrupt_pack,
    elsewhere,
    environ,
    half_initialized,
    index_missing,
    known_ca,
    locked,
    never_answers,
    no_key,
    no_rights,
    pack_missing,
    refuses_users,
    small,
    unknown_ca,
    unreadable_files,
    unusable_ca,
)
from tests.faults.servers import RestServer
from tests.faults.telling import Tell
from tests.integration.mover.harness import Mover, Ran
from volsync_py.movers.restic.outcome import CLASSES, next_attempt

SHORT = {"contactSeconds": 6, "retryLockSeconds": 1, "stallSeconds": 6, "killSeconds": 10}
PRODUCTION: dict[str, Any] = {}
# What the product promises for every failure.
LONGEST_VERDICT_SECONDS = 120
TITLE = f"{'fault':34}{'backend':9}{'operation':10}{'class':27}{'s':>6}{'pods/h':>8}  the user reads"


@frozen
class Row:
    """One fault; `error` is the class expected of backup and restore, "" a success, None: not tried."""

    name: str
    backends: str
    do: Callable[[Place], None]
    backup: str | None
    restore: str | None = None
    deadlines: dict[str, Any] = SHORT
    empty: bool = False


# A backup finds these, and is made.
SAVED_ALL_THE_SAME = ("index missing",)
OWN = socket.gethostname()
ROWS = [
    Row("nothing wrong", "local rest s3", lambda place: None, "", ""),
    Row("no repository yet", "local rest s3", lambda place: None, "", "", empty=True),
    Row("wrong password", "local rest s3", environ(RESTIC_PASSWORD="another one"), "WrongPassword", "WrongPassword"),
    Row("no key", "local rest", no_key, "WrongPassword", "WrongPassword"),
    Row("unknown access key", "s3", environ(AWS_ACCESS_KEY_ID="unknown-key"), "AccessDenied", "AccessDenied"),
    Row("wrong secret key", "s3", environ(AWS_SECRET_ACCESS_KEY="wrong"), "AccessDenied", "AccessDenied"),
    Row("user refused", "rest", refuses_users, "AccessDenied", "AccessDenied"),
    Row("unknown CA", "rest", unknown_ca, "AccessDenied", "AccessDenied"),
    Row("unusable CA", "rest", unusable_ca, "Configuration", "Configuration"),
    Row("known CA", "rest", known_ca, "", "", empty=True),
    Row("DNS failure", "s3 rest", elsewhere("http://no-such-host.invalid:{port}"), "Unreachable", "Unreachable"),
    Row("refused", "s3 rest", elsewhere("http://127.0.0.1:{port}"), "Unreachable", "Unreachable"),
    Row("refused, production", "s3", elsewhere("http://127.0.0.1:{port}"), "Unreachable", deadlines=PRODUCTION),
    Row("never answers", "s3 rest", never_answers, "Unreachable", "Unreachable"),
    Row("never answers, production", "s3", never_answers, "Unreachable", deadlines=PRODUCTION),
    Row("bucket missing", "s3", bucket_missing, "", ""),
    Row("half-initialised", "local rest", half_initialized, "RepositoryHalfInitialized", "RepositoryHalfInitialized"),
    # A backup reads none of the packs that files are in.
    Row("corrupted pack", "local rest", corrupt_pack, "", "RepositoryDamaged"),
    Row("pack missing", "local rest", pack_missing, "", "RepositoryDamaged"),
    Row("index missing", "local rest", index_missing, "RepositoryDamaged", "RepositoryDamaged"),
    Row("target full", "local", small("data", "64k"), None, "TargetFull"),
    Row("repository full", "local", small("repository", "128k"), "TargetFull"),
    Row("temporary files full", "local s3", small("temporary", "64k"), "Configuration", empty=True),
    Row("cache full", "s3", small("cache", "4k"), None, "CacheFull"),
    Row("unreadable files", "local rest s3", unreadable_files, "Partial"),
    Row("others' files, no rights", "local", no_rights, None, "Configuration"),
    Row("live foreign lock", "local rest", locked(FOREIGN, timedelta(0)), "RepositoryLocked", "RepositoryLocked"),
    Row("live foreign lock, production", "local", locked(FOREIGN, timedelta(0)), "RepositoryLocked", None, PRODUCTION),
    Row("foreign lock, shared", "local", locked(FOREIGN, timedelta(0), exclusive=False), "", ""),
    Row("dead own lock", "local rest", locked(OWN, timedelta(0)), "", ""),
    Row("dead foreign lock", "local rest", locked(FOREIGN, timedelta(hours=1)), "", ""),
]


CASES = [
    pytest.param(row, backend, operation, id=f"{row.name}-{backend}-{operation}")
    for row in ROWS
    for backend in row.backends.split()
    for operation, error in (("backup", row.backup), ("restore", row.restore))
    if error is not None
]


@pytest.fixture(scope="session")
def rest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RestServer]:
    one = RestServer(tmp_path_factory.mktemp("rest"))
    yield one
    one.stop()


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path, s3: S3Server, rest: RestServer) -> Iterator[Place]:
    backend = str(request.param)
    name = tmp_path.name.lower().replace("_", "-")
    url = {
        "local": str(tmp_path / name),
        "rest": f"rest:http://127.0.0.1:{rest.port}/{name}",
        "s3": f"s3:http://127.0.0.1:{s3.port}/matrix/{name}",
    }[backend]
    mover = Mover(tmp_path / "mover", url)
    mover.environ |= {"AWS_ACCESS_KEY_ID": s3.ACCESS, "AWS_SECRET_ACCESS_KEY": s3.SECRET}
    one = Place(mover, backend, s3, rest, tmp_path, [])
    yield one
    for do in one.clean_up:
        do()


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("row", "place", "operation"), CASES, indirect=["place"])
def test_a_fault_has_its_class_in_time_and_proves_nothing(
    row: Row, place: Place, operation: str, empty_repository: Path, tell: Tell
) -> None:
    mover = place.mover
    (mover.data / "random").write_bytes(os.urandom(200_000))
    if not row.empty:
        place.put(empty_repository)
        assert mover("backup").code == 0
    if operation == "restore":
        mover.mount("destination")
    mover.run["deadlines"] = row.deadlines
    row.do(place)
    started = time.monotonic()
    ran = mover(operation)
    seconds = time.monotonic() - started
    expected = row.backup if operation == "backup" else row.restore
    tell(TITLE, line(row.name, place.backend, operation, ran, seconds))
    assert ran.report.error_class == expected, ran.log
    assert seconds < LONGEST_VERDICT_SECONDS
    made = operation == "backup" and row.name in SAVED_ALL_THE_SAME
    if expected in ("", "Partial") or made:
        assert ran.code == 0
    else:
        assert ran.code != 0
        assert ran.report.restored is None
        assert not ran.report.nothing_to_restore
        assert ran.report.snapshot is None


def line(name: str, backend: str, operation: str, ran: Ran, seconds: float) -> str:
    """Return the row of the table."""
    error = ran.report.error_class
    told = f"{ran.report.message} – {CLASSES[error].next_step}" if error else ""
    pods = 1 if error in ("", "Partial") else pods_in_an_hour(error)
    return f"{name:34}{backend:9}{operation:10}{error or 'Succeeded':27}{seconds:6.1f}{pods:8}  {told[:160]}"


def pods_in_an_hour(error: str) -> int:
    """Return how many pods a source without a schedule starts in the first hour of this error."""
    begin = now = datetime(2026, 11, 24, tzinfo=UTC)
    count = 0
    while now < begin + timedelta(hours=1):
        count += 1
        retry = next_attempt(error, count, now, uid="a source", next_slot=None)
        if retry is None:
            break
        now = retry
    return count


@pytest.mark.parametrize("error", sorted(set(CLASSES) - {"Partial", "RepositoryMissing"}))
def test_no_error_starts_more_than_a_dozen_pods_in_its_first_hour(error: str) -> None:
    assert pods_in_an_hour(error) <= 12


@pytest.mark.parametrize("place", ["local"], indirect=True)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_mover_that_is_ended_is_interrupted_and_the_next_one_goes_on(
    place: Place, number: signal.Signals, tell: Tell
) -> None:
    mover = place.mover
    (mover.data / "random").write_bytes(os.urandom(30_000_000))
    mover.run["backup"] = {"uploadKiBps": 4000}
    process = mover.start("backup")
    assert process.stdout is not None
    for said in process.stdout:
        if "Starting backup" in said and Path(mover.repository, "config").exists():
            break
    started = time.monotonic()
    os.killpg(process.pid, number) if number == signal.SIGKILL else process.send_signal(number)
    ran = mover.finish(process)
    tell(TITLE, line(f"{number.name} in mid-backup", "local", "backup", ran, time.monotonic() - started))
    assert ran.report.error_class == "Interrupted"
    assert ran.code not in (0, None)
    mover.run = {}
    assert mover("backup").code == 0
    assert len(mover.snapshots()) == 1
