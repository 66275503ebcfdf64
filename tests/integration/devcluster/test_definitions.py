"""Custom resources: established, explained, and strict about fields that nobody knows."""

from __future__ import annotations

import json
import subprocess

import pytest

from hack.processes import DevCluster
from hack.tool_cache import tool_path
from tests.integration.devcluster.http_harness import DEFINITIONS, MERGE, SOURCES, refused

TYPO = {"metadata": {"name": "typo"}, "spec": {"sourcePVC": "x", "restic": {"repositry": "r"}, "other": 1}}
UNKNOWN = 'strict decoding error: unknown field "spec.restic.repositry", unknown field "spec.other"'


def kubectl(server: DevCluster, *arguments: str) -> str:
    command = [str(tool_path("kubectl")), f"--kubeconfig={server.kubeconfig}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_definitions_are_established(server: DevCluster) -> None:
    crd = "crd/replicationsources.volsync.backube"
    assert "condition met" in kubectl(server, "wait", crd, "--for=condition=Established", "--timeout=20s")
    status = server.get(f"{DEFINITIONS}/replicationsources.volsync.backube")["status"]
    assert status["acceptedNames"]["kind"] == "ReplicationSource"
    assert status["storedVersions"] == ["v1alpha1"]


@pytest.mark.parametrize("field", [".spec", ".spec.restic", ".spec.restic.copyMethod"])
def test_fields_are_explained(server: DevCluster, field: str) -> None:
    text = kubectl(server, "explain", f"replicationsource{field}")
    assert "DESCRIPTION" in text
    assert "<empty>" not in text.partition("FIELDS")[0]
    if field == ".spec.restic":
        assert "repository" in text.partition("FIELDS:")[2]


def test_strict_validation_names_what_is_unknown(server: DevCluster) -> None:
    status = refused(server, "POST", f"{SOURCES}?fieldValidation=Strict", TYPO)
    assert status["code"] == 400
    assert status["message"].endswith(UNKNOWN)
    server.ask("POST", SOURCES, {**TYPO, "spec": {"sourcePVC": "x"}})
    change = {"spec": {"other": 1}}
    assert refused(server, "PATCH", f"{SOURCES}/typo?fieldValidation=Strict", change, MERGE)["code"] == 422
    with server.open("PATCH", f"{SOURCES}/typo", json.dumps(change).encode(), {"Content-Type": MERGE}) as answer:
        assert answer.headers["Warning"] == '299 - "unknown field \\"spec.other\\""'
