"""kubectl's own commands work: they send Kubernetes' protobuf, which no apply does."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from uuid import uuid4

import pytest

from hack.devcluster.api import protobuf
from hack.processes import DevCluster
from hack.tool_cache import tool_path
from tests.certificates import certificate

Kubectl = Callable[..., subprocess.CompletedProcess[str]]


# The machine's own one, and the one that a machine without gets.
@pytest.fixture(params=["kubectl", "fetched-kubectl"])
def kubectl(server: DevCluster, request: pytest.FixtureRequest) -> Kubectl:
    """kubectl in a namespace of this test's own, which it creates."""
    space = f"t-{uuid4().hex}"
    program = str(tool_path(request.param))

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [program, f"--kubeconfig={server.kubeconfig}", "-n", space, *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)

    made = run("create", "namespace", space)
    assert made.stdout == f"namespace/{space} created\n", made.stderr
    return run


def shown(kubectl: Kubectl, *what: str) -> dict[str, Any]:
    done = kubectl("get", *what, "-o", "json")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize(
    ("arguments", "made", "expected"),
    [
        (
            "secret generic one --from-literal=RESTIC_PASSWORD=geheim --from-literal=empty=",
            "secret/one",
            {"data": {"RESTIC_PASSWORD": "Z2VoZWlt", "empty": ""}, "type": "Opaque"},
        ),
        (
            "secret docker-registry two --docker-server=r.example.com --docker-username=u --docker-password=p",
            "secret/two",
            {"type": "kubernetes.io/dockerconfigjson"},
        ),
        ("configmap three --from-literal=a=b", "configmap/three", {"data": {"a": "b"}}),
        ("serviceaccount four", "serviceaccount/four", {}),
        (
            "role five --verb=get,list --resource=pods,secrets",
            "role.rbac.authorization.k8s.io/five",
            {"rules": [{"apiGroups": [""], "resources": ["pods", "secrets"], "verbs": ["get", "list"]}]},
        ),
        (
            "rolebinding six --role=five --serviceaccount=default:four",
            "rolebinding.rbac.authorization.k8s.io/six",
            {
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "five"},
                "subjects": [{"kind": "ServiceAccount", "name": "four", "namespace": "default"}],
            },
        ),
        ("service clusterip seven --tcp=80:8080", "service/seven", {}),
        ("deployment eight --image=local --replicas=0", "deployment.apps/eight", {}),
    ],
)
def test_what_a_newcomer_creates_is_there_as_it_was_said(
    kubectl: Kubectl, arguments: str, made: str, expected: dict[str, Any]
) -> None:
    done = kubectl("create", *arguments.split())

    assert (done.stdout, done.stderr) == (f"{made} created\n", "")
    found = shown(kubectl, made)
    assert {key: found[key] for key in expected} == expected
    again = kubectl("create", *arguments.split())
    assert again.returncode == 1
    assert "already exists" in again.stderr


def test_zero_replicas_and_the_ports_of_a_service_arrive(kubectl: Kubectl) -> None:
    kubectl("create", "deployment", "none", "--image=local", "--replicas=0", "--port=80")
    spec = shown(kubectl, "deployment", "none")["spec"]
    assert spec["replicas"] == 0
    (container,) = spec["template"]["spec"]["containers"]
    assert (container["image"], container["ports"]) == ("local", [{"containerPort": 80}])
    kubectl("create", "service", "clusterip", "web", "--tcp=80:8080", "--tcp=443:https")
    ports = shown(kubectl, "service", "web")["spec"]["ports"]
    assert [(port["port"], port["targetPort"]) for port in ports] == [(80, 8080), (443, "https")]


def test_a_secret_of_files_keeps_every_byte(kubectl: Kubectl, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(range(256)))
    kubectl("create", "secret", "generic", "bytes", f"--from-file={tmp_path / 'file'}")
    assert base64.b64decode(shown(kubectl, "secret", "bytes")["data"]["file"]) == bytes(range(256))


def test_a_certificate_becomes_a_secret(kubectl: Kubectl, tmp_path: Path) -> None:
    chain, key = certificate(tmp_path, "web")
    done = kubectl("create", "secret", "tls", "web", f"--cert={chain}", f"--key={key}")
    assert done.stdout == "secret/web created\n", done.stderr
    found = shown(kubectl, "secret", "web")
    assert found["type"] == "kubernetes.io/tls"
    assert base64.b64decode(found["data"]["tls.crt"]) == chain.read_bytes()


def test_a_job_is_created_and_runs(kubectl: Kubectl) -> None:
    done = kubectl("create", "job", "talks", "--image=local", "--", "python3", "-c", "print('said')")
    assert done.stdout == "job.batch/talks created\n", done.stderr
    waited = kubectl("wait", "job/talks", "--for=condition=Complete", "--timeout=60s")
    assert "condition met" in waited.stdout, waited.stderr
    assert kubectl("logs", "job/talks").stdout == "said\n"
    pods = kubectl("get", "all")
    assert (pods.returncode, pods.stderr) == (0, "")
    assert "pod/talks-" in pods.stdout
    assert "job.batch/talks" in pods.stdout


@pytest.mark.parametrize("what", ["quota q --hard=pods=1", "cronjob c --image=local --schedule=*/1_*_*_*_*"])
def test_what_is_not_served_is_named(kubectl: Kubectl, what: str) -> None:
    done = kubectl("create", *(word.replace("_", " ") for word in what.split()))
    assert done.returncode == 1
    assert "the development cluster does not serve" in done.stderr


def test_a_dry_run_on_the_server_creates_nothing(kubectl: Kubectl) -> None:
    done = kubectl("create", "configmap", "never", "--dry-run=server")
    assert done.stdout == "configmap/never created (server dry run)\n", done.stderr
    assert "not found" in kubectl("get", "configmap", "never").stderr


@pytest.mark.parametrize(
    "raw", [b"k8s\x00", b"k8s\x00\xff", b"nonsense", b"k8s\x00\x0a\x0c\x0a\x02v1\x12\x06Secret\x12\x05\x0a"]
)
def test_what_is_no_message_is_refused(server: DevCluster, raw: bytes) -> None:
    with pytest.raises(HTTPError) as refused:
        server.open("POST", "/api/v1/namespaces/default/secrets", raw, {"Content-Type": protobuf.MEDIA})
    with refused.value as answer:
        assert answer.code == 400
        assert "unrecognized" in json.loads(answer.read())["message"]
