"""`volsync-py status`, as a process, against a cluster whose statuses the test has written."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path
from typing import Any

import pytest

from hack.processes import DevCluster
from tests.integration.commands.asking import command
from tests.integration.commands.terminal import on_terminal
from tests.integration.kube.peer import Asked, Say, peer
from tests.integration.kube.peer import status as answer_of


def aged(text: str) -> str:
    """Return a text without how long ago the cluster was made."""
    return re.sub(r"\d+ minutes", "N minutes", text)


def test_the_verdict_comes_first_and_the_exit_code_says_it_too(quiet: DevCluster) -> None:
    well = command(quiet.kubeconfig, "status")
    assert (well.returncode, well.stderr) == (0, "")
    assert aged(well.stdout) == "1 of 1 backed up in the last 24 h, newest N minutes ago, nothing needs you\n"

    quiet.admin("clear")
    bad = command(quiet.kubeconfig, "status", "-A")
    assert bad.returncode == 1
    assert aged(bad.stdout).splitlines() == [
        "2 of 2 backed up in the last 24 h, newest N minutes ago, 1 needs you",
        "",
        "office/broken: failing, WrongPassword, for N minutes",
        "    no key found",
        "    → correct RESTIC_PASSWORD",
    ]
    asked = [r for r in quiet.admin("requests")["requests"] if r["agent"].startswith("volsync-py-command/")]
    assert len(asked) <= 3


def test_in_a_pod_the_usual_file_is_taken_before_the_pods_own_account(quiet: DevCluster, tmp_path: Path) -> None:
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube" / "config").symlink_to(quiet.kubeconfig)
    pod = {"HOME": str(tmp_path), "KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "9"}
    assert command(Path(), "status", **pod, KUBECONFIG="").returncode == 0


def test_programs_read_it_as_json_or_by_name(quiet: DevCluster) -> None:
    document = json.loads(command(quiet.kubeconfig, "status", "-A", "-o", "json").stdout)
    assert {item["name"]: item["state"] for item in document["items"]} == {
        "well": "fine",
        "broken": "failing",
        "restored": "fine",
    }
    named = command(quiet.kubeconfig, "status", "-n", "office", "-o", "name")
    assert (named.returncode, named.stdout) == (1, "replicationsource.volsync.backube/broken\n")


def test_one_has_a_page(quiet: DevCluster) -> None:
    seen = command(quiet.kubeconfig, "status", "broken", "-n", "office")
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
        (["status", "-n", "nowhere"], 1, "there is no namespace nowhere"),
        (["top", "-n", "nowhere"], 1, "there is no namespace nowhere"),
        (["doctor", "-n", "nowhere"], 1, "there is no namespace nowhere"),
        (
            ["check", "well", "--read-data=500%"],
            2,
            "'500%' is no part of it: write it like 5%, 1/10 or 2G",
        ),
        (["ls", "well", "--at=yesterday"], 2, "--at: 'yesterday' is no time: write a day and a time, like"),
    ],
)
def test_a_mistake_is_a_sentence_with_the_next_step(quiet: DevCluster, words: list[str], code: int, says: str) -> None:
    done = command(quiet.kubeconfig, *words)
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


def healthy(number: int) -> dict[str, Any]:
    return {
        "metadata": {"name": f"s{number}", "namespace": "default", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"trigger": {"schedule": "0 * * * *"}, "restic": {"repository": "r"}},
        "status": {"lastSyncTime": "2026-01-01T00:00:00Z", "conditions": [{"type": "Healthy", "status": "True"}]},
    }


def test_a_thousand_sources_are_asked_for_with_two_requests(tmp_path: Path) -> None:
    sources = [healthy(number) for number in range(1000)]
    with peer(lambda asked: Say({"items": sources if asked.path.endswith("sources") else []})) as server:
        server.client(tmp_path)
        done = command(tmp_path / "kubeconfig", "status", "-A", "--all")
        assert done.returncode == 0, done.stderr
        assert len(done.stdout.splitlines()) > 1000
        assert len(server.asked) == 2


def test_who_watches_is_told_that_the_api_server_is_away_and_sees_it_come_back(tmp_path: Path) -> None:
    """On a terminal, which is cleared before each look."""
    away = threading.Event()

    def script(asked: Asked) -> Say:
        return (
            Say(cut=True)
            if away.is_set()
            else Say({"items": [healthy(1)]} if "sources" in asked.path else {"items": []})
        )

    with peer(script) as server:
        server.client(tmp_path)
        watching = ("status", "--watch", "--interval=1")
        with on_terminal(tmp_path / "kubeconfig", *watching) as terminal:
            terminal.wait_for("nothing needs you")
            away.set()
            terminal.wait_for("the API server does not answer")
            terminal.wait_for("it is asked again")
            away.clear()
            terminal.wait_for("\x1b[2J")
            terminal.wait_for("nothing needs you")
            assert terminal.interrupt() == 130
        away.set()
        never = command(tmp_path / "kubeconfig", "status", "--watch")
        assert never.returncode == 1
        assert "does not answer" in never.stderr


def test_what_is_large_is_said_with_two_requests_and_without_claims_if_they_may_not_be_read(tmp_path: Path) -> None:
    said = (
        'is forbidden: User "jane" cannot list resource "persistentvolumeclaims" in API group "" in the namespace "a"'
    )
    refused = Say({**answer_of(403, "Forbidden"), "message": said}, code=403)
    with peer(lambda asked: Say({"items": [healthy(1)]}) if "sources" in asked.path else refused) as server:
        server.client(tmp_path)
        done = command(tmp_path / "kubeconfig", "top")
        assert (done.returncode, done.stdout.splitlines()[-1].split()[0]) == (0, "s1")
        assert done.stderr.startswith(
            "without the claims: you (jane) may not list persistentvolumeclaims in the namespac"
        )
        assert len(server.asked) == 2
