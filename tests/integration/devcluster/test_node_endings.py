"""How pods end: deleted, killed, started again, or with their node."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

from hack.devcluster.api.objects import Object
from hack.devcluster.api.times import seconds_of
from hack.processes import ROOT
from tests.integration.devcluster.controllers_harness import Cluster, wait_for

LIVES = "trap 'exit 7' TERM; echo up; while :; do sleep 0.05; done"


def test_a_deleted_pod_gets_sigterm_and_goes_when_it_has_ended(cluster: Cluster) -> None:
    pod = cluster.pod(LIVES, terminationGracePeriodSeconds=60)
    wait_for(lambda: cluster.status("pods", "p").get("conditions") and "up" in cluster.log(pod))
    seen: list[Object] = []
    cluster.registry.subscribe(lambda event, resource, obj: seen.append(obj) if resource.plural == "pods" else None)
    cluster.context.delete("pods", pod)
    wait_for(lambda: cluster.phase() == "Gone")
    states = [one["status"]["containerStatuses"][0]["state"] for one in seen]
    assert states[-1]["terminated"]["exitCode"] == 7
    assert seen[-1]["status"]["phase"] == "Failed"


def test_a_pod_that_ignores_sigterm_is_killed_after_its_grace_period(cluster: Cluster) -> None:
    pod = cluster.pod("trap '' TERM; echo up; sleep 600", terminationGracePeriodSeconds=1)
    wait_for(lambda: cluster.is_running())
    seen: list[Object] = []
    cluster.registry.subscribe(lambda event, resource, obj: seen.append(obj) if resource.plural == "pods" else None)
    started = time.monotonic()
    cluster.context.delete("pods", pod)
    wait_for(lambda: cluster.phase() == "Gone")
    assert time.monotonic() - started >= 1.0
    assert seen[-1]["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 137


def test_a_failing_container_is_started_again_where_the_policy_says_so(cluster: Cluster) -> None:
    mounts = {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}
    script = "test -e /v/seen && exit 0; touch /v/seen; exit 3"
    cluster.pod(script, container=mounts, restartPolicy="OnFailure", volumes=[{"name": "v", "emptyDir": {}}])
    wait_for(lambda: cluster.phase() == "Succeeded")
    (status,) = cluster.status("pods", "p")["containerStatuses"]
    assert status["restartCount"] == 1
    assert status["lastState"]["terminated"]["exitCode"] == 3


def test_a_pod_for_another_node_stays_pending_with_an_event(cluster: Cluster) -> None:
    cluster.pod("exit 0", nodeSelector={"kubernetes.io/hostname": "elsewhere"})
    wait_for(lambda: "FailedScheduling" in cluster.events("p"))
    assert cluster.phase() == "Pending"
    cluster.pod("exit 0", "here", nodeSelector={"kubernetes.io/hostname": "devcluster"})
    wait_for(lambda: cluster.phase("here") == "Succeeded")


def test_a_pod_s_processes_can_be_killed_and_frozen(cluster: Cluster) -> None:
    pod = cluster.pod("while :; do echo tick; sleep 0.01; done")
    wait_for(lambda: cluster.is_running() and "tick" in cluster.log(pod))
    cluster.controllers.fault("freeze-pod", namespace="work", pod="p")

    def still() -> bool:
        before = len(cluster.log(pod))
        time.sleep(0.2)
        return before == len(cluster.log(pod))

    wait_for(still)
    cluster.controllers.fault("thaw-pod", namespace="work", pod="p")
    wait_for(lambda: not still())
    cluster.controllers.fault("kill-pod", namespace="work", pod="p")
    assert cluster.terminated()["exitCode"] == 137


def test_a_lost_node_reports_the_truth_when_it_is_back(cluster: Cluster) -> None:
    mounts = {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}
    cluster.claim("go")
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "go"}}]
    script = "echo up; while ! test -e /v/go; do sleep 0.05; done; echo done > /v/done; exit 4"
    cluster.pod(script, container=mounts, volumes=volumes)
    wait_for(lambda: cluster.is_running())
    cluster.controllers.fault("lose-node")
    wait_for(lambda: "Ready" not in _true_conditions(cluster))
    folder = cluster.volume_path("go")
    (folder / "go").touch()
    wait_for((folder / "done").exists)
    done_at = (folder / "done").stat().st_mtime
    assert cluster.phase() == "Running"
    wait_for(lambda: time.time() > done_at + 1.0)
    cluster.controllers.fault("return-node")
    ended = cluster.terminated()
    assert ended["exitCode"] == 4
    assert seconds_of(ended["finishedAt"]) <= done_at + 1.0
    assert _true_conditions(cluster) == ["Ready"]


def _true_conditions(cluster: Cluster) -> list[str]:
    found = cluster.get("nodes", "devcluster", "")["status"]["conditions"]
    return [one["type"] for one in found if one["status"] == "True"]


def test_pods_of_a_deleted_node_fail_and_go(cluster: Cluster) -> None:
    cluster.job(LIVES)
    wait_for(lambda: cluster.status("jobs", "j").get("ready") == 1)
    cluster.controllers.fault("lose-node")
    cluster.controllers.fault("delete-node")
    wait_for(cluster.job_ended)
    assert cluster.conditions("jobs", "j") == ["FailureTarget", "Failed"]
    assert cluster.pods_of() == []
    cluster.controllers.fault("return-node")


def test_the_out_of_service_taint_frees_the_pods_of_a_lost_node(cluster: Cluster) -> None:
    pod = cluster.pod(LIVES)
    wait_for(lambda: cluster.is_running())
    cluster.controllers.fault("lose-node")
    cluster.context.delete("pods", pod)
    wait_for(lambda: "Ready" not in _true_conditions(cluster))
    assert cluster.phase() == "Running"
    taint = {"key": "node.kubernetes.io/out-of-service", "value": "nodeshutdown", "effect": "NoExecute"}

    def add_taint(node: Object) -> None:
        node["spec"]["taints"] = [taint]

    cluster.registry.modify(cluster.context.resources["nodes"], "", "devcluster", add_taint)
    wait_for(lambda: cluster.phase() == "Gone")
    cluster.controllers.fault("return-node")


def test_a_pod_of_another_uid_starts_only_after_the_old_processes_are_gone(cluster: Cluster) -> None:
    mounts = {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]
    cluster.claim("c")
    script = "trap 'echo end >> /v/f; exit' TERM; echo start >> /v/f; while :; do sleep 0.05; done"
    for _ in range(2):
        pod = cluster.pod(script, container=mounts, volumes=volumes)
        wait_for(lambda: cluster.is_running())
        wait_for((cluster.volume_path("c") / "f").exists)
        wait_for(lambda: (cluster.volume_path("c") / "f").read_text().endswith("start\n"))
        cluster.context.delete("pods", pod, grace_seconds=0)
    wait_for(lambda: (cluster.volume_path("c") / "f").read_text() == "start\nend\n" * 2)


def test_a_pod_past_its_own_deadline_fails_with_the_reason(cluster: Cluster) -> None:
    cluster.pod("trap 'exit 0' TERM; while :; do sleep 0.05; done", activeDeadlineSeconds=1)
    wait_for(lambda: cluster.phase() == "Failed")
    assert cluster.status("pods", "p")["reason"] == "DeadlineExceeded"
    assert cluster.terminated()["exitCode"] == 0


def test_nothing_is_left_when_the_cluster_s_process_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path\n"
        "from tests.integration.devcluster.controllers_harness import Cluster\n"
        "cluster = Cluster(Path(sys.argv[1])); cluster.pod('echo up; exec sleep 987.125')\n"
        "print('made', flush=True); time.sleep(600)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"made\n"
        wait_for(lambda: _sleepers("987.125"))
        process.send_signal(signal.SIGKILL)
        process.wait()
    wait_for(lambda: not _sleepers("987.125"))
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()


def _sleepers(argument: str) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[:2] == [b"sleep", argument.encode()]:
                found.append(entry.name)
    return found
