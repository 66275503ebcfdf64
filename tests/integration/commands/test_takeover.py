"""`volsync-py takeover`, as a process, on a cluster where VolSync serves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hack.processes import DevCluster
from tests.integration.commands.asking import command
from tests.integration.kube.peer import Say, peer
from tests.integration.kube.peer import status as answer_of

APPS = "/apis/apps/v1/namespaces/volsync-system/deployments"
SOURCES = "/apis/volsync.backube/v1alpha1/namespaces/office/replicationsources"


@pytest.fixture
def deployed(quiet: DevCluster) -> Iterator[DevCluster]:
    """The quiet cluster, with a Deployment of VolSync's."""
    space = "/api/v1/namespaces/volsync-system"
    quiet.ask("POST", "/api/v1/namespaces", {"metadata": {"name": "volsync-system"}})
    labels = {"app": "volsync"}
    container = {"name": "manager", "image": "quay.io/backube/volsync:0.13.0", "args": ["--leader-elect"]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    quiet.ask("POST", APPS, {"metadata": {"name": "volsync"}, "spec": spec})
    yield quiet
    quiet.ask("DELETE", f"{APPS}/volsync")
    quiet.ask("DELETE", space)


@pytest.fixture
def volsync(deployed: DevCluster) -> Iterator[DevCluster]:
    """The same, with a source of another mover."""
    deployed.ask("POST", SOURCES, {"metadata": {"name": "old"}, "spec": {"sourcePVC": "a", "rclone": {}}})
    yield deployed
    deployed.ask("DELETE", f"{SOURCES}/old")


def test_where_nothing_stands_against_it_the_first_line_says_switch(deployed: DevCluster) -> None:
    done = command(deployed.kubeconfig, "takeover")
    assert (done.returncode, done.stderr, done.stdout.splitlines()[0]) == (0, "", "0 findings: switch"), done.stdout


def test_where_no_operator_is_there_is_nothing_to_switch_from(quiet: DevCluster) -> None:
    done = command(quiet.kubeconfig, "takeover")
    first, _, *more = done.stdout.splitlines()
    assert (done.returncode, first) == (0, "no VolSync to switch from: install this operator"), done.stdout
    assert "no operator: no Deployment of VolSync or of this operator is to be seen" in more
    assert "1. Install this operator:" in more


def test_it_says_what_is_there_and_what_has_to_be_done_before(volsync: DevCluster) -> None:
    path = f"{SOURCES}/broken"
    asked = {"metadata": {"annotations": {"volsync-py/run-now": "x"}}, "spec": {"restic": {"tags": ["a"]}}}
    volsync.ask("PATCH", path, asked, "application/merge-patch+json")
    volsync.admin("clear")

    over = command(volsync.kubeconfig, "takeover", COLUMNS="200")
    assert (over.returncode, over.stderr) == (1, "")
    assert over.stdout.startswith("1 finding: see to it first\n\nVolSync: Deployment volsync-system/volsync (quay.io/")
    assert "1. the mover rclone: 1 resource that nobody serves after the change: office/old\n" in over.stdout
    assert "kubectl -n volsync-system delete deployment volsync\n" in over.stdout
    made = [r for r in volsync.admin("requests")["requests"] if r["agent"].startswith("volsync-py-command/")]
    assert {r["verb"] for r in made} <= {"get", "list"}
    assert not [r for r in made if r["resource"] == "secrets"]

    assert found_of_broken(volsync) == {"spec.restic.tags", "runs that were asked for"}
    undone = {"metadata": {"annotations": {"volsync-py/run-now": None}}, "spec": {"restic": {"tags": None}}}
    volsync.ask("PATCH", path, undone, "application/merge-patch+json")
    assert found_of_broken(volsync) == set()


def found_of_broken(cluster: DevCluster) -> set[str]:
    """Return what is found of one source on the way back; other tests leave other sources as they like."""
    done = command(cluster.kubeconfig, "takeover", "--back", "-o", "json")
    told: Any = json.loads(done.stdout)
    assert done.returncode == int(bool(told["findings"]))
    return {one["touchPoint"] for one in told["findings"] if "office/broken" in one["text"]}


def test_what_may_not_be_read_is_a_finding_that_names_the_right(tmp_path: Path) -> None:
    said = 'is forbidden: User "jane" cannot list resource "deployments" in API group "apps" at the cluster scope'
    with peer(lambda asked: Say({**answer_of(403, "Forbidden"), "message": said}, code=403)) as server:
        server.client(tmp_path)
        done = command(tmp_path / "kubeconfig", "takeover", COLUMNS="200")
    assert (done.returncode, done.stderr) == (1, "")
    # It goes over the whole cluster whatever is typed, and tells once what several reads miss.
    right = "you (jane) may not list deployments.apps in all namespaces: the role view allows it"
    assert done.stdout.startswith("1 finding: see to it first\n")
    assert f"1. not seen: {right}\n" in done.stdout
