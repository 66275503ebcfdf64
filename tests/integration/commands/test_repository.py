"""What asks a repository: a pod of its own, the user's rights, and nothing left behind."""

from __future__ import annotations

import json
import signal

from hack.processes import DevCluster, wait_until
from tests.integration.commands.asking import command, read_until, started
from tests.integration.commands.repository import HERE, JOBS, NAMESPACE, SECRET, SECRETS, left, phase, pods, put_source
from volsync_py.contract.questions import ASK, Kind, Question
from volsync_py.kube.client import Client
from volsync_py.kube.config import load
from volsync_py.kube.execution import STDOUT
from volsync_py.kube.resources import PODS
from volsync_py.movers.restic.objects import COMMAND

MERGE = "application/merge-patch+json"


def test_snapshots_are_listed_with_what_keeps_them_and_nothing_is_left(asks: DevCluster) -> None:
    seen = command(asks.kubeconfig, "snapshots", "db", *HERE)
    assert (seen.returncode, seen.stderr.strip()) == (
        0,
        "3 snapshots; 1 of them kept by no rule, and gone after the next backup; "
        "1 of other hosts or paths, shown with --all-hosts",
    )
    head, *rows = seen.stdout.splitlines()
    assert head.split() == "ID TIME AGE NEW CHANGED SIZE ADDED KEPT BY TAGS".split()
    assert [row.split()[-2:] for row in rows] == [["last", "t2"], ["last", "t1"], ["nothing", "t0"]]
    # The pod waits for nobody who is no terminal.
    wait_until("the end of the pod", lambda: not left(asks), 5)


def test_a_pod_that_waits_is_asked_again_and_ends_when_told(asks: DevCluster) -> None:
    first = command(asks.kubeconfig, "snapshots", "db", *HERE, "-o", "json", "--keep", "1m")
    assert "waits 60 s for another question" in first.stderr
    assert [one.get("keptBy") for one in json.loads(first.stdout)] == [[], ["last snapshot"], ["last snapshot"]]
    there = left(asks)
    assert len(there) == 2
    again = command(asks.kubeconfig, "snapshots", "db", *HERE, "-o", "name", "--all-hosts")
    assert (len(again.stdout.split()), again.returncode) == (4, 0)
    # Whoever has not made it lets it wait for who has.
    assert left(asks) == there
    command(asks.kubeconfig, "snapshots", "db", *HERE, "--keep", "0s")
    wait_until("the end of the pod", lambda: not left(asks), 5)


def test_a_pod_that_answers_another_command_stays_until_it_has(asks: DevCluster) -> None:
    command(asks.kubeconfig, "snapshots", "db", *HERE, "--keep", "1m")
    there, client = left(asks), Client(load(str(asks.kubeconfig)))
    with client.execute(PODS, NAMESPACE, pods(asks)[0], container="restic", command=[COMMAND, ASK]) as other:
        ended = command(asks.kubeconfig, "snapshots", "db", *HERE, "--keep", "0s")
        assert ended.returncode == 0
        assert left(asks) == there
        other.write(Question(Kind.OPEN).to_json().encode() + b"\n")
        answer = [data for channel, data in other.outputs(30) if channel == STDOUT]
    assert b'"id"' in b"".join(answer)
    wait_until("the end of the pod", lambda: not left(asks), 5)


def test_a_command_that_is_killed_leaves_nothing(asks: DevCluster) -> None:
    with started(asks.kubeconfig, "snapshots", "db", *HERE, "--keep", "0s") as process:
        wait_until("a pod that runs", lambda: runs(asks))
        process.send_signal(signal.SIGKILL)
    # It has not asked yet, or its question ends with its connection.
    wait_until("the end of the pod", lambda: not left(asks), 5)


def test_a_command_that_is_killed_before_its_pod_starts_leaves_nothing_that_runs(asks: DevCluster) -> None:
    with started(asks.kubeconfig, "snapshots", "db", *HERE, "--keep", "0s") as process:
        wait_until("the Job", lambda: bool(asks.get(JOBS)["items"]))
        process.send_signal(signal.SIGKILL)
    wait_until("a pod that runs", lambda: runs(asks))
    wait_until("the end of the pod", lambda: not left(asks), 5)


