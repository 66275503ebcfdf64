"""Pods as processes: what they run as, and what they see."""

from __future__ import annotations

import base64
import os
import sys
from pathlib import Path

import pytest

from hack.devcluster.api.objects import Object
from hack.devcluster.api.times import seconds_of
from tests.integration.devcluster.controllers_harness import Cluster, pod_spec, wait_for


def _secret(cluster: Cluster, name: str = "s", **values: str) -> None:
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    cluster.create("secrets", "v1", "Secret", name, data=data)


def test_the_command_is_process_one_of_a_host_named_after_the_pod(cluster: Cluster) -> None:
    assert cluster.run("echo $$ $(hostname); id -u") == "1 p\n0\n"
    assert cluster.run("hostname", "q", hostname="volsync") == "volsync\n"


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
    wait_for(lambda: cluster.is_running())
    cluster.create("services", "v1", "Service", "s3", namespace="minio", spec={"ports": [{"port": 9000}]})
    cluster.terminated()
    assert cluster.log(pod).split()[0] == "127.0.0.1"


def test_init_containers_run_first_and_one_after_the_other(cluster: Cluster) -> None:
    mounts = {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}
    inits = [pod_spec(f"echo {name} >> /v/f", mounts)["containers"][0] | {"name": name} for name in ("a", "b")]
    written = cluster.run("cat /v/f", container=mounts, initContainers=inits, volumes=[{"name": "v", "emptyDir": {}}])
    assert written == "a\nb\n"
