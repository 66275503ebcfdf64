"""A namespace of a cluster, lent to one test: objects, waiting, and programs that run beside its volumes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from attrs import frozen

from volsync_py.kube.client import Client
from volsync_py.kube.errors import NotFound, ServerError, TooManyRequests, Unreachable
from volsync_py.kube.resources import JOBS, PODS, PVCS, REPLICATION_SOURCES, SECRETS, Resource

T = TypeVar("T")
# A Job takes 3 s on two idle cores; a control plane that was killed, or a machine that others use, takes minutes.
DEADLINE_SECONDS = 180
POLL_SECONDS = 0.1


@frozen
class S3:
    """A bucket service as pods see it."""

    url: str
    access_key: str
    secret_key: str


@frozen
class Cluster:
    """One namespace of a cluster."""

    client: Client
    namespace: str
    image: str
    s3: S3 | None = None

    # ---- objects

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

    def objects(self, resource: Resource, label_selector: str = "") -> list[dict[str, Any]]:
        """Return the objects of the namespace."""
        return self.client.list_all(resource, self.namespace, label_selector=label_selector)

    def names(self, resource: Resource) -> list[str]:
        """Return the names of the objects of the namespace."""
        return sorted(o["metadata"]["name"] for o in self.objects(resource))

    def patch(self, resource: Resource, name: str, changes: dict[str, Any]) -> dict[str, Any]:
        """Change an object."""
        return self.client.patch(resource, name, changes, self.namespace)

    def delete(self, resource: Resource, name: str, propagation: str = "Background") -> None:
        """Delete an object."""
        self.client.delete(resource, name, self.namespace, propagation=propagation)

    def wait(self, what: str, get: Callable[[], T | None], seconds: float = DEADLINE_SECONDS) -> T:
        """Return the first thing that `get` finds."""
        return wait_for(what, get, seconds)

    # ---- volumes

    def claim(self, name: str, image: dict[str, Any] | None = None) -> None:
        """Create a claim of the default class, empty or with what an image holds."""
        spec: dict[str, Any] = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        if image is not None:
            spec["dataSource"] = image
        self.create(PVCS, {"metadata": {"name": name}, "spec": spec})

    def run(self, name: str, claim: str, program: str) -> str:
        """Run a Python program as root in the folder of a volume; return what it leaves in its termination message."""
        container: dict[str, Any] = {"name": "main", "image": self.image, "imagePullPolicy": "IfNotPresent"}
        container |= {"command": ["python3", "-c", program], "workingDir": "/volume"}
        container["volumeMounts"] = [{"name": "volume", "mountPath": "/volume"}]
        volume = {"name": "volume", "persistentVolumeClaim": {"claimName": claim}}
        pod = {"restartPolicy": "Never", "containers": [container], "volumes": [volume]}
        self.create(JOBS, {"metadata": {"name": name}, "spec": {"backoffLimit": 0, "template": {"spec": pod}}})
        return self.outcome(name)

    def outcome(self, name: str, container: str = "main") -> str:
        """Wait for the success of a Job, and for its end; return what its pod leaves in its termination message."""
        self.wait(f"the end of {name}", lambda: self._ended(name))
        (ended,) = self.objects(PODS, f"job-name={name}")
        if self.condition(JOBS, name, "Complete") is None:
            pytest.fail(f"{name} failed:\n{self.log(ended['metadata']['name'], container)}")
        message = ended["status"]["containerStatuses"][0]["state"]["terminated"].get("message", "")
        self.delete(JOBS, name, "Foreground")
        self.wait(f"{name} to be gone", lambda: self.find(JOBS, name) is None)
        return str(message)

    def _ended(self, name: str) -> bool:
        return bool(self.condition(JOBS, name, "Complete") or self.condition(JOBS, name, "Failed"))

    def log(self, pod: str, container: str = "main") -> str:
        """Return the end of what a container of a pod printed, that of `run` if none is named."""
        return self.client.pod_log(PODS, self.namespace, pod, container=container, tail_lines=50)

    def condition(self, resource: Resource, name: str, kind: str, status: str = "True") -> dict[str, Any] | None:
        """Return a condition of an object, if it has this status."""
        found = (self.find(resource, name) or {}).get("status", {}).get("conditions") or []
        return next((c for c in found if c["type"] == kind and c["status"] == status), None)

    # ---- replication

    def repository(self, name: str, password: str = "a password of the tests", url: str = "") -> None:
        """Create the Secret of a repository, which is this namespace's own if none is named."""
        assert self.s3 is not None
        data = {
            "RESTIC_REPOSITORY": url or f"s3:{self.s3.url}/e2e/{self.namespace}",
            "RESTIC_PASSWORD": password,
            "AWS_ACCESS_KEY_ID": self.s3.access_key,
            "AWS_SECRET_ACCESS_KEY": self.s3.secret_key,
        }
        self.create(SECRETS, {"metadata": {"name": name}, "stringData": data})

    def replicate(self, resource: Resource, name: str, manual: str = "one", **restic: Any) -> None:
        """Create a source of the claim `data`, or a destination."""
        spec: dict[str, Any] = {"trigger": {"manual": manual}, "restic": {"repository": "repository", **restic}}
        if resource == REPLICATION_SOURCES:
            spec["sourcePVC"] = "data"
        self.create(resource, {"metadata": {"name": name}, "spec": spec})

    def replicated(
        self, resource: Resource, name: str, manual: str = "one", seconds: float = 2 * DEADLINE_SECONDS
    ) -> dict[str, Any]:
        """Wait for the end of a manual run; return the status."""

        def done() -> dict[str, Any] | None:
            status: dict[str, Any] = (self.find(resource, name) or {}).get("status") or {}
            return status if status.get("lastManualSync") == manual else None

        try:
            return self.wait(f"{resource.kind} {name}", done, seconds)
        except pytest.fail.Exception:
            print(json.dumps((self.find(resource, name) or {}).get("status"), indent=1))
            raise


def wait_for(what: str, get: Callable[[], T | None], seconds: float = DEADLINE_SECONDS) -> T:
    """Return the first thing that `get` finds; fail when the deadline has passed.

    What an API server that is away, or has just come back, answers to `get` is no answer.
    """
    deadline = time.monotonic() + seconds
    trouble = ""
    while time.monotonic() < deadline:
        try:
            found, trouble = get(), ""
        except (Unreachable, TooManyRequests, ServerError) as error:
            found, trouble = None, f"; {error}"
        if found:
            return found
        time.sleep(POLL_SECONDS)
    pytest.fail(f"{what}: not within {seconds:.0f} s{trouble}")
