"""What becomes of Jobs: the outcomes, and the order in which they become visible."""

from __future__ import annotations

from typing import Any

import pytest

from hack.devcluster.api.errors import StatusError
from hack.devcluster.api.objects import Object
from tests.integration.devcluster.controllers_harness import NAMESPACE, Cluster, wait_for

SUCCESS = ["SuccessCriteriaMet", "Complete"]
FAILURE = ["FailureTarget", "Failed"]
# A process that lives until SIGTERM and then exits as told.
LIVES = "trap 'exit {code}' TERM; echo up; while :; do sleep 0.05; done"


def is_up(cluster: Cluster) -> bool:
    """Return whether the Job's pod runs, and what it does at a SIGTERM is settled."""
    return cluster.status("jobs", "j").get("ready") == 1 and all("up" in cluster.log(pod) for pod in cluster.pods_of())


@pytest.mark.parametrize(
    ("script", "spec", "conditions", "counts", "reason"),
    [
        ("exit 0", {}, SUCCESS, {"succeeded": 1}, "CompletionsReached"),
        ("exit 0", {"completions": None}, SUCCESS, {"succeeded": 1}, "CompletionsReached"),
        ("exit 1", {}, FAILURE, {"failed": 1}, "BackoffLimitExceeded"),
        ("exit 1", {"backoffLimit": 2}, FAILURE, {"failed": 3}, "BackoffLimitExceeded"),
        ("kill -9 $$; exit 9", {}, FAILURE, {"failed": 1}, "BackoffLimitExceeded"),
        ("sleep 60", {"activeDeadlineSeconds": 1}, FAILURE, {"failed": 1}, "DeadlineExceeded"),
        (
            "exit 1",
            {"backoffLimit": 1, "pod": {"restartPolicy": "OnFailure"}},
            FAILURE,
            {"failed": 1},
            "BackoffLimitExceeded",
        ),
    ],
)
def test_a_job_ends_as_its_pods_do(
    cluster: Cluster, script: str, spec: dict[str, Any], conditions: list[str], counts: Object, reason: str
) -> None:
    pod = {"terminationGracePeriodSeconds": 1, **spec.pop("pod", {})}
    cluster.job(script, pod=pod, **spec)
    wait_for(cluster.job_ended)
    status = cluster.status("jobs", "j")
    assert cluster.conditions("jobs", "j") == conditions
    assert {key: status[key] for key in ("succeeded", "failed") if key in status} == counts
    assert {one["reason"] for one in status["conditions"]} == {reason}
    assert ("completionTime" in status) == (conditions == SUCCESS)
    assert "active" not in status
    assert status["terminating"] == 0
    event = "Completed" if conditions == SUCCESS else reason
    wait_for(lambda: event in cluster.events("j"))


def test_success_is_seen_as_criteria_met_before_it_is_counted(cluster: Cluster) -> None:
    seen: list[Object] = []

    def listen(event: str, resource: Any, obj: Object) -> None:
        if resource.plural == "jobs" and obj.get("status"):
            seen.append(obj["status"])

    cluster.registry.subscribe(listen)
    cluster.job("exit 0")
    wait_for(cluster.job_ended)
    met, complete = seen[-2:]
    assert [one["type"] for one in met["conditions"]] == ["SuccessCriteriaMet"]
    assert len(met["uncountedTerminatedPods"]["succeeded"]) == 1
    assert "succeeded" not in met
    assert [one["type"] for one in complete["conditions"]] == SUCCESS
    assert complete["succeeded"] == 1
    assert complete["uncountedTerminatedPods"] == {}


