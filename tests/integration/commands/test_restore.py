"""`volsync-py restore`, as a process, against the development cluster with a manager."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
import yaml

from hack.processes import DevCluster, wait_until
from hack.tool_cache import tool_path
from tests.integration.commands.asking import command, read_until, started
from tests.integration.world import VOLSYNC, World

APPS, SNAPSHOTS = "apis/apps/v1", "apis/snapshot.storage.k8s.io/v1"
BACKED_UP = {"a.txt": "hello", "folder/b.txt": "world"}
FULL = {"a.txt": "broken", "later.txt": "made after the backup"}


# Each is a story of several restores, with the pods, copies and questions of each.
pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def backed_up(world: World) -> World:
    """A namespace with a source that has been backed up."""
    world.source(manual="one")
    world.wait_done("replicationsources", "backup", "one")
    return world


def restore(world: World, *words: str) -> subprocess.CompletedProcess[str]:
    return command(world.cluster.kubeconfig, "restore", "backup", "-n", world.namespace, *words)


def typed_at_a_terminal(world: World, answer: str, *words: str) -> tuple[int, str]:
    """Run a restore whose question somebody answers; return the exit code and what a terminal shows."""
    ours, theirs = pty.openpty()
    program = [str(Path(sys.executable).with_name("volsync-py")), "restore", "backup", "-n", world.namespace, *words]
    env = {**os.environ, "KUBECONFIG": str(world.cluster.kubeconfig), "COLUMNS": "100"}
    with subprocess.Popen(program, env=env, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = ""
        try:
            while True:
                shown += os.read(ours, 4096).decode()
                if answer and "go on? [y/N]" in shown:
                    os.write(ours, f"{answer}\n".encode())
                    answer = ""
        except OSError:
            # The other end is closed.
            pass
        code = process.wait(timeout=60)
    os.close(ours)
    return code, shown.replace("\r\n", "\n")


def undone(world: World, told: str) -> None:
    """Do what the command has said that undoes it."""
    lines = told.partition("\nundo:\n")[2].splitlines()
    commands = [line.strip() for line in lines if line.startswith("  ")]
    # The development cluster has no subresource `scale`, which kubectl would ask for.
    scale = re.compile(r" scale (\S+) --replicas=(\d)")
    kept = [
        scale.sub(r""" patch \1 --type=merge --patch='{"spec":{"replicas":\2}}'""", line)
        for line in commands
        if "delete volumesnapshot" not in line
    ]
    assert kept
    env = {**os.environ, "KUBECONFIG": str(world.cluster.kubeconfig)}
    env["PATH"] = f"{tool_path('kubectl').parent}:{env['PATH']}"
    subprocess.run(["sh", "-ec", "\n".join(kept)], env=env, check=True, timeout=120, capture_output=True)


class Application:
    """A Deployment of one pod that mounts a claim, and somebody who keeps as many pods as it has replicas."""

    def __init__(self, world: World, claim: str) -> None:
        self._world, self._claim = world, claim
        labels = {"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}
        template = {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "main", "image": "local"}]},
        }
        spec = {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": template}
        made = world.create("deployments", {"metadata": {"name": "web", "labels": labels}, "spec": spec}, APPS)
        meta = {"name": "web-1", "ownerReferences": [self._owner("Deployment", made)]}
        self._set = world.create("replicasets", {"metadata": meta, "spec": spec}, APPS)

    @staticmethod
    def _owner(kind: str, obj: Any) -> dict[str, Any]:
        meta = obj["metadata"]
        return {"apiVersion": "apps/v1", "kind": kind, "name": meta["name"], "uid": meta["uid"], "controller": True}

    def deployment(self) -> Any:
        return self._world.cluster.get(self._world.path("deployments", "web", APPS))

    def pods(self) -> list[str]:
        return [name for name in self._world.names("pods") if name.startswith("web-")]

    def follow(self) -> None:
        """Make or delete the pod as the Deployment says."""
        wanted, there = self.deployment()["spec"]["replicas"], self.pods()
        if there and not wanted:
            self._world.cluster.ask("DELETE", self._world.path("pods", there[0]))
        elif wanted and not there:
            container: dict[str, Any] = {"name": "main", "image": "local", "command": ["sleep", "600"]}
            container["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
            volume = {"name": "data", "persistentVolumeClaim": {"claimName": self._claim}}
            meta = {"generateName": "web-1-", "ownerReferences": [self._owner("ReplicaSet", self._set)]}
            spec = {"terminationGracePeriodSeconds": 0, "containers": [container], "volumes": [volume]}
            self._world.create("pods", {"metadata": meta, "spec": spec})

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Follow it until the end."""
        ended = Event()

        def work() -> None:
            while not ended.wait(0.2):
                self.follow()

        self.follow()
        thread = Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def test_a_backup_comes_back_into_a_new_claim_after_one_question(backed_up: World) -> None:
    world = backed_up
    world.write("data", FULL)

    planned = restore(world, "--dry-run", "-o", "yaml")
    assert planned.returncode == 0, planned.stderr
    claim, destination = yaml.safe_load(planned.stdout)["items"]
    assert (claim["kind"], destination["kind"]) == ("PersistentVolumeClaim", "ReplicationDestination")
    assert destination["spec"]["restic"]["destinationPVC"] == claim["metadata"]["name"]
    nobody = restore(world)
    assert nobody.returncode == 2
    assert "--yes says yes" in nobody.stderr
    code, shown = typed_at_a_terminal(world, "n")
    assert (code, "nothing was done" in shown) == (1, True)
    assert world.names("persistentvolumeclaims") == ["data", "volsync-src-backup-cache"]

    code, shown = typed_at_a_terminal(world, "y")
    assert code == 0, shown
    (made,) = (name for name in world.names("persistentvolumeclaims") if name.startswith("data-restored-"))
    assert f" 1. make the claim {made}: 1Gi, ReadWriteOnce" in shown
    snapshot = world.status("replicationsources", "backup")["restic"]["lastSnapshot"]["id"][:8]
    assert f"from snapshot {snapshot} of " in shown
    assert (world.read(made), world.read("data")) == (BACKED_UP, {**BACKED_UP, **FULL})
    assert world.names("replicationdestinations", VOLSYNC) == []

    undone(world, shown)
    wait_until("the claim's end", lambda: made not in world.names("persistentvolumeclaims"))


