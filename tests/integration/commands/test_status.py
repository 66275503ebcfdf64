"""`volsync-py status`, as a process, against a cluster whose statuses the test has written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hack.processes import DevCluster
from tests.integration.kube.peer import Say, peer
from tests.integration.kube.peer import status as answer_of

VOLSYNC = "/apis/volsync.backube/v1alpha1/namespaces"


def command(kubeconfig: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a process of its own."""
    program = [str(Path(sys.executable).with_name("volsync-py")), *words]
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "COLUMNS": "100", **env}
    return subprocess.run(program, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevCluster]:
    """A cluster without a manager, with a source that is well, one that fails in another namespace, a destination."""
    one = DevCluster(tmp_path_factory.mktemp("cluster"))
    one.ask("POST", "/api/v1/namespaces", {"metadata": {"name": "office"}})
    put(one, "default", "replicationsources", "well", "True", "Succeeded", "")
    put(one, "default", "replicationdestinations", "restored", "True", "Succeeded", "")
    put(
        one,
        "office",
        "replicationsources",
        "broken",
        "False",
        "WrongPassword",
        "no key found – correct RESTIC_PASSWORD",
    )
    yield one
    one.stop()


def put(cluster: DevCluster, namespace: str, plural: str, name: str, *healthy: str) -> None:
    now = datetime.now(UTC)
    before, after = ((now + timedelta(minutes=m)).strftime("%Y-%m-%dT%H:%M:%SZ") for m in (-12, 12))
    spec: dict[str, Any] = {"restic": {"repository": "r"}, "trigger": {"schedule": "0 * * * *"}}
    cluster.ask("POST", f"{VOLSYNC}/{namespace}/{plural}", {"metadata": {"name": name}, "spec": spec})
    condition = dict(zip(("type", "status", "reason", "message"), ("Healthy", *healthy), strict=True))
    status = {
        "lastSyncTime": before,
        "nextSyncTime": after,
        "conditions": [{**condition, "lastTransitionTime": before}],
    }
    path = f"{VOLSYNC}/{namespace}/{plural}/{name}/status"
    cluster.ask("PATCH", path, {"status": status}, "application/merge-patch+json")


def test_the_verdict_comes_first_and_the_exit_code_says_it_too(cluster: DevCluster) -> None:
    well = command(cluster.kubeconfig, "status")
    assert (well.returncode, well.stderr) == (0, "")
    assert well.stdout == "1 of 1 backed up in the last 24 h, newest 12 minutes ago, nothing needs you\n"

    cluster.admin("clear")
    bad = command(cluster.kubeconfig, "status", "-A")
    assert bad.returncode == 1
    assert bad.stdout.splitlines() == [
        "2 of 2 backed up in the last 24 h, newest 12 minutes ago, 1 needs you",
        "",
        "office/broken: failing, WrongPassword, for 12 minutes",
        "    no key found",
        "    → correct RESTIC_PASSWORD",
    ]
    asked = [r for r in cluster.admin("requests")["requests"] if r["agent"].startswith("volsync-py-command/")]
    assert len(asked) <= 3


def test_programs_read_it_as_json_or_by_name(cluster: DevCluster) -> None:
    document = json.loads(command(cluster.kubeconfig, "status", "-A", "-o", "json").stdout)
    assert {item["name"]: item["state"] for item in document["items"]} == {
        "well": "fine",
        "broken": "failing",
        "restored": "fine",
    }
    named = command(cluster.kubeconfig, "status", "-n", "office", "-o", "name")
    assert (named.returncode, named.stdout) == (1, "replicationsource.volsync.backube/broken\n")


def test_one_has_a_page(cluster: DevCluster) -> None:
    seen = command(cluster.kubeconfig, "status", "broken", "-n", "office")
    assert seen.returncode == 1
    assert seen.stdout.startswith(
        "ReplicationSource office/broken: failing\n  what to do      correct RESTIC_PASSWORD\n"
    )


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["status", "none"], 1, "there is no source and no destination called none in the namespace default"),
        (["status", "--context=none"], 1, "name another with --kubeconfig, or a --context of it"),
        (["status", "one", "-A"], 2, "name the namespace with -n"),
        (["status", "--outputt"], 2, "No such option"),
    ],
)
def test_a_mistake_is_a_sentence_with_the_next_step(
    cluster: DevCluster, words: list[str], code: int, says: str
) -> None:
    done = command(cluster.kubeconfig, *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert says in " ".join(done.stderr.split())


def test_whoever_lacks_a_right_is_told_which(tmp_path: Path) -> None:
    # The development cluster gives everybody all rights; a real server says this.
    said = (
        'replicationsources.volsync.backube is forbidden: User "jane" cannot list resource "replicationsources" in API '
        'group "volsync.backube" in the namespace "default"'
    )
    with peer(lambda asked: Say({**answer_of(403, "Forbidden"), "message": said}, code=403)) as server:
        server.client(tmp_path)
        done = command(tmp_path / "kubeconfig", "status")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "volsync-py status: you (jane) may not list replicationsources.volsync.backube in the namespace default: "
        "the role view allows it\n"
    )
