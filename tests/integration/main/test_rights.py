"""The manifests grant what the manager asks for, and nothing else."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from hack.processes import DevCluster, Manager, S3Server, wait_until
from hack.tool_cache import tool_path
from tests.integration.main.filled import populated, settled
from tests.integration.world import NO_JOB_SHOWN, World

Right = tuple[str, str]
SNAPSHOTS = "apis/snapshot.storage.k8s.io/v1"
RBAC = Path(__file__).parents[3] / "manifests" / "rbac"
POPULATORS = "/apis/populator.storage.k8s.io/v1beta1/volumepopulators"
# What a plain run does not ask for, and when that is asked for.
SELDOM: dict[Right, str] = {
    ("get", "configmaps"): "a custom CA in one",
    ("get", "nodes"): "a volume that a pod uses",
    ("get", "pods/log"): "a pod that left no report",
    ("list", "events"): "a Job that gets no pod",
    ("patch", "events"): "an event that repeats itself",
    ("get", "jobs"): "one that is there already: whose is it?",
    ("get", "persistentvolumeclaims"): "one that is there already",
    ("get", "serviceaccounts"): "one that is there already, or that the spec names",
    ("get", "volumesnapshots"): "one that is there already",
    ("patch", "jobs"): "a pause",
    ("patch", "volumepopulators"): "one that somebody has changed",
    # No requests of their own: OwnerReferencesPermissionEnforcement looks at them.
    ("update", "replicationsources/finalizers"): "objects that it owns",
    ("update", "replicationdestinations/finalizers"): "objects that it owns",
    ("update", "persistentvolumeclaims/finalizers"): "objects that it owns",
    ("create", "tokenreviews"): "somebody who reads the metrics",
    ("create", "subjectaccessreviews"): "somebody who reads the metrics",
}
# For people, not for the manager.
NOT_OURS = {"users.yaml"}


def serve_populators(cluster: DevCluster) -> None:
    """Install the kind by which populators register."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v1beta1", "served": True, "storage": True, "schema": schema}
    names = {"plural": "volumepopulators", "kind": "VolumePopulator"}
    spec = {"group": "populator.storage.k8s.io", "scope": "Cluster", "names": names, "versions": [version]}
    meta = {"name": "volumepopulators.populator.storage.k8s.io"}
    cluster.ask("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {"metadata": meta, "spec": spec})


def granted(folder: Path = RBAC) -> Iterator[Right]:
    for path in folder.glob("*.yaml"):
        if path.name in NOT_OURS:
            continue
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            for rule in document.get("rules") or []:
                yield from ((verb, resource) for verb in rule["verbs"] for resource in rule.get("resources") or [])


def used(cluster: DevCluster) -> Iterator[Right]:
    for request in cluster.admin("requests")["requests"]:
        # Everybody may ask which APIs there are.
        if request["agent"].startswith("volsync-py/") and request["resource"]:
            resource = "/".join(filter(None, (request["resource"], request["subresource"])))
            yield request["verb"], resource


def test_every_right_is_used_and_every_use_is_a_right(own_cluster: DevCluster, s3: S3Server, tmp_path: Path) -> None:
    world = World(own_cluster, s3, "rights")
    world.prepare()
    serve_populators(own_cluster)
    manager = Manager(tmp_path, own_cluster.kubeconfig, NO_JOB_SHOWN)
    manager.leads()
    wait_until("our registration", lambda: own_cluster.get(f"{POPULATORS}/volsync-replicationdestination") is not None)
    world.source(copyMethod="Snapshot")
    world.wait_done("replicationsources", "backup")
    world.source("direct", cacheCapacity="1Gi")
    world.wait_done("replicationsources", "direct")
    world.change("replicationsources", "direct", {"trigger": {"manual": "two"}, "restic": {"cacheCapacity": "2Gi"}})
    world.wait_done("replicationsources", "direct", "two")
    image: dict[str, Any] = {"copyMethod": "Snapshot", "capacity": "1Gi", "accessModes": ["ReadWriteOnce"]}
    for manual in ("one", "two"):
        if manual == "one":
            world.destination(**image)
        else:
            world.change("replicationdestinations", "restore", {"trigger": {"manual": manual}})
        world.wait_done("replicationdestinations", "restore", manual)
    wait_until("the older image's end", lambda: len(world.names("volumesnapshots", SNAPSHOTS)) == 1)
    populated(world, "filled")
    settled(world, "filled")
    manager.stop()

    asked, allowed = set(used(own_cluster)), set(granted())
    assert asked - allowed == set()
    assert allowed - asked == set(SELDOM)


def applied(cluster: DevCluster, path: Path) -> None:
    """Apply a file as the README says."""
    command = [str(tool_path("kubectl")), f"--kubeconfig={cluster.kubeconfig}", "apply", "--server-side"]
    subprocess.run([*command, "--force-conflicts", "-f", str(path)], check=True, capture_output=True, timeout=60)


def test_on_openshift_a_mover_gets_a_role_and_constraints_are_left_to_the_manifests(
    own_cluster: DevCluster, s3: S3Server, tmp_path: Path
) -> None:
    names = {"plural": "securitycontextconstraints", "kind": "SecurityContextConstraints"}
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    spec = {"group": "security.openshift.io", "scope": "Cluster", "names": names, "versions": [version]}
    meta = {"name": "securitycontextconstraints.security.openshift.io"}
    own_cluster.ask("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {"metadata": meta, "spec": spec})
    constraints = "/apis/security.openshift.io/v1/securitycontextconstraints"
    made = RBAC.parent / "overlays" / "openshift" / "scc.yaml"
    applied(own_cluster, made)
    as_made = own_cluster.get(f"{constraints}/volsync-privileged-mover")
    everything = {"allowedCapabilities": ["*"]}
    own_cluster.ask("PATCH", f"{constraints}/volsync-privileged-mover", everything, "application/merge-patch+json")
    own = {**everything, "apiVersion": as_made["apiVersion"], "kind": as_made["kind"], "metadata": {"name": "mine"}}
    own_cluster.ask("POST", constraints, own)
    before = own_cluster.get(constraints)["items"]
    assert [one["allowedCapabilities"] for one in before] == [["*"], ["*"]]

    world = World(own_cluster, s3, "openshift")
    world.prepare()
    manager = Manager(tmp_path, own_cluster.kubeconfig, NO_JOB_SHOWN)
    manager.leads()
    for manual in ("one", "two"):
        if manual == "one":
            world.source()
        else:
            world.change("replicationsources", "backup", {"trigger": {"manual": manual}})
        world.wait_done("replicationsources", "backup", manual)
    rbac = "apis/rbac.authorization.k8s.io/v1"
    (role,) = own_cluster.get(world.path("roles", group=rbac))["items"]
    (binding,) = own_cluster.get(world.path("rolebindings", group=rbac))["items"]
    assert [(r["resourceNames"], r["verbs"]) for r in role["rules"]] == [(["volsync-privileged-mover"], ["use"])]
    assert binding["roleRef"]["name"] == role["metadata"]["name"] == "volsync-src-backup"
    asked = world.requests()
    assert (asked.count("create roles"), asked.count("create rolebindings")) == (1, 1)
    manager.stop()

    # Neither what was changed nor what is the user's own is the manager's business …
    assert own_cluster.get(constraints)["items"] == before
    # … and the manifests set back what is theirs.
    applied(own_cluster, made)
    again, mine = (own_cluster.get(f"{constraints}/{name}") for name in ("volsync-privileged-mover", "mine"))
    assert again["allowedCapabilities"] == as_made["allowedCapabilities"]
    assert mine["allowedCapabilities"] == ["*"]