def test_pods_carry_the_labels_owner_and_finalizer_of_their_job(cluster: Cluster) -> None:
    job = cluster.job(LIVES.format(code=1))
    wait_for(lambda: is_up(cluster))
    (pod,) = cluster.pods_of()
    uid = job["metadata"]["uid"]
    assert pod["metadata"]["name"].startswith("j-")
    assert len(pod["metadata"]["name"]) == len("j-") + 5
    assert pod["metadata"]["finalizers"] == ["batch.kubernetes.io/job-tracking"]
    assert pod["metadata"]["ownerReferences"][0]["uid"] == uid
    assert pod["metadata"]["labels"] == {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": "j",
        "controller-uid": uid,
        "job-name": "j",
    }


def test_a_second_pod_may_succeed(cluster: Cluster) -> None:
    cluster.claim("memory")
    volume = {"name": "v", "persistentVolumeClaim": {"claimName": "memory"}}
    container = {"volumeMounts": [{"name": "v", "mountPath": "/memory"}]}
    pod = {"volumes": [volume], "container": container}
    cluster.job("test -e /memory/seen || { touch /memory/seen; exit 1; }", pod=pod, backoffLimit=3)
    wait_for(cluster.job_ended)
    status = cluster.status("jobs", "j")
    assert (status["succeeded"], status["failed"]) == (1, 1)
    assert cluster.conditions("jobs", "j") == SUCCESS


@pytest.mark.parametrize("how", ["parallelism", "suspend"])
@pytest.mark.parametrize("policy", [{}, {"podReplacementPolicy": "Failed"}])
@pytest.mark.parametrize("code", [0, 1, 143])
def test_a_paused_job_counts_nothing_and_goes_on_with_a_new_pod(
    cluster: Cluster, how: str, policy: dict[str, Any], code: int
) -> None:
    cluster.job(LIVES.format(code=code), **policy)
    wait_for(lambda: is_up(cluster))
    (first,) = cluster.pods_of()

    def pause(job: Object) -> None:
        job["spec"].update({"parallelism": 0} if how == "parallelism" else {"suspend": True})

    def resume(job: Object) -> None:
        job["spec"].update({"parallelism": 1} if how == "parallelism" else {"suspend": False})

    cluster.modify("jobs", "j", pause)
    wait_for(lambda: cluster.pods_of() == [])
    wait_for(lambda: cluster.status("jobs", "j")["terminating"] == 0)
    assert cluster.conditions("jobs", "j") == (["Suspended"] if how == "suspend" else [])
    assert ("startTime" in cluster.status("jobs", "j")) == (how == "parallelism")
    cluster.modify("jobs", "j", resume)
    wait_for(lambda: cluster.status("jobs", "j").get("ready") == 1)
    (second,) = cluster.pods_of()
    assert second["metadata"]["uid"] != first["metadata"]["uid"]
    assert {"failed", "succeeded"} & set(cluster.status("jobs", "j")) == set()


@pytest.mark.parametrize(("policy", "together"), [({}, 2), ({"podReplacementPolicy": "Failed"}, 1)])
def test_only_the_replacement_policy_keeps_two_pods_apart(
    cluster: Cluster, policy: dict[str, Any], together: int
) -> None:
    cluster.job("trap : TERM; echo up; while :; do sleep 0.05; done", **policy)
    wait_for(lambda: is_up(cluster))
    cluster.modify("jobs", "j", lambda job: job["spec"].update(parallelism=0))
    wait_for(lambda: cluster.status("jobs", "j")["terminating"] == 1)
    cluster.modify("jobs", "j", lambda job: job["spec"].update(parallelism=1))
    most = 0

    def replaced() -> bool:
        nonlocal most
        pods = cluster.pods_of()
        # One that has ended no longer runs; its object may be there for a moment after the next one was made.
        most = max(most, sum(pod["status"]["phase"] not in ("Succeeded", "Failed") for pod in pods))
        return bool(pods) and all("deletionTimestamp" not in pod["metadata"] for pod in pods)

    wait_for(replaced)
    assert most == together


