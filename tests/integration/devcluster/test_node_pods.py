"""Pods as processes: their world, their end, and what is shown of both."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hack.devcluster.context import Object, seconds_of
from tests.integration.devcluster.controllers_harness import Cluster, pod_spec, wait_for

ROOT = Path(__file__).resolve().parents[3]
LIVES = "trap 'exit 7' TERM; echo up; while :; do sleep 0.05; done"


def _secret(cluster: Cluster, name: str = "s", **values: str) -> None:
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    cluster.create("secrets", "v1", "Secret", name, data=data)


def _running(cluster: Cluster, name: str = "p") -> bool:
    return "running" in cluster.state_of(name)


def test_the_command_is_process_one_of_a_host_named_after_the_pod(cluster: Cluster) -> None:
    assert cluster.run("echo $$ $(hostname); id -u") == "1 p\n0\n"
    assert cluster.run("hostname", "q", hostname="volsync") == "volsync\n"


def test_a_pod_runs_within_a_third_of_a_second(cluster: Cluster) -> None:
    started = time.monotonic()
    cluster.run("exit 0")
    # Kubernetes needs 0.25 s; the rest is for a machine with eight busy neighbours.
    assert time.monotonic() - started < 3.0


@pytest.mark.parametrize(
    ("script", "code", "reason"),
    [("exit 0", 0, "Completed"), ("exit 5", 5, "Error"), ("exec sh -c 'exit 137'", 137, "Error")],
)
def test_exit_codes_have_their_reason(cluster: Cluster, script: str, code: int, reason: str) -> None:
    cluster.pod(script)
    ended = cluster.terminated()
    assert (ended["exitCode"], ended["reason"]) == (code, reason)
    assert cluster.phase() == ("Failed" if code else "Succeeded")
    assert seconds_of(ended["finishedAt"]) >= seconds_of(ended["startedAt"])


def test_a_command_that_does_not_exist_is_a_start_error(cluster: Cluster) -> None:
    cluster.pod("", container={"command": ["no-such-program"]})
    ended = cluster.terminated()
    assert (ended["exitCode"], ended["reason"]) == (128, "StartError")
    assert 'exec: "no-such-program": executable file not found in $PATH' in ended["message"]


def test_of_a_long_termination_message_the_end_is_kept(cluster: Cluster) -> None:
    cluster.pod("printf 'ab%.0s' $(seq 3000) > /dev/termination-log; printf Z >> /dev/termination-log; exit 1")
    message = cluster.terminated()["message"]
    assert (len(message), message[-3:]) == (4096, "abZ")


@pytest.mark.parametrize(("code", "lines"), [(1, 80), (0, 0)])
def test_the_log_stands_in_for_the_message_of_an_error(cluster: Cluster, code: int, lines: int) -> None:
    policy = {"terminationMessagePolicy": "FallbackToLogsOnError"}
    cluster.pod(f"seq 100; exit {code}", container=policy)
    message = cluster.terminated().get("message", "")
    assert message.splitlines() == [str(number) for number in range(101 - lines, 101)]


def test_environment_comes_from_everywhere_and_is_expanded(cluster: Cluster) -> None:
    _secret(cluster, password="hunter2", other="x")
    cluster.create("configmaps", "v1", "ConfigMap", "m", data={"colour": "blue"})
    env = [
        {"name": "A", "value": "one"},
        {"name": "B", "value": "$(A)-$(NONE)-$$(A)"},
        {"name": "P", "valueFrom": {"secretKeyRef": {"name": "s", "key": "password"}}},
        {"name": "O", "valueFrom": {"secretKeyRef": {"name": "s", "key": "gone", "optional": True}}},
        {"name": "N", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
    ]
    source = [{"prefix": "M_", "configMapRef": {"name": "m"}}]
    command = ["/bin/sh", "-c", 'echo "$0" "$B" "$P" "${O-unset}" "$N" "$M_colour" "$HOME"', "$(A)"]
    container = {"env": env, "envFrom": source, "command": command}
    assert cluster.run("", container=container) == "one one-$(NONE)-$(A) hunter2 unset work blue /\n"


def test_the_environment_of_the_cluster_does_not_leak(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY", "bird")
    assert "CANARY" not in cluster.run("env")


def test_a_missing_secret_key_holds_the_container_until_it_is_there(cluster: Cluster) -> None:
    env = [{"name": "P", "valueFrom": {"secretKeyRef": {"name": "s", "key": "password"}}}]
    pod = cluster.pod("echo $P", container={"env": env})
    wait_for(lambda: cluster.state_of().get("waiting", {}).get("reason") == "CreateContainerConfigError")
    assert cluster.state_of()["waiting"]["message"] == 'secret "s" not found'
    assert cluster.phase() == "Pending"
    _secret(cluster, password="late")
    cluster.terminated()
    assert cluster.log(pod) == "late\n"


def test_a_missing_secret_volume_holds_the_pod_with_an_event(cluster: Cluster) -> None:
    volume = {
        "name": "v",
        "secret": {"secretName": "s", "items": [{"key": "k", "path": "in/x", "mode": 0o400}]},
    }
    mount = {"volumeMounts": [{"name": "v", "mountPath": "/customCA"}]}
    pod = cluster.pod(
        "stat -c %a /customCA/in/x; cat /customCA/in/x; echo >/customCA/y", container=mount, volumes=[volume]
    )
    wait_for(lambda: "FailedMount" in cluster.events("p"))
    assert cluster.state_of() == {"waiting": {"reason": "ContainerCreating"}}
    _secret(cluster, k="certificate\n", unused="u")
    cluster.terminated()
    assert cluster.log(pod).splitlines()[:2] == ["400", "certificate"]
    assert "Read-only file system" in cluster.log(pod)


def test_runs_as_non_root_is_refused_to_root(cluster: Cluster) -> None:
    cluster.pod("exit 0", securityContext={"runAsNonRoot": True})
    wait_for(lambda: cluster.state_of().get("waiting", {}).get("reason") == "CreateContainerConfigError")
    assert cluster.state_of()["waiting"]["message"] == "container has runAsNonRoot and image will run as root"


def test_an_image_that_cannot_be_pulled_keeps_the_pod_waiting(cluster: Cluster) -> None:
    cluster.pod("exit 0", container={"image": "registry.invalid/mover:1"})
    wait_for(lambda: cluster.state_of().get("waiting", {}).get("reason") == "ErrImagePull")
    assert cluster.phase() == "Pending"


@pytest.mark.skipif(os.geteuid() != 0, reason="other users' files need root")
def test_root_without_capabilities_cannot_read_the_files_of_others(cluster: Cluster) -> None:
    cluster.claim("data")
    wait_for(lambda: cluster.phase("data", "persistentvolumeclaims") == "Bound")
    secret = cluster.volume_path("data") / "secret"
    secret.write_text("private")
    secret.chmod(0o600)
    os.chown(secret, 1234, 1234)
    mount = {"volumeMounts": [{"name": "v", "mountPath": "/data"}]}
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]
    assert cluster.run("cat /data/secret", "all", mount, volumes=volumes) == "private"
    dropped = {"securityContext": {"capabilities": {"drop": ["ALL"]}, "allowPrivilegeEscalation": False}}
    assert "Permission denied" in cluster.run("cat /data/secret", "none", mount | dropped, volumes=volumes)
    reader = {"securityContext": {"capabilities": {"drop": ["ALL"], "add": ["DAC_OVERRIDE"]}}}
    assert cluster.run("cat /data/secret", "some", mount | reader, volumes=volumes) == "private"
    owner = {"securityContext": {"runAsUser": 1234, "runAsGroup": 1234}}
    assert cluster.run("cat /data/secret", "owner", mount | owner, volumes=volumes) == "private"


@pytest.mark.skipif(os.geteuid() != 0, reason="groups need root")
def test_volumes_are_given_to_the_group_of_the_pod(cluster: Cluster) -> None:
    cluster.claim("data")
    mounts = [{"name": "v", "mountPath": "/data"}, {"name": "t", "mountPath": "/tmp"}]
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}, {"name": "t", "emptyDir": {}}]
    security = {"runAsUser": 1000, "runAsGroup": 1001, "fsGroup": 2000, "supplementalGroups": [3000]}
    script = "id -u; id -g; id -G; stat -c '%g %a' /data; echo x > /data/f; echo y > /tmp/g; stat -c %g /data/f"
    written = cluster.run(script, container={"volumeMounts": mounts}, volumes=volumes, securityContext=security)
    assert written.splitlines() == ["1000", "1001", "1001 2000 3000", "2000 2775", "2000"]


def test_capabilities_are_none_when_all_are_dropped(cluster: Cluster) -> None:
    security = {"capabilities": {"drop": ["ALL"]}, "allowPrivilegeEscalation": False}
    written = cluster.run(
        "grep -E 'Cap(Eff|Bnd)|NoNewPrivs' /proc/self/status", container={"securityContext": security}
    )
    assert written.split() == ["CapEff:", "0" * 16, "CapBnd:", "0" * 16, "NoNewPrivs:", "1"]


def test_a_read_only_root_leaves_only_volumes_to_write_to(cluster: Cluster) -> None:
    script = "for path in /x /etc/x /tmp/x /cache/x; do touch $path 2>/dev/null && echo $path; done"
    container = {
        "securityContext": {"readOnlyRootFilesystem": True},
        "volumeMounts": [{"name": "c", "mountPath": "/cache"}],
    }
    volumes: list[Object] = [{"name": "c", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}]
    assert cluster.run(script, container=container, volumes=volumes) == "/cache/x\n"
    assert not Path("/cache").exists()
    fill = "head -c 2000000 /dev/zero > /cache/big || stat -f -c %b /cache"
    assert cluster.run(fill, "full", container, volumes=volumes).splitlines()[-1] == "256"


def test_without_a_volume_the_root_is_writable_and_thrown_away(cluster: Cluster) -> None:
    assert cluster.run("mkdir /mine && echo ok > /mine/f && cat /mine/f") == "ok\n"
    assert not Path("/mine").exists()


def test_sub_paths_and_mounts_inside_the_system_work(cluster: Cluster) -> None:
    mounts = [
        {"name": "v", "mountPath": "/etc/mover/deep", "subPath": "a/b"},
        {"name": "v", "mountPath": "/mnt/whole", "readOnly": True},
    ]
    look = "cat /mnt/whole/a/b/f; test -e /etc/passwd && echo etc"
    script = f"echo x > /etc/mover/deep/f; {look}; touch /mnt/whole/y"
    written = cluster.run(script, container={"volumeMounts": mounts}, volumes=[{"name": "v", "emptyDir": {}}])
    assert written.splitlines()[:2] == ["x", "etc"]
    assert "Read-only file system" in written


def test_the_cluster_s_python_and_its_programs_are_found_by_any_user(cluster: Cluster) -> None:
    name = Path(sys.executable).name
    container = {"command": [name, "-c", "import attrs, sys; print(sys.prefix)"]}
    security = {"runAsUser": 4321, "runAsGroup": 4321}
    volumes: list[Object] = [{"name": "t", "emptyDir": {}}]
    mounts = {"volumeMounts": [{"name": "t", "mountPath": "/tmp"}]}
    assert cluster.run("", container=container | mounts, securityContext=security, volumes=volumes) == f"{sys.prefix}\n"


def test_services_are_names_of_this_machine(cluster: Cluster) -> None:
    pod = cluster.pod("while ! grep -q s3 /etc/hosts; do sleep 0.05; done; getent ahostsv4 s3.minio.svc | head -1")
    wait_for(lambda: _running(cluster))
    cluster.create("services", "v1", "Service", "s3", namespace="minio", spec={"ports": [{"port": 9000}]})
    cluster.terminated()
    assert cluster.log(pod).split()[0] == "127.0.0.1"


def test_init_containers_run_first_and_one_after_the_other(cluster: Cluster) -> None:
    mounts = {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}
    inits = [pod_spec(f"echo {name} >> /v/f", mounts)["containers"][0] | {"name": name} for name in ("a", "b")]
    written = cluster.run("cat /v/f", container=mounts, initContainers=inits, volumes=[{"name": "v", "emptyDir": {}}])
    assert written == "a\nb\n"


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
    wait_for(lambda: _running(cluster))
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
    wait_for(lambda: _running(cluster) and "tick" in cluster.log(pod))
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
    wait_for(lambda: _running(cluster))
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
    wait_for(lambda: _running(cluster))
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
        wait_for(lambda: _running(cluster))
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
