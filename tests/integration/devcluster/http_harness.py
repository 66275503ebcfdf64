"""The cluster over HTTP: paths, small objects, and what becomes of requests."""

from __future__ import annotations

import json
from typing import Any
from urllib.error import HTTPError

import pytest

from hack.processes import DevCluster, wait_until

MAPS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"
CLAIMS = "/api/v1/namespaces/default/persistentvolumeclaims"
JOBS = "/apis/batch/v1/namespaces/default/jobs"
SOURCES = "/apis/volsync.backube/v1alpha1/namespaces/default/replicationsources"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
MERGE = "application/merge-patch+json"


def config_map(name: str, **meta: Any) -> dict[str, Any]:
    """Return a ConfigMap."""
    return {"metadata": {"name": name, **meta}, "data": {"a": "1"}}


def pod(name: str, script: str = "sleep 600", container: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """Return a pod that runs a shell script."""
    one = {"name": "c", "image": "any", "command": ["sh", "-c", script], **(container or {})}
    wanted = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [one], **spec}
    return {"metadata": {"name": name}, "spec": wanted}


def claim(name: str, *modes: str) -> dict[str, Any]:
    """Return a claim of the default class."""
    requests = {"requests": {"storage": "1Gi"}}
    return {
        "metadata": {"name": name},
        "spec": {"accessModes": list(modes or ["ReadWriteOnce"]), "resources": requests},
    }


def refused(server: DevCluster, method: str, path: str, body: Any = None, kind: str = "application/json") -> Any:
    """Return the Status of a refusal."""
    with pytest.raises(HTTPError) as raised:
        server.ask(method, path, body, kind)
    with raised.value:
        status = json.loads(raised.value.read())
    assert (status["kind"], status["code"]) == ("Status", raised.value.code)
    return status


def wait_phase(server: DevCluster, path: str, phase: str) -> None:
    """Wait for an object's phase."""
    wait_until(f"{path} to be {phase}", lambda: (server.get(path).get("status") or {}).get("phase") == phase)


def events(server: DevCluster, path: str) -> list[dict[str, Any]]:
    """Return the events of a watch until its end."""
    with server.open("GET", path) as answer:
        return [json.loads(line) for line in answer]
