"""The cluster that these tests speak to: the imitation, or a real one.

`VOLSYNC_PY_CLUSTER=real` means the one that KUBECONFIG names; without it KUBECONFIG is never looked at, so that
nobody's own cluster is touched by a test run. Tests know an API server and the name of an image with our Python in
it, no more.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NoReturn
from uuid import uuid4

import pytest

from tests.cluster.installed import Installation, imitation, real
from tests.cluster.lent import Cluster, wait_for
from tests.cluster.machine import Machine
from volsync_py.kube import config
from volsync_py.kube.client import Client
from volsync_py.kube.errors import NotFound
from volsync_py.kube.resources import NAMESPACES, SERVICE_ACCOUNTS

# Rights, quotas, admission policies and servers that can be killed are not imitated.
_REAL_ONLY = [
    "test_asking.py",
    "test_audited_rights.py",
    "test_disruptions.py",
    "test_doctor.py",
    "test_installed.py",
    "test_policies.py",
    "test_populator.py",
    "test_restore_command.py",
    "test_rights_of_commands.py",
    "test_restored_namespace.py",
]
REAL = os.environ.get("VOLSYNC_PY_CLUSTER") == "real"
collect_ignore = [] if REAL else _REAL_ONLY
# A test waits for several things, each of which has a deadline of its own that says what did not come.
_TEST_SECONDS = 900


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the audit log be read when everything else has been asked, and a slow machine take its time."""
    items.sort(key=lambda item: "test_audited_rights" in item.nodeid)
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.timeout(_TEST_SECONDS))


def _lacks(reason: str) -> NoReturn:
    """Fail in CI, which has what a test needs; skip for a person, who may not."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The product, running; without a real cluster that was asked for, CI fails and a person is told."""
    folder = tmp_path_factory.mktemp("installation")
    if not REAL:
        with imitation(folder) as one:
            yield one
        return
    path = os.environ.get("KUBECONFIG", "")
    if not path:
        _lacks("VOLSYNC_PY_CLUSTER=real, and KUBECONFIG names no cluster")
    with real(folder, path) as one:
        yield one


@pytest.fixture(scope="session")
def client(installation: Installation) -> Iterator[Client]:
    """Speak to the cluster as its administrator."""
    client = Client(config.load(installation.kubeconfig), user_agent="volsync-py-tests")
    yield client
    client.shut_down()


@pytest.fixture
def machine() -> Machine:
    """Return the machine below the cluster, where that is this one."""
    run = os.environ.get("VOLSYNC_PY_CLUSTER_RUN", "")
    if not run:
        _lacks("VOLSYNC_PY_CLUSTER_RUN names no state folder of a cluster that this machine runs")
    return Machine(Path(run))


@pytest.fixture
def cluster(installation: Installation, client: Client) -> Iterator[Cluster]:
    """Lend a namespace, deleted afterwards."""
    name = f"vp-test-{uuid4().hex[:8]}"
    # Movers that bring owners and modes back.
    annotations = {"volsync.backube/privileged-movers": "true"}
    meta = {"name": name, "annotations": annotations}
    client.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
    lent = Cluster(client, name, installation.image, installation.s3)
    if REAL:
        # Without it a pod is refused for another reason than the test's.
        wait_for("the namespace's account", lambda: lent.find(SERVICE_ACCOUNTS, "default"))
    yield lent
    wait_for("the namespace's deletion", lambda: _delete(client, name))


def _delete(client: Client, namespace: str) -> bool:
    # Somebody who was not answered may have been heard.
    with suppress(NotFound):
        client.delete(NAMESPACES, namespace)
    return True
