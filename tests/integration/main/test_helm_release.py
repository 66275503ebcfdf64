"""A release of another chart becomes ours and goes back, by Helm itself: whatever users have stays."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from hack.generate_chart import CHART
from hack.processes import DevCluster
from tests.integration.main import volsync_release
from tests.integration.main.volsync_release import GIVEN, our_definitions, their_definitions
from tests.unit.manifests.helm_chart import helm

Object = dict[str, Any]
DEPLOYMENT = "/apis/apps/v1/namespaces/volsync-system/deployments/volsync"
BINDINGS = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
RESOURCES = "/apis/volsync.backube/v1alpha1/namespaces/app"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
# What users have, in the words of VolSync.
SOURCE: Object = {
    "sourcePVC": "data",
    "trigger": {"schedule": "0 0/2 * * *"},
    "restic": {
        "repository": "secret",
        "copyMethod": "Snapshot",
        "pruneIntervalDays": 14,
        "retain": {"hourly": 24, "daily": 7},
        "moverSecurityContext": {"runAsUser": 568, "runAsGroup": 568, "fsGroup": 568},
    },
}
DESTINATION: Object = {
    "trigger": {"manual": "restore-once"},
    "restic": {
        "repository": "secret",
        "copyMethod": "Snapshot",
        "capacity": "1Gi",
        "accessModes": ["ReadWriteOnce"],
        "cleanupTempPVC": True,
    },
}
# As docs/takeover.md says.
UPGRADE = ["--reset-then-reuse-values", "--set", "image.repository=registry/volsync-py", "--set", "image.tag=1"]
UPGRADE += ["--set", "image.image=", "--set", "restic=null"]


class Release:
    """The release, and what a user sees of it."""

    def __init__(self, cluster: DevCluster, folder: Path) -> None:
        self._cluster, self._given = cluster, ["--kubeconfig", str(cluster.kubeconfig), "--namespace", "volsync-system"]
        self.other = folder / "other"
        volsync_release.write_chart(self.other)

    def helm(self, *words: str, values: Object | None = None) -> subprocess.CompletedProcess[str]:
        return helm(*words, *self._given, values=values)

    def kept(self) -> list[Object]:
        """Return what must stay: which objects there are, and what users have said in theirs."""
        users = [
            self._cluster.ask("GET", f"{RESOURCES}/{name}/app")
            for name in ("replicationsources", "replicationdestinations")
        ]
        definitions = [self._cluster.ask("GET", f"{DEFINITIONS}/{name}") for name in volsync_release.DEFINITIONS]
        said: list[Object] = [{"uid": one["metadata"]["uid"], "spec": one["spec"]} for one in users]
        return [*said, *({"uid": one["metadata"]["uid"]} for one in definitions)]

    def schemas(self) -> dict[str, Object]:
        """Return what each definition says of its fields."""
        found = [self._cluster.ask("GET", f"{DEFINITIONS}/{name}") for name in volsync_release.DEFINITIONS]
        return schemas(found)

    def deployment(self) -> Object:
        found: Object = self._cluster.ask("GET", DEPLOYMENT)
        return found

    def bindings(self) -> dict[str, str]:
        """Return what each binding refers to, by its identity."""
        found = self._cluster.ask("GET", BINDINGS)["items"]
        return {one["metadata"]["uid"]: one["roleRef"]["name"] for one in found}


def schemas(definitions: list[Object]) -> dict[str, Object]:
    return {one["metadata"]["name"]: one["spec"]["versions"][0]["schema"] for one in definitions}


@pytest.fixture
def release(own_cluster: DevCluster, tmp_path: Path) -> Release:
    """A release of the other chart with the values that people give it, beside a source and a destination of theirs."""
    one = Release(own_cluster, tmp_path)
    # The development cluster has the definitions of itself.
    one.helm("install", "volsync", str(one.other), "--create-namespace", "--take-ownership", values=GIVEN)
    own_cluster.ask("POST", "/api/v1/namespaces", {"metadata": {"name": "app"}})
    for kind, spec in (("ReplicationSource", SOURCE), ("ReplicationDestination", DESTINATION)):
        body = {"apiVersion": "volsync.backube/v1alpha1", "kind": kind, "metadata": {"name": "app"}, "spec": spec}
        own_cluster.ask("POST", f"{RESOURCES}/{kind.lower()}s", body)
    return one


def test_an_upgrade_and_a_way_back_change_nothing_that_is_the_users(release: Release) -> None:
    kept, theirs, bindings = release.kept(), release.deployment(), release.bindings()
    assert [one["spec"] for one in kept[:2]] == [SOURCE, DESTINATION]
    assert release.schemas() == schemas(their_definitions()) != schemas(our_definitions())

    release.helm("upgrade", "volsync", str(CHART), *UPGRADE)
    ours = release.deployment()
    # The values of the last release are given again with what was nothing in them.
    release.helm("upgrade", "volsync", str(CHART), "--reuse-values", "--set", "maxMovers=3")
    assert release.kept() == kept
    assert release.schemas() == schemas(our_definitions())
    assert ours["metadata"]["uid"] == theirs["metadata"]["uid"]
    assert ours["spec"]["selector"] == theirs["spec"]["selector"]
    pod = ours["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert (container["command"], container["image"]) == (["volsync-py"], "registry/volsync-py:1")
    # What people gave VolSync's chart still holds.
    assert "--metrics-require-rbac=false" in container["args"]
    assert pod["securityContext"].items() >= {"runAsUser": 568, "runAsGroup": 568}.items()
    # A binding that refers to something else is another one.
    assert not bindings.keys() & release.bindings().keys()

    release.helm("rollback", "volsync", "1")
    assert release.kept() == kept
    assert release.schemas() == schemas(their_definitions())
    assert release.deployment()["metadata"]["uid"] == theirs["metadata"]["uid"]
    assert release.deployment()["spec"] == theirs["spec"]


def test_definitions_and_resources_outlive_the_release(release: Release) -> None:
    kept = release.kept()
    release.helm("upgrade", "volsync", str(CHART), *UPGRADE)

    release.helm("uninstall", "volsync")
    assert release.kept() == kept
    release.helm("install", "volsync", str(CHART))
    assert release.kept() == kept
