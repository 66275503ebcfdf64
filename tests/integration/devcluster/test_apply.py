"""Apply on the server's side, and patches that know lists of parts."""

from __future__ import annotations

import json
from typing import Any
from urllib.error import HTTPError

import pytest

from hack.processes import DevCluster
from tests.integration.devcluster.http_harness import MAPS, SOURCES, config_map, refused

SERVICES = "/api/v1/namespaces/default/services"
APPLY = "application/apply-patch+yaml"
STRATEGIC = "application/strategic-merge-patch+json"


def apply(server: DevCluster, path: str, manager: str, body: dict[str, Any], more: str = "") -> Any:
    return server.ask("PATCH", f"{path}?fieldManager={manager}{more}", body, APPLY)


def data(**values: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "data": values}


def test_what_is_applied_no_more_goes_unless_another_has_applied_it(server: DevCluster) -> None:
    path = f"{MAPS}/applied"
    apply(server, path, "one", data(a="1", b="2", c="3"))
    apply(server, path, "two", data(b="2"))
    server.ask("PATCH", path, {"data": {"d": "4"}}, "application/merge-patch+json")
    after = apply(server, path, "one", data(a="1"))
    assert after["data"] == {"a": "1", "b": "2", "d": "4"}
    version = after["metadata"]["resourceVersion"]
    assert apply(server, path, "one", data(a="1"))["metadata"]["resourceVersion"] == version


def test_another_manager_s_field_is_a_conflict_unless_it_is_forced(server: DevCluster) -> None:
    path = f"{MAPS}/contested-by-appliers"
    apply(server, path, "one", data(a="1"))
    with pytest.raises(HTTPError) as raised:
        apply(server, path, "two", data(a="2"))
    with raised.value:
        status = json.loads(raised.value.read())
    assert (status["code"], status["message"]) == (409, 'Apply failed with 1 conflict: conflict with "one": .data.a')
    assert apply(server, path, "two", data(a="2"), "&force=true")["data"] == {"a": "2"}
    # It is the other's now: who applied it first has nothing to take away.
    assert apply(server, path, "one", data(b="1"))["data"] == {"a": "2", "b": "1"}


def test_items_of_lists_are_applied_by_their_key(server: DevCluster) -> None:
    path = f"{SERVICES}/applied"

    def ports(*numbers: int) -> dict[str, Any]:
        return {
            "apiVersion": "v1",
            "kind": "Service",
            "spec": {"ports": [{"port": n, "name": f"p{n}"} for n in numbers]},
        }

    apply(server, path, "one", ports(80, 81))
    apply(server, path, "two", ports(90))
    found = apply(server, path, "one", ports(81))["spec"]["ports"]
    assert sorted(p["port"] for p in found) == [81, 90]


def test_strategic_patches_merge_the_ports_of_services(server: DevCluster) -> None:
    server.ask("POST", SERVICES, {"metadata": {"name": "merged"}, "spec": {"ports": [{"port": 80}, {"port": 81}]}})
    change = {"spec": {"ports": [{"port": 81, "name": "other"}, {"port": 80, "$patch": "delete"}, {"port": 82}]}}
    found = server.ask("PATCH", f"{SERVICES}/merged", change, STRATEGIC)["spec"]["ports"]
    assert found == [{"port": 81, "name": "other"}, {"port": 82}]


def test_strategic_patches_add_to_and_take_from_sets(server: DevCluster) -> None:
    server.ask("POST", MAPS, config_map("sets", finalizers=["example.com/a"]))
    add = {"metadata": {"finalizers": ["example.com/b"]}}
    take = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["example.com/a"]}}
    for change in (add, take):
        found = server.ask("PATCH", f"{MAPS}/sets", change, STRATEGIC)
    assert found["metadata"]["finalizers"] == ["example.com/b"]


def test_custom_resources_know_no_strategic_patches(server: DevCluster) -> None:
    server.ask("POST", SOURCES, {"metadata": {"name": "plain"}, "spec": {"sourcePVC": "x"}})
    assert refused(server, "PATCH", f"{SOURCES}/plain", {}, STRATEGIC)["code"] == 415


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        ([{"op": "remove", "path": "/data/none"}], 422),
        ([{"op": "test", "path": "/data/a", "value": "2"}], 422),
        ([{"op": "replace", "path": "", "value": 7}], 422),
        ([{"op": "add"}], 422),
        ([7], 422),
        ({"op": "add"}, 400),
    ],
)
def test_json_patches_that_cannot_be_applied_are_refused(server: DevCluster, steps: Any, code: int) -> None:
    if server.get(f"{MAPS}/steps") is None:
        server.ask("POST", MAPS, config_map("steps"))
    assert refused(server, "PATCH", f"{MAPS}/steps", steps, "application/json-patch+json")["code"] == code
    assert server.get(f"{MAPS}/steps")["data"] == {"a": "1"}


def test_json_patches_move_and_copy(server: DevCluster) -> None:
    server.ask("POST", MAPS, config_map("moved"))
    steps = [{"op": "copy", "from": "/data/a", "path": "/data/b"}, {"op": "move", "from": "/data/a", "path": "/data/c"}]
    assert server.ask("PATCH", f"{MAPS}/moved", steps, "application/json-patch+json")["data"] == {"b": "1", "c": "1"}
