"""Commands that change something, as processes: backup, pause, resume."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator

import pytest

from hack.processes import DevCluster
from tests.integration.commands.asking import command, read_until, started
from tests.integration.world import World


def test_a_backup_is_asked_for_watched_and_told_of_at_its_end(world: World) -> None:
    world.source(manual="never")
    world.wait_done("replicationsources", "backup", "never")
    world.write("data", {"new.txt": "more"})

    done = command(world.cluster.kubeconfig, "backup", "backup", "-n", world.namespace, "--wait")

    status = world.status("replicationsources", "backup")
    snapshot = status["restic"]["lastSnapshot"]
    told = f"snapshot {snapshot['id'][:8]}, 3 files, 14 B, {size(snapshot)} added, in {status['lastSyncDuration']}"
    assert (done.returncode, done.stdout) == (0, f"backup: {told}\n")

    world.write("data", {"newer.txt": "more"})
    words = ("backup", "backup", "-n", world.namespace)
    done = command(world.cluster.kubeconfig, *words, "--wait", "-o", "json")
    last = world.status("replicationsources", "backup")["restic"]["lastSnapshot"]
    [told_of] = json.loads(done.stdout)
    assert done.returncode == 0
    assert re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]{6}", told_of.pop("token"))
    assert told_of.pop("message").startswith(f"snapshot {last['id'][:8]}, 4 files, 18 B, ")
    assert told_of == {
        "kind": "ReplicationSource",
        "namespace": world.namespace,
        "name": "backup",
        "result": "Succeeded",
        "snapshot": last["id"],
        "files": 4,
        "bytes": 18,
        "bytesAdded": last["bytesAdded"],
    }

    world.secret("repository", password="another")
    failed = command(world.cluster.kubeconfig, "backup", "backup", "-n", world.namespace, "--wait")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert "backup: failed after 1 attempt: WrongPassword: " in failed.stderr
    assert "correct RESTIC_PASSWORD" in failed.stderr
    again = command(world.cluster.kubeconfig, *words, "--wait", "-o", "json")
    assert (again.returncode, json.loads(again.stdout)[0]["result"]) == (1, "Failed")
    assert "WrongPassword: " in json.loads(again.stdout)[0]["message"]
    assert "backup: failed after " in again.stderr


def size(snapshot: dict[str, int]) -> str:
    added = snapshot["bytesAdded"]
    return f"{added} B" if added < 1024 else f"{added / 1024:.1f} KiB"


def test_whoever_interrupts_the_waiting_is_told_that_the_backup_goes_on(quiet: DevCluster) -> None:
    with started(quiet.kubeconfig, "backup", "well", "--wait") as process:
        read_until(process.stderr, "well: waits for the operator")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said == "well: you no longer wait, and the backup goes on; volsync-py status says what becomes of it\n"


def test_a_wait_has_an_end_if_that_is_asked_for(quiet: DevCluster) -> None:
    done = command(quiet.kubeconfig, "backup", "well", "--wait", "--timeout=1ms")
    assert done.returncode == 1
    assert done.stderr.endswith("well: not ended in time; the backup goes on\n")
    as_data = command(quiet.kubeconfig, "backup", "well", "--wait", "--timeout=1ms", "-o", "json")
    assert (as_data.returncode, json.loads(as_data.stdout)[0]["result"]) == (1, "NotEnded")
    named = command(quiet.kubeconfig, "backup", "well", "--wait", "--timeout=1ms", "-o", "name")
    assert (named.returncode, named.stdout) == (1, "")


def test_all_sources_of_a_namespace_are_asked_for_a_proof_and_the_wait_has_an_end(quiet: DevCluster) -> None:
    done = command(quiet.kubeconfig, "prove", "--all", "--wait", "--timeout=1ms")
    assert done.returncode == 1
    assert "well: its newest backup is restored and compared" in done.stderr
    assert done.stderr.endswith("not ended in time; the verification goes on\n")
    mistake = command(quiet.kubeconfig, "prove", "well", "--all")
    assert (mistake.returncode, "--all goes without names" in mistake.stderr) == (2, True)


def test_what_is_paused_is_not_waited_for_and_runs_again_when_it_is_resumed(quiet: DevCluster) -> None:
    path = "/apis/volsync.backube/v1alpha1/namespaces/office/replicationsources/broken"
    quiet.ask("PATCH", path, {"metadata": {"labels": {"app": "x"}}}, "application/merge-patch+json")

    paused = command(quiet.kubeconfig, "pause", "-l", "app=x", "-n", "office")
    assert (paused.returncode, paused.stdout) == (0, "source broken: paused\n")
    assert quiet.get(path)["spec"]["paused"] is True
    waits = command(quiet.kubeconfig, "backup", "broken", "-n", "office", "--wait")
    assert waits.returncode == 1
    assert "is paused, and is backed up when that ends: volsync-py resume broken" in waits.stderr
    resumed = command(quiet.kubeconfig, "resume", "broken", "-n", "office")
    assert (resumed.returncode, resumed.stdout) == (0, "source broken: resumed\n")
    assert "paused" not in quiet.get(path)["spec"]


@pytest.fixture
def repositories(quiet: DevCluster) -> Iterator[DevCluster]:
    """The cluster with a namespace in which two Secrets lead to one repository, and one to another."""
    quiet.ask("POST", "/api/v1/namespaces", {"metadata": {"name": "paused"}})
    made = []
    for plural, name, known in (
        ("replicationsources", "one", "7a"),
        ("replicationsources", "same-place", "7a"),
        ("replicationsources", "other", "7b"),
        ("replicationdestinations", "back", ""),
    ):
        path = f"/apis/volsync.backube/v1alpha1/namespaces/paused/{plural}"
        made.append(f"{path}/{name}")
        spec = {"restic": {"repository": "of-one" if name in {"one", "back"} else f"of-{name}"}}
        quiet.ask("POST", path, {"metadata": {"name": name}, "spec": spec})
        status = {"restic": {"repositoryHash": known}} if known else {}
        quiet.ask("PATCH", f"{path}/{name}/status", {"status": status}, "application/merge-patch+json")
    yield quiet
    # The other tests see the same cluster.
    for path in made:
        quiet.ask("DELETE", path)


def test_all_of_a_repository_are_paused_at_once_and_run_again(repositories: DevCluster) -> None:
    quiet = repositories
    words = ("--repository", "of-one", "-n", "paused")
    paused = command(quiet.kubeconfig, "pause", *words)
    told = ["source one", "source same-place", "destination back"]
    assert (paused.returncode, paused.stdout.splitlines()) == (0, [f"{name}: paused" for name in told])
    path = "/apis/volsync.backube/v1alpha1/namespaces/paused/replicationsources"
    assert {one["metadata"]["name"]: one["spec"].get("paused") for one in quiet.get(path)["items"]} == {
        "one": True,
        "same-place": True,
        "other": None,
    }
    resumed = command(quiet.kubeconfig, "resume", *words)
    assert (resumed.returncode, resumed.stdout.splitlines()) == (0, [f"{name}: resumed" for name in told])
    assert not any(one["spec"].get("paused") for one in quiet.get(path)["items"])


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["backup"], 2, "choose it by its labels with -l"),
        (["pause", "one", "-l", "a=b"], 2, "choose it by its labels with -l"),
        (["pause"], 2, "or all of a repository with --repository"),
        (["pause", "one", "--repository", "r"], 2, "or all of a repository with --repository"),
        (["resume", "-l", "a=b", "--repository", "r"], 2, "or all of a repository with --repository"),
        (["pause", "--repository", "none"], 1, "nothing in the namespace default names the repository Secret none"),
        (["backup", "none"], 1, "there is no source called none in the namespace default"),
        (["pause", "none"], 1, "there is no source and no destination called none"),
        (["backup", "-l", "a=b"], 1, "nothing in the namespace default has the labels a=b"),
        (["backup", "well", "--wait", "--timeout=soon"], 2, "is not a duration such as"),
    ],
)
def test_a_mistake_is_a_sentence_with_the_next_step(quiet: DevCluster, words: list[str], code: int, says: str) -> None:
    done = command(quiet.kubeconfig, *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert says in " ".join(done.stderr.split())
