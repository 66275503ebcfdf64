"""Locks heal: the dead ones of our own and of others are removed, those of the living never."""

from __future__ import annotations

import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from hack.tool_cache import tool_path
from tests.integration.mover.backends import Trouble, rest_server
from tests.integration.mover.forge import lock
from tests.integration.mover.harness import PASSWORD, Mover
from volsync_py.contract.run_document import Deadlines, Run
from volsync_py.pod.completed import CompletedRestic
from volsync_py.pod.humanlog import HumanLog
from volsync_py.pod.process import Restic
from volsync_py.pod.session import Session

# Of a process that is not there: the kernel gives no higher number.
NOBODY = 4194305
FOREIGN = "somebody-elses-host"
AT_ONCE = 16


@pytest.fixture
def backed_up(mover: Mover) -> Mover:
    """A mover with a repository and one snapshot, and retention."""
    mover.write(a="a")
    mover.environ["FORGET_OPTIONS"] = "--keep-last 1"
    mover.run["deadlines"] = {"retryLockSeconds": 1}
    assert mover("backup").code == 0
    return mover


def locks(mover: Mover) -> list[Path]:
    return sorted((Path(mover.repository) / "locks").iterdir())


@pytest.mark.parametrize(
    ("host", "age"),
    [(socket.gethostname(), timedelta(seconds=5)), (FOREIGN, timedelta(minutes=40))],
    ids=["own dead", "foreign and not renewed"],
)
def test_a_dead_lock_is_removed_and_the_backup_goes_on(backed_up: Mover, host: str, age: timedelta) -> None:
    lock(Path(backed_up.repository), PASSWORD, host=host, pid=NOBODY, age=age)
    ran = backed_up("backup")
    assert (ran.code, ran.report.error_class) == (0, "")
    assert f"locked by process {NOBODY} on {host}" in ran.log
    assert ran.report.lock_holder == ""
    assert len(backed_up.snapshots()) == 1
    assert locks(backed_up) == []


def test_dead_locks_of_several_are_removed_one_after_the_other(backed_up: Mover) -> None:
    repository = Path(backed_up.repository)
    lock(repository, PASSWORD, host=socket.gethostname(), pid=NOBODY, age=timedelta(minutes=1))
    lock(repository, PASSWORD, host=socket.gethostname(), pid=NOBODY + 1, age=timedelta(minutes=1))
    lock(repository, PASSWORD, host=FOREIGN, pid=1, age=timedelta(hours=3), exclusive=False)
    assert backed_up("backup").code == 0
    assert locks(backed_up) == []


def test_a_live_exclusive_lock_of_somebody_else_stops_the_backup_and_stays(backed_up: Mover) -> None:
    theirs = lock(Path(backed_up.repository), PASSWORD, host=FOREIGN, pid=7, age=timedelta(minutes=29))
    ran = backed_up("backup")
    assert ran.code == 11
    assert ran.report.error_class == "RepositoryLocked"
    assert f"PID 7 on {FOREIGN}" in ran.report.message
    # Word by word what restic says, which scripts look for.
    assert "unable to create lock in backend: repository is already locked exclusively by PID 7" in ran.log
    assert ran.report.lock_holder == f"process 7 on {FOREIGN}"
    assert 29 * 60 <= ran.report.lock_age_seconds < 32 * 60
    assert locks(backed_up) == [theirs]
    assert ran.log.count("waiting for it") == 1


def test_a_live_shared_lock_of_somebody_else_holds_up_retention_only(backed_up: Mover) -> None:
    theirs = lock(Path(backed_up.repository), PASSWORD, host=FOREIGN, pid=7, age=timedelta(0), exclusive=False)
    ran = backed_up("backup")
    assert (ran.code, ran.report.outcome, ran.report.error_class) == (0, "Warning", "RepositoryLocked")
    assert [(s.name, s.outcome) for s in ran.report.steps] == [("backup", "Succeeded"), ("forget", "Failed")]
    assert locks(backed_up) == [theirs]
    assert len(backed_up.snapshots()) == 2


def test_a_restore_passes_by_a_dead_exclusive_lock(backed_up: Mover) -> None:
    lock(Path(backed_up.repository), PASSWORD, host=socket.gethostname(), pid=NOBODY, age=timedelta(0))
    backed_up.mount("destination")
    assert backed_up("restore").code == 0
    assert (backed_up.data / "a").read_text(encoding="utf-8") == "a"


