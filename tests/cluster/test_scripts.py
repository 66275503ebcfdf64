"""What people's scripts do with Jobs and their pods, by name, with kubectl."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

from hack.tool_cache import tool_path
from tests.cluster.installed import Installation
from tests.cluster.lent import Cluster
from tests.cluster.tree import FILL
from volsync_py.core.durations import parse_go_duration
from volsync_py.core.times import parse_rfc3339
from volsync_py.kube.resources import JOBS, PODS, REPLICATION_SOURCES

JOB, THEIRS = "volsync-src-backup", "volsync-list-backup-1764449999"
OURS = {"app.kubernetes.io/created-by": "volsync"}
DEBUG = "volsync.backube/enable-debug-mover"
# As many of them have it: the first look may come when the run is over.
NOW_AND_WAIT = """
set -e
until kubectl get "job/$1" >/dev/null 2>&1; do sleep 5; done
kubectl wait "job/$1" --for=condition=complete --timeout=120s
kubectl get pod -l "job-name=$1" -o 'jsonpath={.items[*].status.phase}'
echo
kubectl logs "job/$1" -c restic
"""


class Scripts:
    """Programs that have kubectl, for the namespace of a test."""

    def __init__(self, installation: Installation, cluster: Cluster, folder: Path) -> None:
        self.kubectl = [str(tool_path("kubectl")), f"--kubeconfig={installation.kubeconfig}", "-n", cluster.namespace]
        program = folder / "kubectl"
        program.write_text(f'#!/bin/sh\nexec {" ".join(self.kubectl)} "$@"\n', encoding="utf-8")
        program.chmod(0o755)
        self._path = f"{folder}:/usr/bin:/bin"

    def run(self, script: str, *arguments: str) -> str:
        command = ["/bin/sh", "-c", script, "sh", *arguments]
        done = subprocess.run(command, env={"PATH": self._path}, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def own_job(cluster: Cluster) -> dict[str, Any]:
    """Create a Job of somebody's with our label on its pod, as a script lists snapshots with one."""
    container: dict[str, Any] = {"name": "main", "image": cluster.image, "imagePullPolicy": "IfNotPresent"}
    container["command"] = ["python3", "-c", "import time; time.sleep(900)"]
    template: dict[str, Any] = {
        "metadata": {"labels": OURS},
        "spec": {"restartPolicy": "Never", "containers": [container]},
    }
    template["spec"] |= {"terminationGracePeriodSeconds": 0}
    meta = {"name": THEIRS, "labels": OURS}
    return cluster.create(JOBS, {"metadata": meta, "spec": {"backoffLimit": 0, "template": template}})


def test_who_waits_for_a_job_by_its_name_sees_it_and_its_end(
    installation: Installation, cluster: Cluster, tmp_path: Path
) -> None:
    scripts = Scripts(installation, cluster, tmp_path)
    theirs = own_job(cluster)
    cluster.repository("repository")
    cluster.claim("data")
    cluster.run("fill", "data", FILL)
    cluster.replicate(REPLICATION_SOURCES, "backup", copyMethod="Direct")
    status = cluster.replicated(REPLICATION_SOURCES, "backup")
    # Over before the first look, which still finds the Job, its end, its pod and its log.
    printed = scripts.run(NOW_AND_WAIT, JOB)
    assert "condition met" in printed
    assert "Succeeded" in printed.splitlines()
    assert f"snapshot {status['restic']['lastSnapshot']['id'][:8]} saved" in printed
    # Other tools look for the snapshot of a run by the times in its status.
    ended, made = parse_rfc3339(status["lastSyncTime"]), parse_rfc3339(status["restic"]["lastSnapshot"]["time"])
    assert ended - parse_go_duration(status["lastSyncDuration"]) <= made <= ended + timedelta(seconds=5)

    # A mover that is killed is a hiccup: who waits for its Job hears of the end of the next attempt.
    spec = {"metadata": {"annotations": {DEBUG: ""}}, "spec": {"trigger": {"manual": "two"}}}
    cluster.patch(REPLICATION_SOURCES, "backup", spec)
    running = cluster.wait("the mover", lambda: _running(cluster))
    told = tmp_path / "told"
    command = [*scripts.kubectl, "-v=6", "wait", f"job/{JOB}", "--for=condition=complete", "--timeout=170s"]
    with told.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as waits:
        cluster.wait("the watch", lambda: "watch=true" in told.read_text(encoding="utf-8"))
        cluster.patch(REPLICATION_SOURCES, "backup", {"metadata": {"annotations": {DEBUG: None}}})
        cluster.delete(PODS, running)
        cluster.wait("the failed Job", lambda: cluster.condition(JOBS, JOB, "Failed"))
        cluster.replicated(REPLICATION_SOURCES, "backup", "two")
        assert waits.wait(60) == 0, told.read_text(encoding="utf-8")
    assert "condition met" in told.read_text(encoding="utf-8")

    cluster.wait("the Job's end", lambda: cluster.names(JOBS) == [THEIRS])
    found = cluster.find(JOBS, THEIRS) or {"metadata": {}}
    assert found["metadata"]["uid"] == theirs["metadata"]["uid"]
    assert found["metadata"].get("annotations") == theirs["metadata"].get("annotations")
    (pod,) = cluster.objects(PODS, f"job-name={THEIRS}")
    assert pod["status"]["phase"] in ("Pending", "Running")


def _running(cluster: Cluster) -> str:
    """Return the mover's pod once it runs."""
    pods = cluster.objects(PODS, f"job-name={JOB}")
    return next((p["metadata"]["name"] for p in pods if p["status"].get("phase") == "Running"), "")
