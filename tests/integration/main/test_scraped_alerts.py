"""The alerts, asked of what a manager with each fault really shows: real movers, a real Prometheus.

What takes an hour or a month is asked of promtool, with what the manager shows now as all that it ever will.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from hack.processes import DevCluster, Manager, S3Server, wait_until
from tests.integration.main.test_verification import SOURCES, ask
from tests.integration.mover.foreign import foreign_client
from tests.integration.mover.forge import lock
from tests.integration.prometheus import Prometheus
from tests.integration.world import NO_JOB_SHOWN, PASSWORD, VOLSYNC, World
from tests.unit.manifests.promtool import Scrape, firing

# No slot of it passes while a test looks.
HOURLY = {"schedule": f"{(datetime.now(UTC).minute + 30) % 60} * * * *"}
FAR = f"0 0 1 {(datetime.now(UTC).month + 5) % 12 + 1} *"
LEASES, LOCK = "/apis/coordination.k8s.io/v1/namespaces/default/leases", "b95b3104.backube"
WAITS = re.compile("^volsync_py_queue_depth.* [^0]", re.MULTILINE)
# By then two slots have passed, and every alert that waits has waited.
LATER = 200
PROMPT = ("--leader-elect=false", "--mover-contact-timeout=2s", "--mover-retry-lock=1s", NO_JOB_SHOWN)
# An attempt that is made while a test looks would clear what it looks for.
PATIENT = ("--retry-base-delay=10m", "--retry-max-delay=20m")


def scraped(manager: Manager) -> str:
    """Return what a manager shows right now."""
    with urlopen(f"http://127.0.0.1:{manager.metrics_port}/metrics", timeout=30) as answer:
        return bytes(answer.read()).decode()


def stands_by(manager: Manager) -> bool:
    try:
        return "volsync_py_leader 0" in scraped(manager)
    except URLError:
        # It does not answer yet.
        return False


def shown(manager: Manager, later: timedelta = timedelta()) -> dict[str, list[Scrape]]:
    """Return what a manager shows when nothing waits for a pass, as if it had shown no more until `later`."""
    text = ""

    def is_idle() -> bool:
        nonlocal text
        text = scraped(manager)
        return not WAITS.search(text)

    wait_until("an empty queue", is_idle)
    return {"one": [Scrape(0, text, time.time() + later.total_seconds())]}


def text_of(manager: Manager) -> str:
    (scrape,) = shown(manager)["one"]
    return scrape.text or ""


def objects_with(series: str, manager: Manager) -> set[str]:
    """Return the names of the objects that a manager shows a series of."""
    return set(re.findall(f'^volsync_py_{series}{{.*obj_name="(.*?)"', text_of(manager), re.MULTILINE))


def small_cache(world: World, name: str) -> None:
    """Make a volume that really is as small as the cache that a source asks for, of a class that has waited for it."""
    path = world.path("persistentvolumeclaims", f"volsync-src-{name}-cache")
    wait_until("the claim of the cache", lambda: world.cluster.get(path) is not None)
    enforced = {"metadata": {"annotations": {"devcluster/size-enforced": "true"}}}
    world.cluster.ask("PATCH", path, enforced, "application/merge-patch+json")
    classes = "/apis/storage.k8s.io/v1/storageclasses"
    usual = world.cluster.get(f"{classes}/dev")
    like = {key: usual[key] for key in ("provisioner", "reclaimPolicy", "volumeBindingMode")}
    world.cluster.ask("POST", classes, {"metadata": {"name": "small"}, "allowVolumeExpansion": True, **like})


def fails(world: World, name: str, reason: str, kind: str = "Healthy") -> None:
    wait_until(f"{name}: {reason}", lambda: world.condition(SOURCES, name, kind)[:2] == ("False", reason))


def proved(world: World, token: str) -> None:
    ask(world, token)

    def told(status: Any) -> bool:
        return ((status.get("restic") or {}).get("verification") or {}).get("lastProveNow") == token

    world.wait(SOURCES, "backup", told)


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[Prometheus]:
    one = Prometheus(tmp_path / "prometheus")
    yield one
    # Nobody reads what it would write at its end.
    one.kill()


@pytest.fixture
def world(own_cluster: DevCluster, s3: S3Server) -> World:
    one = World(own_cluster, s3, "alerts")
    one.prepare()
    return one


@pytest.mark.timeout(400)
def test_each_fault_of_a_backup_fires_its_alert_and_the_mended_one_clears_it(
    world: World, prometheus: Prometheus, tmp_path: Path, empty_repository: Path
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
    prometheus.scrapes([manager])
    prometheus.fires()

    world.source("backup", repository="inside", moverVolumes=[volume], verification={"schedule": FAR})
    world.wait_done(SOURCES, "backup")
    assert firing(shown(manager, timedelta(days=41, minutes=-LATER)), LATER, tmp_path) == {"VolSyncUnverified": 1}
    proved(world, "first")
    assert firing(shown(manager, timedelta(days=41, minutes=-LATER)), LATER, tmp_path) == {"VolSyncUnverified": 1}
    packs = {p: p.read_bytes() for p in (world.folder("repo") / "backup" / "data").rglob("*") if p.is_file()}
    for pack, whole in packs.items():
        pack.chmod(0o600)
        pack.write_bytes(b"\0" * len(whole))
    proved(world, "second")
    fails(world, "backup", "RepositoryDamaged", "Verified")
    prometheus.fires("VolSyncVerificationFailed", "VolSyncRepositoryDamaged")
    world.source("late")
    world.wait_done(SOURCES, "late")
    # Its slots pass, and nothing comes; of the other one nothing has ever come.
    world.change(SOURCES, "late", {"trigger": {**HOURLY, "manual": None}})
    world.source("never", trigger=HOURLY, cacheStorageClassName="no-such-class")
    world.wait(SOURCES, "never", lambda status: "lastSyncStartTime" in status)
    for name, secret in (("password", "wrong"), ("away-1", "away"), ("away-2", "away"), ("held", "locked")):
        world.source(name, repository=secret)
    found = {
        *("VolSyncVerificationFailed", "VolSyncRepositoryDamaged", "VolSyncFailing", "VolSyncStaleLock"),
        "VolSyncRepositoryUnreachable",
    }
    prometheus.fires(*found)
    assert firing(shown(manager), LATER, tmp_path) == dict.fromkeys(
        {*found, "VolSyncOverdue", "VolSyncNeverSucceeded"}, 1
    )

    for pack, whole in packs.items():
        pack.write_bytes(whole)
    proved(world, "third")
    assert world.condition(SOURCES, "backup", "Verified")[0] == "True"
    world.change(SOURCES, "never", {"restic": {"cacheStorageClassName": None}})
    for name in ("wrong", "locked"):
        world.secret(name)
    data = world.repository()
    world.cluster.ask("PATCH", world.path("secrets", "away"), {"stringData": data}, "application/merge-patch+json")
    for name in ("late", "never", "held", "away-1", "away-2"):
        world.change(SOURCES, name, {"trigger": {"schedule": None, "manual": "now"}})
    prometheus.fires()
    wait_until("no alert later", lambda: firing(shown(manager), LATER, tmp_path) == {})
    manager.stop()


@pytest.mark.timeout(300)
def test_a_full_cache_and_upkeep_that_is_kept_away_fire_their_alerts_and_no_series_is_left_at_the_end(
    world: World, prometheus: Prometheus, tmp_path: Path, empty_repository: Path
) -> None:
    for path in ("repo", "kept"):
        world.put(empty_repository, path)
    shutil.copytree(empty_repository, tmp_path / "locked")
    lock(tmp_path / "locked", PASSWORD, host="somebody-elses-host", pid=7, age=timedelta(0), exclusive=True)
    world.put(tmp_path / "locked", "locked")
    for name in ("locked", "kept"):
        world.secret(name, path=name)
    manager = Manager(tmp_path, world.cluster.kubeconfig, *PROMPT, *PATIENT)
    manager.leads()
    prometheus.scrapes([manager])
    prometheus.fires()

    world.source("held", repository="locked")
    world.source("cache", cacheStorageClassName="small", cacheCapacity="4Ki")
    small_cache(world, "cache")
    prometheus.fires("VolSyncStaleLock", "VolSyncCacheFull")
    assert objects_with("repository_locked_since_timestamp_seconds", manager) == {"held"}
    with foreign_client(world.repository("kept"), tmp_path):
        # Backups pass by somebody's lock, and their upkeep does not.
        world.source("kept", repository="kept", retain={"last": "1"}, pruneIntervalDays=0)
        world.wait(SOURCES, "kept", lambda status: status.get("lastManualSync") == "one")
        world.change(SOURCES, "kept", {"trigger": {"manual": "two"}})
        fails(world, "kept", "RepositoryLocked", "Maintained")
        prometheus.fires("VolSyncStaleLock", "VolSyncCacheFull", "VolSyncUpkeepFailing")

    world.secret("locked")
    for name in ("held", "kept"):
        world.change(SOURCES, name, {"trigger": {"manual": "now"}})
    world.change(SOURCES, "cache", {"restic": {"cacheCapacity": "64Mi"}})
    prometheus.fires()
    wait_until("the size", lambda: objects_with("repository_size_bytes", manager) == {"kept"})
    assert objects_with("repository_locked_since_timestamp_seconds", manager) == set()
    for name in ("held", "cache", "kept"):
        world.cluster.ask("DELETE", world.path(SOURCES, name, VOLSYNC))
    wait_until("no series is left", lambda: "obj_name" not in text_of(manager))
    manager.stop()


@pytest.mark.timeout(400)
def test_each_fault_of_managers_fires_its_alert_and_its_end_clears_it(
    world: World, prometheus: Prometheus, tmp_path: Path, empty_repository: Path
) -> None:
    world.put(empty_repository)
    kubeconfig = world.cluster.kubeconfig
    prometheus.fires("VolSyncManagerAway")
    now = datetime.now(UTC)
    held = {"holderIdentity": "nobody", "leaseDurationSeconds": 3600, "renewTime": f"{now:%Y-%m-%dT%H:%M:%S.%fZ}"}
    world.cluster.ask("POST", LEASES, {"metadata": {"name": LOCK}, "spec": held})
    first = Manager(tmp_path, kubeconfig, "--workers=1")
    prometheus.scrapes([first])
    prometheus.fires("VolSyncNotLeading")
    world.cluster.ask("DELETE", f"{LEASES}/{LOCK}")
    first.leads()
    prometheus.fires()
    # What comes and goes while nobody asks is found, too.
    prometheus.scrapes([])
    wait_until("an alert", lambda: prometheus.firing() == {"VolSyncManagerAway"})
    prometheus.scrapes([first])
    with pytest.raises(AssertionError, match="VolSyncManagerAway"):
        prometheus.fires()
    standby = Manager(tmp_path / "standby", kubeconfig)
    careless = Manager(tmp_path / "careless", kubeconfig, "--leader-elect=false")
    prometheus.scrapes([first, standby, careless])
    prometheus.fires("VolSyncTwoManagers")
    careless.stop()
    # It is asked still, and does not answer; the standby says that it does not lead.
    prometheus.fires()
    standby.stop()

    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/replicationsources.volsync.backube"
    definition, whole = world.cluster.get(path), world.cluster.get(path)["spec"]
    (version,) = definition["spec"]["versions"]
    version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"].pop("observedGeneration")
    world.cluster.ask("PUT", path, definition)
    world.source("one")
    prometheus.fires("VolSyncDefinitionsOutdated")
    definition = world.cluster.get(path)
    world.cluster.ask("PUT", path, {**definition, "spec": whole})
    # The manager would look again within a minute.
    world.change(SOURCES, "one", {"trigger": {"manual": "now"}})
    prometheus.fires()

    world.cluster.admin("faults", match={"verb": "patch", "resource": SOURCES}, count=1000, delay_seconds=300)
    for name in ("two", "three", "four"):
        world.source(name)
    prometheus.fires("VolSyncQueueStuck")
    world.cluster.admin("clear")
    prometheus.fires()
    first.stop()


@pytest.mark.timeout(300)
def test_a_restart_and_a_fail_over_are_over_before_anybody_is_called(
    world: World, tmp_path: Path, empty_repository: Path
) -> None:
    # Of its own: a mover that ended with another test's cluster has left a lock in the other one.
    world.put(empty_repository, "restart")
    world.secret("repository", path="restart")
    # Minutes that are so long let a busy machine start a manager in five of them.
    prometheus = Prometheus(tmp_path / "prometheus", minute=4.0)
    kubeconfig = world.cluster.kubeconfig
    first = Manager(tmp_path, kubeconfig, NO_JOB_SHOWN)
    first.leads()
    prometheus.scrapes([first])
    world.source()
    world.wait_done(SOURCES, "backup")
    prometheus.fires()

    first.stop()
    wait_until("that it is missed", lambda: "VolSyncManagerAway" in prometheus.pending())
    again = Manager(tmp_path / "again", kubeconfig, NO_JOB_SHOWN)
    again.leads()
    standby = Manager(tmp_path / "standby", kubeconfig, NO_JOB_SHOWN)
    prometheus.scrapes([again, standby])
    wait_until("a standby", lambda: stands_by(standby))
    prometheus.evaluates(3)

    again.stop()
    standby.leads()
    world.change(SOURCES, "backup", {"trigger": {"manual": "two"}})
    world.wait_done(SOURCES, "backup", "two")
    prometheus.evaluates(3)
    prometheus.fires()
    standby.stop()
    prometheus.kill()
