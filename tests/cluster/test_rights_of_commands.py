"""What the roles `view` and `edit` of one namespace are enough for, command by command. A real cluster only."""

from __future__ import annotations

import gzip
import subprocess
from pathlib import Path

from hack.processes import S3Server
from tests.cluster.installed import Installation
from tests.cluster.lent import Cluster
from tests.cluster.person import person
from tests.cluster.tree import FILL
from tests.integration.commands.asking import command
from volsync_py.kube.resources import CORE_EVENTS, JOBS, PODS, PVCS, REPLICATION_SOURCES

# The password, and the keys of the storage that the tests start.
SECRETS = ("the password that nobody prints", S3Server.SECRET, S3Server.ACCESS)
PATCH, JOB = "patch replicationsources.volsync.backube", "create jobs.batch"
# Words → what somebody with `view` is told that they may not do, "" where nothing is refused, and what is printed with
# `edit`, to standard output or standard error.
COMMANDS: list[tuple[str, str, str]] = [
    ("status", "", "1 of 1 backed up in the last 24 h"),
    ("status backup", "", "last run"),
    ("top", "", "they hold"),
    ("logs backup", "", "the last mover"),
    ("debug-bundle backup -o FOLDER/bundle.tar.gz", "", "bundle.tar.gz"),
    ("doctor backup --no-pod", "", "nothing has to be mended"),
    ("snapshots backup", JOB, "1 snapshot"),
    ("check backup", JOB, "backup: check ended well"),
    ("unlock backup", JOB, "backup: unlock ended well"),
    ("prune backup", JOB, "backup: prune ended well"),
    ("pause backup", PATCH, "source backup: paused"),
    ("resume -l app=web", PATCH, "source backup: resumed"),
    ("backup backup --wait", PATCH, "backup: snapshot "),
    ("prove backup --wait", PATCH, "backup: "),
]
# What nobody may ask who has the rights of one namespace only.
OF_THE_CLUSTER = {
    "status -A": "list replicationsources.volsync.backube in all namespaces",
    "top -A": "list replicationsources.volsync.backube in all namespaces",
}


def test_view_looks_edit_acts_and_what_is_not_allowed_is_one_sentence(
    installation: Installation, cluster: Cluster, tmp_path: Path
) -> None:
    cluster.repository("repository", password=SECRETS[0])
    cluster.claim("data")
    cluster.run("fill", "data", FILL)
    cluster.replicate(REPLICATION_SOURCES, "backup", copyMethod="Direct")
    cluster.patch(REPLICATION_SOURCES, "backup", {"metadata": {"labels": {"app": "web"}}})
    cluster.replicated(REPLICATION_SOURCES, "backup")
    cluster.wait("the end of the mover", lambda: not cluster.names(PODS))
    before = cluster.find(REPLICATION_SOURCES, "backup") or {}

    viewer, editor = (person(installation, cluster, tmp_path, role) for role in ("view", "edit"))
    for words, right, _ in COMMANDS:
        done = run(viewer, words, tmp_path / "viewed")
        if right:
            assert (done.returncode, done.stdout) == (1, ""), done
            assert f"view) may not {right} in the namespace {cluster.namespace}: the role edit allows it" in one(done)
        else:
            assert done.returncode == 0, done
            # A right that is missing is told once.
            assert len(set(done.stderr.splitlines())) == len(done.stderr.splitlines()), done
    for words, right in OF_THE_CLUSTER.items():
        for who in (viewer, editor):
            done = run(who, words, tmp_path / "all")
            assert (done.returncode, done.stdout) == (1, ""), done
            assert f"may not {right}" in one(done)
    # It goes over the whole cluster, and each thing that it does not see is something to see to.
    looked = run(viewer, "takeover", tmp_path / "all")
    assert (looked.returncode, looked.stderr) == (1, "")
    assert "not seen: you (system:serviceaccount:" in looked.stdout
    after = cluster.find(REPLICATION_SOURCES, "backup") or {}
    assert (after["spec"], after["metadata"]) == (before["spec"], before["metadata"])
    assert cluster.names(JOBS) == []

    for words, _, says in COMMANDS:
        done = run(editor, words, tmp_path / "edited")
        assert done.returncode == 0, done
        assert says in done.stdout + done.stderr, done
    proved_in_a_volume_that_has_gone(cluster)
    for folder in ("viewed", "edited"):
        bundle = tmp_path / folder / "bundle.tar.gz"
        assert not any(secret.encode() in gzip.decompress(bundle.read_bytes()) for secret in SECRETS)


def proved_in_a_volume_that_has_gone(cluster: Cluster) -> None:
    """Look that the pod of `prove` had a volume of its own, and that nothing is left of it but the proof."""
    status = (cluster.find(REPLICATION_SOURCES, "backup") or {})["status"]["restic"]
    assert status["lastVerified"]["snapshot"] == status["lastSnapshot"]["id"]
    provided = (e for e in cluster.objects(CORE_EVENTS) if e["reason"] == "ProvisioningSucceeded")
    claims = {e["involvedObject"]["name"] for e in provided if e["involvedObject"]["name"].startswith("prove-")}
    assert [one.endswith("-data") for one in claims] == [True]

    def left() -> list[str]:
        found = (name for kind in (PVCS, JOBS, PODS) for name in cluster.names(kind))
        return [name for name in found if name.startswith("prove-")]

    cluster.wait("the end of all that belonged to the verification", lambda: not left())


def run(kubeconfig: Path, words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command, which prints no Secret and no traceback, whatever it ends in."""
    folder.mkdir(exist_ok=True)
    done = command(kubeconfig, *words.replace("FOLDER", str(folder)).split())
    assert "Traceback" not in done.stderr, done
    assert not any(secret in done.stdout + done.stderr for secret in SECRETS)
    return done


def one(done: subprocess.CompletedProcess[str]) -> str:
    (line,) = done.stderr.splitlines()
    return line
