"""The alerts, asked of what a manager with each fault really shows: real movers, real scrapes, promtool."""

from __future__ import annotations

import re
import shutil
import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from hack.processes import DevCluster, Manager, S3Server, wait_until
from tests.integration.main.test_verification import SOURCES, ask
from tests.integration.mover.forge import lock
from tests.integration.world import NO_JOB_SHOWN, PASSWORD, VOLSYNC, World
from tests.unit.manifests.promtool import Scrape, firing

HOURLY, NEVER = {"schedule": "0 * * * *"}, {"schedule": "0 0 1 1 *"}
WAITS = re.compile("^volsync_py_queue_depth.* [^0]", re.MULTILINE)
# By then two slots have passed, and every alert that waits has waited.
LATER = 200
PROMPT = ("--leader-elect=false", "--mover-contact-timeout=2s", "--mover-retry-lock=1s", NO_JOB_SHOWN)
# An attempt that is made while a test looks would clear what it looks for.
PATIENT = ("--retry-base-delay=10m", "--retry-max-delay=20m")


def scraped(manager: Manager, later: timedelta = timedelta()) -> Scrape:
    """Return what a manager shows, as if it had shown no more until `later`."""
    with urlopen(f"http://127.0.0.1:{manager.metrics_port}/metrics", timeout=30) as answer:
        return Scrape(0, answer.read().decode(), time.time() + later.total_seconds())


def fails(world: World, name: str, reason: str, kind: str = "Healthy") -> None:
    wait_until(f"{name}: {reason}", lambda: world.condition(SOURCES, name, kind)[:2] == ("False", reason))


def good(world: World, *names: str) -> None:
    def are_well() -> bool:
        return all(world.condition(SOURCES, name, "Healthy")[0] == "True" for name in names)

    wait_until(f"{', '.join(names)} are well", are_well)


def proved(world: World, token: str) -> None:
    ask(world, token)

    def told(status: Any) -> bool:
        return ((status.get("restic") or {}).get("verification") or {}).get("lastProveNow") == token

    world.wait(SOURCES, "backup", told)


@pytest.fixture
def world(own_cluster: DevCluster, s3: S3Server) -> World:
    one = World(own_cluster, s3, "alerts")
    one.prepare()
    return one


