"""Pages of a list show one moment, and never less than was there."""

from __future__ import annotations

import json
from typing import Any

from hack.processes import DevCluster
from tests.integration.devcluster.http_harness import MAPS, config_map, refused

NAMES = [f"page-{number}" for number in range(6)]


def fill(server: DevCluster, label: str) -> None:
    for name in NAMES:
        server.ask("POST", MAPS, config_map(f"{label}-{name}", labels={label: ""}))


def names(page: Any) -> list[str]:
    return [o["metadata"]["name"] for o in page["items"]]


def test_what_is_deleted_and_made_between_two_pages_changes_neither(server: DevCluster) -> None:
    fill(server, "moment")
    path = f"{MAPS}?labelSelector=moment&limit=2"
    first = server.get(path)
    server.ask("DELETE", f"{MAPS}/moment-page-0")
    server.ask("DELETE", f"{MAPS}/moment-page-3")
    server.ask("POST", MAPS, config_map("moment-page-2a", labels={"moment": ""}))
    second = server.get(f"{path}&continue={first['metadata']['continue']}")
    third = server.get(f"{path}&continue={second['metadata']['continue']}")
    assert names(first) + names(second) + names(third) == [f"moment-{name}" for name in NAMES]
    versions = {page["metadata"]["resourceVersion"] for page in (first, second, third)}
    assert len(versions) == 1
    assert "continue" not in third["metadata"]


def test_a_page_of_a_moment_that_is_no_longer_kept_is_410(server: DevCluster) -> None:
    fill(server, "old")
    token = server.get(f"{MAPS}?labelSelector=old&limit=2")["metadata"]["continue"]
    server.admin("expire-versions")
    assert refused(server, "GET", f"{MAPS}?labelSelector=old&limit=2&continue={token}")["reason"] == "Expired"


def test_tables_come_in_pages_too(server: DevCluster) -> None:
    fill(server, "table")
    accept = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
    with server.open("GET", f"{MAPS}?labelSelector=table&limit=4", headers=accept) as answer:
        page = json.loads(answer.read())
    assert (len(page["rows"]), bool(page["metadata"]["continue"])) == (4, True)


def test_what_is_no_token_number_or_selector_is_refused(server: DevCluster) -> None:
    for query in ("continue=7", "limit=x", "resourceVersion=x", "labelSelector=a+in+(x", "fieldSelector=name"):
        assert refused(server, "GET", f"{MAPS}?{query}")["code"] == 400, query
