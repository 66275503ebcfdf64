"""Nothing that a client sends is stored if it does not fit, ends a connection, or keeps the cluster from working."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError

import pytest

from hack.devcluster.api.registry import Registry
from hack.processes import DevCluster
from tests.integration.devcluster.http_harness import (
    CLAIMS,
    DEFINITIONS,
    JOBS,
    MAPS,
    MERGE,
    PODS,
    SOURCES,
    claim,
    config_map,
    pod,
    refused,
    wait_phase,
)

ODD: list[Any] = [None, 7, "x", True, [], {}, [7], {"x": 7}, [None], [[]], "\ud800", 1e308]
OTHERS = [
    "/api/v1/namespaces/default/secrets",
    "/api/v1/namespaces/default/services",
    "/api/v1/namespaces/default/events",
    "/apis/events.k8s.io/v1/namespaces/default/events",
    "/api/v1/persistentvolumes",
    "/api/v1/namespaces",
    "/api/v1/nodes",
    "/apis/storage.k8s.io/v1/storageclasses",
    "/apis/coordination.k8s.io/v1/namespaces/default/leases",
    "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles",
    "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings",
    "/apis/snapshot.storage.k8s.io/v1/namespaces/default/volumesnapshots",
    "/apis/snapshot.storage.k8s.io/v1/volumesnapshotcontents",
    "/apis/snapshot.storage.k8s.io/v1/volumesnapshotclasses",
]
PATHS = [MAPS, PODS, CLAIMS, JOBS, SOURCES, DEFINITIONS, *OTHERS]


def bodies() -> Iterator[Any]:
    """Yield odd bodies: whole, and with an odd value in each place that parts of the cluster read."""
    yield from ODD
    numbers = itertools.count()
    fields = ["spec", "data", "stringData", "status", "rules", "roleRef", "subjects", "involvedObject", "series"]
    for field, value in itertools.product(fields, ODD):
        yield {"metadata": {"name": f"odd-{next(numbers)}"}, field: value}
    for field, value in itertools.product(["labels", "annotations", "ownerReferences", "finalizers"], ODD):
        yield {"metadata": {"name": f"odd-meta-{next(numbers)}", field: value}}
    for field, value in itertools.product(["containers", "volumes", "template", "source", "resources", "names"], ODD):
        yield {"metadata": {"name": f"odd-spec-{next(numbers)}"}, "spec": {field: value}}


def answered(server: DevCluster, method: str, path: str, body: Any, kind: str = "application/json") -> int:
    """Send a request and return the code of its answer, whatever it is."""
    try:
        with server.open(method, path, json.dumps(body).encode(), {"Content-Type": kind}) as answer:
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code


@pytest.mark.parametrize("path", PATHS)
def test_odd_objects_are_refused_or_harmless(server: DevCluster, path: str) -> None:
    codes = {answered(server, "POST", path, body) for body in bodies()}
    assert codes <= {201, 400, 403, 404, 405, 409, 422}
    for other in PATHS:
        assert server.get(other)["items"] is not None
    # Finalizers of anybody's hold what was made; the rest goes.
    for item in server.get(path)["items"]:
        if item["metadata"]["name"].startswith("odd"):
            answered(server, "DELETE", f"{path}/{item['metadata']['name']}", {})


@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize("place", ["labels", "annotations", "ownerReferences", "finalizers"])
def test_odd_patches_leave_the_lists_readable(server: DevCluster, place: str, value: Any) -> None:
    answered(server, "POST", MAPS, config_map("patched"))
    code = answered(server, "PATCH", f"{MAPS}/patched", {"metadata": {place: value}}, MERGE)
    assert code in (200, 400, 422)
    assert isinstance(server.get(f"{MAPS}?labelSelector=any")["items"], list)
    answered(server, "PATCH", f"{MAPS}/patched", {"metadata": {"finalizers": None}}, MERGE)


def test_after_all_of_it_pods_still_run(server: DevCluster) -> None:
    for name, body in (("", pod("")), ("spec", {"metadata": {"name": "without-spec"}})):
        assert refused(server, "POST", PODS, body)["code"] == 422, name
    assert refused(server, "POST", CLAIMS, {"metadata": {"name": "without-spec"}})["code"] == 422
    assert server.get(f"{PODS}/without-spec") is None
    assert server.get(f"{CLAIMS}/without-spec") is None
    server.ask("POST", CLAIMS, claim("fine"))
    volume = {"name": "v", "persistentVolumeClaim": {"claimName": "fine"}}
    server.ask("POST", PODS, pod("fine", "exit 0", volumes=[volume]))
    wait_phase(server, f"{PODS}/fine", "Succeeded")


def test_who_listens_to_changes_cannot_make_a_write_fail(capfd: pytest.CaptureFixture[str]) -> None:
    registry = Registry()

    def listener(kind: str, res: Any, obj: Any) -> None:
        raise TypeError("a bug")

    seen: list[str] = []
    registry.subscribe(listener)
    registry.subscribe(lambda kind, res, obj: seen.append(kind))
    registry.create(registry.resource("", "namespaces"), {"metadata": {"name": "made"}})
    assert seen == ["ADDED"]
    assert "a bug" in capfd.readouterr().err
