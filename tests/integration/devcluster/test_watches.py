"""Watches lose nothing without saying so, however they begin and however far behind they are."""

from __future__ import annotations

import http.client
import json
import os
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from hack.devcluster.api.history import History, WatchEvent
from hack.devcluster.api.registry import Registry
from hack.processes import DevCluster, wait_until
from tests.integration.devcluster.http_harness import MAPS, config_map, events

INITIAL = "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"


def shown(given: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(e["type"], e["object"]["metadata"].get("name", "")) for e in given]


def test_a_stream_of_initial_events_says_where_they_end(server: DevCluster) -> None:
    server.ask("POST", MAPS, config_map("there", labels={"initial": ""}))
    query = f"{MAPS}?watch=true&timeoutSeconds=1&labelSelector=initial{INITIAL}"
    for version in ("", "&resourceVersion=0"):
        first, bookmark, *_ = events(server, query + version)
        assert shown([first, bookmark]) == [("ADDED", "there"), ("BOOKMARK", "")]
        assert bookmark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
        assert int(bookmark["object"]["metadata"]["resourceVersion"]) > 1


def test_a_stream_that_asks_for_bookmarks_ends_with_one(server: DevCluster) -> None:
    version = server.get(MAPS)["metadata"]["resourceVersion"]
    path = f"{MAPS}?watch=true&resourceVersion={version}&timeoutSeconds=1"
    assert events(server, path) == []
    (last,) = events(server, f"{path}&allowWatchBookmarks=true")
    assert last["type"] == "BOOKMARK"


@pytest.mark.parametrize("version", ["1", "999999999"])
def test_a_version_that_cannot_be_gone_on_from_is_an_error_event(server: DevCluster, version: str) -> None:
    server.admin("expire-versions")
    (error,) = events(server, f"{MAPS}?watch=true&resourceVersion={version}&timeoutSeconds=60")
    assert (error["type"], error["object"]["code"], error["object"]["reason"]) == ("ERROR", 410, "Expired")


def test_a_stream_that_has_seen_everything_outlives_the_expiry_of_versions(server: DevCluster) -> None:
    with server.open("GET", f"{MAPS}?watch=true&timeoutSeconds=30&labelSelector=outlives") as answer:
        server.admin("expire-versions")
        server.ask("POST", MAPS, config_map("later", labels={"outlives": ""}))
        assert json.loads(answer.readline())["object"]["metadata"]["name"] == "later"


def test_what_no_longer_fits_into_the_history_is_known_to_be_lost() -> None:
    registry = Registry()
    kept = History(most=3)
    namespaces = registry.resource("", "namespaces")
    for version in range(1, 6):
        kept.add(WatchEvent(version, "ADDED", namespaces, {}, None))
    assert (kept.dropped, [e.version for e in kept.since(2)]) == (2, [3, 4, 5])


def test_watches_can_be_cut_in_the_middle(server: DevCluster) -> None:
    with server.open("GET", f"{MAPS}?watch=true&timeoutSeconds=60&labelSelector=none") as answer:
        server.admin("break-watches", resource="configmaps")
        with pytest.raises(http.client.IncompleteRead):
            answer.read()


def test_a_client_that_has_gone_leaves_no_descriptor_behind(server: DevCluster) -> None:
    def sockets() -> set[str]:
        found = set()
        for descriptor in Path(f"/proc/{server.process.pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                found.add(os.readlink(descriptor))
        return {name for name in found if name.startswith("socket:")}

    before = sockets()
    where = urlsplit(server.url)
    with ExitStack() as streams:
        for _ in range(10):
            one = http.client.HTTPConnection(where.hostname or "", where.port or 0)
            streams.callback(one.close)
            one.request("GET", f"{where.path}{MAPS}?watch=true&labelSelector=none")
            streams.enter_context(one.getresponse())
        ours = sockets() - before
        assert len(ours) == 10
    wait_until("the end of the streams", lambda: not ours & sockets(), 20)
