"""What the manager builds on in Jobs: pausing, deleting, name clashes, termination messages.

Measured once on a real Job controller; here so that neither the imitation nor a later Kubernetes differs unnoticed.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from tests.cluster.lent import Cluster
from volsync_py.kube.errors import AlreadyExists, ApiError, Invalid
from volsync_py.kube.resources import JOBS, PODS

LISTENS = "listens for signals"
# Takes some seconds to end when it is told to, so that what happens meanwhile can be seen.
SLEEPS = f"""
import signal, sys, time
def end(*_):
    time.sleep({{seconds}})
    sys.exit(143)
signal.signal(signal.SIGTERM, end)
print({LISTENS!r}, flush=True)
time.sleep(600)
"""
ENDS_AT_ONCE, ENDS_SLOWLY = SLEEPS.format(seconds=0), SLEEPS.format(seconds=5)


def job(cluster: Cluster, name: str, program: str) -> dict[str, Any]:
    """Return a Job as the manager makes them, around a Python program."""
    container: dict[str, Any] = {"name": "main", "image": cluster.image, "imagePullPolicy": "IfNotPresent"}
    container |= {"command": ["python3", "-c", program]}
    template = {"spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 10, "containers": [container]}}
    spec: dict[str, Any] = {"backoffLimit": 0, "parallelism": 1, "podReplacementPolicy": "Failed", "template": template}
    return {"metadata": {"name": name}, "spec": spec}


def pods(cluster: Cluster, name: str) -> list[dict[str, Any]]:
    return cluster.objects(PODS, f"job-name={name}")


def running(cluster: Cluster, name: str) -> dict[str, Any]:
    """Return a pod of a Job, once it can be told to end."""
    return cluster.wait(
        f"a running pod of {name}", lambda: next((p for p in pods(cluster, name) if listens(cluster, p)), None)
    )


def listens(cluster: Cluster, pod: dict[str, Any]) -> bool:
    if pod["status"].get("phase") != "Running":
        return False
    # There may be no log yet.
    with suppress(ApiError):
        return LISTENS in cluster.log(pod["metadata"]["name"])
    return False


def test_a_pause_ends_the_pod_and_counts_it_neither_way(cluster: Cluster) -> None:
    cluster.create(JOBS, job(cluster, "paused", ENDS_AT_ONCE))
    first = running(cluster, "paused")

    cluster.patch(JOBS, "paused", {"spec": {"parallelism": 0}})
    cluster.wait("the pod's end", lambda: not pods(cluster, "paused"))
    status = cluster.client.get(JOBS, "paused", cluster.namespace).get("status", {})
    assert (status.get("failed", 0), status.get("succeeded", 0)) == (0, 0)
    assert not [c for c in status.get("conditions", []) if c["type"] in {"Failed", "Complete"}]

    cluster.patch(JOBS, "paused", {"spec": {"parallelism": 1}})
    second = running(cluster, "paused")
    assert second["metadata"]["uid"] != first["metadata"]["uid"]


def test_going_on_after_a_pause_never_runs_two_pods(cluster: Cluster) -> None:
    cluster.create(JOBS, job(cluster, "slow", ENDS_SLOWLY))
    first = running(cluster, "slow")["metadata"]["uid"]
    cluster.patch(JOBS, "slow", {"spec": {"parallelism": 0}})
    # A controller that never sees the pause has nothing to stop.
    cluster.wait("the pause", lambda: all(p["metadata"].get("deletionTimestamp") for p in pods(cluster, "slow")))
    cluster.patch(JOBS, "slow", {"spec": {"parallelism": 1}})

    most = 0

    def another() -> bool:
        nonlocal most
        now = pods(cluster, "slow")
        most = max(most, sum(p["status"].get("phase") in {"Pending", "Running"} for p in now))
        return any(p["metadata"]["uid"] != first and p["status"].get("phase") == "Running" for p in now)

    cluster.wait("another pod", another)
    assert most == 1


def test_foreground_deletion_keeps_the_name_until_the_pod_has_ended(cluster: Cluster) -> None:
    cluster.create(JOBS, job(cluster, "kept", ENDS_SLOWLY))
    running(cluster, "kept")

    cluster.delete(JOBS, "kept", propagation="Foreground")
    with pytest.raises(AlreadyExists, match=r"object is being deleted: jobs\.batch \"kept\" already exists"):
        cluster.create(JOBS, job(cluster, "kept", ENDS_AT_ONCE))

    cluster.wait("the Job's end", lambda: cluster.find(JOBS, "kept") is None)
    assert pods(cluster, "kept") == []


def test_an_orphaning_deletion_leaves_the_pod_running(cluster: Cluster) -> None:
    cluster.create(JOBS, job(cluster, "orphaned", ENDS_AT_ONCE))
    pod = running(cluster, "orphaned")["metadata"]["name"]

    cluster.delete(JOBS, "orphaned", propagation="Orphan")
    cluster.wait("the Job's end", lambda: cluster.find(JOBS, "orphaned") is None)

    left = cluster.wait("the orphan", lambda: orphan(cluster, pod))
    assert left["status"]["phase"] == "Running"
    cluster.delete(PODS, pod)


def orphan(cluster: Cluster, name: str) -> dict[str, Any] | None:
    pod = cluster.find(PODS, name)
    return pod if pod and not pod["metadata"].get("ownerReferences") else None


def test_a_gated_pod_waits_and_says_so_until_its_gates_are_gone(cluster: Cluster) -> None:
    made = job(cluster, "gated", "pass")
    made["spec"]["template"]["spec"]["schedulingGates"] = [{"name": "tests/one"}]
    cluster.create(JOBS, made)

    def gated() -> dict[str, Any] | None:
        waiting = (p for p in pods(cluster, "gated") if (p["status"].get("conditions") or [{}])[0].get("type"))
        return next(waiting, None)

    pod = cluster.wait("the condition", gated)
    (told,) = pod["status"]["conditions"]
    assert (told["type"], told["status"], told["reason"]) == ("PodScheduled", "False", "SchedulingGated")
    assert told["message"] == "Scheduling is blocked due to non-empty scheduling gates"
    with pytest.raises(Invalid, match="only deletion is allowed"):
        cluster.patch(PODS, pod["metadata"]["name"], {"spec": {"schedulingGates": [{"name": "tests/two"}]}})
    cluster.patch(PODS, pod["metadata"]["name"], {"spec": {"schedulingGates": None}})
    cluster.wait("Complete", lambda: cluster.condition(JOBS, "gated", "Complete"))


def test_a_deadline_can_be_moved_and_takes_a_pod_that_no_node_takes_with_its_job(cluster: Cluster) -> None:
    made = job(cluster, "unstarted", "pass")
    made["spec"] |= {"activeDeadlineSeconds": 60, "ttlSecondsAfterFinished": 0}
    # As a command makes it.
    del made["spec"]["podReplacementPolicy"]
    made["spec"]["template"]["spec"]["nodeSelector"] = {"kubernetes.io/hostname": "elsewhere"}
    cluster.create(JOBS, made)
    cluster.wait("a pod", lambda: pods(cluster, "unstarted"))
    # On, as of a command that waits, and near, as after its end.
    cluster.patch(JOBS, "unstarted", {"spec": {"activeDeadlineSeconds": 24 * 3600}})
    cluster.patch(JOBS, "unstarted", {"spec": {"activeDeadlineSeconds": 1}})
    cluster.wait("the Job's end", lambda: cluster.find(JOBS, "unstarted") is None)
    cluster.wait("the pod's end", lambda: not pods(cluster, "unstarted"))


def test_a_deadline_that_was_moved_on_in_time_ends_nothing(cluster: Cluster) -> None:
    made = job(cluster, "prolonged", "import time; time.sleep(4)")
    made["spec"]["activeDeadlineSeconds"] = 3
    cluster.create(JOBS, made)
    cluster.patch(JOBS, "prolonged", {"spec": {"activeDeadlineSeconds": 600}})
    done = cluster.wait("Complete", lambda: cluster.condition(JOBS, "prolonged", "Complete"))
    assert done["reason"] == "CompletionsReached"


def test_the_second_of_a_name_is_told_which_is_there(cluster: Cluster) -> None:
    cluster.create(JOBS, job(cluster, "dup", "pass"))

    with pytest.raises(AlreadyExists) as refused:
        cluster.create(JOBS, job(cluster, "dup", "pass"))
    assert str(refused.value.message) == 'jobs.batch "dup" already exists'
    assert refused.value.details == {"name": "dup", "group": "batch", "kind": "jobs"}


def test_a_success_completes_and_its_termination_message_can_be_read(cluster: Cluster) -> None:
    program = "open('/dev/termination-log', 'w').write('all is well')"
    cluster.create(JOBS, job(cluster, "good", program))

    done = cluster.wait("Complete", lambda: cluster.condition(JOBS, "good", "Complete"))
    assert done["reason"] == "CompletionsReached"
    (pod,) = pods(cluster, "good")
    ended = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (ended["exitCode"], ended["message"]) == (0, "all is well")


def test_of_a_long_termination_message_the_end_is_kept(cluster: Cluster) -> None:
    program = "open('/dev/termination-log', 'w').write('a' * 3000 + 'b' * 3000)"
    cluster.create(JOBS, job(cluster, "long", program))

    cluster.wait("Complete", lambda: cluster.condition(JOBS, "long", "Complete"))
    (pod,) = pods(cluster, "long")
    message = pod["status"]["containerStatuses"][0]["state"]["terminated"]["message"]
    assert message == "a" * 1096 + "b" * 3000


def test_a_failure_is_final_with_its_exit_code(cluster: Cluster) -> None:
    cluster.create(JOBS, job(cluster, "bad", "import sys; sys.exit(12)"))

    failed = cluster.wait("Failed", lambda: cluster.condition(JOBS, "bad", "Failed"))
    assert failed["reason"] == "BackoffLimitExceeded"
    (pod,) = pods(cluster, "bad")
    assert pod["status"]["phase"] == "Failed"
    assert pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 12
