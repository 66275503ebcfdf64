"""Logs are those of the run that is asked for; a container that has none says why."""

from __future__ import annotations

from typing import Any

import pytest

from hack.processes import DevCluster, wait_until
from tests.integration.devcluster.http_harness import JOBS, PODS, pod, refused, wait_phase


def log(server: DevCluster, name: str, query: str = "") -> str:
    with server.open("GET", f"{PODS}/{name}/log?{query}") as answer:
        return str(answer.read().decode())


def container(server: DevCluster, name: str) -> dict[str, Any]:
    statuses = (server.get(f"{PODS}/{name}").get("status") or {}).get("containerStatuses") or [{}]
    return dict(statuses[0])


def test_a_job_selects_its_own_pods_and_has_its_defaults(server: DevCluster) -> None:
    template = {"spec": pod("", "echo mine")["spec"]}
    made = server.ask("POST", JOBS, {"metadata": {"name": "own"}, "spec": {"template": template}})["spec"]
    uid = server.get(f"{JOBS}/own")["metadata"]["uid"]
    assert made["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    assert (made["completions"], made["parallelism"], made["backoffLimit"], made["suspend"]) == (1, 1, 6, False)
    assert made["template"]["metadata"]["labels"]["job-name"] == "own"
    selector = f"labelSelector=batch.kubernetes.io/controller-uid%3D{uid}"
    wait_until("its pod", lambda: len(server.get(f"{PODS}?{selector}")["items"]) == 1)


def test_a_followed_log_begins_with_the_last_lines_and_ends_with_the_container(server: DevCluster) -> None:
    server.ask("POST", PODS, pod("followed", "seq 5; sleep 2; echo end"))
    wait_phase(server, f"{PODS}/followed", "Running")
    wait_until("its lines", lambda: log(server, "followed").endswith("5\n"))
    assert log(server, "followed", "follow=true&tailLines=2") == "4\n5\nend\n"
    assert log(server, "followed", "tailLines=0") == ""
    assert log(server, "followed", "limitBytes=3") == "1\n2"


def test_each_run_of_a_container_has_its_own_log(server: DevCluster) -> None:
    mount = {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}
    script = "test -e /v/seen && { echo second; sleep 600; }; touch /v/seen; echo first; exit 3"
    volumes = [{"name": "v", "emptyDir": {}}]
    server.ask("POST", PODS, pod("again", script, mount, restartPolicy="OnFailure", volumes=volumes))
    wait_until("the second run", lambda: container(server, "again").get("restartCount") == 1)
    wait_until("its line", lambda: log(server, "again") in ("first\n", "second\n"))
    assert log(server, "again", "previous=true") == "first\n"
    wait_until("the second line", lambda: log(server, "again") == "second\n")
    server.ask("DELETE", f"{PODS}/again")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("previous=true", 'previous terminated container "c" in pod "short" not found'),
        ("container=d", "container d is not valid for pod short"),
        ("timestamps=true", "timestamps: the development cluster keeps no times of log lines"),
        ("tailLines=x", "tailLines: 'x' is no number"),
    ],
)
def test_a_log_that_is_not_there_is_refused(server: DevCluster, query: str, message: str) -> None:
    if server.get(f"{PODS}/short") is None:
        server.ask("POST", PODS, pod("short", "exit 0"))
        wait_phase(server, f"{PODS}/short", "Succeeded")
    status = refused(server, "GET", f"{PODS}/short/log?{query}")
    assert (status["code"], status["message"]) == (400, message)


def test_a_pod_that_waits_has_no_log_yet(server: DevCluster) -> None:
    server.ask("POST", PODS, pod("stuck", container={"image": "registry.invalid/x"}))
    reason = "waiting to start: trying and failing to pull image"
    wait_until("the reason", lambda: "waiting" in (container(server, "stuck").get("state") or {}))
    wait_until("the refusal", lambda: refused(server, "GET", f"{PODS}/stuck/log")["message"].endswith(reason))
    server.ask("POST", PODS, pod("nowhere", nodeSelector={"kubernetes.io/hostname": "elsewhere"}))
    assert refused(server, "GET", f"{PODS}/nowhere/log")["message"] == "pod nowhere does not have a host assigned"
