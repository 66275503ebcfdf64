"""`volsync-py doctor`: wrong setups, each found and named with what to do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from attrs import evolve

from hack.processes import DevCluster
from tests.integration.commands.asking import command
from tests.integration.commands.wrong_clusters import WRONG_CLUSTERS, Changed, WrongCluster, mesh
from tests.integration.commands.wrong_setups import WRONG, Space, Wrong
from tests.integration.kube.peer import Asked, Say, peer
from tests.integration.kube.peer import status as answer_of
from volsync_py.commands.checkups.facts import Facts
from volsync_py.commands.checkups.finding import Finding
from volsync_py.commands.checkups.gather import gather
from volsync_py.commands.checkups.table import CHECKS, examine
from volsync_py.commands.common.cluster import Cluster, connect

Found = dict[str, list[Finding]]


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevCluster]:
    """A cluster with a namespace for each wrong setup."""
    one = DevCluster(tmp_path_factory.mktemp("cluster"))
    for setup in WRONG:
        metadata = {"name": name_of(setup), "labels": setup.labels, "annotations": setup.annotations}
        one.ask("POST", "/api/v1/namespaces", {"metadata": metadata})
        setup.make(Space(one, name_of(setup)))
    yield one
    one.stop()


def name_of(setup: Wrong) -> str:
    return f"w-{WRONG.index(setup)}"


@pytest.fixture(scope="module")
def facts(wrong: DevCluster) -> Facts:
    """What is known of it, ten minutes later: that is how long a new resource may be without a word."""
    found = gather(connected(wrong), None, lambda obj: True)
    return evolve(found, now=found.now + timedelta(minutes=10))


def connected(cluster: DevCluster) -> Cluster:
    return connect(str(cluster.kubeconfig), None, None)


def found_in(facts: Facts) -> Found:
    return {check.name: findings for check, findings in examine(facts)}


@pytest.fixture(scope="module")
def findings(facts: Facts) -> Found:
    return found_in(facts)


@pytest.mark.parametrize("setup", WRONG, ids=lambda setup: setup.title)
def test_what_is_wrong_is_found_and_named_with_what_to_do_and_nothing_else(setup: Wrong, findings: Found) -> None:
    seen = [
        (check, str(one.verdict), one.why, one.next_step)
        for check, found in findings.items()
        for one in found
        if one.verdict != "ok" and any(about.strip().startswith(f"{name_of(setup)}/") for about in one.about.split(","))
    ]
    if setup.check == "minute":
        # It is said of the cluster: sources of many namespaces meet.
        seen = [("minute", str(one.verdict), one.why, one.next_step) for one in findings["minute"]]
    assert [(check, verdict) for check, verdict, *_ in seen] == [(setup.check, setup.verdict)], seen
    assert setup.why in seen[0][2]
    assert setup.next_step in seen[0][3]


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevCluster]:
    """A cluster in which nothing is, and nothing is wrong but that there is no manager."""
    one = DevCluster(tmp_path_factory.mktemp("bare"))
    yield one
    one.stop()


@pytest.mark.parametrize("setup", WRONG_CLUSTERS, ids=lambda setup: setup.title)
def test_what_is_wrong_with_the_cluster_is_found_and_nothing_else(setup: WrongCluster, bare: DevCluster) -> None:
    changed = Changed(bare)
    try:
        setup.make(changed)
        seen = [
            (check, str(one.verdict), one.why, one.next_step)
            for check, found in found_in(gather(connected(bare), None, lambda obj: True)).items()
            for one in found
            if one.verdict != "ok"
        ]
    finally:
        for undo in reversed(changed.undo):
            undo()
    assert [(check, verdict) for check, verdict, *_ in seen] == [(setup.check, setup.verdict)], seen
    assert setup.why in seen[0][2]
    assert setup.next_step in seen[0][3]


@pytest.mark.parametrize(
    ("namespace_label", "pod_labels"), [("disabled", {}), ("enabled", {"sidecar.istio.io/inject": "false"})]
)
def test_a_mesh_that_leaves_movers_out_is_no_matter(
    bare: DevCluster, namespace_label: str, pod_labels: dict[str, str]
) -> None:
    changed = Changed(bare)
    try:
        mesh(changed, namespace_label, **pod_labels)
        found = found_in(gather(connected(bare), None, lambda obj: True))
    finally:
        for undo in reversed(changed.undo):
            undo()
    assert [one.why for one in found["policies"]] == ["no policy that can be seen puts containers into movers"]


def test_both_rights_that_start_a_program_in_a_pod_are_asked_for(tmp_path: Path) -> None:
    def answer(asked: Asked) -> Say:
        return Say({"status": {"allowed": False}}) if asked.method == "POST" else Say(answer_of(403), code=403)

    with peer(answer) as server:
        server.client(tmp_path)
        seen = command(tmp_path / "kubeconfig", "doctor", "-n", "media", COLUMNS="250")
    for verb in ("get", "create"):
        assert f"you may not {verb} pods/exec in the namespace media" in seen.stdout


def test_the_verdict_comes_first_and_the_exit_code_says_it_too(wrong: DevCluster) -> None:
    bad = name_of(next(setup for setup in WRONG if setup.title == "the claim is a block device"))
    wrong.admin("clear")
    seen = command(wrong.kubeconfig, "doctor", "app", "-n", bad)
    assert (seen.returncode, seen.stderr) == (1, "")
    lines = seen.stdout.splitlines()
    assert lines[0].startswith(f"{bad}/app: {len(CHECKS)} checks, 2 FAIL")
    assert "FAIL  claim" in seen.stdout
    assert "→ use a claim with volumeMode Filesystem" in seen.stdout
    asked = [r for r in wrong.admin("requests")["requests"] if r["agent"].startswith("volsync-py-command/")]
    assert {r["verb"] for r in asked} == {"get", "list", "create"}
    assert {r["resource"] for r in asked if r["verb"] == "create"} == {"selfsubjectaccessreviews"}
    assert not any(r["resource"] == "secrets" for r in asked)


def test_a_cluster_without_faults_is_no_failure_and_costs_as_many_requests_as_there_are_kinds(bare: DevCluster) -> None:
    changed = Changed(bare)
    try:
        changed.manager()
        for number in range(20):
            name = f"s{number}"
            spec = {"paused": True, "sourcePVC": "data", "restic": {"repository": name, "copyMethod": "Direct"}}
            body = {"metadata": {"name": name}, "spec": spec}
            changed.cluster.ask("POST", "/apis/volsync.backube/v1alpha1/namespaces/default/replicationsources", body)
        bare.admin("clear")
        seen = command(bare.kubeconfig, "doctor", "-A", "-o", "json")
        asked = [r for r in bare.admin("requests")["requests"] if r["agent"].startswith("volsync-py-command/")]
        # Of 28, the six for kinds that are not served here are not on record.
        assert len(asked) == 22
        document = json.loads(seen.stdout)
        failed = {one["check"] for one in document["findings"] if one["verdict"] == "FAIL"}
        assert (seen.returncode, failed) == (1, {"claim"})
        claims = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        path = "/api/v1/namespaces/default/persistentvolumeclaims"
        bare.ask("POST", path, {"metadata": {"name": "data"}, "spec": {**claims, "volumeName": "x"}})
        well = command(bare.kubeconfig, "doctor", "-A", "-o", "yaml")
        assert (well.returncode, yaml.safe_load(well.stdout)["failed"]) == (0, False)
    finally:
        for undo in reversed(changed.undo):
            undo()


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["doctor", "none"], 1, "there is no source and no destination called none in the namespace default"),
        (["doctor", "one", "-A"], 2, "name the namespace with -n"),
    ],
)
def test_a_mistake_is_a_sentence_with_the_next_step(bare: DevCluster, words: list[str], code: int, says: str) -> None:
    done = command(bare.kubeconfig, *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert says in " ".join(done.stderr.split())
