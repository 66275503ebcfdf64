"""What a test of the main job works with: one namespace, volumes, a repository, custom resources."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from hack.processes import DevCluster, S3Server, wait_until
from tests.integration.mover import harness, prepared

VOLSYNC = "apis/volsync.backube/v1alpha1"
PASSWORD = harness.PASSWORD
# No test waits for the end of what is shown to people.
NO_JOB_SHOWN = "--ended-job-shown=0s"


class World:
    """A namespace in the development cluster."""

    def __init__(self, cluster: DevCluster, s3: S3Server, namespace: str) -> None:
        self.cluster, self.s3, self.namespace = cluster, s3, namespace

    def prepare(self) -> None:
        """Create the namespace, the Secret, and a volume with files."""
        annotations = {"volsync.backube/privileged-movers": "true"}
        self.cluster.ask(
            "POST", "/api/v1/namespaces", {"metadata": {"name": self.namespace, "annotations": annotations}}
        )
        self.secret("repository")
        self.claim("data")
        self.write("data", {"a.txt": "hello", "folder/b.txt": "world"})
        self.cluster.admin("clear")

    def put(self, repository: Path, path: str = "repo") -> None:
        """Put a copy of a repository where the Secret says."""
        prepared.put(repository, self.s3, f"tests/{self.namespace}/{path}")

    def end(self) -> None:
        """Delete the namespace with all that is in it, and wait until it has gone."""
        self.cluster.ask("DELETE", f"/api/v1/namespaces/{self.namespace}")
        wait_until("the namespace's end", lambda: self.cluster.get(f"/api/v1/namespaces/{self.namespace}") is None)

    # ---- objects

    def path(self, plural: str, name: str = "", group: str = "api/v1") -> str:
        return f"/{group}/namespaces/{self.namespace}/{plural}" + (f"/{name}" if name else "")

    def create(self, plural: str, body: dict[str, Any], group: str = "api/v1") -> Any:
        return self.cluster.ask("POST", self.path(plural, group=group), body)

    def secret(
        self, name: str, password: str = PASSWORD, path: str = "repo", repository_of: World | None = None
    ) -> None:
        data = {**(repository_of or self).repository(path), "RESTIC_PASSWORD": password}
        body = {"metadata": {"name": name}, "stringData": data}
        if self.cluster.get(self.path("secrets", name)) is None:
            self.create("secrets", body)
        else:
            self.cluster.ask("PATCH", self.path("secrets", name), body, "application/merge-patch+json")

    def repository(self, path: str = "repo") -> dict[str, str]:
        """Return restic's environment for the repository."""
        return {
            "RESTIC_REPOSITORY": f"s3:http://127.0.0.1:{self.s3.port}/tests/{self.namespace}/{path}",
            "RESTIC_PASSWORD": PASSWORD,
            "AWS_ACCESS_KEY_ID": self.s3.ACCESS,
            "AWS_SECRET_ACCESS_KEY": self.s3.SECRET,
        }

    def claim(self, name: str, **spec: Any) -> None:
        wanted = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, **spec}
        self.create("persistentvolumeclaims", {"metadata": {"name": name}, "spec": wanted})
        wait_until(name, lambda: bool(self.claim_of(name)["spec"].get("volumeName")))

    def claim_of(self, name: str) -> Any:
        return self.cluster.get(self.path("persistentvolumeclaims", name)) or {"spec": {}}

    def folder(self, claim: str) -> Path:
        """Return the folder behind a claim."""
        return self.cluster.kubeconfig.parent / "volumes" / str(self.claim_of(claim)["spec"]["volumeName"])

    def write(self, claim: str, files: dict[str, str]) -> None:
        for name, text in files.items():
            path = self.folder(claim) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def read(self, claim: str) -> dict[str, str]:
        """Return the files of a volume."""
        base = self.folder(claim)
        found: Iterable[Path] = (Path(folder) / name for folder, _, names in os.walk(base) for name in names)
        return {str(p.relative_to(base)): p.read_text(encoding="utf-8") for p in found}

    # ---- custom resources

    def source(self, name: str = "backup", manual: str = "one", trigger: Any = None, **restic: Any) -> None:
        spec = {
            "sourcePVC": restic.pop("sourcePVC", "data"),
            "trigger": trigger or {"manual": manual},
            "restic": {"repository": "repository", "copyMethod": "Direct", **restic},
        }
        body = {"kind": "ReplicationSource", "metadata": {"name": name}, "spec": spec}
        self.create("replicationsources", body, VOLSYNC)

    def destination(self, name: str = "restore", manual: str = "one", **restic: Any) -> None:
        wanted = {"repository": "repository", "copyMethod": "Direct", **restic}
        body = {"metadata": {"name": name}, "spec": {"trigger": {"manual": manual}, "restic": wanted}}
        self.create("replicationdestinations", body, VOLSYNC)

    def change(self, plural: str, name: str, spec: dict[str, Any]) -> None:
        path = self.path(plural, name, VOLSYNC)
        self.cluster.ask("PATCH", path, {"spec": spec}, "application/merge-patch+json")

    def status(self, plural: str, name: str) -> Any:
        found = self.cluster.get(self.path(plural, name, VOLSYNC))
        return (found or {}).get("status") or {}

    def condition(self, plural: str, name: str, kind: str) -> tuple[str, str, str]:
        """Return status, reason and message of a condition."""
        conditions = self.status(plural, name).get("conditions") or []
        found: dict[str, Any] = next((c for c in conditions if c["type"] == kind), {})
        return found.get("status", ""), found.get("reason", ""), found.get("message", "")

    def wait(self, plural: str, name: str, check: Callable[[Any], bool]) -> Any:
        """Wait for a status, and return it."""
        wait_until(f"{plural}/{name}", lambda: check(self.status(plural, name)))
        return self.status(plural, name)

    def wait_done(self, plural: str, name: str, manual: str = "one") -> Any:
        """Wait for the end of a manual run and of its cleaning up; return the status."""
        status = self.wait(plural, name, lambda s: s.get("lastManualSync") == manual)
        wait_until("cleaning up", lambda: not self.names("jobs", "apis/batch/v1") and not self.movers())
        return status

    def movers(self) -> list[str]:
        """Return the names of the pods of Jobs."""
        return [name for name in self.names("pods") if name.startswith("volsync-")]

    def names(self, plural: str, group: str = "api/v1") -> list[str]:
        return [o["metadata"]["name"] for o in self.cluster.get(self.path(plural, group=group))["items"]]

    def created(self, plural: str) -> int:
        """Return how many objects were created in the namespace by managers since it was ready."""
        wanted = {"verb": "create", "resource": plural, "namespace": self.namespace, "code": 201}
        found = self.cluster.admin("requests")["requests"]
        return sum(wanted.items() <= r.items() and r["agent"].startswith("volsync-py/") for r in found)

    def requests(self) -> list[str]:
        """Return what the manager has asked for since the namespace was ready, besides watches and Leases."""
        found = self.cluster.admin("requests")["requests"]
        return [
            " ".join(filter(None, (r["verb"], r["resource"], r["subresource"])))
            for r in found
            if r["agent"].startswith("volsync-py") and r["verb"] != "watch" and r["resource"] != "leases"
        ]
