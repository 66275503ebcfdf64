"""Somebody with the rights of one namespace, and none to its Secrets, looks into a repository; a real cluster only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.cluster.installed import Installation
from tests.cluster.lent import Cluster
from volsync_py.kube.resources import (
    JOBS,
    NAMESPACES,
    PODS,
    REPLICATION_SOURCES,
    ROLE_BINDINGS,
    ROLES,
    SERVICE_ACCOUNTS,
)

RESTRICTED = {"runAsNonRoot": True, "runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 1000}
# As large as no buffer on the way from restic to who reads it.
FILL = "open('large', 'wb').write(bytes(range(256)) * 4096 * 64); open('small', 'w').write('hello')"
# Of the role `edit` what these commands need.
EDITS = [
    {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get", "list", "create", "patch", "delete"]},
    {"apiGroups": [""], "resources": ["pods", "events", "serviceaccounts"], "verbs": ["get", "list"]},
    {"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["get", "create"]},
    {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
    {"apiGroups": ["volsync.backube"], "resources": ["*"], "verbs": ["get", "list"]},
]
VIEWS = [{**rule, "verbs": ["get", "list"]} for rule in EDITS if "create" not in rule["verbs"]]
VIEWS += [{"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get", "list"]}]


def test_a_namespaces_user_looks_into_its_repository_and_leaves_nothing(
    cluster: Cluster, installation: Installation, tmp_path: Path
) -> None:
    cluster.repository("repository")
    cluster.claim("data")
    cluster.run("fill", "data", FILL)
    secured = {"enforce": "restricted", "warn": "restricted"}
    labels = {f"pod-security.kubernetes.io/{mode}": level for mode, level in secured.items()}
    annotations = {"volsync.backube/privileged-movers": None}
    cluster.client.patch(NAMESPACES, cluster.namespace, {"metadata": {"labels": labels, "annotations": annotations}})
    cluster.replicate(REPLICATION_SOURCES, "db", copyMethod="Direct", moverSecurityContext=RESTRICTED)
    cluster.replicated(REPLICATION_SOURCES, "db")
    cluster.wait("the end of the mover", lambda: not left(cluster))
    assert cluster.find(REPLICATION_SOURCES, "db")["status"]["restic"]["moverImage"] == cluster.image  # type: ignore[index]

    edits = somebody(cluster, installation, tmp_path, "edits", EDITS)
    first = command(edits, "snapshots", "db", "-o", "name", "--keep", "5m")
    assert (first.returncode, len(first.stdout.split())) == (0, 1), first.stderr
    (pod,) = cluster.objects(PODS)
    assert [one["name"] for one in pod["spec"]["containers"]] == ["restic"]
    assert not pod["spec"].get("initContainers")
    assert pod["metadata"]["labels"]["app.kubernetes.io/created-by"] == "volsync"

    # The same pod answers, whatever is asked.
    assert command(edits, "cat", "db", "latest", "/small").stdout == "hello"
    assert command(edits, "ls", "db").stdout.split() == ["/large", "/small"]
    loaded = command(edits, "download", "db", "/", "-o", str(tmp_path / "loaded"))
    assert loaded.returncode == 0, loaded.stderr
    assert (tmp_path / "loaded" / "db" / "large").stat().st_size == 64 << 20
    assert cluster.names(PODS) == [pod["metadata"]["name"]]
    command(edits, "snapshots", "db", "--keep", "0s")
    cluster.wait("the end of the pod", lambda: not left(cluster), 8)

    # Killed in the middle of an answer that nobody takes.
    with subprocess.Popen(program("cat", "db", "latest", "/large"), env=env(edits), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.read(1) == b"\0"
        process.send_signal(signal.SIGKILL)
    cluster.wait("the end of the pod", lambda: not left(cluster), 8)

    checked = command(edits, "check", "db")
    assert (checked.returncode, checked.stdout) == (0, "db: check ended well\n"), checked.stderr
    cluster.wait("the end of the check", lambda: not left(cluster), 15)

    views = somebody(cluster, installation, tmp_path, "views", VIEWS)
    refused = command(views, "snapshots", "db")
    assert refused.returncode == 1
    assert "may not create jobs.batch in the namespace" in refused.stderr
    assert "the role edit allows it" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1

    # A program in a pod takes two rights; an API server that wants the second one, too, does not name it.
    for verb, other in (("get", "create"), ("create", "get")):
        rules = [{**rule, "verbs": [verb]} if rule["resources"] == ["pods/exec"] else rule for rule in EDITS]
        half = command(somebody(cluster, installation, tmp_path, f"only-{verb}s", rules), "snapshots", "db")
        if half.returncode == 0:
            # An older one is content with the first.
            assert verb == "get"
            continue
        assert f"may not {other} pods/exec in th" in half.stderr
        assert "the role edit allows it" in half.stderr
        assert len(half.stderr.splitlines()) == 1


def left(cluster: Cluster) -> list[str]:
    return [*cluster.names(JOBS), *cluster.names(PODS)]


def somebody(
    cluster: Cluster, installation: Installation, folder: Path, name: str, rules: list[dict[str, list[str]]]
) -> Path:
    """Return the kubeconfig of somebody who has these rights in the namespace, and no others."""
    cluster.create(SERVICE_ACCOUNTS, {"metadata": {"name": name}})
    cluster.create(ROLES, {"metadata": {"name": name}, "rules": rules})
    role = {"apiGroup": ROLES.group, "kind": "Role", "name": name}
    subject = {"kind": "ServiceAccount", "name": name, "namespace": cluster.namespace}
    cluster.create(ROLE_BINDINGS, {"metadata": {"name": name}, "roleRef": role, "subjects": [subject]})
    code, token = installation.kubectl("create", "token", name, "-n", cluster.namespace)
    if code:
        pytest.fail(token)
    config = yaml.safe_load(Path(installation.kubeconfig).read_text(encoding="utf-8"))
    config["users"] = [{"name": name, "user": {"token": token.strip()}}]
    context = {**config["contexts"][0]["context"], "user": name, "namespace": cluster.namespace}
    config["contexts"], config["current-context"] = [{"name": name, "context": context}], name
    path = folder / name
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def program(*words: str) -> list[str]:
    return [str(Path(sys.executable).with_name("volsync-py")), *words]


def env(kubeconfig: Path) -> dict[str, str]:
    return {**os.environ, "KUBECONFIG": str(kubeconfig)}


def command(kubeconfig: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        program(*words), env=env(kubeconfig), capture_output=True, text=True, check=False, timeout=300
    )
