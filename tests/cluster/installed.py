"""The product where the tests run: a real cluster gets the manifests, the imitation a manager beside it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from attrs import frozen

from hack.processes import ROOT, DevCluster, Manager, S3Server
from hack.tool_cache import tool_path
from tests.cluster.lent import S3

# The image that the manifests name.
RELEASED_IMAGE = "volsync-py:0.1.0"


@frozen
class Installation:
    """What a test needs to know of it."""

    kubeconfig: str
    image: str
    s3: S3


@contextmanager
def imitation(folder: Path) -> Iterator[Installation]:
    """Start the development cluster, an S3 server and a manager."""
    with ExitStack() as started:
        cluster = DevCluster(folder / "cluster")
        started.callback(cluster.stop)
        server = S3Server(folder / "s3")
        started.callback(server.stop)
        manager = Manager(folder / "manager", cluster.kubeconfig)
        started.callback(manager.stop)
        manager.leads()
        url = f"http://127.0.0.1:{server.port}"
        yield Installation(str(cluster.kubeconfig), "local", S3(url, server.ACCESS, server.SECRET))


@contextmanager
def real(folder: Path, kubeconfig: str) -> Iterator[Installation]:
    """Install the manifests in the cluster of a kubeconfig, and start an S3 server that its pods reach.

    VOLSYNC_PY_E2E_S3 is `host:port`: the port of 127.0.0.1 that the server takes, and the name by which pods reach it.
    """
    image = os.environ.get("VOLSYNC_PY_E2E_IMAGE", RELEASED_IMAGE)
    host, _, port = os.environ.get("VOLSYNC_PY_E2E_S3", "").rpartition(":")
    server = S3Server(folder / "s3", int(port or 0))
    try:
        _install(kubeconfig, image)
        url = f"http://{host or '127.0.0.1'}:{server.port}"
        yield Installation(kubeconfig, image, S3(url, server.ACCESS, server.SECRET))
    finally:
        server.stop()


def _install(kubeconfig: str, image: str) -> None:
    kubectl = [str(tool_path("kubectl")), f"--kubeconfig={kubeconfig}"]

    def run(*arguments: str, given: str | None = None) -> str:
        command = [*kubectl, *arguments]
        done = subprocess.run(command, cwd=ROOT, input=given, text=True, capture_output=True, timeout=120)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    run("apply", "--server-side", "-k", "manifests/crds")
    manifests = run("kustomize", "manifests/base").replace(RELEASED_IMAGE, image)
    run("apply", "--server-side", "-f", "-", given=manifests)
    run("-n", "volsync-system", "rollout", "status", "deployment/volsync-py", "--timeout=90s")