def test_each_fault_of_a_backup_fires_its_alert_and_the_mended_one_clears_it(
    world: World, tmp_path: Path, empty_repository: Path
) -> None:
    world.put(empty_repository)
    shutil.copytree(empty_repository, tmp_path / "locked")
    lock(tmp_path / "locked", PASSWORD, host="somebody-elses-host", pid=7, age=timedelta(0), exclusive=True)
    world.put(tmp_path / "locked", "locked")
    world.secret("wrong", password="wrong")
    world.secret("locked", path="locked")
    away = {"RESTIC_REPOSITORY": "rest:http://127.0.0.1:1/", "RESTIC_PASSWORD": PASSWORD}
    world.create("secrets", {"metadata": {"name": "away"}, "stringData": away})
    world.claim("repo")
    inside = {"RESTIC_REPOSITORY": "/mnt/repo/backup", "RESTIC_PASSWORD": PASSWORD}
    world.create("secrets", {"metadata": {"name": "inside"}, "stringData": inside})
    volume = {"mountPath": "repo", "volumeSource": {"persistentVolumeClaim": {"claimName": "repo"}}}
    manager = Manager(tmp_path, world.cluster.kubeconfig, *PROMPT, *PATIENT)
    manager.leads()

    world.source("backup", repository="inside", moverVolumes=[volume], verification={})
    world.wait_done(SOURCES, "backup")
    proved(world, "first")
    month = {"one": [scraped(manager, timedelta(days=41, minutes=-LATER))]}
    assert firing(month, LATER, tmp_path) == {"VolSyncUnverified": 1}
    for pack in (p for p in (world.folder("repo") / "backup" / "data").rglob("*") if p.is_file()):
        pack.chmod(0o600)
        pack.write_bytes(b"\0" * pack.stat().st_size)
    proved(world, "second")
    fails(world, "backup", "RepositoryDamaged", "Verified")
    world.source("late")
    world.wait_done(SOURCES, "late")
    # Its slots pass, and nothing comes; of the other one nothing has ever come.
    world.change(SOURCES, "late", {"trigger": {**HOURLY, "manual": None}})
    world.source("never", trigger=HOURLY, cacheStorageClassName="no-such-class")
    world.wait(SOURCES, "never", lambda status: "lastSyncStartTime" in status)
    for name, secret in (("password", "wrong"), ("away-1", "away"), ("away-2", "away"), ("held", "locked")):
        world.source(name, repository=secret)
    fails(world, "password", "WrongPassword")
    fails(world, "held", "RepositoryLocked")
    for name in ("away-1", "away-2"):
        fails(world, name, "Unreachable")
    full = {"count": 3, "lastError": {"class": "CacheFull", "message": "no space left on device"}}
    world.source("full", trigger=NEVER)
    path = world.path(SOURCES, "full", VOLSYNC) + "/status"
    world.cluster.ask("PATCH", path, {"status": {"attempt": full}}, "application/merge-patch+json")
    fails(world, "full", "CacheFull")

    wait_until(
        "an empty queue", lambda: not re.search("^volsync_py_queue_depth.* [^0]", scraped(manager).text, re.MULTILINE)
    )
    assert firing({"one": [scraped(manager)]}, LATER, tmp_path) == {
        "VolSyncVerificationFailed": 1,
        "VolSyncRepositoryDamaged": 1,
        "VolSyncOverdue": 1,
        "VolSyncNeverSucceeded": 1,
        "VolSyncFailing": 1,
        "VolSyncStaleLock": 1,
        "VolSyncRepositoryUnreachable": 1,
        "VolSyncCacheFull": 1,
    }

    for name in ("wrong", "locked"):
        world.secret(name)
    data = world.repository()
    world.cluster.ask("PATCH", world.path("secrets", "away"), {"stringData": data}, "application/merge-patch+json")
    for name in ("late", "held", "away-1", "away-2"):
        world.change(SOURCES, name, {"trigger": {"schedule": None, "manual": "now"}})
    for name in ("backup", "full", "never"):
        world.cluster.ask("DELETE", world.path(SOURCES, name, VOLSYNC))
    good(world, "late", "password", "held", "away-1", "away-2")
    wait_until("no alert", lambda: firing({"one": [scraped(manager)]}, LATER, tmp_path) == {})
    manager.stop()


def test_each_fault_of_managers_fires_its_alert(world: World, tmp_path: Path) -> None:
    kubeconfig = world.cluster.kubeconfig
    first = Manager(tmp_path, kubeconfig, "--workers=1")
    first.leads()
    standby = Manager(tmp_path / "standby", kubeconfig)
    standby.wait_until("its metrics", lambda: answers(standby))
    assert firing({"two": [scraped(standby)]}, 15, tmp_path) == {"VolSyncNotLeading": 1}
    assert firing({"one": [scraped(first)], "two": [scraped(standby)]}, 15, tmp_path) == {}
    standby.stop()
    assert firing({"one": [scraped(first), Scrape(10, "")]}, 30, tmp_path) == {"VolSyncManagerAway": 1}
    careless = Manager(tmp_path / "careless", kubeconfig, "--leader-elect=false")
    careless.leads()
    found = firing({"one": [scraped(first)], "two": [scraped(careless)]}, 15, tmp_path)
    assert found == {"VolSyncTwoManagers": 1}
    careless.stop()

    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/replicationsources.volsync.backube"
    definition = world.cluster.get(path)
    (version,) = definition["spec"]["versions"]
    version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"].pop("observedGeneration")
    world.cluster.ask("PUT", path, definition)
    world.source("one")
    fails(world, "one", "DefinitionsOutdated")
    assert firing({"one": [scraped(first)]}, 10, tmp_path) == {"VolSyncDefinitionsOutdated": 1}
    world.cluster.ask("DELETE", world.path(SOURCES, "one", VOLSYNC))
    wait_until("no alert", lambda: firing({"one": [scraped(first)]}, 10, tmp_path) == {})

    world.cluster.admin("faults", match={"verb": "patch", "resource": SOURCES}, count=1000, delay_seconds=300)
    for name in ("one", "two", "three"):
        world.source(name)
    stuck = {"VolSyncQueueStuck": 1}
    wait_until("a stuck queue", lambda: firing({"one": [scraped(first)]}, 30, tmp_path) == stuck)
    first.stop()


def answers(manager: Manager) -> bool:
    try:
        return bool(scraped(manager).text)
    except OSError:
        return False
