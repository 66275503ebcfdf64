"""What asks a repository: a pod of its own, the user's rights, and nothing left behind."""

from __future__ import annotations

import json
import shutil
import signal
from typing import Any

import pytest

from hack.processes import DevCluster, wait_until
from tests.integration.commands.asking import command, started
from tests.integration.mover import prepared
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
# Three snapshots of a source as its movers make them, and one of another host.
FILL = """
cd /data && mkdir -p folder/deep && echo world > folder/deep/b.txt && echo hello > a.txt && ln -s /etc/passwd link
seq 200000 > numbers
for number in 0 1 2; do echo $number > counter; restic backup -q --host volsync --tag t$number .; done
restic backup -q --host elsewhere .
"""


@pytest.fixture(scope="module")
def asks(quiet: DevCluster, tmp_path_factory: pytest.TempPathFactory) -> DevCluster:
    """A namespace with a source whose repository is a folder of a claim."""
    quiet.ask("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    room = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    for name in ("data", "repo"):
        quiet.ask("POST", CLAIMS, {"metadata": {"name": name}, "spec": room})
    wait_until("the claim", lambda: bool(quiet.get(f"{CLAIMS}/repo")["spec"].get("volumeName")))
    volume = quiet.kubeconfig.parent / "volumes" / str(quiet.get(f"{CLAIMS}/repo")["spec"]["volumeName"])
    shutil.copytree(prepared.made(tmp_path_factory.mktemp("repository")), volume / "repo")
    quiet.ask("POST", SECRETS, {"metadata": {"name": "r"}, "stringData": SECRET})
    quiet.ask("POST", PODS, filling())
    wait_until("the snapshots", lambda: phase(quiet, "fills") == "Succeeded")
    quiet.ask("DELETE", f"{PODS}/fills")
    put_source(quiet, "db")
    return quiet


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


def test_snapshots_are_listed_with_what_keeps_them_and_nothing_is_left(asks: DevCluster) -> None:
    seen = command(asks.kubeconfig, "snapshots", "db", *HERE)
    assert (seen.returncode, seen.stderr.strip()) == (
        0,
        "3 snapshots; 1 of them kept by no rule, and gone after the next backup; "
        "1 of other hosts or paths, shown with --all-hosts",
    )
    head, *rows = seen.stdout.splitlines()
    assert head.split() == "ID TIME AGE NEW CHANGED SIZE ADDED KEPT BY TAGS".split()
    assert [row.split()[-2:] for row in rows] == [["last", "t2"], ["last", "t1"], ["nothing", "t0"]]
    # The pod waits for nobody who is no terminal.
    wait_until("the end of the pod", lambda: not left(asks), 5)


def test_a_pod_that_waits_is_asked_again_and_ends_when_told(asks: DevCluster) -> None:
    first = command(asks.kubeconfig, "snapshots", "db", *HERE, "-o", "json", "--keep", "1m")
    assert "waits 60 s for another question" in first.stderr
    assert [one.get("keptBy") for one in json.loads(first.stdout)] == [[], ["last snapshot"], ["last snapshot"]]
    there = left(asks)
    assert len(there) == 2
    again = command(asks.kubeconfig, "snapshots", "db", *HERE, "-o", "name", "--all-hosts")
    assert (len(again.stdout.split()), again.returncode) == (4, 0)
    # Whoever has not made it lets it wait for who has.
    assert left(asks) == there
    command(asks.kubeconfig, "snapshots", "db", *HERE, "--keep", "0s")
    wait_until("the end of the pod", lambda: not left(asks), 5)


def test_a_command_that_is_killed_leaves_nothing(asks: DevCluster) -> None:
    with started(asks.kubeconfig, "snapshots", "db", *HERE, "--keep", "0s") as process:
        wait_until("a pod that runs", lambda: any(phase(asks, pod_name) == "Running" for pod_name in pods(asks)))
        process.send_signal(signal.SIGKILL)
    # It has not asked yet, or its question ends with its connection.
    wait_until("the end of the pod", lambda: not left(asks), 20)


def test_what_cannot_be_asked_is_a_sentence_and_leaves_nothing(asks: DevCluster) -> None:
    asks.ask("POST", SECRETS, {"metadata": {"name": "wrong"}, "stringData": {**SECRET, "RESTIC_PASSWORD": "canary"}})
    put_source(asks, "wrong", repository="wrong")
    put_source(asks, "none", repository="none")
    wrong, none, nobody = (command(asks.kubeconfig, "snapshots", name, *HERE) for name in ("wrong", "none", "nobody"))
    assert (wrong.returncode, none.returncode, nobody.returncode) == (1, 1, 1)
    assert wrong.stderr.startswith("Error: WrongPassword: ")
    assert "volsync-py explain WrongPassword says more" in wrong.stderr
    assert 'its container cannot be made: secret "none" not found' in none.stderr
    assert "there is no source and no destination called nobody" in nobody.stderr
    assert "canary" not in wrong.stderr + wrong.stdout
    assert "Traceback" not in wrong.stderr + none.stderr + nobody.stderr
    wait_until("the end of the pods", lambda: not left(asks), 5)


def pods(cluster: DevCluster) -> list[str]:
    return [one["metadata"]["name"] for one in cluster.get(PODS)["items"]]
