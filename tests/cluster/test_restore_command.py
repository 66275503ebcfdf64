"""`volsync-py restore` as somebody types it who has the role `edit` in one namespace. A real cluster only."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from hack.tool_cache import tool_path
from tests.cluster.installed import Installation
from tests.cluster.lent import Cluster
from tests.cluster.person import person
from tests.cluster.tree import CHANGE, DESCRIBE, FILL, described
from tests.integration.commands.asking import command
from volsync_py.kube.resources import (
    DEPLOYMENTS,
    PVCS,
    REPLICATION_DESTINATIONS,
    REPLICATION_SOURCES,
    VOLUME_SNAPSHOTS,
)

LABELS = {"app": "web"}


def deploy(cluster: Cluster) -> None:
    """Start a program that has the claim mounted."""
    container = {
        "name": "main",
        "image": cluster.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-c", "import signal; signal.pause()"],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
    pod = {"terminationGracePeriodSeconds": 0, "containers": [container], "volumes": [volume]}
    template = {"metadata": {"labels": LABELS}, "spec": pod}
    spec = {"replicas": 1, "selector": {"matchLabels": LABELS}, "template": template}
    cluster.create(DEPLOYMENTS, {"metadata": {"name": "web"}, "spec": spec})
    wait_ready(cluster)


def wait_ready(cluster: Cluster) -> None:
    def is_ready() -> bool:
        found = cluster.find(DEPLOYMENTS, "web") or {}
        return found["spec"]["replicas"] == 1 and (found.get("status") or {}).get("readyReplicas") == 1

    cluster.wait("the Deployment", is_ready)


def test_who_may_edit_a_namespace_puts_a_volume_back_and_takes_that_back(
    installation: Installation, cluster: Cluster, tmp_path: Path
) -> None:
    editor, viewer = (person(installation, cluster, tmp_path, role) for role in ("edit", "view"))
    cluster.repository("repository")
    cluster.claim("data")
    cluster.run("fill", "data", FILL)
    good = described(cluster.run("describe-good", "data", DESCRIBE))
    cluster.replicate(REPLICATION_SOURCES, "backup", copyMethod="Snapshot")
    cluster.replicated(REPLICATION_SOURCES, "backup")
    cluster.run("change", "data", CHANGE)
    broken = described(cluster.run("describe-broken", "data", DESCRIBE))
    deploy(cluster)

    words = ("restore", "backup", "-n", cluster.namespace, "--yes")
    looks = command(viewer, *words)
    assert (looks.returncode, looks.stdout) == (1, "")
    assert "may not create persistentvolumeclaims" in looks.stderr
    assert "the role edit allows it" in looks.stderr
    refused = command(editor, *words, "--in-place")
    assert refused.returncode == 1
    assert "mounted by Deployment web (1 pod)" in refused.stderr

    done = command(editor, *words, "--in-place", "--scale-down")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "you may not read VolumeSnapshotClasses" in " ".join(done.stdout.split())
    wait_ready(cluster)
    assert described(cluster.run("describe-restored", "data", DESCRIBE)) == good
    assert cluster.names(REPLICATION_DESTINATIONS) == []
    assert "paused" not in (cluster.find(REPLICATION_SOURCES, "backup") or {})["spec"]
    (undo,) = [name for name in cluster.names(VOLUME_SNAPSHOTS) if name.startswith("backup-restore-")]

    lines = done.stdout.partition("\nundo:\n")[2].partition("\nwithout need")[0]
    env = {**os.environ, "KUBECONFIG": str(editor), "PATH": f"{tool_path('kubectl').parent}:{os.environ['PATH']}"}
    undone = subprocess.run(["sh", "-ec", lines], env=env, capture_output=True, text=True, timeout=300, check=False)
    assert undone.returncode == 0, undone.stderr
    wait_ready(cluster)
    assert (cluster.find(PVCS, "data") or {})["spec"]["dataSource"]["name"] == undo
    assert described(cluster.run("describe-undone", "data", DESCRIBE)) == broken