def test_nothing_is_restored_under_a_program_unless_it_may_be_scaled_down_and_back(backed_up: World) -> None:
    world = backed_up
    world.write("data", FULL)
    application = Application(world, "data")
    with application.kept():
        wait_until("the pod", lambda: bool(application.pods()))
        refused = restore(world, "--in-place", "--yes")
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "mounted by Deployment web (1 pod)" in refused.stderr
        assert "--scale-down takes it to 0 and back" in refused.stderr

        none = restore(world, "--in-place", "--scale-down", "--yes", "--snapshot", "ffff")
        assert none.returncode == 1
        assert "NoEligibleSnapshot" in none.stderr
        assert "the claim is as it was, and so is what mounts it" in none.stderr
        (never_needed,) = world.names("volumesnapshots", SNAPSHOTS)
        assert f"kubectl -n {world.namespace} delete volumesnapshot {never_needed}" in none.stderr
        assert_all_runs(world, application)
        assert world.read("data") == {**BACKED_UP, **FULL}

        done = restore(world, "--in-place", "--scale-down", "--yes")
        assert done.returncode == 0, done.stderr
        assert "\n      flux suspend kustomization apps -n flux-system\n" in done.stdout
        assert re.search(r"^restored \d files and folders, 10 B, from snapshot", done.stdout, re.MULTILINE)
        assert world.read("data") == BACKED_UP
        assert_all_runs(world, application)
        assert len(world.names("volumesnapshots", SNAPSHOTS)) == 2
        assert "volsync-py/half-restored" not in (world.claim_of("data")["metadata"].get("annotations") or {})

        undone(world, done.stdout)
        wait_until("the claim", lambda: bool(world.claim_of("data")["spec"].get("volumeName")))
        assert world.read("data") == {**BACKED_UP, **FULL}


def assert_all_runs(world: World, application: Application) -> None:
    meta, spec = (application.deployment()[part] for part in ("metadata", "spec"))
    assert (spec["replicas"], meta.get("annotations") or {}) == (1, {})
    source = world.cluster.get(world.path("replicationsources", "backup", VOLSYNC))
    assert "paused" not in source["spec"]
    assert "volsync-py/paused-for-restore" not in (source["metadata"].get("annotations") or {})


