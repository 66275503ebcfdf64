"""The product where the tests run: a real cluster gets the manifests, the imitation a manager beside it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import yaml
from attrs import frozen

from hack.processes import ROOT, DevCluster, Manager, S3Server
from hack.tool_cache import tool_path
from tests.cluster.gate import Gate
from tests.cluster.lent import S3, wait_for

# The image that the manifests name.
RELEASED_IMAGE = "volsync-py:0.0.0"
# Somebody else's, who enforces the strictest level on it.
NAMESPACE, DEPLOYMENT = "volsync-system", "deployment/volsync"
NAMESPACE_LABELS = {"pod-security.kubernetes.io/enforce": "restricted", "tests/owner": "somebody"}


@frozen
class Installation:
    """What a test needs to know of it."""

    kubeconfig: str
    image: str
    s3: S3
    # The manager is away for as long as the context lasts; its resources and movers stay.
    without_manager: Callable[[], AbstractContextManager[None]]
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
        managers = [_manager(folder / "manager", cluster)]
        started.callback(lambda: managers[-1].stop())

        @contextmanager
        def without_manager() -> Iterator[None]:
            managers[-1].stop()
            try:
                yield
            finally:
                managers.append(_manager(folder / f"manager-{len(managers)}", cluster))

        url = f"http://127.0.0.1:{server.port}"
        s3 = S3(url, server.ACCESS, server.SECRET)
        yield Installation(str(cluster.kubeconfig), "local", s3, without_manager)


def _manager(folder: Path, cluster: DevCluster) -> Manager:
    """Start a manager, and wait until it works."""
    one = Manager(folder, cluster.kubeconfig)
    one.leads()
    return one


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
    s3 = S3(url, server.ACCESS, server.SECRET)
    one = Installation(kubeconfig, image, s3, lambda: _scaled_away(one), gate)
    try:
        install(one)
        yield one
    finally:
        gate.stop()
        server.stop()


def install(one: Installation) -> None:
    """Apply the manifests, and wait for the manager."""
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": NAMESPACE_LABELS}}
    _run(one, "apply", "-f", "-", given=json.dumps(space))
    # A release that a test has made may have had them, in another version.
    _run(one, "apply", "--server-side", "--force-conflicts", "-k", "manifests/crds")
    _run(one, "apply", "--server-side", "-f", "-", given=_manifests(one))
    _run(one, "-n", NAMESPACE, "rollout", "status", DEPLOYMENT, "--timeout=240s")


def uninstall(one: Installation) -> None:
    """Take away what was applied, except the definitions."""
    # Not every machine's PyYAML has the fast one.
    objects = yaml.load_all(_manifests(one), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    goes = [obj for obj in objects if obj["kind"] != "CustomResourceDefinition"]
    _run(one, "delete", "--ignore-not-found", "-f", "-", given=yaml.safe_dump_all(goes))


@contextmanager
def _scaled_away(one: Installation) -> Iterator[None]:
    _run(one, "-n", NAMESPACE, "scale", DEPLOYMENT, "--replicas=0")
    try:
        wait_for("the manager's end", lambda: "pod/" not in _run(one, "-n", NAMESPACE, "get", "pods", "--output=name"))
        yield
    finally:
        _run(one, "-n", NAMESPACE, "scale", DEPLOYMENT, "--replicas=1")
        _run(one, "-n", NAMESPACE, "rollout", "status", DEPLOYMENT, "--timeout=240s")


def _manifests(one: Installation) -> str:
    return _run(one, "kustomize", "manifests/base").replace(RELEASED_IMAGE, one.image)


def _run(one: Installation, *arguments: str, given: str | None = None) -> str:
    code, said = one.kubectl(*arguments, given=given)
    assert code == 0, f"kubectl {' '.join(arguments)}: {said}"
    return said
