"""The samples of the document that the product was ordered from, applied from the files that are shipped."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hack.processes import wait_until
from tests.certificates import certificate
from tests.faults.servers import RestServer
from tests.integration.samples import BACKUP, IMAGE, RESTORE, apply_sample
from tests.integration.world import PASSWORD, VOLSYNC, World

BATCH = "apis/batch/v1"


def secret(world: World, name: str, **data: str) -> None:
    world.create("secrets", {"metadata": {"name": name}, "type": "Opaque", "stringData": data})


def backed_up(world: World) -> Any:
    return world.wait("replicationsources", "mydata-backup", lambda s: bool(s.get("lastSyncTime")))


def applied(world: World, *samples: str) -> None:
    for sample in samples:
        apply_sample(world, sample)


def test_the_backup_and_the_restore_of_the_page(world: World) -> None:
    world.claim("mydata")
    world.write("mydata", {"file": "content"})
    applied(world, *BACKUP)
    status = backed_up(world)
    assert status["nextSyncTime"][14:] in ("00:00Z", "30:00Z")
    assert "created restic repository" in status["latestMoverStatus"]["logs"]
    cache = world.claim_of("volsync-src-mydata-backup-cache")["spec"]
    assert cache["resources"]["requests"]["storage"] == "1Gi"
    assert cache["storageClassName"] == world.claim_of("mydata")["spec"]["storageClassName"]
    assert cache["accessModes"] == world.claim_of("mydata")["spec"]["accessModes"]

    secret(world, "restic-repo", **world.repository("restic-config"))
    applied(world, *RESTORE)
    world.wait_done("replicationdestinations", "datavol-dest", "restore-once")
    assert world.read("datavol") == {"file": "content"}
    assert world.names("volumesnapshots", "apis/snapshot.storage.k8s.io/v1") == []

    applied(world, *IMAGE)
    image = world.wait_done("replicationdestinations", "newvol-dest", "restore-once")["latestImage"]
    world.claim("newvol", resources={"requests": {"storage": "3Gi"}}, dataSource=image)
    assert world.read("newvol") == {"file": "content"}


def test_a_destination_that_is_deleted_leaves_the_data(world: World) -> None:
    world.source()
    world.wait_done("replicationsources", "backup")
    world.claim("datavol")
    world.destination("datavol-dest", destinationPVC="datavol")
    world.wait_done("replicationdestinations", "datavol-dest")
    world.cluster.ask("DELETE", world.path("replicationdestinations", "datavol-dest", VOLSYNC))
    wait_until("the cache's end", lambda: "volsync-dst-datavol-dest-cache" not in world.names("persistentvolumeclaims"))
    assert world.read("datavol") == world.read("data")


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A repository server with a certificate of nobody's; its address, and the certificate."""
    mine, key = certificate(tmp_path, "server")
    server = RestServer(tmp_path, "--no-auth", "--tls", f"--tls-cert={mine}", f"--tls-key={key}")
    yield f"rest:https://localhost:{server.port}/repo", mine.read_text(encoding="utf-8")
    server.stop()


@pytest.mark.parametrize("kind", ["secretName", "configMapName"])
def test_a_custom_ca_from_a_secret_and_from_a_config_map(world: World, tls: tuple[str, str], kind: str) -> None:
    url, ca = tls
    secret(world, "restic-config", RESTIC_REPOSITORY=url, RESTIC_PASSWORD=PASSWORD)
    if kind == "secretName":
        encoded = base64.b64encode(ca.encode()).decode()
        world.create("secrets", {"metadata": {"name": "tls-secret"}, "type": "Opaque", "data": {"ca.crt": encoded}})
    else:
        world.create("configmaps", {"metadata": {"name": "tls-secret"}, "data": {"ca.crt": ca}})
    world.claim("mydata")
    world.write("mydata", {"file": "content"})
    apply_sample(world, "mydata_backup", customCA={kind: "tls-secret", "key": "ca.crt"})
    assert backed_up(world)["latestMoverStatus"]["result"] == "Successful"


def test_unlock_is_done_once_for_each_value_and_starts_no_backup(world: World) -> None:
    world.source()
    world.wait_done("replicationsources", "backup")
    world.change("replicationsources", "backup", {"restic": {"unlock": "unlock-1"}})
    status = world.wait("replicationsources", "backup", lambda s: s["observedGeneration"] == 2)
    assert "lastUnlocked" not in (status.get("restic") or {})
    assert world.created("jobs") == 1

    world.change("replicationsources", "backup", {"trigger": {"manual": "two"}})
    status = world.wait_done("replicationsources", "backup", "two")
    assert status["restic"]["lastUnlocked"] == "unlock-1"
    assert "removed locks" in status["latestMoverStatus"]["logs"]
    world.change("replicationsources", "backup", {"trigger": {"manual": "three"}})
    status = world.wait_done("replicationsources", "backup", "three")
    assert "removed locks" not in (status["latestMoverStatus"].get("logs") or "")
