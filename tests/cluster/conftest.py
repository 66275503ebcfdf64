"""The cluster that these tests speak to: the imitation, or a real one.

`VOLSYNC_PY_CLUSTER=real` means the one that KUBECONFIG names; without it KUBECONFIG is never looked at, so that
nobody's own cluster is touched by a test run. Tests know an API server and the name of an image with our Python in
it, no more.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from uuid import uuid4

import pytest
from attrs import frozen

from volsync_py.kube import config
from volsync_py.kube.client import Client
from volsync_py.kube.errors import NotFound
from volsync_py.kube.resources import NAMESPACES, Resource

T = TypeVar("T")
# A Job on two busy cores takes 3 s; what needs ten times that has failed.
DEADLINE_SECONDS = 60
POLL_SECONDS = 0.1


@frozen
class Cluster:
    """One namespace of a cluster."""

    client: Client
    namespace: str
    image: str

    def create(self, resource: Resource, obj: dict[str, Any]) -> dict[str, Any]:
        """Create an object in the namespace."""
        body = {"apiVersion": resource.api_version, "kind": resource.kind, **obj}
        body["metadata"] = {**obj["metadata"], "namespace": self.namespace}
        return self.client.create(resource, body)

    def find(self, resource: Resource, name: str) -> dict[str, Any] | None:
        """Return an object, or None."""
        try:
            return self.client.get(resource, name, self.namespace)
        except NotFound:
            return None

    def list(self, resource: Resource, label_selector: str = "") -> list[dict[str, Any]]:
        """Return the objects of the namespace."""
        return self.client.list_all(resource, self.namespace, label_selector=label_selector)

    def patch(self, resource: Resource, name: str, changes: dict[str, Any]) -> dict[str, Any]:
        """Change an object."""
        return self.client.patch(resource, name, changes, self.namespace)

    def delete(self, resource: Resource, name: str, propagation: str = "Background") -> None:
        """Delete an object."""
        self.client.delete(resource, name, self.namespace, propagation=propagation)

    def wait(self, what: str, get: Callable[[], T | None], seconds: float = DEADLINE_SECONDS) -> T:
        """Return the first thing that `get` finds."""
        return wait_for(what, get, seconds)


def wait_for(what: str, get: Callable[[], T | None], seconds: float = DEADLINE_SECONDS) -> T:
    """Return the first thing that `get` finds; fail when the deadline has passed."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = get()
        if found:
            return found
        time.sleep(POLL_SECONDS)
    pytest.fail(f"{what}: not within {seconds:.0f} s")


def _kubeconfig() -> str:
    """Return the kubeconfig to use, or skip with the reason; without a cluster CI fails."""
    if os.environ.get("VOLSYNC_PY_CLUSTER") != "real":
        pytest.skip("needs a cluster: VOLSYNC_PY_CLUSTER=real and KUBECONFIG")
    path = os.environ.get("KUBECONFIG", "")
    if not path:
        reason = "VOLSYNC_PY_CLUSTER=real, and KUBECONFIG names no cluster"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    return path


@pytest.fixture(scope="session")
def client() -> Iterator[Client]:
    """Speak to the cluster as its administrator."""
    client = Client(config.load(_kubeconfig()), user_agent="volsync-py-tests")
    yield client
    client.shut_down()


@pytest.fixture
def cluster(client: Client) -> Iterator[Cluster]:
    """Lend a namespace, deleted afterwards."""
    name = f"vp-test-{uuid4().hex[:8]}"
    client.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield Cluster(client, name, os.environ.get("VOLSYNC_PY_E2E_IMAGE", "volsync-py:0.1.0"))
    client.delete(NAMESPACES, name)
