"""kubectl works against the development cluster as somebody who plays with it would use it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from hack.tool_cache import tool_path
from tests.integration.world import World


class Kubectl:
    """kubectl in the namespace of a test."""

    def __init__(self, world: World, program: Path) -> None:
        self._command = [str(program), f"--kubeconfig={world.cluster.kubeconfig}", "-n", world.namespace]

    def run(self, *arguments: str, given: Any = None) -> subprocess.CompletedProcess[str]:
        text = None if given is None else json.dumps(given)
        return subprocess.run([*self._command, *arguments], input=text, capture_output=True, text=True, timeout=90)

    def __call__(self, *arguments: str, given: Any = None) -> str:
        done = self.run(*arguments, given=given)
        assert done.returncode == 0, done.stderr
        return done.stdout


# The machine's own one, and the one that a machine without gets: they differ by years.
@pytest.fixture(params=["found", "fetched"])
def kubectl(world: World, request: pytest.FixtureRequest) -> Kubectl:
    if request.param == "found":
        return Kubectl(world, tool_path("kubectl"))
    if shutil.which("kubectl") is None:
        pytest.skip("this machine has no other kubectl than the fetched one")
    return Kubectl(world, tool_path("fetched-kubectl"))


SOURCE = {
    "apiVersion": "volsync.backube/v1alpha1",
    "kind": "ReplicationSource",
    "metadata": {"name": "backup"},
    "spec": {
        "sourcePVC": "data",
        "trigger": {"manual": "one"},
        "restic": {"repository": "repository", "copyMethod": "Direct"},
    },
}


def test_a_source_is_applied_waited_for_shown_described_and_deleted(kubectl: Kubectl) -> None:
    assert kubectl("apply", "-f", "-", given=SOURCE).endswith("backup created\n")
    assert kubectl("apply", "-f", "-", given=SOURCE).endswith("backup unchanged\n")
    labelled = {**SOURCE, "metadata": {"name": "backup", "labels": {"team": "storage"}}}
    assert kubectl("apply", "-f", "-", given=labelled).endswith("backup configured\n")
    assert "condition met" in kubectl("wait", "replicationsource/backup", "--for=condition=Healthy", "--timeout=60s")
    manual = "--for=jsonpath={.status.lastManualSync}=one"
    assert "condition met" in kubectl("wait", "replicationsource/backup", manual, "--timeout=60s")

    head, row = kubectl("get", "vsrs").splitlines()
    assert head.split() == ["NAME", "SOURCE", "LAST", "SYNC", "DURATION", "NEXT", "SYNC", "HEALTHY", "AGE"]
    assert row.split()[:2] == ["backup", "data"]
    assert "True" in row.split()
    result = kubectl("get", "replicationsource", "backup", "-o", "jsonpath={.status.latestMoverStatus.result}")
    assert result == "Successful"
    assert "kind: ReplicationSource" in kubectl("get", "vsrs", "-l", "team=storage", "-o", "yaml")

    described = kubectl("describe", "replicationsource", "backup")
    assert "The last synchronization succeeded" in described
    assert "PersistentVolumeClaimCreated" in described.partition("Events:")[2]
    assert "PersistentVolumeClaimCreated" in kubectl("get", "events")

    assert 'backup" deleted' in kubectl("delete", "replicationsource", "backup")
    gone = kubectl.run("get", "replicationsource", "backup")
    assert gone.returncode == 1
    assert "not found" in gone.stderr


def test_logs_of_a_pod_are_shown_and_followed(kubectl: Kubectl) -> None:
    container = {"name": "c", "image": "local", "command": ["python3", "-c", "print('one'); print('two')"]}
    spec = {"restartPolicy": "Never", "containers": [container]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "talks"}, "spec": spec}
    kubectl("apply", "-f", "-", given=pod)
    kubectl("wait", "pod/talks", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
    assert kubectl("logs", "talks") == "one\ntwo\n"
    assert kubectl("logs", "-f", "talks") == "one\ntwo\n"
    assert kubectl("logs", "talks", "--tail=1") == "two\n"


def test_what_does_not_fit_the_schema_is_refused_with_the_field(kubectl: Kubectl) -> None:
    wrong = {**SOURCE, "spec": {**SOURCE["spec"], "restic": {"copyMethod": "Copy"}}}  # type: ignore[dict-item]
    refused = kubectl.run("apply", "-f", "-", given=wrong)
    assert refused.returncode == 1
    assert "spec.restic.copyMethod" in refused.stderr


def test_an_apply_from_the_server_side_makes_and_changes_an_object(kubectl: Kubectl, tmp_path: Path) -> None:
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "1"}}
    kubectl("apply", "--server-side", "-f", "-", given=settings)
    kubectl("apply", "--server-side", "-f", "-", given={**settings, "data": {"a": "2"}})
    assert kubectl("get", "configmap", "settings", "-o", "jsonpath={.data.a}") == "2"


def test_a_dry_run_on_the_server_changes_nothing(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", given=SOURCE)
    assert "(server dry run)" in kubectl("delete", "replicationsource", "backup", "--dry-run=server")
    assert kubectl("get", "replicationsource", "backup", "-o", "name").strip().endswith("/backup")


def test_the_log_of_a_job_is_that_of_its_own_pod(kubectl: Kubectl) -> None:
    for name in ("one", "two"):
        container = {"name": "c", "image": "local", "command": ["python3", "-c", f"print('{name}')"]}
        template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
        job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {"template": template}}
        kubectl("apply", "-f", "-", given=job)
    for name in ("one", "two"):
        kubectl("wait", f"job/{name}", "--for=condition=Complete", "--timeout=60s")
        assert kubectl("logs", f"job/{name}") == f"{name}\n"