def test_failed_waits_until_the_last_pod_has_ended(cluster: Cluster) -> None:
    cluster.job(
        "trap 'while ! test -e /go/on; do sleep 0.05; done; exit 0' TERM; echo up; while :; do sleep 0.05; done"
    )
    wait_for(lambda: is_up(cluster))
    (pod,) = cluster.pods_of()
    cluster.context.delete("pods", pod)
    wait_for(lambda: cluster.conditions("jobs", "j") == ["FailureTarget"])
    status = cluster.status("jobs", "j")
    assert (status["failed"], status["terminating"]) == (1, 1)
    wait_for(cluster.job_ended)
    assert cluster.conditions("jobs", "j") == FAILURE


@pytest.mark.parametrize(("code", "conditions"), [(0, SUCCESS), (1, FAILURE)])
def test_with_the_replacement_policy_a_deleted_pod_counts_by_its_real_end(
    cluster: Cluster, code: int, conditions: list[str]
) -> None:
    cluster.job(LIVES.format(code=code), podReplacementPolicy="Failed")
    wait_for(lambda: is_up(cluster))
    cluster.context.delete("pods", cluster.pods_of()[0])
    wait_for(cluster.job_ended)
    assert cluster.conditions("jobs", "j") == conditions


def test_a_pod_that_admission_refuses_is_tried_again_with_events(cluster: Cluster) -> None:
    cluster.job("exit 0", pod={"serviceAccountName": "mover"})
    wait_for(lambda: "FailedCreate" in cluster.events("j"))
    assert cluster.conditions("jobs", "j") == []
    assert "active" not in cluster.status("jobs", "j")
    cluster.create("serviceaccounts", "v1", "ServiceAccount", "mover")
    wait_for(cluster.job_ended)
    assert cluster.conditions("jobs", "j") == SUCCESS


def test_a_failure_policy_can_end_a_job_or_ignore_a_failure(cluster: Cluster) -> None:
    codes = {"operator": "In", "values": [42]}
    rules = {"rules": [{"action": "FailJob", "onExitCodes": codes}]}
    cluster.job("exit 42", podFailurePolicy=rules, backoffLimit=5)
    wait_for(cluster.job_ended)
    (target, failed) = cluster.status("jobs", "j")["conditions"]
    pod = cluster.pods_of()[0]["metadata"]["name"]
    assert failed["reason"] == target["reason"] == "PodFailurePolicy"
    assert failed["message"] == (
        f"Container c for pod work/{pod} failed with exit code 42 matching FailJob rule at index 0"
    )


def test_foreground_deletion_keeps_the_job_and_its_name_until_the_pod_is_gone(cluster: Cluster) -> None:
    job = cluster.job("trap : TERM; while :; do sleep 0.05; done")
    wait_for(lambda: cluster.status("jobs", "j").get("ready") == 1)
    cluster.context.delete("jobs", job, propagation="Foreground")
    wait_for(lambda: cluster.status("jobs", "j").get("terminating") == 1)
    with pytest.raises(StatusError) as refused:
        cluster.job("exit 0")
    assert refused.value.code == 409
    wait_for(lambda: cluster.context.get("jobs", NAMESPACE, "j") is None)
    assert cluster.pods_of() == []


def test_background_deletion_frees_the_name_while_the_pod_still_ends(cluster: Cluster) -> None:
    job = cluster.job("trap : TERM; while :; do sleep 0.05; done")
    wait_for(lambda: cluster.status("jobs", "j").get("ready") == 1)
    cluster.context.delete("jobs", job, propagation="Background")
    assert cluster.context.get("jobs", NAMESPACE, "j") is None
    assert len(cluster.pods_of()) == 1
    cluster.job("exit 0")
    wait_for(cluster.job_ended)
    wait_for(lambda: len(cluster.pods_of()) == 1)


def test_a_finished_job_goes_with_its_pod_when_its_time_is_over(cluster: Cluster) -> None:
    cluster.job("exit 0", ttlSecondsAfterFinished=0)
    wait_for(lambda: cluster.context.get("jobs", NAMESPACE, "j") is None)
    wait_for(lambda: cluster.pods_of() == [])
