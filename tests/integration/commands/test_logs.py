"""`volsync-py logs` and what a shell asks, as processes."""

from __future__ import annotations

from typing import Any

import pytest

from hack.processes import DevCluster, wait_until
from tests.integration.commands.asking import command

PODS = "/api/v1/namespaces/default/pods"
SOURCE = "/apis/volsync.backube/v1alpha1/namespaces/default/replicationsources/well"


def test_the_log_is_that_of_the_newest_pod_or_what_the_status_has_kept(quiet: DevCluster) -> None:
    none = command(quiet.kubeconfig, "logs", "well")
    assert (none.returncode, none.stdout) == (1, "")
    assert "no mover of the source well has a log" in none.stderr

    kept = {"status": {"latestMoverStatus": {"result": "Successful", "logs": "snapshot 1 saved\n\x1b[2J"}}}
    quiet.ask("PATCH", f"{SOURCE}/status", kept, "application/merge-patch+json")
    last = command(quiet.kubeconfig, "logs", "well", "-f")
    assert (last.returncode, last.stdout) == (0, "snapshot 1 saved\n�[2J\n")
    assert last.stderr.startswith("no pod is left; this is what the status has kept of the last mover; the last run")

    quiet.ask("POST", PODS, pod("volsync-src-well-x"))
    wait_until("the pod's end", lambda: phase(quiet) == "Succeeded")
    for words in ([], ["-f"]):
        seen = command(quiet.kubeconfig, "logs", "well", *words)
        assert (seen.returncode, seen.stdout) == (0, "one\ntwo\n")
        assert seen.stderr == "log of the pod volsync-src-well-x (Succeeded):\n"


def phase(cluster: DevCluster) -> str:
    return str((cluster.get(f"{PODS}/volsync-src-well-x").get("status") or {}).get("phase"))


def pod(name: str) -> dict[str, Any]:
    container = {"name": "restic", "image": "local", "command": ["sh", "-c", "echo one; sleep 0.1; echo two"]}
    return {
        "metadata": {"name": name, "labels": {"job-name": "volsync-src-well"}},
        "spec": {"restartPolicy": "Never", "containers": [container]},
    }


@pytest.mark.parametrize(
    ("typed", "number", "expected"),
    [("volsync-py stats", "1", "plain,stats"), ("volsync-py backup --wa", "2", "plain,--wait")],
)
def test_a_shell_completes_commands_and_options(quiet: DevCluster, typed: str, number: str, expected: str) -> None:
    env = {"_VOLSYNC_PY_COMPLETE": "bash_complete", "COMP_WORDS": typed, "COMP_CWORD": number}
    assert command(quiet.kubeconfig, **env).stdout.split() == [expected]
    script = command(quiet.kubeconfig, "completion", "zsh")
    assert (script.returncode, script.stderr) == (0, "")
    assert "_VOLSYNC_PY_COMPLETE=zsh_complete" in script.stdout
