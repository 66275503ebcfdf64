"""Movers whose Jobs others change and hold: admission policies, queues, schedulers. A real cluster only.

What such policies do to VolSync's Jobs in the field: a volume that holds the repository, labels, an init container that
waits, a scheduling gate, a suspended Job. They match updates, too, so all that the manager changes passes through them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.cluster.installed import Installation
from tests.cluster.lent import Cluster, wait_for
from tests.cluster.test_audited_rights import MANAGER
from volsync_py.kube.client import Client
from volsync_py.kube.errors import NotFound
from volsync_py.kube.resources import JOBS, NODES, PODS, REPLICATION_SOURCES, SECRETS, Resource

GROUP, VERSION = "admissionregistration.k8s.io", "v1"
POLICIES = Resource(GROUP, VERSION, "mutatingadmissionpolicies", "MutatingAdmissionPolicy", namespaced=False)
BINDINGS = Resource(
    GROUP, VERSION, "mutatingadmissionpolicybindings", "MutatingAdmissionPolicyBinding", namespaced=False
)
NODE, ELSEWHERE = "node-1", "vp-tests/elsewhere"
OURS = {"app.kubernetes.io/created-by": "volsync"}
TEMPLATE = "Object.spec.template.spec"
# Of each Job: a claim as the repository's folder in the mover, and a label on its pod.
FOLDER = f"""Object{{spec: Object.spec{{template: Object.spec.template{{
  metadata: Object.spec.template.metadata{{labels: {{"vp-tests/seen": "yes"}}}},
  spec: {TEMPLATE}{{
    volumes: [{TEMPLATE}.volumes{{name: "repository",
      persistentVolumeClaim: {TEMPLATE}.volumes.persistentVolumeClaim{{claimName: "repository"}}}}],
    containers: [{TEMPLATE}.containers{{name: "restic",
      volumeMounts: [{TEMPLATE}.containers.volumeMounts{{name: "repository", mountPath: "/repository"}}]}}]
  }}}}}}}}"""
GATE = f"""object.metadata.name != "volsync-src-gated" ? Object{{}} : Object{{spec: Object.spec{{
  template: Object.spec.template{{spec: {TEMPLATE}{{
    schedulingGates: [{TEMPLATE}.schedulingGates{{name: "vp-tests/hold"}}]
  }}}}}}}}"""
# Maps, because Kubernetes 1.36 panics over a list of typed objects in a patch.
INIT = """object.metadata.name != "volsync-src-{source}" ? [] : [JSONPatch{{op: "add",
  path: "/spec/template/spec/initContainers", value: [{{"name": dyn("{name}"), "image": dyn("{image}"),
    "imagePullPolicy": dyn("Never"), "command": dyn(["python3", "-c", {program}]),
    "volumeMounts": dyn([{{"name": "repository", "mountPath": "/repository"}}])}}]}}]"""
NOWHERE = f"""object.metadata.name != "volsync-src-nowhere" ? [] : [JSONPatch{{op: "add",
  path: "/spec/template/spec/nodeSelector", value: {{"{ELSEWHERE}": "yes"}}}}]"""
QUEUE = """object.metadata.name != "volsync-src-queued" || request.operation != "CREATE" ? [] :
  [JSONPatch{op: "add", path: "/spec/suspend", value: true}]"""
WAIT = "import os, time\nwhile not os.path.exists('/repository/go'): time.sleep(0.2)"
HELD = ["gated", "jitter", "nowhere", "queued"]
WORDS = {
    "gated": "scheduling gates",
    "jitter": "waits for its init container 'sleeps'",
    "queued": "the Job is suspended",
    "broken": "waits for its init container 'fetches': ErrImageNeverPull",
    # The scheduler's words, as it says them; a node may yet come, so they are told only after two minutes.
    "nowhere": "node(s) didn't match",
}


def applied(expression: str) -> dict[str, Any]:
    return {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}


def patched(expression: str) -> dict[str, Any]:
    return {"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}


def init(source: str, name: str, image: str, program: str) -> dict[str, Any]:
    return patched(INIT.format(source=source, name=name, image=image, program=json.dumps(program)))


def make_policy(client: Client, namespace: str, name: str, *mutations: dict[str, Any]) -> None:
    """Let mutations be made of our Jobs in a namespace, when they are created and when they are updated."""
    rule = {"apiGroups": ["batch"], "apiVersions": ["v1"], "resources": ["jobs"], "operations": ["CREATE", "UPDATE"]}
    constraints = {
        "resourceRules": [rule],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "objectSelector": {"matchLabels": OURS},
    }
    spec = {"matchConstraints": constraints, "failurePolicy": "Fail", "reinvocationPolicy": "Never"}
    for resource, body in ((POLICIES, {**spec, "mutations": list(mutations)}), (BINDINGS, {"policyName": name})):
        made = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": {"name": name}, "spec": body}
        client.create(resource, made)


def drop_policy(client: Client, name: str) -> None:
    for resource in (BINDINGS, POLICIES):
        client.delete(resource, name)


@pytest.fixture
def policies(cluster: Cluster, client: Client, installation: Installation) -> Iterator[tuple[str, str]]:
    """The names of two policies for the namespace, in force: what holds Jobs for a while, and what breaks one."""
    holds, breaks = f"{cluster.namespace}-holds", f"{cluster.namespace}-breaks"
    waits = init("jitter", "sleeps", cluster.image, WAIT)
    mutations = (applied(FOLDER), applied(GATE), waits, patched(NOWHERE), patched(QUEUE))
    make_policy(client, cluster.namespace, holds, *mutations)
    make_policy(client, cluster.namespace, breaks, init("broken", "fetches", "vp-tests.invalid/none:1", "pass"))
    try:
        for source in ("jitter", "broken"):
            wait_for(f"the policy for {source}", partial(is_in_force, cluster, installation, source))
        yield holds, breaks
    finally:
        client.patch(NODES, NODE, {"metadata": {"labels": {ELSEWHERE: None}}})
        for name in (holds, breaks):
            try:
                drop_policy(client, name)
            except NotFound:
                continue


def is_in_force(cluster: Cluster, installation: Installation, source: str) -> bool:
    container = {"name": "restic", "image": cluster.image}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    meta = {"name": f"volsync-src-{source}", "namespace": cluster.namespace, "labels": OURS}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": {"template": template}}
    code, said = installation.kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", given=json.dumps(job))
    return code == 0 and bool(json.loads(said)["spec"]["template"]["spec"].get("initContainers"))


def job_of(cluster: Cluster, source: str) -> dict[str, Any]:
    return cluster.find(JOBS, f"volsync-src-{source}") or {"metadata": {}, "spec": {}}


def uid_of(cluster: Cluster, source: str) -> str:
    return str(job_of(cluster, source)["metadata"].get("uid") or "")


def says(cluster: Cluster, source: str, words: str) -> bool:
    message = str((cluster.condition(REPLICATION_SOURCES, source, "Synchronizing") or {}).get("message"))
    return message.startswith("Waiting for the mover's start: ") and words in message


def test_what_policies_and_queues_hold_is_kept_told_of_and_runs_when_it_is_let_go(
    cluster: Cluster, client: Client, policies: tuple[str, str]
) -> None:
    sources = [*HELD, "broken"]
    for claim in ("data", "repository"):
        cluster.claim(claim)
    cluster.run("fill", "data", "open('file', 'w').write('text')")
    for name in sources:
        data = {"RESTIC_REPOSITORY": f"/repository/{name}", "RESTIC_PASSWORD": "of the tests"}
        cluster.create(SECRETS, {"metadata": {"name": name}, "stringData": data})
        cluster.replicate(REPLICATION_SOURCES, name, copyMethod="Direct", repository=name)
    first = {name: cluster.wait(f"the Job of {name}", partial(uid_of, cluster, name)) for name in sources}

    for name, words in WORDS.items():
        cluster.wait(words, partial(says, cluster, name, words))
        assert cluster.condition(REPLICATION_SOURCES, name, "Healthy", "Unknown"), name
    assert {name: uid_of(cluster, name) for name in sources} == first

    # What the manager changes in a Job passes through the policy.
    cluster.patch(REPLICATION_SOURCES, "jitter", {"spec": {"paused": True}})
    cluster.wait("the pause", lambda: job_of(cluster, "jitter")["spec"].get("parallelism") == 0)
    cluster.patch(REPLICATION_SOURCES, "jitter", {"spec": {"paused": False}})

    cluster.run("let-go", "repository", "open('go', 'w')")
    client.patch(NODES, NODE, {"metadata": {"labels": {ELSEWHERE: "yes"}}})
    cluster.patch(JOBS, "volsync-src-queued", {"spec": {"suspend": False}})
    (pod,) = cluster.objects(PODS, "job-name=volsync-src-gated")
    assert pod["metadata"]["labels"]["vp-tests/seen"] == "yes"
    cluster.patch(PODS, pod["metadata"]["name"], {"spec": {"schedulingGates": None}})
    # Only a change helps what cannot begin: the policy's, and one that is asked for.
    drop_policy(client, policies[1])
    assert uid_of(cluster, "broken") == first["broken"]
    cluster.patch(REPLICATION_SOURCES, "broken", {"metadata": {"annotations": {"volsync-py/run-now": "again"}}})

    for name in sources:
        status = cluster.replicated(REPLICATION_SOURCES, name)
        assert status["restic"]["lastSnapshot"]["filesNew"] == 1
        assert cluster.condition(REPLICATION_SOURCES, name, "Healthy"), name


@pytest.fixture
def pull_secrets(installation: Installation) -> Iterator[None]:
    """The rights to copy pull Secrets, and what limits them."""
    folder = "manifests/overlays/pull-secrets"
    files = ("-f", f"{folder}/pull_secrets_role.yaml", "-f", f"{folder}/pull_secrets_policy.yaml")
    assert installation.kubectl("apply", *files)[0] == 0
    yield
    installation.kubectl("delete", *files)


@pytest.mark.usefixtures("pull_secrets")
def test_of_secrets_the_manager_may_write_copies_for_pulling_images_and_no_token(
    cluster: Cluster, installation: Installation
) -> None:
    def creates(name: str, kind: str = "kubernetes.io/dockerconfigjson") -> tuple[int, str]:
        meta = {"name": name, "annotations": {"kubernetes.io/service-account.name": "default"}}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": kind}
        command = (f"--as={MANAGER}", f"--namespace={cluster.namespace}", "create", "--dry-run=server", "-f", "-")
        return installation.kubectl(*command, given=json.dumps({**secret, "stringData": {".dockerconfigjson": "{}"}}))

    wait_for("the policy", lambda: "copies of pull Secrets only" in creates("other")[1])
    assert creates("volsync-pull-0a1b2c3d")[0] == 0
    refused = creates("volsync-pull-0a1b2c3d", "kubernetes.io/service-account-token")
    assert refused[0] != 0
    assert "none with which an image is pulled" in refused[1]
