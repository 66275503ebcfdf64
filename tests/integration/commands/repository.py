"""A repository with snapshots in the development cluster, for the tests of what asks it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from hack.processes import DevCluster, wait_until
from tests.integration.mover.harness import PASSWORD

NAMESPACE = "asks"
JOBS = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
CLAIMS = f"/api/v1/namespaces/{NAMESPACE}/persistentvolumeclaims"
SECRETS = f"/api/v1/namespaces/{NAMESPACE}/secrets"
SOURCES = f"/apis/volsync.backube/v1alpha1/namespaces/{NAMESPACE}/replicationsources"
HERE = ("-n", NAMESPACE)
RESTIC = {
    "repository": "r",
    "copyMethod": "Direct",
    "retain": {"last": "2"},
    "moverVolumes": [{"mountPath": "backups", "volumeSource": {"persistentVolumeClaim": {"claimName": "repo"}}}],
}


SECRET = {"RESTIC_REPOSITORY": "/mnt/backups/repo", "RESTIC_PASSWORD": PASSWORD}
NUMBERS = "".join(f"{number}\n" for number in range(1, 200_001)).encode()
# Three snapshots of a source as its movers make them, and one of another host.
FILL = """
cd /data && mkdir -p folder/deep && echo world > folder/deep/b.txt && echo hello > a.txt && ln -s /etc/passwd link
seq 200000 > numbers
for number in 0 1 2; do echo $number > counter; restic backup -q --host volsync --tag t$number .; done
restic backup -q --host elsewhere .
"""


def prepare(quiet: DevCluster, empty_repository: Path) -> None:
    """Make a namespace with a source whose repository is a folder of a claim."""
    quiet.ask("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    room = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    for name in ("data", "repo"):
        quiet.ask("POST", CLAIMS, {"metadata": {"name": name}, "spec": room})
    wait_until("the claim", lambda: bool(quiet.get(f"{CLAIMS}/repo")["spec"].get("volumeName")))
    volume = quiet.kubeconfig.parent / "volumes" / str(quiet.get(f"{CLAIMS}/repo")["spec"]["volumeName"])
    shutil.copytree(empty_repository, volume / "repo")
    quiet.ask("POST", SECRETS, {"metadata": {"name": "r"}, "stringData": SECRET})
    quiet.ask("POST", PODS, filling())
    wait_until("the snapshots", lambda: phase(quiet, "fills") == "Succeeded")
    quiet.ask("DELETE", f"{PODS}/fills")
    put_source(quiet, "db")


def put_source(cluster: DevCluster, name: str, **restic: Any) -> None:
    spec = {"sourcePVC": "data", "trigger": {"manual": "m"}, "restic": {**RESTIC, **restic}}
    cluster.ask("POST", SOURCES, {"metadata": {"name": name}, "spec": spec})
    known = {"status": {"restic": {"moverImage": "local"}}}
    cluster.ask("PATCH", f"{SOURCES}/{name}/status", known, "application/merge-patch+json")


def filling() -> dict[str, Any]:
    env = [{"name": "RESTIC_CACHE_DIR", "value": "/tmp"}]
    mounts = [{"name": "data", "mountPath": "/data"}, {"name": "repo", "mountPath": "/mnt/backups"}]
    container = {
        "name": "restic",
        "image": "local",
        "command": ["sh", "-ec", FILL],
        "env": env,
        "envFrom": [{"secretRef": {"name": "r"}}],
        "volumeMounts": mounts,
    }
    volumes = [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in ("data", "repo")]
    spec = {"restartPolicy": "Never", "containers": [container], "volumes": volumes}
    return {"metadata": {"name": "fills"}, "spec": spec}


def phase(cluster: DevCluster, pod: str) -> str:
    return str((cluster.get(f"{PODS}/{pod}").get("status") or {}).get("phase"))


def left(cluster: DevCluster) -> list[str]:
    """Return the Jobs and pods that are there."""
    return [one["metadata"]["name"] for path in (JOBS, PODS) for one in cluster.get(path)["items"]]


def pods(cluster: DevCluster) -> list[str]:
    return [one["metadata"]["name"] for one in cluster.get(PODS)["items"]]
