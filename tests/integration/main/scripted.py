"""An API server out of a script, for a manager that runs as a process: its answers can be held back."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from attrs import define, field

from hack.processes import Manager
from tests.integration.kube.peer import Asked, Peer, Say, status

LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
# Of all kinds: the plural, and the name where it is one object.
_PATH = re.compile(r"/apis?(?:/[^/]+)?/v1\w*(?:/namespaces/[^/]+)?/(?P<plural>[^/]+)(?:/(?P<name>[^/]+))?(?:/status)?")


def is_lease(asked: Asked) -> bool:
    return asked.path.startswith(LEASES)


def writes_a_source(asked: Asked) -> bool:
    return asked.method == "PATCH" and "/replicationsources/" in asked.path


def source(name: str, claim: str = "none", **status: Any) -> dict[str, Any]:
    """Return a source; where its claim does not exist, a pass over it is one write, of its status."""
    return {
        "apiVersion": "volsync.backube/v1alpha1",
        "kind": "ReplicationSource",
        "metadata": {
            "name": name,
            "namespace": "ns",
            "uid": name,
            "generation": 1,
            "resourceVersion": "2",
            "creationTimestamp": "2026-11-24T00:00:00Z",
        },
        "spec": {
            "sourcePVC": claim,
            "trigger": {"manual": "one"},
            "restic": {"repository": "repository", "copyMethod": "Direct"},
        },
        "status": status,
    }


@define
class Api:
    """The script: some objects, one Lease, and what a test wants `instead`."""

    objects: list[dict[str, Any]] = field(factory=list)
    lease: dict[str, Any] | None = None
    instead: Callable[[Asked], Say | None] = lambda asked: None
    version: int = 10
    lock: threading.Lock = field(factory=threading.Lock)

    def __call__(self, asked: Asked) -> Say:
        if asked.is_watch:
            return Say(lines=(), hold=True)
        said = self.instead(asked)
        if said is not None:
            return said
        with self.lock:
            self.version += 1
            return self._lease(asked) if is_lease(asked) else self._answer(asked)

    def _answer(self, asked: Asked) -> Say:
        path = _PATH.fullmatch(asked.path)
        if path is None:
            return Say(status(404, "NotFound"), 404)
        if asked.path == "/api/v1/namespaces/kube-system":
            return Say({"kind": "Namespace", "metadata": {"name": "kube-system", "uid": "cluster"}})
        if asked.method == "POST":
            return Say(asked.body, 201)
        found = [o for o in self.objects if o["kind"].lower() + "s" == path["plural"]]
        if path["name"] is None:
            return Say({"kind": "List", "metadata": {"resourceVersion": "5"}, "items": found})
        one = next((o for o in found if o["metadata"]["name"] == path["name"]), None)
        if one is None:
            return Say(status(404, "NotFound"), 404)
        return Say(self._patched(one, asked.body) if asked.method == "PATCH" else one)

    def _lease(self, asked: Asked) -> Say:
        if asked.method == "GET":
            return Say(self.lease) if self.lease else Say(status(404, "NotFound"), 404)
        meta = {"name": "lease", "namespace": "default", "resourceVersion": str(self.version)}
        before = self.lease["spec"] if self.lease else {}
        self.lease = {"metadata": meta, "spec": {**before, **asked.body["spec"]}}
        return Say(self.lease)

    def _patched(self, obj: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
        for part in ("spec", "status"):
            obj[part] = {**obj[part], **changes.get(part, {})}
        obj["metadata"]["resourceVersion"] = str(self.version)
        copied: dict[str, Any] = json.loads(json.dumps(obj))
        return copied


def manager_of(server: Peer, folder: Path, *arguments: str) -> Manager:
    """Start a manager of the scripted API server."""
    folder.mkdir(parents=True, exist_ok=True)
    server.client(folder)
    return Manager(folder, folder / "kubeconfig", *arguments)


def ask_ready(manager: Manager) -> tuple[int, str]:
    """Return what /readyz says; 0 while nobody listens."""
    connection = HTTPConnection("127.0.0.1", manager.health_port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except OSError:
        return 0, ""
    finally:
        connection.close()
