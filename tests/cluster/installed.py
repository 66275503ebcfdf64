"""The product where the tests run: a real cluster gets the manifests, the imitation a manager beside it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from attrs import frozen

from hack.processes import ROOT, DevCluster, Manager, S3Server
from hack.tool_cache import tool_path
from tests.cluster.gate import Gate
from tests.cluster.lent import S3

# The image that the manifests name.
RELEASED_IMAGE = "volsync-py:0.1.0"
# Somebody else's, who enforces the strictest level on it.
NAMESPACE = "volsync-system"
NAMESPACE_LABELS = {"pod-security.kubernetes.io/enforce": "restricted", "tests/owner": "somebody"}


@frozen
class Installation:
    """What a test needs to know of it."""

    kubeconfig: str
    image: str
    s3: S3
    # In front of the S3 server, where there is one.
    gate: Gate | None = None

    def kubectl(self, *arguments: str, given: str | None = None) -> tuple[int, str]:
        """Run kubectl as the cluster's administrator; return its exit code and what it printed."""
        command = [str(tool_path("kubectl")), f"--kubeconfig={self.kubeconfig}", *arguments]
        done = subprocess.run(command, cwd=ROOT, input=given, text=True, capture_output=True, timeout=300)
        return done.returncode, done.stdout + done.stderr


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
    """Install the manifests in the cluster of a kubeconfig, and start an S3 server that its pods reach through a gate.

    VOLSYNC_PY_E2E_S3 is `host:port`: the port of 127.0.0.1 that the gate takes, and the name by which pods reach it.
    """
    image = os.environ.get("VOLSYNC_PY_E2E_IMAGE", RELEASED_IMAGE)
    host, _, port = os.environ.get("VOLSYNC_PY_E2E_S3", "").rpartition(":")
    server = S3Server(folder / "s3")
    gate = Gate(int(port or 0), server.port)
    url = f"http://{host or '127.0.0.1'}:{gate.port}"
    one = Installation(kubeconfig, image, S3(url, server.ACCESS, server.SECRET), gate)
    try:
        _install(one)
        yield one
    finally:
        gate.stop()
        server.stop()


def _install(one: Installation) -> None:
    def run(*arguments: str, given: str | None = None) -> str:
        code, said = one.kubectl(*arguments, given=given)
        assert code == 0, f"kubectl {' '.join(arguments)}: {said}"
        return said

    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": NAMESPACE_LABELS}}
    run("apply", "-f", "-", given=json.dumps(space))
    run("apply", "--server-side", "-k", "manifests/crds")
    manifests = run("kustomize", "manifests/base").replace(RELEASED_IMAGE, one.image)
    run("apply", "--server-side", "-f", "-", given=manifests)
    run("-n", NAMESPACE, "rollout", "status", "deployment/volsync", "--timeout=240s")
