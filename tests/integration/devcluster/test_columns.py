"""The columns of `kubectl get`."""

from __future__ import annotations

import json

import pytest

from hack.processes import DevCluster, wait_until
from tests.integration.devcluster.http_harness import CLAIMS, JOBS, PODS, claim, pod, wait_phase

ACCEPT = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}


def row(server: DevCluster, path: str) -> dict[str, str]:
    """Return a row of a Table by the names of its columns, without what depends on the moment."""
    with server.open("GET", path, headers=ACCEPT) as answer:
        table = json.loads(answer.read())
    names = [column["name"] for column in table["columnDefinitions"]]
    found = dict(zip(names, table["rows"][0]["cells"], strict=True))
    return {name: value for name, value in found.items() if name not in ("Age", "Volume", "Duration", "Claim")}


def test_pods_show_how_they_are(server: DevCluster) -> None:
    server.ask("POST", PODS, pod("good", "exit 0"))
    server.ask("POST", PODS, pod("bad", "exit 3"))
    server.ask("POST", PODS, pod("runs"))
    server.ask("POST", PODS, pod("pulls", container={"image": "registry.invalid/x"}))
    for name, phase in (("good", "Succeeded"), ("bad", "Failed"), ("runs", "Running")):
        wait_phase(server, f"{PODS}/{name}", phase)
    wait_until("the reason", lambda: row(server, f"{PODS}/pulls")["Status"] == "ErrImagePull")
    wait_until("readiness", lambda: row(server, f"{PODS}/runs")["Ready"] == "1/1")
    shown = [row(server, f"{PODS}/{name}") for name in ("good", "bad", "runs")]
    assert [(one["Ready"], one["Status"], one["Restarts"]) for one in shown] == [
        ("0/1", "Completed", "0"),
        ("0/1", "Error", "0"),
        ("1/1", "Running", "0"),
    ]


def test_jobs_claims_volumes_and_the_cluster_s_own_things_show_theirs(server: DevCluster) -> None:
    server.ask("POST", JOBS, {"metadata": {"name": "done"}, "spec": {"template": {"spec": pod("", "exit 0")["spec"]}}})
    wait_until("the Job", lambda: row(server, f"{JOBS}/done")["Status"] == "Complete")
    assert row(server, f"{JOBS}/done") == {"Name": "done", "Status": "Complete", "Completions": "1/1"}
    server.ask("POST", CLAIMS, claim("shown", "ReadWriteOnce", "ReadOnlyMany"))
    wait_phase(server, f"{CLAIMS}/shown", "Bound")
    assert row(server, f"{CLAIMS}/shown") == {
        "Name": "shown",
        "Status": "Bound",
        "Capacity": "1Gi",
        "Access Modes": "RWO,ROX",
        "StorageClass": "dev",
    }
    volume = server.get(f"{CLAIMS}/shown")["spec"]["volumeName"]
    assert row(server, f"/api/v1/persistentvolumes/{volume}")["Reclaim Policy"] == "Delete"
    assert row(server, "/api/v1/nodes/devcluster")["Status"] == "Ready"
    assert row(server, "/apis/storage.k8s.io/v1/storageclasses/dev")["Name"] == "dev (default)"


@pytest.mark.parametrize("selector", ["set in (x,y)", "set in (x, z),mine", "set notin (z)", "set=x", "mine,set"])
def test_sets_of_labels_select(server: DevCluster, selector: str) -> None:
    path = f"/api/v1/namespaces/default/secrets?labelSelector={selector.replace(' ', '+')}"
    if not server.get("/api/v1/namespaces/default/secrets")["items"]:
        meta = {"name": "one", "labels": {"set": "x", "mine": ""}}
        server.ask("POST", "/api/v1/namespaces/default/secrets", {"metadata": meta})
    assert len(server.get(path)["items"]) == 1
