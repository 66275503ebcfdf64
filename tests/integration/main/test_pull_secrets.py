"""Secrets with which the movers' image is pulled, copied by a manager that was asked to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hack.processes import ROOT, DevCluster, Manager, S3Server, wait_until
from tests.integration.main.test_rights import granted, used
from tests.integration.world import World
from volsync_py.core.names import pull_secret_name

SOURCES = "replicationsources"
ORIGINALS = "/api/v1/namespaces/default/secrets"
COPY, ABSENT = pull_secret_name("registry"), pull_secret_name("absent")
JSON, OLD = "kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg"
CANARY = "canary-of-the-registry-51c7"
MERGE = "application/merge-patch+json"


def original(kind: str, key: str) -> dict[str, Any]:
    return {"metadata": {"name": "registry"}, "type": kind, "stringData": {key: json.dumps({"auths": {CANARY: {}}})}}


def test_copies_follow_their_originals_and_go_with_their_owners(
    own_cluster: DevCluster, s3: S3Server, tmp_path: Path
) -> None:
    world = World(own_cluster, s3, "pull")
    world.prepare()
    own_cluster.ask("POST", ORIGINALS, original(JSON, ".dockerconfigjson"))
    manager = Manager(tmp_path, own_cluster.kubeconfig, "--mover-image-pull-secrets=registry,absent")
    manager.leads()

    def copy() -> Any:
        return own_cluster.get(world.path("secrets", COPY))

    def secret(path: str) -> Any:
        found = own_cluster.get(path)
        return found["type"], found["data"]

    # What nobody grants is told with the manifests that do.
    refused = {"verb": "create", "resource": "secrets"}
    own_cluster.admin("faults", match=refused, count=1000, code=403)
    world.source("one")
    wait_until("the refusal", lambda: "pull-secrets" in world.condition(SOURCES, "one", "Healthy")[2])
    own_cluster.admin("clear")
    world.source("two")
    world.change(SOURCES, "one", {"restic": {"pruneIntervalDays": 3}})
    for name in ("one", "two"):
        world.wait_done(SOURCES, name)
        account = own_cluster.get(world.path("serviceaccounts", f"volsync-src-{name}"))
        assert [s["name"] for s in account["imagePullSecrets"]] == [COPY, ABSENT]
    assert secret(world.path("secrets", COPY)) == secret(f"{ORIGINALS}/registry")
    assert sorted(r["name"] for r in copy()["metadata"]["ownerReferences"]) == ["one", "two"]
    assert ABSENT not in world.names("secrets")

    # Another type is another object; an account that lacks the names gets them.
    own_cluster.ask("DELETE", f"{ORIGINALS}/registry")
    own_cluster.ask("POST", ORIGINALS, original(OLD, ".dockercfg"))
    path = world.path("serviceaccounts", "volsync-src-one")
    own_cluster.ask("PATCH", path, {"imagePullSecrets": None}, MERGE)
    world.change(SOURCES, "one", {"trigger": {"manual": "again"}})
    world.wait_done(SOURCES, "one", "again")
    assert secret(world.path("secrets", COPY)) == secret(f"{ORIGINALS}/registry")
    assert [s["name"] for s in own_cluster.get(path)["imagePullSecrets"]] == [COPY, ABSENT]

    for name in ("one", "two"):
        assert copy() is not None
        own_cluster.ask("DELETE", world.path(SOURCES, name, "apis/volsync.backube/v1alpha1"))
    wait_until("the copy's end", lambda: copy() is None)

    # Somebody else's Secret of that name is left as it is.
    world.create("secrets", {"metadata": {"name": COPY}, "stringData": {"own": "text"}})
    before = copy()
    world.source("three")
    wait_until("the trouble", lambda: world.condition(SOURCES, "three", "Healthy")[1] == "ObjectInTheWay")
    assert copy() == before
    manager.stop()

    assert set(used(own_cluster)) - set(granted()) == set(granted(ROOT / "manifests/overlays/pull-secrets"))
    told = [manager.log.read_text(encoding="utf-8"), json.dumps(world.status(SOURCES, "three"))]
    told.append(json.dumps(own_cluster.get("/apis/events.k8s.io/v1/events")))
    assert CANARY not in "".join(told)
    assert "absent" in told[0]