def test_a_command_that_is_killed_in_the_middle_of_an_answer_leaves_nothing(asks: DevCluster) -> None:
    with started(asks.kubeconfig, "cat", "db", "latest", "/numbers", *HERE) as process:
        assert process.stdout is not None
        assert process.stdout.read(1) == "1"
        process.send_signal(signal.SIGKILL)
    wait_until("the end of the pod", lambda: not left(asks), 5)


def test_a_pod_that_no_node_takes_goes_a_minute_after_the_command_was_killed(asks: DevCluster) -> None:
    elsewhere = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["elsewhere"]}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [elsewhere]}}
    put_source(asks, "nowhere", moverAffinity={"nodeAffinity": required})
    with started(asks.kubeconfig, "snapshots", "nowhere", *HERE) as process:
        read_until(process.stderr, "waiting for the pod that asks the repository: no node takes its pod")
        process.send_signal(signal.SIGKILL)
    (job,) = asks.get(JOBS)["items"]
    assert [phase(asks, name) for name in pods(asks)] == ["Pending"]
    assert job["spec"]["activeDeadlineSeconds"] == 60
    # What comes after a minute, comes now.
    sooner = {"spec": {"activeDeadlineSeconds": 1}}
    asks.ask("PATCH", f"{JOBS}/{job['metadata']['name']}", sooner, MERGE)
    wait_until("the end of Job and pod", lambda: not left(asks), 5)


def test_a_pod_that_answers_has_the_time_for_it(asks: DevCluster) -> None:
    command(asks.kubeconfig, "snapshots", "db", *HERE, "--keep", "1m")
    (job,) = asks.get(JOBS)["items"]
    assert job["spec"]["activeDeadlineSeconds"] == 24 * 3600
    command(asks.kubeconfig, "snapshots", "db", *HERE, "--keep", "0s")
    wait_until("the end of the pod", lambda: not left(asks), 5)


def runs(cluster: DevCluster) -> bool:
    return any(phase(cluster, name) == "Running" for name in pods(cluster))


def test_who_sets_the_secret_right_is_not_answered_by_a_pod_that_has_it_as_it_was(asks: DevCluster) -> None:
    secret = {"metadata": {"name": "mended"}, "stringData": {**SECRET, "RESTIC_PASSWORD": "another"}}
    asks.ask("POST", SECRETS, secret)
    put_source(asks, "mended", repository="mended")
    wrong = command(asks.kubeconfig, "snapshots", "mended", *HERE, "--keep", "10m")
    assert wrong.stderr.startswith("Error: WrongPassword: ")
    asks.ask("PATCH", f"{SECRETS}/mended", {"stringData": SECRET}, MERGE)
    right = command(asks.kubeconfig, "snapshots", "mended", *HERE, "--keep", "10m")
    assert right.returncode == 0, right.stderr

    # A pod that has answered well is kept; doctor has one of its own all the same.
    asks.ask("PATCH", f"{SECRETS}/mended", {"stringData": {"RESTIC_PASSWORD": "another"}}, MERGE)
    found = json.loads(command(asks.kubeconfig, "doctor", "mended", *HERE, "--all", "-o", "json").stdout)["findings"]
    assert [one["why"].split(":")[0] for one in found if one["check"] == "repository"] == ["WrongPassword"]
    command(asks.kubeconfig, "snapshots", "mended", *HERE, "--keep", "0s")
    wait_until("the end of the pods", lambda: not left(asks), 5)


def test_what_cannot_be_asked_is_a_sentence_and_leaves_nothing(asks: DevCluster) -> None:
    asks.ask("POST", SECRETS, {"metadata": {"name": "wrong"}, "stringData": {**SECRET, "RESTIC_PASSWORD": "canary"}})
    put_source(asks, "wrong", repository="wrong")
    put_source(asks, "none", repository="none")
    wrong, none, nobody = (command(asks.kubeconfig, "snapshots", name, *HERE) for name in ("wrong", "none", "nobody"))
    assert (wrong.returncode, none.returncode, nobody.returncode) == (1, 1, 1)
    assert wrong.stderr.startswith("Error: WrongPassword: ")
    assert "volsync-py explain WrongPassword says more" in wrong.stderr
    assert 'its container cannot be made: secret "none" not found' in none.stderr
    assert "there is no source and no destination called nobody" in nobody.stderr
    assert "canary" not in wrong.stderr + wrong.stdout
    assert "Traceback" not in wrong.stderr + none.stderr + nobody.stderr
    wait_until("the end of the pods", lambda: not left(asks), 5)
