"""A release of another chart becomes ours and goes back, by Helm itself: whatever users have stays."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from hack.generate_chart import CHART
from hack.processes import DevCluster
from tests.unit.manifests.helm_chart import helm

Object = dict[str, Any]
SYSTEM = "/api/v1/namespaces/volsync-system"
DEPLOYMENT = "/apis/apps/v1/namespaces/volsync-system/deployments/volsync"
BINDINGS = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
SOURCES = "/apis/volsync.backube/v1alpha1/namespaces/app/replicationsources"
DEFINITION = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/replicationsources.volsync.backube"
# What their Deployment's pods are found by; nothing of it is ours.
SELECTOR = {"app": "operator", "tier": "backup"}


def their_objects() -> list[Object]:
    """Return what the other chart makes, under the names that ours has, too."""
    container = {"name": "manager", "image": "registry/other:1", "command": ["/manager"]}
    template = {"metadata": {"labels": SELECTOR}, "spec": {"serviceAccountName": "volsync", "containers": [container]}}
    deployment = {"replicas": 1, "selector": {"matchLabels": SELECTOR}, "template": template}
    port = {"name": "https", "port": 8443, "targetPort": "https"}
    definitions = [yaml.safe_load(p.read_text(encoding="utf-8")) for p in (CHART / "files" / "crds").glob("*.yaml")]
    return [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "volsync"}, "spec": deployment},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "volsync-metrics"},
            "spec": {"selector": SELECTOR, "ports": [port]},
        },
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "volsync"}},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "volsync-manager"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "volsync-manager"},
            "subjects": [],
        },
        *definitions,
    ]


class Release:
    """The release, and what a user sees of it."""

    def __init__(self, cluster: DevCluster, folder: Path) -> None:
        self._cluster, self._given = cluster, ["--kubeconfig", str(cluster.kubeconfig), "--namespace", "volsync-system"]
        self.other = folder / "other"
        (self.other / "templates").mkdir(parents=True)
        (self.other / "Chart.yaml").write_text("{apiVersion: v2, name: volsync, version: 0.17.0}", encoding="utf-8")
        templates = yaml.safe_dump_all(their_objects())
        (self.other / "templates" / "all.yaml").write_text(templates, encoding="utf-8")

    def helm(self, *words: str) -> subprocess.CompletedProcess[str]:
        return helm(*words, *self._given)

    def kept(self) -> list[str]:
        """Return the identities of what must stay."""
        paths = (f"{SOURCES}/backup", DEFINITION)
        return [self._cluster.ask("GET", path)["metadata"]["uid"] for path in paths]

    def deployment(self) -> Object:
        found: Object = self._cluster.ask("GET", DEPLOYMENT)
        return found

    def bindings(self) -> dict[str, str]:
        """Return what each binding refers to, by its identity."""
        found = self._cluster.ask("GET", BINDINGS)["items"]
        return {one["metadata"]["uid"]: one["roleRef"]["name"] for one in found}


@pytest.fixture
def release(own_cluster: DevCluster, tmp_path: Path) -> Release:
    """A release of the other chart, beside a source of somebody's."""
    one = Release(own_cluster, tmp_path)
    # The development cluster has the definitions of itself.
    one.helm("install", "volsync", str(one.other), "--create-namespace", "--take-ownership")
    own_cluster.ask("POST", "/api/v1/namespaces", {"metadata": {"name": "app"}})
    source = {"apiVersion": "volsync.backube/v1alpha1", "kind": "ReplicationSource", "metadata": {"name": "backup"}}
    own_cluster.ask("POST", SOURCES, {**source, "spec": {"sourcePVC": "data", "restic": {"repository": "secret"}}})
    return one


def test_an_upgrade_and_a_way_back_change_nothing_that_is_the_users(release: Release) -> None:
    kept, theirs, bindings = release.kept(), release.deployment(), release.bindings()

    release.helm("upgrade", "volsync", str(CHART), "--set", "image.repository=registry/volsync-py,restic=null")
    ours = release.deployment()
    # The values of the last release are given again with what was nothing in them.
    release.helm("upgrade", "volsync", str(CHART), "--reuse-values", "--set", "maxMovers=3")
    assert release.kept() == kept
    assert ours["metadata"]["uid"] == theirs["metadata"]["uid"]
    assert ours["spec"]["selector"] == theirs["spec"]["selector"]
    (container,) = ours["spec"]["template"]["spec"]["containers"]
    assert (container["command"], container["image"].split(":")[0]) == (["volsync-py"], "registry/volsync-py")
    # A binding that refers to something else is another one.
    assert not bindings.keys() & release.bindings().keys()

    release.helm("rollback", "volsync", "1")
    assert release.kept() == kept
    assert release.deployment()["metadata"]["uid"] == theirs["metadata"]["uid"]
    assert release.deployment()["spec"] == theirs["spec"]


def test_definitions_and_sources_outlive_the_release(release: Release) -> None:
    kept = release.kept()
    release.helm("upgrade", "volsync", str(CHART))

    release.helm("uninstall", "volsync")
    assert release.kept() == kept
    release.helm("install", "volsync", str(CHART))
    assert release.kept() == kept