def test_whoever_interrupts_it_is_told_how_it_stands_and_the_same_command_goes_on(backed_up: World) -> None:
    world = backed_up
    world.write("data", FULL)
    words = ("restore", "backup", "-n", world.namespace, "--in-place", "--yes")
    world.cluster.admin("node", fault="snapshots", never_ready=True)
    with started(world.cluster.kubeconfig, *words) as process:
        read_until(process.stderr, "takes the VolumeSnapshot")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    world.cluster.admin("node", fault="snapshots")
    assert process.returncode == 130
    assert "nothing was restored, and all is as it was" in said
    assert world.names("replicationdestinations", VOLSYNC) == []
    wait_until("the snapshot's end", lambda: world.names("volumesnapshots", SNAPSHOTS) == [])

    refuse_pods(world, "not now")
    with started(world.cluster.kubeconfig, *words) as process:
        read_until(process.stderr, "takes the VolumeSnapshot")
        (name,) = world.names("replicationdestinations", VOLSYNC)
        path = world.path("replicationdestinations", name, VOLSYNC)
        wait_until("the beginning", lambda: "paused" not in world.cluster.get(path)["spec"])
        read_until(process.stderr, "not now")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the source backup is paused" in said
    assert f"go on:\n  volsync-py {' '.join(words)}\n" in said
    assert f"volsync-py resume backup -n {world.namespace}" in said
    assert world.claim_of("data")["metadata"]["annotations"]["volsync-py/half-restored"] == name

    other = restore(world, "--in-place", "--yes", "--previous", "1")
    assert other.returncode == 1
    assert f"another restore into the claim data was begun and has not ended: {name}" in " ".join(other.stderr.split())
    refuse_pods(world, None)
    done = command(world.cluster.kubeconfig, *words)
    assert done.returncode == 0, done.stderr
    assert "which was begun before and goes on" in " ".join(done.stdout.split())
    assert world.read("data") == BACKED_UP
    assert world.names("volumesnapshots", SNAPSHOTS) == [name]
    assert "paused" not in world.cluster.get(world.path("replicationsources", "backup", VOLSYNC))["spec"]


def refuse_pods(world: World, why: str | None) -> None:
    changes = {"metadata": {"annotations": {"devcluster/refuse-pods": why}}}
    world.cluster.ask("PATCH", f"/api/v1/namespaces/{world.namespace}", changes, "application/merge-patch+json")


def test_where_no_operator_looks_at_it_that_is_said_and_nothing_waits_for_ever(quiet: DevCluster) -> None:
    unknown = command(quiet.kubeconfig, "restore", "well", "--yes")
    assert unknown.returncode == 2
    assert "give --size" in unknown.stderr
    done = command(quiet.kubeconfig, "restore", "well", "--yes", "--size", "1Gi")
    assert done.returncode == 1
    assert "is not begun: no operator has looked at it" in done.stderr
    assert "delete replicationdestination well-restore-" in done.stderr
    # Nobody acts here, and what others see of this cluster is to stay as it was.
    found = re.search(r"delete replicationdestination (\S+)", done.stderr)
    assert found is not None
    quiet.ask("DELETE", f"/{VOLSYNC}/namespaces/default/replicationdestinations/{found[1].rstrip('.;,')}")


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["none"], 1, "there is no source called none in the namespace default"),
        (["well", "--to", "a", "--in-place"], 2, "leave --to out"),
        (["well", "--in-place", "--no-wait"], 2, "has to be waited for"),
        (["well", "-o", "yaml"], 2, "-o shows the objects of --dry-run"),
        (["well", "--at", "soon"], 2, "'soon' is no time"),
        (["well", "--at", "2100-01-01T00:00:00Z"], 2, "is still to come"),
        (["well", "--size", "big"], 2, "--size: 'big' is not a quantity"),
        (["well", "--include", "/a", "--delete"], 2, "leave --delete out"),
    ],
)
def test_a_mistake_is_a_sentence_with_the_next_step(quiet: DevCluster, words: list[str], code: int, says: str) -> None:
    done = command(quiet.kubeconfig, "restore", *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert says in " ".join(done.stderr.split())
