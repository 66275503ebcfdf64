"""The cluster that these tests speak to: the imitation, or a real one.

`VOLSYNC_PY_CLUSTER=real` means the one that KUBECONFIG names; without it KUBECONFIG is never looked at, so that
nobody's own cluster is touched by a test run. Tests know an API server and the name of an image with our Python in
it, no more.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.cluster.installed import Installation, imitation, real
from tests.cluster.lent import Cluster
from volsync_py.kube import config
from volsync_py.kube.client import Client
from volsync_py.kube.resources import NAMESPACES

# Rights, quotas and servers that can be killed are not imitated.
_REAL_ONLY = ["test_audited_rights.py", "test_disruptions.py", "test_installed.py"]
collect_ignore = [] if os.environ.get("VOLSYNC_PY_CLUSTER") == "real" else _REAL_ONLY


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the audit log be read when everything else has been asked."""
    items.sort(key=lambda item: "test_audited_rights" in item.nodeid)


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The product, running; without a real cluster that was asked for, CI fails and a person is told."""
    folder = tmp_path_factory.mktemp("installation")
    if os.environ.get("VOLSYNC_PY_CLUSTER") != "real":
        with imitation(folder) as one:
            yield one
        return
    path = os.environ.get("KUBECONFIG", "")
    if not path:
        reason = "VOLSYNC_PY_CLUSTER=real, and KUBECONFIG names no cluster"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    with real(folder, path) as one:
        yield one


@pytest.fixture(scope="session")
def client(installation: Installation) -> Iterator[Client]:
    """Speak to the cluster as its administrator."""
    client = Client(config.load(installation.kubeconfig), user_agent="volsync-py-tests")
    yield client
    client.shut_down()


@pytest.fixture
def cluster(installation: Installation, client: Client) -> Iterator[Cluster]:
    """Lend a namespace, deleted afterwards."""
    name = f"vp-test-{uuid4().hex[:8]}"
    # Movers that bring owners and modes back.
    annotations = {"volsync.backube/privileged-movers": "true"}
    meta = {"name": name, "annotations": annotations}
    client.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
    yield Cluster(client, name, installation.image, installation.s3)
    client.delete(NAMESPACES, name)
