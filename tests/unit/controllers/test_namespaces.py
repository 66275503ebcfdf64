"""What the admin of a namespace allows holds from the first pass on, however late the watch of namespaces is."""

from __future__ import annotations

from typing import Any, cast

import pytest

from tests.unit.controllers.test_tenants import Cluster
from tests.unit.movers.seen import SETTINGS
from volsync_py.controllers.observe import Observer
from volsync_py.kube.client import Client
from volsync_py.kube.errors import ApiError, NotFound
from volsync_py.kube.resources import NAMESPACES, Resource

ALLOWED = {"volsync.backube/privileged-movers": "true"}


class Server:
    """An API server that has a namespace, has none, or does not answer; it counts what it is asked."""

    def __init__(self, answer: dict[str, Any] | ApiError) -> None:
        self.answer, self.asked = answer, 0

    def get(self, resource: Resource, name: str) -> dict[str, Any]:
        assert (resource, name) == (NAMESPACES, "ns")
        self.asked += 1
        if isinstance(self.answer, ApiError):
            raise self.answer
        return self.answer


def late(answer: dict[str, Any] | ApiError) -> tuple[Cluster, Server]:
    """Return a cluster whose watch has not told of the namespace yet."""
    cluster, server = Cluster(), Server(answer)
    found = cluster.stores[NAMESPACES].get("", "ns")
    assert found is not None
    cluster.stores[NAMESPACES].clear()
    cluster.observer = Observer(cast(Client, server), cluster.stores, SETTINGS)
    return cluster, server


def test_a_namespace_that_the_watch_has_not_told_of_is_asked_for_once() -> None:
    meta = {"name": "ns", "uid": "space", "resourceVersion": "900", "annotations": ALLOWED}
    cluster, server = late({"kind": "Namespace", "apiVersion": "v1", "metadata": meta})
    assert [cluster.view().privileged for _ in range(3)] == [True] * 3
    assert server.asked == 1


def test_a_namespace_that_has_gone_allows_nothing() -> None:
    cluster, _ = late(NotFound(404, "NotFound", "there is none"))
    assert not cluster.view().privileged


def test_nothing_is_decided_while_it_cannot_be_asked_what_is_allowed() -> None:
    cluster, _ = late(ApiError(500, "InternalError", "etcd"))
    with pytest.raises(ApiError):
        cluster.view()


def test_a_namespace_that_is_known_is_not_asked_for() -> None:
    cluster = Cluster()
    server = Server(ApiError(500, "InternalError", "nobody asks"))
    cluster.observer = Observer(cast(Client, server), cluster.stores, SETTINGS)
    assert not cluster.view().privileged
    assert server.asked == 0
