"""`volsync-py doctor` where rights, Pod Security, nodes, networks and policies are real. A real cluster only."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.installed import Installation
from tests.cluster.lent import Cluster, wait_for
from tests.cluster.person import person
from tests.cluster.test_policies import drop_policy, is_in_force, make_policy, patched
from tests.cluster.tree import FILL
from tests.integration.commands.asking import command
from volsync_py.kube.client import Client
from volsync_py.kube.resources import NAMESPACES, PODS, PVCS, REPLICATION_SOURCES, SECRETS

NIGHTLY = {"trigger": {"manual": None, "schedule": "17 3 * * *"}}
RIGHT = re.compile(
    r"you may not (?P<verb>\w+) (?P<resource>\w+)(/(?P<part>\w+))?(?P<group>[\w.]*)(?P<everywhere> in all namespaces)?"
)
ENFORCE = "pod-security.kubernetes.io/enforce"
PRIVILEGED = "volsync.backube/privileged-movers"
NO_NODE = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
    {"matchExpressions": [{"key": "vp-tests/none", "operator": "Exists"}]}
]}}}  # fmt: skip
# A side-car that goes on when the mover has ended, and what shows that the policy is in force.
MESH = """object.metadata.name != "volsync-src-{source}" ? [] : [
  JSONPatch{{op: "add", path: "/spec/template/spec/containers/-", value: {{"name": dyn("mesh"),
    "image": dyn("{image}"), "imagePullPolicy": dyn("IfNotPresent"),
    "command": dyn(["python3", "-c", "import signal; signal.pause()"])}}}},
  JSONPatch{{op: "add", path: "/spec/template/spec/initContainers", value: [{{"name": dyn("first"),
    "image": dyn("{image}"), "imagePullPolicy": dyn("IfNotPresent"), "command": dyn(["true"])}}]}}]"""


def findings(kubeconfig: Path, *words: str) -> list[dict[str, str]]:
    """Return what doctor finds; its exit code says whether something has to be mended."""
    done = command(kubeconfig, "doctor", *words, "-o", "json")
    assert done.returncode in (0, 1), done.stderr
    assert done.stderr == ""
    told: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == int(any(one["verdict"] == "FAIL" for one in told["findings"]))
    found: list[dict[str, str]] = told["findings"]
    return found


def may(installation: Installation, cluster: Cluster, role: str, why: str) -> bool:
    """Return whether the role allows what a finding says that it does not, as the API server sees it."""
    right = RIGHT.search(why)
    assert right is not None, why
    words = [right["verb"], right["resource"] + right["group"]]
    words += [f"--subresource={right['part']}"] if right["part"] else []
    words += ["--all-namespaces"] if right["everywhere"] else ["-n", cluster.namespace]
    account = f"--as=system:serviceaccount:{cluster.namespace}:{role}"
    _, said = installation.kubectl(account, "auth", "can-i", *words)
    assert {"yes", "no"} & set(said.split()), said
    return "yes" in said.split()


def bad(found: list[dict[str, str]]) -> list[dict[str, str]]:
    return [one for one in found if one["verdict"] != "ok"]


def backed_up(cluster: Cluster) -> None:
    """Have a source that has run, and that runs by night from now on."""
    cluster.repository("repository")
    cluster.claim("data")
    cluster.run("fill", "data", FILL)
    cluster.replicate(REPLICATION_SOURCES, "backup", copyMethod="Snapshot")
    cluster.replicated(REPLICATION_SOURCES, "backup")
    cluster.patch(REPLICATION_SOURCES, "backup", {"spec": NIGHTLY})


def test_doctor_finds_nothing_where_all_is_well_and_names_each_right_that_is_missing(
    installation: Installation, cluster: Cluster, tmp_path: Path
) -> None:
    backed_up(cluster)
    admin = Path(installation.kubeconfig)
    editor, viewer = (person(installation, cluster, tmp_path, role) for role in ("edit", "view"))
    assert bad(findings(admin, "-n", cluster.namespace)) == []

    asked = {}
    for role, kubeconfig in (("edit", editor), ("view", viewer)):
        found = findings(kubeconfig, "backup")
        (asked[role],) = (one for one in found if one["check"] == "repository")
        for one in bad(found):
            assert one["verdict"] == "warn", one
            assert one["nextStep"], one
            assert not may(installation, cluster, role, one["why"]), one
    assert asked["edit"]["why"] == "it opens from a pod in the namespace"
    assert "you may not create jobs.batch" in asked["view"]["why"]


@pytest.fixture
def side_car(cluster: Cluster, client: Client, installation: Installation) -> Iterator[str]:
    """The name of a policy, in force, that puts a side-car into the mover of `meshed`."""
    name = f"{cluster.namespace}-mesh"
    make_policy(client, cluster.namespace, name, patched(MESH.format(source="meshed", image=cluster.image)))
    try:
        wait_for("the policy", partial(is_in_force, cluster, installation, "meshed"))
        yield name
    finally:
        drop_policy(client, name)


def test_doctor_finds_what_only_a_real_cluster_does_to_movers(
    installation: Installation, cluster: Cluster, side_car: str, tmp_path: Path
) -> None:
    admin, editor = Path(installation.kubeconfig), person(installation, cluster, tmp_path, "edit")
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    cluster.create(PVCS, {"metadata": {"name": "pending"}, "spec": {**spec, "storageClassName": "vp-tests-none"}})
    backed_up(cluster)
    cluster.replicate(REPLICATION_SOURCES, "nowhere", copyMethod="Direct", moverAffinity=NO_NODE)
    cluster.replicate(REPLICATION_SOURCES, "meshed", copyMethod="Direct")
    cluster.replicate(REPLICATION_SOURCES, "unbound", copyMethod="Direct")
    cluster.patch(REPLICATION_SOURCES, "unbound", {"spec": {"sourcePVC": "pending"}})
    cluster.wait("a pod that no node takes", lambda: pods_in(cluster, "nowhere", is_unscheduled))
    cluster.wait("the end of a mover beside a side-car", lambda: pods_in(cluster, "meshed", has_ended))

    wanted = [
        ("waiting", "FAIL", "nowhere", "NotScheduled: no node takes Pod/volsync-src-nowhere"),
        ("containers", "FAIL", "meshed", "which goes on after the mover has ended"),
    ]
    policy = ("policies", "warn", "", f"MutatingAdmissionPolicy {side_car} puts init containers into the pods")
    for who, expected in ((admin, [*wanted, policy]), (editor, wanted)):
        found = findings(who, "-n", cluster.namespace, "--no-pod")
        # Whether its StorageClass waits for a pod is not for everybody to read.
        verdict = "FAIL" if who is admin else "warn"
        for one in [*expected, ("claim", verdict, "unbound", "the claim pending is not bound to a volume")]:
            assert any(is_told(one, other) for other in found), (one, bad(found))
        assert [one for one in bad(found) if one["about"] == "backup"] == []

    # What nobody but a pod in the namespace can see.
    cluster.patch(SECRETS, "repository", {"stringData": {"RESTIC_PASSWORD": "another"}})
    told_of_repository(editor, "WrongPassword: ", "RESTIC_PASSWORD")
    cluster.patch(
        SECRETS, "repository", {"stringData": {"RESTIC_REPOSITORY": "s3:http://kubernetes.default.svc:1/e2e/other"}}
    )
    told_of_repository(editor, "Unreachable: ", "RESTIC_REPOSITORY")

    changes = {"labels": {ENFORCE: "restricted"}, "annotations": {PRIVILEGED: None}}
    cluster.client.patch(NAMESPACES, cluster.namespace, {"metadata": changes})
    cluster.replicate(REPLICATION_SOURCES, "root", copyMethod="Direct")
    cluster.wait("the refusal", lambda: cluster.condition(REPLICATION_SOURCES, "root", "Healthy", "False"))
    found = findings(editor, "root", "--no-pod")
    text = "the namespace enforces Pod Security restricted, and nothing makes the mover run as non-root"
    assert any(is_told(("security", "FAIL", "root", text), one) for one in found), bad(found)
    assert any(is_told(("runs", "FAIL", "root", "PodRejected"), one) for one in found), bad(found)


def is_told(wanted: tuple[str, str, str, str], one: dict[str, str]) -> bool:
    check, verdict, about, words = wanted
    return (one["check"], one["verdict"], one["about"]) == (check, verdict, about) and words in one["why"]


def told_of_repository(kubeconfig: Path, why: str, step: str) -> None:
    found = findings(kubeconfig, "backup")
    (one,) = (one for one in found if one["check"] == "repository")
    assert one["verdict"] == "FAIL", one
    assert one["why"].startswith(why), one
    assert step in one["nextStep"], one


def pods_in(cluster: Cluster, source: str, state: Any) -> bool:
    return any(state(pod.get("status") or {}) for pod in cluster.objects(PODS, f"job-name=volsync-src-{source}"))


def is_unscheduled(status: dict[str, Any]) -> bool:
    return any(c["type"] == "PodScheduled" and c["status"] == "False" for c in status.get("conditions") or [])


def has_ended(status: dict[str, Any]) -> bool:
    states = {one["name"]: one["state"] for one in status.get("containerStatuses") or []}
    return "terminated" in states.get("restic", {})
