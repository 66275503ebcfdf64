"""Deletions go down trees and through definitions, and the collector of garbage outlives whatever it meets."""

from __future__ import annotations

from typing import Any

from hack.devcluster.api.registry import Registry
from hack.processes import DevCluster, wait_until
from tests.integration.devcluster.controllers_harness import NAMESPACE, Cluster, wait_for
from tests.integration.devcluster.http_harness import DEFINITIONS, MAPS, PODS, config_map, pod, refused, wait_phase

GADGETS = "/apis/example.com/v1/namespaces/default/gadgets"
DEFINITION: dict[str, Any] = {
    "metadata": {"name": "gadgets.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "gadgets", "kind": "Gadget"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object"}}}},
            }
        ],
    },
}


def reference(owner: dict[str, Any]) -> dict[str, Any]:
    meta = owner["metadata"]
    named = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": meta["name"], "uid": meta["uid"]}
    return {**named, "blockOwnerDeletion": True}


def test_a_definition_takes_its_objects_and_what_they_own_with_it(server: DevCluster) -> None:
    server.ask("POST", DEFINITIONS, DEFINITION)
    gadget = server.ask("POST", GADGETS, {"metadata": {"name": "one", "finalizers": ["example.com/hold"]}})
    server.ask("POST", MAPS, config_map("of-the-gadget", ownerReferences=[reference(gadget)]))
    server.ask("DELETE", f"{DEFINITIONS}/gadgets.example.com")
    assert server.get(f"{DEFINITIONS}/gadgets.example.com")["metadata"]["deletionTimestamp"]
    wait_until("the object's deletion", lambda: "deletionTimestamp" in server.get(f"{GADGETS}/one")["metadata"])
    assert refused(server, "POST", GADGETS, {"metadata": {"name": "two"}})["code"] == 405
    patch = {"metadata": {"finalizers": None}}
    server.ask("PATCH", f"{GADGETS}/one", patch, "application/merge-patch+json")
    wait_until("the definition's end", lambda: server.get(f"{DEFINITIONS}/gadgets.example.com") is None)
    wait_until("the dependent's end", lambda: server.get(f"{MAPS}/of-the-gadget") is None)
    assert server.get(GADGETS) is None
    # The collector still works.
    owner = server.ask("POST", MAPS, config_map("owner"))
    server.ask("POST", MAPS, config_map("owned", ownerReferences=[reference(owner)]))
    server.ask("DELETE", f"{MAPS}/owner")
    wait_until("the next dependent's end", lambda: server.get(f"{MAPS}/owned") is None)


def test_objects_of_a_kind_that_is_served_no_more_are_nobody_s_owners_or_dependents() -> None:
    registry = Registry()
    definitions = registry.resource("apiextensions.k8s.io", "customresourcedefinitions")
    registry.create(definitions, DEFINITION)
    gadgets = registry.resource("example.com", "gadgets")
    made = registry.create(gadgets, {"metadata": {"name": "one", "namespace": "default"}})
    owned = {"metadata": {"name": "two", "namespace": "default", "ownerReferences": [reference(made)]}}
    registry.create(gadgets, owned)
    registry.delete(definitions, None, "gadgets.example.com")
    registry.modify(definitions, None, "gadgets.example.com", lambda one: one["metadata"].update(finalizers=[]))
    assert registry.by_uid(made["metadata"]["uid"]) is None
    assert registry.dependents(made["metadata"]["uid"]) == []


def test_a_foreground_deletion_waits_for_the_leaves_of_the_tree(cluster: Cluster) -> None:
    owner = cluster.create("configmaps", "v1", "ConfigMap", "owner")
    child = {"ownerReferences": [reference(owner)]}
    script = "trap '' TERM; while ! test -e /go; do sleep 0.05; done"
    spec = {"backoffLimit": 0, "template": {"spec": cluster_pod(script)}}
    cluster.create("jobs", "batch/v1", "Job", "j", metadata=child, spec=spec)
    wait_for(lambda: cluster.status("jobs", "j").get("ready") == 1)
    (running,) = cluster.pods_of()
    cluster.context.delete("configmaps", owner, propagation="Foreground")
    wait_for(lambda: "deletionTimestamp" in cluster.get("pods", running["metadata"]["name"])["metadata"])
    assert cluster.context.get("configmaps", NAMESPACE, "owner") is not None
    assert cluster.context.get("jobs", NAMESPACE, "j") is not None
    wait_for(lambda: cluster.context.get("configmaps", NAMESPACE, "owner") is None)
    assert cluster.context.get("jobs", NAMESPACE, "j") is None
    assert cluster.pods_of() == []


def cluster_pod(script: str) -> dict[str, Any]:
    spec: dict[str, Any] = pod("", script)["spec"]
    return spec


def test_an_eviction_says_why_and_a_dry_one_does_nothing(server: DevCluster) -> None:
    script = "trap 'sleep 1; exit 1' TERM; while :; do sleep 0.05; done"
    server.ask("POST", PODS, pod("evicted", script, terminationGracePeriodSeconds=20))
    wait_phase(server, f"{PODS}/evicted", "Running")
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "evicted", "namespace": "default"}}
    server.ask("POST", f"{PODS}/evicted/eviction", {**eviction, "deleteOptions": {"dryRun": ["All"]}})
    assert "deletionTimestamp" not in server.get(f"{PODS}/evicted")["metadata"]
    server.ask("POST", f"{PODS}/evicted/eviction", eviction)
    conditions = {c["type"]: c for c in server.get(f"{PODS}/evicted")["status"]["conditions"]}
    assert conditions["DisruptionTarget"]["reason"] == "EvictionByEvictionAPI"
    wait_until("its end", lambda: server.get(f"{PODS}/evicted") is None)


def test_a_pod_without_any_grace_goes_at_once(server: DevCluster) -> None:
    server.ask("POST", PODS, pod("graceless", "trap '' TERM; sleep 600", terminationGracePeriodSeconds=0))
    wait_phase(server, f"{PODS}/graceless", "Running")
    server.ask("DELETE", f"{PODS}/graceless")
    assert server.get(f"{PODS}/graceless") is None