def test_an_unlock_that_is_asked_for_leaves_the_lock_of_who_works(backed_up: Mover) -> None:
    theirs = lock(Path(backed_up.repository), PASSWORD, host=FOREIGN, pid=7, age=timedelta(minutes=9), exclusive=False)
    dead = lock(Path(backed_up.repository), PASSWORD, host=FOREIGN, pid=8, age=timedelta(hours=1), exclusive=False)
    assert backed_up("unlock", "backup").code == 0
    assert theirs in locks(backed_up)
    assert dead not in locks(backed_up)


POD = "volsync-src-data-x7k2p"


def test_a_lock_of_a_pod_of_volsync_is_asked_about_instead_of_waited_for(backed_up: Mover) -> None:
    theirs = lock(Path(backed_up.repository), PASSWORD, host=POD, pid=7, age=timedelta(minutes=3))
    backed_up.run["locks"] = {"askAboutPods": True}
    ran = backed_up("backup")
    assert (ran.code, ran.report.error_class, ran.report.lock_host) == (11, "RepositoryLocked", POD)
    assert "waiting for it" not in ran.log
    assert locks(backed_up) == [theirs]
    backed_up.run["locks"] = {}
    ran = backed_up("backup")
    assert (ran.code, ran.report.lock_host) == (11, "")
    assert "waiting for it" in ran.log


def test_a_lock_that_a_backup_passes_by_is_found_by_who_looks_first_and_by_nobody_else(backed_up: Mover) -> None:
    theirs = lock(Path(backed_up.repository), PASSWORD, host=POD, pid=7, age=timedelta(0), exclusive=False)
    backed_up.run["locks"] = {"askAboutPods": True, "lookFirst": True}
    ran = backed_up("backup")
    assert (ran.code, ran.report.error_class, ran.report.lock_host) == (11, "RepositoryLocked", POD)
    backed_up.run["locks"] = {"askAboutPods": True}
    ran = backed_up("backup")
    # A backup that was made is a success, whatever retention meets after it.
    assert (ran.code, ran.report.outcome, ran.report.lock_host) == (0, "Warning", "")
    assert locks(backed_up) == [theirs]


def test_looking_first_for_locks_makes_no_failure_of_a_repository_that_is_not_there_yet(mover: Mover) -> None:
    mover.write(a="a")
    mover.repository = str(mover.folder / "new")
    mover.run["locks"] = {"askAboutPods": True, "lookFirst": True}
    ran = mover("backup")
    assert (ran.code, ran.report.outcome, ran.report.initialized) == (0, "Succeeded", True), ran.log


@pytest.mark.parametrize(("minutes_ahead", "is_removed"), [(40, False), (0, True)])
@pytest.mark.parametrize("operations", [("backup",), ("unlock", "backup")])
def test_a_clock_that_is_ahead_of_the_storages_makes_no_lock_stale(
    backed_up: Mover, minutes_ahead: int, is_removed: bool, operations: tuple[str, ...]
) -> None:
    theirs = lock(Path(backed_up.repository), PASSWORD, host=FOREIGN, pid=7, age=timedelta(minutes=40))
    server = rest_server(Path(backed_up.repository), Trouble(seconds_behind=60 * minutes_ahead))
    folder = backed_up.repository
    backed_up.repository = f"rest:http://127.0.0.1:{server.port}/"
    ran = backed_up(*operations)
    server.stop()
    backed_up.repository = folder
    if is_removed:
        assert (ran.code, ran.report.outcome, locks(backed_up)) == (0, "Succeeded", [])
        return
    assert (ran.code, ran.report.error_class) == (11, "RepositoryLocked")
    assert "40 minutes ahead of the storage server's" in ran.report.message
    assert "correct the node's clock" in ran.report.message
    assert locks(backed_up) == [theirs]


def test_movers_that_want_the_repository_for_themselves_at_once_all_get_it(backed_up: Mover) -> None:
    # restic itself would look at the same moments in all of them, and find the others' locks each time.
    environ = {"PATH": os.defpath, "RESTIC_REPOSITORY": backed_up.repository, "RESTIC_PASSWORD": PASSWORD}
    start = threading.Barrier(AT_ONCE)

    def forget(number: int) -> CompletedRestic:
        log = HumanLog(str)
        env = {**environ, "RESTIC_CACHE_DIR": str(backed_up.folder / f"cache-{number}")}
        restic = Restic(env, str(backed_up.folder), Deadlines(), log, program=str(tool_path("restic")))
        # Of another name than the locks, or one that has just gone would pass for a dead one.
        session = Session(restic, log, Run(), env, str(backed_up.data), host_name="another")
        start.wait()
        return session.locked("forget", "--keep-last", "1")

    with ThreadPoolExecutor(AT_ONCE) as pool:
        ended = list(pool.map(forget, range(AT_ONCE)))
    assert [one.error_class for one in ended if not one.ok] == []
    assert locks(backed_up) == []
