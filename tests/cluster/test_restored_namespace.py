"""An application's namespace is lost and comes back from its files, under an operator that Helm has installed.

The release was another chart's before and is again in the end, and nothing of the user's goes. A real cluster only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from attrs import frozen
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from hack.generate_chart import CHART, MANIFESTS
from tests.cluster.installed import Installation, install, uninstall
from tests.cluster.lent import Cluster, wait_for
from tests.integration.main import volsync_release
from tests.integration.main.volsync_release import GIVEN, our_definitions, their_definitions, write_chart
from tests.unit.manifests.helm_chart import helm
from volsync_py.kube.client import Client
from volsync_py.kube.errors import NotFound
from volsync_py.kube.resources import (
    JOBS,
    NAMESPACES,
    PODS,
    PVCS,
    REPLICATION_DESTINATIONS,
    REPLICATION_SOURCES,
    VOLUME_SNAPSHOTS,
    Resource,
)

SYSTEM = "volsync-system"
VOLUMES = Resource("", "v1", "persistentvolumes", "PersistentVolume", namespaced=False)
CLASSES = Resource("storage.k8s.io", "v1", "storageclasses", "StorageClass", namespaced=False)
DEFINITIONS = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
)
METRICS = f"/api/v1/namespaces/{SYSTEM}/services/https:volsync-metrics:https/proxy/metrics"
OURS = {"app.kubernetes.io/created-by": "volsync"}
# Maps, because Kubernetes 1.36 panics over a list of typed objects in a patch.
JITTER = """[JSONPatch{{op: "add", path: "/spec/template/spec/initContainers", value: [{{"name": dyn("jitter"),
  "image": dyn("{image}"), "imagePullPolicy": dyn("Never"), "command": dyn(["sleep", "2"])}}]}}]"""
# The application: tells what it has found, and leaves something.
START = """
import json, os
files = [name for name in sorted(os.listdir(".")) if name != "lost+found"]
found = {name: open(name).read() for name in files}
with open("/dev/termination-log", "w") as file:
    json.dump(found, file)
with open("state", "w") as file:
    file.write("of the application")
