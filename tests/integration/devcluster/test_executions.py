"""A program in a container, as `kubectl exec` has it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

from hack.devcluster.node.sandbox import namespaces_of
from hack.processes import DevCluster, wait_until
from volsync_py.kube.client import Client
from volsync_py.kube.config import load
from volsync_py.kube.errors import ApiError, Invalid, NotFound
from volsync_py.kube.execution import STDERR, STDOUT
from volsync_py.kube.resources import PODS

POD = "/api/v1/namespaces/default/pods/sleeps"


@pytest.fixture(scope="module")
def sleeper(server: DevCluster) -> Iterator[DevCluster]:
    container = {
        "name": "c",
        "image": "local",
        "command": ["sleep", "1000"],
        "env": [{"name": "WHO", "value": "me"}],
        "securityContext": {"runAsUser": 1234, "runAsGroup": 1234},
    }
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
    server.ask("POST", POD.rpartition("/")[0], {"metadata": {"name": "sleeps"}, "spec": spec})
    wait_until("the pod", lambda: (server.get(POD).get("status") or {}).get("phase") == "Running")
    yield server
    server.ask("DELETE", POD)


@pytest.fixture(scope="module")
def client(sleeper: DevCluster) -> Client:
    return Client(load(str(sleeper.kubeconfig)))


def test_a_process_that_has_ended_has_no_namespaces_to_enter() -> None:
    with subprocess.Popen(["true"]) as ended:
        # It is waited for later, as a pod's first process that ended a moment ago.
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
        before = os.listdir("/proc/self/fd")
        assert namespaces_of(ended.pid) is None
        assert os.listdir("/proc/self/fd") == before


def run(client: Client, *words: str, given: bytes = b"", ends: bool = True) -> tuple[int | None, bytes, bytes]:
    out, err = b"", b""
    with client.execute(PODS, "default", "sleeps", container="c", command=words) as running:
        if given:
            running.write(given)
        if ends:
            running.end_input()
        for channel, data in running.outputs(30):
            if channel == STDOUT:
                out += data
            else:
                assert channel == STDERR
                err += data
    return running.code, out, err


def test_a_program_has_the_users_rights_and_what_the_container_sees(client: Client) -> None:
    code, out, err = run(client, "sh", "-c", "id -u; echo $WHO; cat /proc/1/comm; echo oops >&2; exit 3")
    assert (code, out.decode().split(), err) == (3, ["1234", "me", "sleep"], b"oops\n")


def test_bytes_go_through_as_they_are(client: Client) -> None:
    data = bytes(range(256)) * 4096
    assert run(client, "cat", given=data) == (0, data, b"")


def test_a_program_that_is_not_there_and_a_pod_that_is_not_there_are_errors(client: Client) -> None:
    with pytest.raises(ApiError, match="executable file not found"):
        run(client, "no-such-program")
    with pytest.raises(NotFound):
        client.execute(PODS, "default", "nobody", container="c", command=["true"])
    with pytest.raises(Invalid):
        client.execute(PODS, "default", "sleeps", container="other", command=["true"])


def test_who_goes_ends_the_input(client: Client) -> None:
    with client.execute(PODS, "default", "sleeps", container="c", command=["sh", "-c", "cat; touch /tmp/ended"]):
        pass
    wait_until("the end of the input", lambda: b"ended" in run(client, "ls", "/tmp")[1].split())


def test_kubectl_enters_a_pod(sleeper: DevCluster) -> None:
    kubectl = ["kubectl", f"--kubeconfig={sleeper.kubeconfig}", "exec", "-i", "sleeps", "--"]
    done = subprocess.run([*kubectl, "sh", "-c", "cat; exit 4"], input=b"hello", capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (4, b"hello"), done.stderr
