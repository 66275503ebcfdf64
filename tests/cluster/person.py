"""Somebody with one of Kubernetes' own roles in one namespace, and no other right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.cluster.installed import Installation
from tests.cluster.lent import Cluster
from volsync_py.kube.resources import ROLE_BINDINGS, SERVICE_ACCOUNTS


def person(installation: Installation, cluster: Cluster, folder: Path, role: str) -> Path:
    """Return the kubeconfig of somebody who has a role in the namespace, which is that of its context."""
    cluster.create(SERVICE_ACCOUNTS, {"metadata": {"name": role}})
    reference = {"apiGroup": ROLE_BINDINGS.group, "kind": "ClusterRole", "name": role}
    subject = {"kind": "ServiceAccount", "name": role, "namespace": cluster.namespace}
    cluster.create(ROLE_BINDINGS, {"metadata": {"name": role}, "roleRef": reference, "subjects": [subject]})
    code, token = installation.kubectl("-n", cluster.namespace, "create", "token", role)
    assert code == 0, token
    config: dict[str, Any] = yaml.safe_load(Path(installation.kubeconfig).read_text(encoding="utf-8"))
    for user in config["users"]:
        user["user"] = {"token": token.strip()}
    for context in config["contexts"]:
        context["context"]["namespace"] = cluster.namespace
    path = folder / role
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path
