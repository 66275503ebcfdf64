"""The controllers over a registry, without HTTP: short waits, and objects with one call each."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hack.devcluster.api.objects import Object
from hack.devcluster.api.registry import Registry
from hack.devcluster.common.context import Context
from hack.devcluster.common.options import Options
from hack.devcluster.control.garbage import Garbage
from hack.devcluster.controllers import start

NAMESPACE = "work"
# A pod starts in milliseconds; eight busy neighbours on two cores may make it seconds.
_PATIENCE_SECONDS = 20.0


class Cluster:
    """A registry with its controllers."""

    def __init__(self, state: Path, **options: Any) -> None:
        chosen = {"job_backoff_seconds": 0.2, "volume_retry_seconds": 0.2, "restart_backoff_seconds": 0.2}
        self.registry = Registry()
        self.garbage = Garbage(self.registry)
        self.garbage.start()
        self.options = Options(**{**chosen, "node_grace_seconds": 0.2, "pod_gc_seconds": 0.2, **options})
        self.state = state
        self.controllers = start(self.registry, state, self.options)
        self.context = Context(self.registry, state, self.options)
        self.create("namespaces", "v1", "Namespace", NAMESPACE, namespace="")
        self.create("namespaces", "v1", "Namespace", "minio", namespace="")

    def stop(self) -> None:
        """End everything."""
        self.controllers.stop()
        self.garbage.stop()

    def create(
        self, plural: str, api_version: str, kind: str, name: str, namespace: str = NAMESPACE, **more: Any
    ) -> Object:
        """Create an object; `more` are its top-level fields."""
        metadata = {"name": name, **more.pop("metadata", {})}
        if namespace:
            metadata["namespace"] = namespace
        return self.context.create(plural, {"apiVersion": api_version, "kind": kind, "metadata": metadata, **more})

    def pod(self, script: str, name: str = "p", container: Object | None = None, **spec: Any) -> Object:
        """Create a pod that runs a shell script."""
        return self.create("pods", "v1", "Pod", name, spec=pod_spec(script, container, **spec))

    def job(self, script: str, name: str = "j", pod: Object | None = None, **spec: Any) -> Object:
        """Create a Job whose pod runs a shell script."""
        template = {"spec": pod_spec(script, **(pod or {}))}
        wanted = {"parallelism": 1, "completions": 1, "backoffLimit": 0, **spec, "template": template}
        if wanted["completions"] is None:
            del wanted["completions"]
        return self.create("jobs", "batch/v1", "Job", name, spec=wanted)

    def claim(self, name: str, storage_class: str = "dev", size: str = "1Gi", **more: Any) -> Object:
        """Create a claim."""
        requests = {"requests": {"storage": size}}
        spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": storage_class, "resources": requests}
        metadata = more.pop("metadata", {})
        return self.create(
            "persistentvolumeclaims",
            "v1",
            "PersistentVolumeClaim",
            name,
            spec={**spec, **more},
            metadata=metadata,
        )

    def get(self, plural: str, name: str, namespace: str = NAMESPACE) -> Object:
        """Read an object that is there; without a status it has an empty one."""
        found = self.context.get(plural, namespace, name)
        assert found is not None, f"no {plural} {namespace}/{name}"
        return {"status": {}, **found}

    def status(self, plural: str, name: str, namespace: str = NAMESPACE) -> Object:
        """Read an object's status."""
        status: Object = self.get(plural, name, namespace)["status"] or {}
        return status

    def modify(self, plural: str, name: str, change: Callable[[Object], None]) -> None:
        """Change an object."""
        self.registry.modify(self.context.resources[plural], NAMESPACE, name, change)

    def pods_of(self, job: str = "j") -> list[Object]:
        """List a Job's pods."""
        return self.context.list("pods", NAMESPACE, {"job-name": job})

    def conditions(self, plural: str, name: str) -> list[str]:
        """List the types of the conditions that are true, in their order."""
        found = self.status(plural, name).get("conditions") or []
        return [one["type"] for one in found if one["status"] == "True"]

    def events(self, name: str) -> list[str]:
        """List the reasons of the events about an object."""
        return [one["reason"] for one in self.context.list("events") if one["involvedObject"]["name"] == name]

    def job_ended(self, name: str = "j") -> bool:
        """Return whether a Job is Complete or Failed."""
        return bool({"Complete", "Failed"} & set(self.conditions("jobs", name)))

    def phase(self, name: str = "p", plural: str = "pods") -> str:
        """Return the phase; of an object that is gone, "Gone"."""
        found = self.context.get(plural, "" if plural == "persistentvolumes" else NAMESPACE, name)
        return "Gone" if found is None else str((found.get("status") or {}).get("phase", ""))

    def state_of(self, name: str = "p") -> Object:
        """Return the state of a pod's first container."""
        statuses = self.status("pods", name).get("containerStatuses") or [{"state": {}}]
        state: Object = statuses[0]["state"]
        return state

    def is_running(self, name: str = "p") -> bool:
        """Return whether a pod's container runs."""
        return "running" in self.state_of(name)

    def terminated(self, name: str = "p") -> Object:
        """Wait for the end of a pod's first container and return how it ended."""
        wait_for(lambda: "terminated" in self.state_of(name))
        ended: Object = self.state_of(name)["terminated"]
        return ended

    def log(self, pod: Object, container: str = "c") -> str:
        """Return what a container wrote so far."""
        file = self.state / "logs" / NAMESPACE / str(pod["metadata"]["uid"]) / f"{container}.log"
        return file.read_text() if file.exists() else ""

    def volume_path(self, claim: str) -> Path:
        """Return the folder behind a bound claim."""
        return self.state / "volumes" / str(self.get("persistentvolumeclaims", claim)["spec"]["volumeName"])

    def run(self, script: str, name: str = "p", container: Object | None = None, **spec: Any) -> str:
        """Run a pod to its end and return its log."""
        pod = self.pod(script, name, container, **spec)
        self.terminated(name)
        return self.log(pod)


def pod_spec(script: str, container: Object | None = None, **spec: Any) -> Object:
    """Make the spec of a pod with one container."""
    first = {"name": "c", "image": "any", "command": ["/bin/sh", "-c", script.replace("$$", "$$$$")]}
    return {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 1,
        "containers": [{**first, **(container or {})}],
        **spec,
    }


def wait_for(predicate: Callable[[], object], what: str = "") -> None:
    """Wait until the predicate holds."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not predicate():
        assert time.monotonic() < deadline, what or "waited in vain"
        time.sleep(0.01)
