"""Next steps as whoever reads them can type them: under kubectl there is no program called `volsync-py`."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from hack.processes import DevCluster
from tests.integration.commands.asking import command
from tests.integration.commands.conftest import VOLSYNC

PLUGIN = "kubectl-volsync_py"


@pytest.fixture(scope="module")
def paused(quiet: DevCluster) -> Iterator[DevCluster]:
    """The cluster with a namespace, in which a source is paused that has never run."""
    quiet.ask("POST", "/api/v1/namespaces", {"metadata": {"name": "hints"}})
    spec = {"paused": True, "sourcePVC": "data", "restic": {"repository": "r"}, "trigger": {"schedule": "0 * * * *"}}
    path = f"{VOLSYNC}/hints/replicationsources"
    quiet.ask("POST", path, {"metadata": {"name": "still"}, "spec": spec})
    yield quiet
    quiet.ask("DELETE", f"{path}/still")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["status", "still"], "none while it is paused: {} resume still -n hints"),
        (["doctor", "--no-pod"], "install one: {} manifests --image IMAGE"),
        (["takeover"], "{} status -A"),
        (["backup", "still"], "{} status still says what becomes of it"),
        (["restore", "none"], "{} status --all -A shows all there are"),
        (["restore", "still", "--bogus"], "Try '{} restore --help' for help."),
        (["explain", "None"], "there is no class None; {} explain lists them"),
        (["chart", "--help"], '"$({} chart)"'),
        (["crds", "--help"], "{} crds | kubectl apply"),
        (["manifests", "--help"], "{} manifests --image REGISTRY/volsync-py:TAG | kubectl"),
        (["--help"], "usage: {} COMMAND [OPTIONS]"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_next_step_names_the_program_as_it_was_called(paused: DevCluster, words: list[str], says: str) -> None:
    where = ["-n", "hints"] if words[0] in {"status", "doctor", "backup", "restore"} else []
    for called, name in (("volsync-py", "volsync-py"), (PLUGIN, "kubectl volsync-py")):
        done = command(paused.kubeconfig, *words, *where, called=called)
        told = " ".join((done.stdout + done.stderr).split())
        assert says.format(name) in told
        assert "kubectl kubectl" not in told


def test_what_programs_read_is_the_same_however_it_was_called(paused: DevCluster) -> None:
    words = ("doctor", "--no-pod", "-n", "hints", "-o", "json")
    plain, plugin = (command(paused.kubeconfig, *words, called=name).stdout for name in ("volsync-py", PLUGIN))
    steps = [[one["nextStep"] for one in json.loads(text)["findings"]] for text in (plain, plugin)]
    assert steps[0] == steps[1]
    assert any(step.startswith("install one: volsync-py manifests") for step in steps[0])
