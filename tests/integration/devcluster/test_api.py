"""The API of the development cluster answers as an API server does, over HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hack.processes import DevCluster, wait_until
from tests.integration.devcluster.http_harness import CLAIMS, MAPS, MERGE, PODS, SOURCES, claim, config_map, refused


def test_what_is_created_has_identity_version_and_time(server: DevCluster) -> None:
    made = server.ask("POST", MAPS, config_map("made"))["metadata"]
    assert made["uid"]
    assert int(made["resourceVersion"]) > 0
    assert made["creationTimestamp"].endswith("Z")
    again = refused(server, "POST", MAPS, config_map("made"))
    assert (again["code"], again["reason"]) == (409, "AlreadyExists")
    assert again["message"] == 'configmaps "made" already exists'


def test_names_are_generated(server: DevCluster) -> None:
    names = {server.ask("POST", MAPS, {"metadata": {"generateName": "some-"}})["metadata"]["name"] for _ in range(5)}
    assert len(names) == 5
    assert all(name.startswith("some-") and len(name) == 10 for name in names)


def test_an_old_version_and_another_uid_are_conflicts(server: DevCluster) -> None:
    old = server.ask("POST", MAPS, config_map("contested"))
    server.ask("PATCH", f"{MAPS}/contested", {"data": {"b": "2"}}, MERGE)
    assert refused(server, "PUT", f"{MAPS}/contested", old)["reason"] == "Conflict"
    stale = {"metadata": {"resourceVersion": old["metadata"]["resourceVersion"]}}
    assert refused(server, "PATCH", f"{MAPS}/contested", stale, MERGE)["reason"] == "Conflict"
    other = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": "another"}}
    assert refused(server, "DELETE", f"{MAPS}/contested", other)["reason"] == "Conflict"
    assert server.get(f"{MAPS}/contested")["data"] == {"a": "1", "b": "2"}


def test_patches_merge_or_follow_their_instructions(server: DevCluster) -> None:
    server.ask("POST", MAPS, config_map("patched"))
    server.ask("PATCH", f"{MAPS}/patched", {"data": {"a": None, "b": "2"}}, MERGE)
    assert server.get(f"{MAPS}/patched")["data"] == {"b": "2"}
    steps = [{"op": "add", "path": "/data/c", "value": "3"}, {"op": "remove", "path": "/data/b"}]
    server.ask("PATCH", f"{MAPS}/patched", steps, "application/json-patch+json")
    assert server.get(f"{MAPS}/patched")["data"] == {"c": "3"}


def test_a_change_that_changes_nothing_makes_no_version(server: DevCluster) -> None:
    made = server.ask("POST", MAPS, config_map("same"))
    again = server.ask("PATCH", f"{MAPS}/same", {"data": {"a": "1"}}, MERGE)
    assert again["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("labelSelector=set%3Dx", ["x1", "x2"]),
        ("labelSelector=set%21%3Dx%2Cset", ["y1"]),
        ("labelSelector=set+in+%28y%29", ["y1"]),
        ("labelSelector=%21set%2Cmine", ["z1"]),
        ("labelSelector=mine&fieldSelector=metadata.name%3Dx2", ["x2"]),
    ],
)
def test_lists_are_selected(server: DevCluster, query: str, expected: list[str]) -> None:
    if server.get(f"{MAPS}/x1") is None:
        for name, labels in (("x1", {"set": "x"}), ("x2", {"set": "x"}), ("y1", {"set": "y"}), ("z1", {})):
            server.ask("POST", MAPS, config_map(name, labels={"mine": "", **labels}))
    assert [o["metadata"]["name"] for o in server.get(f"{MAPS}?{query}")["items"]] == expected


def test_lists_come_in_pages(server: DevCluster) -> None:
    for number in range(5):
        server.ask("POST", MAPS, config_map(f"page-{number}", labels={"paged": ""}))
    names, token = [], ""
    sizes = []
    while True:
        page = server.get(f"{MAPS}?labelSelector=paged&limit=2&continue={token}")
        names += [o["metadata"]["name"] for o in page["items"]]
        sizes.append(len(page["items"]))
        token = page["metadata"].get("continue", "")
        if not token:
            break
    assert names == [f"page-{n}" for n in range(5)]
    assert sizes == [2, 2, 1]


def test_a_dry_run_says_what_would_be_and_does_nothing(server: DevCluster) -> None:
    assert server.ask("POST", f"{MAPS}?dryRun=All", config_map("dry"))["metadata"]["name"] == "dry"
    assert server.get(f"{MAPS}/dry") is None


def watched(server: DevCluster, version: str, more: str = "") -> list[tuple[str, str]]:
    """Return the events of a short watch from a version."""
    path = f"{MAPS}?watch=true&resourceVersion={version}&timeoutSeconds=1{more}"
    with server.open("GET", path) as answer:
        events = [json.loads(line) for line in answer]
    return [
        (e["type"], e["object"].get("metadata", {}).get("name", "") or str(e["object"].get("code", ""))) for e in events
    ]


def test_a_watch_tells_what_happened_since_a_version_and_ends_in_time(server: DevCluster) -> None:
    version = server.get(MAPS)["metadata"]["resourceVersion"]
    server.ask("POST", MAPS, config_map("seen"))
    server.ask("PATCH", f"{MAPS}/seen", {"data": {"b": "2"}}, MERGE)
    server.ask("DELETE", f"{MAPS}/seen")
    assert watched(server, version) == [("ADDED", "seen"), ("MODIFIED", "seen"), ("DELETED", "seen")]


def test_an_object_that_a_selector_loses_is_deleted_for_the_watch(server: DevCluster) -> None:
    version = server.get(MAPS)["metadata"]["resourceVersion"]
    server.ask("POST", MAPS, config_map("moves", labels={"in": "yes"}))
    server.ask("PATCH", f"{MAPS}/moves", {"metadata": {"labels": {"in": None}}}, MERGE)
    assert watched(server, version, "&labelSelector=in") == [("ADDED", "moves"), ("DELETED", "moves")]


def test_an_unknown_object_kind_and_path_are_404(server: DevCluster) -> None:
    assert refused(server, "GET", f"{MAPS}/nobody")["message"] == 'configmaps "nobody" not found'
    assert refused(server, "GET", "/apis/none.example/v1/things")["code"] == 404


@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_fault_is_answered_as_often_as_it_was_asked_for(server: DevCluster, code: int) -> None:
    server.admin("faults", match={"verb": "get", "resource": "configmaps"}, code=code, count=2)
    assert refused(server, "GET", f"{MAPS}/x")["code"] == code
    assert refused(server, "GET", f"{MAPS}/x")["code"] == code
    assert refused(server, "GET", f"{MAPS}/x")["code"] == 404


def source(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": spec}


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"restic": {"copyMethod": "Copy"}}, "spec.restic.copyMethod"),
        ({"restic": {"packSize": 3}}, "spec.restic.packSize"),
        ({"restic": {"packSize": "16"}}, "spec.restic.packSize"),
        ({"trigger": {"schedule": "whenever"}}, "spec.trigger.schedule"),
        ({"restic": {"retain": {"withinDaily": "soon"}}}, "spec.restic.retain.withinDaily"),
        ({"restic": {"moverVolumes": [{"mountPath": "x"}]}}, "spec.restic.moverVolumes[0].volumeSource"),
    ],
)
def test_a_custom_resource_that_does_not_fit_is_422_with_the_field(
    server: DevCluster, spec: dict[str, Any], field: str
) -> None:
    status = refused(server, "POST", SOURCES, source("odd", **spec))
    assert (status["code"], status["reason"]) == (422, "Invalid")
    assert field in status["message"]


def test_unknown_fields_are_pruned_and_status_is_a_part_of_its_own(server: DevCluster) -> None:
    body = {**source("pruned", sourcePVC="x", unheard="of"), "status": {"lastSyncDuration": "1s"}}
    made = server.ask("POST", SOURCES, body)
    assert made["spec"] == {"sourcePVC": "x"}
    assert "status" not in made
    server.ask("PATCH", f"{SOURCES}/pruned/status", {"status": {"lastSyncDuration": "2s"}, "spec": None}, MERGE)
    now = server.ask("PATCH", f"{SOURCES}/pruned", {"spec": {"sourcePVC": "y"}, "status": None}, MERGE)
    assert (now["spec"]["sourcePVC"], now["status"]["lastSyncDuration"]) == ("y", "2s")
    assert now["metadata"]["generation"] == 2


def test_a_finalizer_holds_an_object_until_it_is_taken_away(server: DevCluster) -> None:
    server.ask("POST", MAPS, config_map("held", finalizers=["example.com/hold"]))
    server.ask("DELETE", f"{MAPS}/held")
    assert server.get(f"{MAPS}/held")["metadata"]["deletionTimestamp"]
    server.ask("PATCH", f"{MAPS}/held", {"metadata": {"finalizers": None}}, MERGE)
    assert server.get(f"{MAPS}/held") is None


@pytest.mark.parametrize(("policy", "left"), [("Background", False), ("Foreground", False), ("Orphan", True)])
def test_dependents_go_or_stay_as_the_deletion_says(server: DevCluster, policy: str, left: bool) -> None:
    name = policy.lower()
    owner = server.ask("POST", MAPS, config_map(name))
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": owner["metadata"]["uid"]}
    reference["blockOwnerDeletion"] = True
    server.ask("POST", MAPS, config_map(f"{name}-child", ownerReferences=[reference]))
    options = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": policy}
    server.ask("DELETE", f"{MAPS}/{name}", options)
    wait_until("the owner's end", lambda: server.get(f"{MAPS}/{name}") is None)
    if left:
        child = server.get(f"{MAPS}/{name}-child")
        assert not child["metadata"].get("ownerReferences")
    else:
        wait_until("the child's end", lambda: server.get(f"{MAPS}/{name}-child") is None)


def test_a_namespace_takes_its_content_with_it(server: DevCluster) -> None:
    server.ask("POST", "/api/v1/namespaces", {"metadata": {"name": "leaves"}})
    path = "/api/v1/namespaces/leaves/configmaps"
    server.ask("POST", path, config_map("inside"))
    server.ask("DELETE", "/api/v1/namespaces/leaves")
    wait_until("its end", lambda: server.get("/api/v1/namespaces/leaves") is None)
    assert refused(server, "POST", path, config_map("late"))["code"] in (403, 404)


def test_a_collection_is_deleted_by_selector(server: DevCluster) -> None:
    for name in ("bulk-1", "bulk-2"):
        server.ask("POST", MAPS, config_map(name, labels={"bulk": ""}))
    server.ask("DELETE", f"{MAPS}?labelSelector=bulk")
    assert server.get(f"{MAPS}?labelSelector=bulk")["items"] == []
    assert server.get(MAPS)["items"] != []


def test_a_group_that_is_not_there_is_not_found(server: DevCluster) -> None:
    assert server.get("/apis/batch/v1")["kind"] == "APIResourceList"
    assert server.get("/apis/security.openshift.io/v1") is None


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/apis/batch/v1beta1/namespaces/default/jobs", {}, 404),
        ("/apis/volsync.backube/v1/namespaces/default/replicationsources", {}, 404),
        ("/api/v2/namespaces/default/configmaps", {}, 404),
        ("/api/v1/namespaces/default/nodes", {}, 404),
        (f"{MAPS}/x/status", {}, 404),
        (f"{PODS}/x/exec", {}, 404),
        (MAPS, {"kind": "Secret"}, 400),
        (MAPS, {"apiVersion": "v2"}, 400),
        (MAPS, {"metadata": {"name": "x", "namespace": "other"}}, 400),
        (MAPS, ["x"], 400),
        ("/api/v1/configmaps", {"metadata": {"name": "x"}}, 405),
    ],
)
def test_what_does_not_belong_to_the_path_is_refused(server: DevCluster, path: str, body: Any, code: int) -> None:
    assert refused(server, "POST", path, body)["code"] == code


def test_an_update_of_another_name_is_refused(server: DevCluster) -> None:
    server.ask("POST", MAPS, config_map("named"))
    assert refused(server, "PUT", f"{MAPS}/named", config_map("other"))["code"] == 400


@pytest.mark.parametrize("suffix", ["", *"kMGTPEmun", *(f"{letter}i" for letter in "KMGTPE"), "e1", "E1"])
def test_a_claim_of_any_quantity_that_kubernetes_knows_is_taken(server: DevCluster, suffix: str) -> None:
    wanted = claim(f"quantity-{suffix.lower()}{suffix.isupper():d}")
    wanted["spec"]["resources"]["requests"]["storage"] = f"1{suffix}"
    made = server.ask("POST", CLAIMS, wanted)
    assert made["spec"]["resources"]["requests"]["storage"] == f"1{suffix}"


def test_a_new_claim_has_the_default_class_unless_it_names_one(server: DevCluster) -> None:
    given = server.ask("POST", CLAIMS, claim("of-the-default-class"))
    assert given["spec"]["storageClassName"] == "dev"
    none = claim("of-no-class")
    none["spec"]["storageClassName"] = ""
    assert server.ask("POST", CLAIMS, none)["spec"]["storageClassName"] == ""