os.chown("state", 568, 568)
"""


@frozen
class Files:
    """The files of the namespace; applied as often as it is to be there."""

    installation: Installation
    namespace: str
    objects: list[dict[str, Any]]

    def apply(self) -> None:
        """Apply all of them, as a GitOps controller does."""
        space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}
        self._apply([space])
        self._apply(self.objects)

    def _apply(self, objects: list[dict[str, Any]]) -> None:
        given = yaml.safe_dump_all(objects)
        code, said = self.installation.kubectl("apply", "--server-side", "-n", self.namespace, "-f", "-", given=given)
        assert code == 0, said

    def remove(self, client: Client) -> None:
        """Delete the namespace, and wait until nothing is left of it in the cluster."""

        def has_gone() -> bool:
            try:
                client.delete(NAMESPACES, self.namespace)
            except NotFound:
                return not any(self.namespace in json.dumps(volume) for volume in client.list_all(VOLUMES))
            return False

        wait_for("the namespace's end", has_gone)


@pytest.fixture
def release(installation: Installation, client: Client, tmp_path: Path) -> Iterator[list[str]]:
    """Another chart's release in the place of what the tier has installed, with its definitions; Helm's words."""
    given = ["--kubeconfig", installation.kubeconfig, "--namespace", SYSTEM]
    write_chart(tmp_path / "other")
    # The owner of the namespace enforces the strictest level.
    strict = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    values = {**GIVEN, "podSecurityContext": {**GIVEN["podSecurityContext"], **strict}}
    uninstall(installation)
    try:
        # The definitions that the tier has applied stay, and are kubectl's.
        taken = ("--take-ownership", "--force-conflicts")
        helm("install", "volsync", str(tmp_path / "other"), *taken, *given, values=values)
        yield given
    finally:
        helm("uninstall", "volsync", "--ignore-not-found", *given)
        install(installation)


@pytest.fixture
def files(installation: Installation, client: Client, release: list[str]) -> Iterator[Files]:
    """The sample's files with this cluster's S3 server and classes, and beside them a policy for Jobs like ours."""
    name = f"vp-restored-{uuid4().hex[:8]}"
    text = (MANIFESTS / "samples" / "app_restores_itself.yaml").read_text(encoding="utf-8")
    secret, source, *rest = yaml.safe_load_all(text)
    s3 = installation.s3
    keys = {"AWS_ACCESS_KEY_ID": s3.access_key, "AWS_SECRET_ACCESS_KEY": s3.secret_key}
    secret["stringData"] |= {"RESTIC_REPOSITORY": f"s3:{s3.url}/e2e/{name}", **keys}
    # One whose volumes cannot grow, as the local classes that caches are on.
    source["spec"]["restic"]["cacheStorageClassName"] = name
    wide = [_class(client, name), *_policy(name, installation.image)]
    one = Files(installation, name, [secret, source, *rest])
    code, said = installation.kubectl("apply", "--server-side", "-f", "-", given=yaml.safe_dump_all(wide))
    assert code == 0, said
    try:
        yield one
    finally:
        one.remove(client)
        installation.kubectl("delete", "-f", "-", given=yaml.safe_dump_all(wide))


def _class(client: Client, name: str) -> dict[str, Any]:
    provisioner = client.get(CLASSES, "csi-dir")["provisioner"]
    meta = {"name": name}
    return {"apiVersion": CLASSES.api_version, "kind": CLASSES.kind, "metadata": meta, "provisioner": provisioner}


def _policy(namespace: str, image: str) -> list[dict[str, Any]]:
    """Return a policy that has each Job of ours in a namespace begin with a pause, and its binding."""
    rule = {"apiGroups": ["batch"], "apiVersions": ["v1"], "resources": ["jobs"], "operations": ["CREATE", "UPDATE"]}
    constraints = {
        "resourceRules": [rule],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "objectSelector": {"matchLabels": OURS},
    }
    mutation = {"patchType": "JSONPatch", "jsonPatch": {"expression": JITTER.format(image=image)}}
    spec = {"matchConstraints": constraints, "failurePolicy": "Fail", "reinvocationPolicy": "Never"}
    version, meta = "admissionregistration.k8s.io/v1", {"name": namespace}
    return [
        {"apiVersion": version, "kind": kind, "metadata": meta, "spec": body}
        for kind, body in (
            ("MutatingAdmissionPolicy", {**spec, "mutations": [mutation]}),
            ("MutatingAdmissionPolicyBinding", {"policyName": namespace}),
        )
    ]


def _series(installation: Installation, namespace: str) -> dict[str, float]:
    """Return volsync_volume_out_of_sync of a namespace by the object's name, as a scraper of the Service reads it."""
    code, text = installation.kubectl("get", "--raw", METRICS)
    assert code == 0, text
    found: list[Sample] = [s for f in text_string_to_metric_families(text) for s in f.samples]
    ours = [s for s in found if s.name == "volsync_volume_out_of_sync" and s.labels["obj_namespace"] == namespace]
    assert {(s.labels["method"], s.labels["role"]) for s in ours} <= {("restic", "source"), ("restic", "destination")}
    return {s.labels["obj_name"]: s.value for s in ours}


