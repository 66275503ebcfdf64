"""A cluster in which nobody acts, so that what commands see of it stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hack.processes import DevCluster
from tests.integration.commands.repository import prepare

VOLSYNC = "/apis/volsync.backube/v1alpha1/namespaces"


@pytest.fixture(scope="session")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevCluster]:
    """A cluster without a manager, with a source that is well, one that fails in another namespace, a destination."""
    one = DevCluster(tmp_path_factory.mktemp("cluster"))
    one.ask("POST", "/api/v1/namespaces", {"metadata": {"name": "office"}})
    put(one, "default", "replicationsources", "well", "True", "Succeeded", "")
    put(one, "default", "replicationdestinations", "restored", "True", "Succeeded", "")
    put(
        one,
        "office",
        "replicationsources",
        "broken",
        "False",
        "WrongPassword",
        "no key found – correct RESTIC_PASSWORD",
    )
    yield one
    one.stop()


@pytest.fixture(scope="session")
def asks(tmp_path_factory: pytest.TempPathFactory, empty_repository: Path) -> Iterator[DevCluster]:
    """Another one, with a namespace in which a source has a repository with snapshots."""
    one = DevCluster(tmp_path_factory.mktemp("asks"))
    prepare(one, empty_repository)
    yield one
    one.stop()


def put(cluster: DevCluster, namespace: str, plural: str, name: str, *healthy: str) -> None:
    now = datetime.now(UTC)
    before, after = ((now + timedelta(minutes=m)).strftime("%Y-%m-%dT%H:%M:%SZ") for m in (-12, 12))
    spec: dict[str, Any] = {"restic": {"repository": "r"}, "trigger": {"schedule": "0 * * * *"}}
    cluster.ask("POST", f"{VOLSYNC}/{namespace}/{plural}", {"metadata": {"name": name}, "spec": spec})
    condition = dict(zip(("type", "status", "reason", "message"), ("Healthy", *healthy), strict=True))
    status = {
        "lastSyncTime": before,
        "nextSyncTime": after,
        "conditions": [{**condition, "lastTransitionTime": before}],
    }
    path = f"{VOLSYNC}/{namespace}/{plural}/{name}/status"
    cluster.ask("PATCH", path, {"status": status}, "application/merge-patch+json")
