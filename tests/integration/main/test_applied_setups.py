"""Twenty sources and destinations in the shape that most set-ups have, from their files by `kubectl apply`."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from hack.devcluster.common.options import PROVISIONER
from hack.processes import DevCluster, wait_until
from hack.tool_cache import tool_path
from tests.integration.world import World

# Forty Jobs and their volumes; each wait has a deadline of its own.
pytestmark = pytest.mark.timeout(400)

FILES = sorted((Path(__file__).parents[2] / "data" / "set_ups").glob("*.yaml"))
CLASS = "/apis/storage.k8s.io/v1/storageclasses"
Object = dict[str, Any]


@pytest.fixture
def local_caches(cluster: DevCluster) -> Iterator[None]:
    """The class of their caches, whose volumes cannot grow."""
    body = {"metadata": {"name": "local-caches"}, "provisioner": PROVISIONER, "allowVolumeExpansion": False}
    cluster.ask("POST", CLASS, body)
    yield
    cluster.ask("DELETE", f"{CLASS}/local-caches")


def manifests(world: World) -> list[Object]:
    """Return all of the files, with the address and the keys of the tests' server in the Secrets."""
    found: list[Object] = [one for path in FILES for one in yaml.safe_load_all(path.read_text(encoding="utf-8"))]
    for one in found:
        if one["kind"] == "Secret":
            one["stringData"] |= world.repository(one["metadata"]["name"])
    return found


def apply(world: World, objects: list[Object]) -> list[str]:
    """Apply them as people do; return what is said of each."""
    command = [str(tool_path("kubectl")), f"--kubeconfig={world.cluster.kubeconfig}", "-n", world.namespace]
    given = yaml.safe_dump_all(objects)
    done = subprocess.run(
        [*command, "apply", "-f", "-"], input=given, capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.splitlines()


def is_bound(world: World, claim: str) -> bool:
    return bool(world.claim_of(claim)["spec"].get("volumeName"))


def of_kind(objects: list[Object], kind: str) -> dict[str, Object]:
    return {one["metadata"]["name"]: one for one in objects if one["kind"] == kind}


@pytest.mark.usefixtures("local_caches")
def test_twenty_manifests_as_people_have_them_are_applied_and_run(new_world: World) -> None:
    objects = manifests(new_world)
    sources, destinations = of_kind(objects, "ReplicationSource"), of_kind(objects, "ReplicationDestination")
    assert len(sources) + len(destinations) >= 20
    claims = of_kind(objects, "PersistentVolumeClaim")
    # Those that exist already, with an application's data; the others restore themselves, from nothing here.
    filled = [name for name, claim in claims.items() if "dataSourceRef" not in claim["spec"]]
    apply(new_world, [claims[name] for name in filled])
    for name in filled:
        wait_until(name, partial(is_bound, new_world, name))
        new_world.write(name, {"state": name})

    said = apply(new_world, objects)
    assert len(said) == len(objects)
    for name in destinations:
        status = new_world.wait("replicationdestinations", name, lambda s: s.get("lastManualSync") == "restore-once")
        assert status["latestMoverStatus"]["result"] == "Successful", name
        assert status["latestImage"]["kind"] == "VolumeSnapshot", name
    for name, source in sources.items():
        status = new_world.wait("replicationsources", name, lambda s: bool(s.get("lastSyncTime")))
        assert status["latestMoverStatus"]["result"] == "Successful", name
        assert ("lastSnapshot" in status["restic"]) is (name in filled), name
        following = datetime.fromisoformat(status["nextSyncTime"])
        assert (following.minute, following.second) == (0, 0), name
        if source["spec"]["trigger"]["schedule"] == "0 0/2 * * *":
            assert following.hour % 2 == 0, name

    # A GitOps controller applies them again and again.
    assert all(line.endswith(" unchanged") for line in apply(new_world, objects) if not line.startswith("secret/"))
