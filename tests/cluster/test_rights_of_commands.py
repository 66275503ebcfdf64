"""What the roles `view` and `edit` of one namespace are enough for, command by command. A real cluster only."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
from pathlib import Path
from typing import Any

from hack.processes import S3Server
from tests.cluster.installed import Installation
from tests.cluster.lent import Cluster
from tests.cluster.person import person
from tests.cluster.rights_table import COMMANDS, EXEC, JOB, KEPT, OF_THE_CLUSTER, ON_A_TERMINAL, OVER_ALL
from tests.cluster.tree import DESCRIBE, FILL, described
from tests.integration.commands.asking import command
from tests.integration.commands.terminal import on_terminal
from volsync_py.kube.resources import (
    CORE_EVENTS,
    JOBS,
    PODS,
    PVCS,
    REPLICATION_DESTINATIONS,
    REPLICATION_SOURCES,
    VOLUME_SNAPSHOTS,
)

# The password, and the keys of the storage that the tests start.
SECRETS = ("the password that nobody prints", S3Server.SECRET, S3Server.ACCESS)
# A sentence is one line of the screen.
WIDE = "250"


def test_view_looks_edit_acts_and_what_is_not_allowed_is_one_sentence(
    installation: Installation, cluster: Cluster, tmp_path: Path
) -> None:
    backed_up(cluster)
    before = there(cluster)
    viewer, editor = (person(installation, cluster, tmp_path, role) for role in ("view", "edit"))
    for words, right, _ in COMMANDS:
        done = run(viewer, words, tmp_path / "viewed")
        if right:
            refused(cluster, done, right)
        else:
            assert done.returncode == 0, done
            # A right that is missing is told once, and all of these ask one namespace already.
            assert "-n NAMESPACE" not in done.stderr, done
            assert len(set(done.stderr.splitlines())) == len(done.stderr.splitlines()), done
    shown(viewer, sentence(cluster, JOB))
    for words, right in OF_THE_CLUSTER.items():
        for who in (viewer, editor):
            done = run(who, words, tmp_path / "all")
            assert (done.returncode, done.stdout) == (1, ""), done
            assert f"may not {right}" in one(done)
    assert list((tmp_path / "all").iterdir()) == []
    for words in OVER_ALL:
        seen_as_far_as_allowed(run(viewer, words, tmp_path / "all"))
    assert there(cluster) == before
    assert not (tmp_path / "viewed" / "loaded").exists()

    pods = set()
    for words, _, says in COMMANDS:
        done = run(editor, words, tmp_path / "edited")
        assert done.returncode == 0, done
        assert says in done.stdout + done.stderr, done
        if KEPT in words:
            pods |= set(cluster.names(PODS))
            # A pod that waits answers nobody who may not ask it.
            refused(cluster, run(viewer, words, tmp_path / "viewed"), EXEC)
    shown(editor, "snapshots of backup")
    assert len(pods) == 1
    proved_in_a_volume_that_has_gone(cluster)
    back_in_a_new_claim(cluster)
    assert (tmp_path / "edited" / "loaded" / "backup" / "plain").read_bytes() == b"hello"
    assert not (tmp_path / "viewed" / "loaded").exists()
    for folder in ("viewed", "edited"):
        bundle = tmp_path / folder / "bundle.tar.gz"
        assert not any(secret.encode() in gzip.decompress(bundle.read_bytes()) for secret in SECRETS)


def backed_up(cluster: Cluster) -> None:
    """Have a source that was backed up, and no pod."""
    cluster.repository("repository", password=SECRETS[0])
    cluster.claim("data")
    cluster.run("fill", "data", FILL)
    cluster.replicate(REPLICATION_SOURCES, "backup", copyMethod="Direct")
    cluster.patch(REPLICATION_SOURCES, "backup", {"metadata": {"labels": {"app": "web"}}})
    cluster.replicated(REPLICATION_SOURCES, "backup")
    cluster.wait("the end of the mover", lambda: not cluster.names(PODS))


def there(cluster: Cluster) -> Any:
    """Return what commands change: the source as somebody has written it, and what there is beside it."""
    source = cluster.find(REPLICATION_SOURCES, "backup") or {}
    made = [cluster.names(kind) for kind in (JOBS, PODS, PVCS, REPLICATION_DESTINATIONS, VOLUME_SNAPSHOTS)]
    return source["spec"], source["metadata"], made


def sentence(cluster: Cluster, right: str) -> str:
    return f"view) may not {right} in the namespace {cluster.namespace}: the role edit allows it"


def refused(cluster: Cluster, done: subprocess.CompletedProcess[str], right: str) -> None:
    """Look that a command names the right that is missing, and the role that has it."""
    assert (done.returncode, done.stdout) == (1, ""), done
    assert sentence(cluster, right) in one(done)


def shown(kubeconfig: Path, text: str) -> None:
    """Look that the screen of `browse` shows a text, and that it needs a terminal."""
    words = ON_A_TERMINAL.split()
    with on_terminal(kubeconfig, *words, *KEPT.split(), COLUMNS=WIDE) as terminal:
        terminal.wait_for(text)
        terminal.type("q")
        terminal.rest()
        assert terminal.process.returncode == 0
    done = command(kubeconfig, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "browse needs a terminal" in done.stderr


def seen_as_far_as_allowed(done: subprocess.CompletedProcess[str]) -> None:
    """Look that each right that is missing is one finding, and that nobody is told to ask one namespace."""
    assert (done.returncode, done.stderr) == (1, "")
    findings = [text for text in done.stdout.split("\n\n") if "not seen: you (system:serviceaccount:" in text]
    assert findings
    assert len({text.partition(". ")[2] for text in findings}) == len(findings), done.stdout
    assert "-n NAMESPACE" not in done.stdout


def back_in_a_new_claim(cluster: Cluster) -> None:
    found = described(cluster.run("describe", "restored", DESCRIBE))
    assert found["./plain"][-1] == hashlib.sha256(b"hello").hexdigest()[:16]
    assert cluster.names(REPLICATION_DESTINATIONS) == []


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