def test_a_namespace_comes_back_from_its_files_and_outlives_the_release(
    files: Files, release: list[str], client: Client, installation: Installation
) -> None:
    cluster = Cluster(client, files.namespace, installation.image, installation.s3)
    # Under the other operator, of which nothing runs here: source, destination and claim are there before ours is.
    files.apply()
    before = _identities(cluster)
    assert _schemas(client) == _schemas_of(their_definitions())
    _upgrade(installation, release)
    assert _identities(cluster) == before
    assert _schemas(client) == _schemas_of(our_definitions())
    # Nothing has been backed up: the application begins with an empty volume.
    assert json.loads(cluster.run("app", "app", START)) == {}
    # The schedule's first run may have come before the application.
    first = cluster.wait("the first run", lambda: _last_sync(cluster))
    cluster.patch(REPLICATION_SOURCES, "app", {"metadata": {"annotations": {"volsync-py/run-now": "one"}}})
    mover = cluster.wait("the mover", lambda: cluster.objects(PODS, "job-name=volsync-src-app"))[0]
    assert [one["name"] for one in mover["spec"]["initContainers"]] == ["jitter"]
    cluster.wait("the backup", lambda: _last_sync(cluster) > first)
    cluster.wait("no alert", lambda: _series(installation, files.namespace) == {"app": 0, "app-dst": 0})
    service = installation.kubectl("-n", SYSTEM, "get", "service", "volsync-metrics", "-o", "json")[1]
    assert json.loads(service)["metadata"]["labels"]["volsync-py/scrape-job"] == "volsync-metrics"

    files.remove(client)
    files.apply()
    assert json.loads(cluster.run("app", "app", START)) == {"state": "of the application"}
    for resource, name in ((REPLICATION_SOURCES, "app"), (REPLICATION_DESTINATIONS, "app-dst")):
        assert not cluster.condition(resource, name, "Healthy", "False"), name
    cluster.wait("no temporary claim", lambda: not any(n.startswith("vs-prime-") for n in cluster.names(PVCS)))
    cluster.wait("the image alone", lambda: len(cluster.names(VOLUME_SNAPSHOTS)) == 1)
    cluster.wait("the Jobs' end", lambda: not cluster.names(JOBS))

    kept = _identities(cluster)
    helm("rollback", "volsync", "1", *release)
    assert _identities(cluster) == kept
    assert _schemas(client) == _schemas_of(their_definitions())
    helm("uninstall", "volsync", *release)
    assert _identities(cluster) == kept


def _upgrade(installation: Installation, release: list[str]) -> None:
    """Make the release ours, as docs/takeover.md says."""
    repository, _, tag = installation.image.rpartition(":")
    image = ("--set", f"image.repository={repository}", "--set", f"image.tag={tag}", "--set", "image.image=")
    words = ("--reset-then-reuse-values", *image, "--set", "restic=null", "--take-ownership")
    helm("upgrade", "volsync", str(CHART), *words, *release)
    code, said = installation.kubectl("-n", SYSTEM, "rollout", "status", "deployment/volsync", "--timeout=200s")
    assert code == 0, said


def _schemas(client: Client) -> dict[str, set[str]]:
    """Return of each definition the fields of its resources that are a matter of the operator, by their paths."""
    return _schemas_of([client.get(DEFINITIONS, name) for name in volsync_release.DEFINITIONS])


def _schemas_of(definitions: list[dict[str, Any]]) -> dict[str, set[str]]:
    return {
        one["metadata"]["name"]: set(_paths(one["spec"]["versions"][0]["schema"]["openAPIV3Schema"]))
        for one in definitions
    }


def _paths(schema: dict[str, Any], above: str = "") -> Iterator[str]:
    for name, inner in (schema.get("properties") or {}).items():
        yield f"{above}.{name}"
        yield from _paths(inner, f"{above}.{name}")


def _last_sync(cluster: Cluster) -> str:
    status = (cluster.find(REPLICATION_SOURCES, "app") or {}).get("status") or {}
    return str(status.get("lastSyncTime") or "")


def _identities(cluster: Cluster) -> list[str]:
    """Return the UIDs of what must outlive a release."""
    found: list[dict[str, Any] | None] = [cluster.client.get(DEFINITIONS, name) for name in volsync_release.DEFINITIONS]
    found += [cluster.find(PVCS, "app")]
    found += [cluster.find(REPLICATION_SOURCES, "app"), cluster.find(REPLICATION_DESTINATIONS, "app-dst")]
    return [one["metadata"]["uid"] for one in found if one is not None and "deletionTimestamp" not in one["metadata"]]
