"""What Helm makes of the chart, with values and on clusters that a test chooses."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from hack.generate_chart import CHART, MANIFESTS
from hack.tool_cache import tool_path
from volsync_py.manager.settings import Settings, parse_settings

Object = dict[str, Any]
MONITORS = "monitoring.coreos.com/v1/ServiceMonitor"
CONSTRAINTS = "security.openshift.io/v1/SecurityContextConstraints"
_KINDS = {
    "v1": ["Service", "ServiceAccount", "ConfigMap"],
    "apps/v1": ["Deployment"],
    "apiextensions.k8s.io/v1": ["CustomResourceDefinition"],
    "rbac.authorization.k8s.io/v1": ["Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"],
    "networking.k8s.io/v1": ["NetworkPolicy"],
    "admissionregistration.k8s.io/v1": ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"],
    "policy/v1": ["PodDisruptionBudget"],
    "monitoring.coreos.com/v1": ["ServiceMonitor", "PodMonitor", "PrometheusRule"],
    "grafana.integreatly.org/v1beta1": ["GrafanaDashboard"],
    "security.openshift.io/v1": ["SecurityContextConstraints"],
}
_CLUSTER_WIDE = {"CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding", "SecurityContextConstraints"}
_CLUSTER_WIDE |= {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}
# What Helm writes on what a release has made, and asks for before it changes it.
OURS: Object = {
    "labels": {"app.kubernetes.io/managed-by": "Helm"},
    "annotations": {"meta.helm.sh/release-name": "volsync", "meta.helm.sh/release-namespace": "volsync-system"},
}
# Each value of the chart, set to something that is not its default.
EVERYTHING: Object = {
    "replicaCount": 2,
    "image": {"repository": "registry/volsync-py", "tag": "1.2.3", "pullPolicy": "Always"},
    "restic": {"repository": "registry/mover"},
    "metrics": {"disableAuth": True},
    "imagePullSecrets": [{"name": "one"}, {"name": "two"}],
    "serviceAccount": {"annotations": {"a": "b"}, "name": "operator"},
    "service": {"ipFamilyPolicy": "PreferDualStack", "ipFamilies": ["IPv6", "IPv4"]},
    "podAnnotations": {"p": "a"},
    "podLabels": {"p": "l"},
    "podSecurityContext": {"runAsUser": 568, "runAsGroup": 568, "runAsNonRoot": True},
    "securityContext": {"privileged": False},
    "resources": {"limits": {"memory": "2Gi"}},
    "nodeSelector": {"n": "s"},
    "tolerations": [{"key": "t", "operator": "Exists"}],
    "affinity": {"podAntiAffinity": {}},
    "priorityClassName": "system-cluster-critical",
    "timeZone": "Europe/Berlin",
    "maxMovers": 20,
    "extraArgs": ["--log-level=debug"],
    "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
    "extraVolumes": [{"name": "zone", "hostPath": {"path": "/etc/localtime"}}],
    "extraVolumeMounts": [{"name": "zone", "mountPath": "/etc/localtime", "readOnly": True}],
    "userRoles": True,
    "monitoring": {
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}, "interval": "30s"},
        "podMonitor": {"enabled": True, "scrapeTimeout": "10s"},
        "prometheusRule": {"enabled": True, "runbookUrl": "https://docs.example/alerts"},
        "dashboard": {"enabled": True, "grafanaOperatorInstances": {"dashboards": "grafana"}},
    },
    "networkPolicy": {"enabled": True},
    "podDisruptionBudget": {"enabled": True},
}


def helm(
    *words: str, values: Object | None = None, check: bool = True, program: str = "helm"
) -> subprocess.CompletedProcess[str]:
    """Run Helm with values of its own, and nothing of whoever runs the tests."""
    command = [str(tool_path(program)), *words, *(["--values", "-"] if values is not None else [])]
    given = json.dumps(values) if values is not None else None
    with tempfile.TemporaryDirectory() as home:
        env = {"PATH": os.environ["PATH"], "HOME": home}
        done = subprocess.run(command, env=env, input=given, capture_output=True, text=True, timeout=100, check=False)
    assert not check or done.returncode == 0, done.stderr
    return done


@lru_cache
def _rendered(values: str, release: str, words: tuple[str, ...], program: str) -> list[Object]:
    command = ("template", release, str(CHART), "--namespace", "volsync-system", *words)
    text = helm(*command, values=json.loads(values), program=program).stdout
    # The definitions are long; not every machine's PyYAML has the fast one.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return [one for one in yaml.load_all(text, loader) if one]


def rendered(
    values: Object | None = None, *, release: str = "volsync", words: Sequence[str] = (), program: str = "helm"
) -> list[Object]:
    """Return the objects that the chart gives."""
    return copy.deepcopy(_rendered(json.dumps(values or {}), release, tuple(words), program))


def on_a_cluster_with(*apis: str) -> list[str]:
    return [word for api in apis for word in ("--api-versions", api)]


def refused(values: Object, *words: str, program: str = "helm") -> str:
    done = helm("template", "volsync", str(CHART), *words, values=values, check=False, program=program)
    assert done.returncode != 0
    return done.stderr


def one(objects: list[Object], kind: str, name: str = "") -> Object:
    (found,) = [o for o in objects if o["kind"] == kind and name in ("", o["metadata"]["name"])]
    return found


def pod_of(objects: list[Object]) -> Object:
    pod: Object = one(objects, "Deployment")["spec"]["template"]["spec"]
    return pod


def container_of(objects: list[Object]) -> Object:
    (container,) = pod_of(objects)["containers"]
    assert isinstance(container, dict)
    return container


def settings_of(objects: list[Object]) -> Settings:
    """Return what the manager reads out of its command line and environment."""
    container = container_of(objects)
    command, *flags = container["args"]
    assert (container["command"], command) == (["volsync-py"], "manager")
    environment = {e["name"]: e["value"] for e in container["env"] if "value" in e}
    return parse_settings(flags, environment, pod_namespace="")


def of_manifests(path: str) -> list[Object]:
    return [d for d in yaml.safe_load_all((MANIFESTS / path).read_text(encoding="utf-8")) if d]


def at(value: Any, path: str) -> Any:
    for key in path.split("/"):
        value = value[int(key)] if isinstance(value, list) else value[key]
    return value


@contextmanager
def cluster(tmp_path: Path, objects: dict[str, Object]) -> Iterator[list[str]]:
    """Serve a few objects by path, and enough beside them that Helm takes it for a cluster; gives Helm's arguments."""
    answers = {**_discovery(), **objects}

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = answers.get(self.path.partition("?")[0])
            missing = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
            body = json.dumps(found or missing).encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        kubeconfig = tmp_path / "kubeconfig"
        context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
        config: Object = {"apiVersion": "v1", "kind": "Config", "contexts": [context], "current-context": "c"}
        config |= {"clusters": [{"name": "c", "cluster": {"server": address}}], "users": [{"name": "u", "user": {}}]}
        kubeconfig.write_text(json.dumps(config), encoding="utf-8")
        try:
            yield ["--kubeconfig", str(kubeconfig), "--dry-run=server", "--disable-openapi-validation"]
        finally:
            server.shutdown()


def _discovery() -> dict[str, Object]:
    """Return what a cluster says of the kinds that it has."""
    answers: dict[str, Object] = {
        "/version": {"major": "1", "minor": "36", "gitVersion": "v1.36.0"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
    }
    groups = []
    for version, kinds in _KINDS.items():
        resources = [
            {"name": _plural(kind), "kind": kind, "namespaced": kind not in _CLUSTER_WIDE, "verbs": ["get", "create"]}
            for kind in kinds
        ]
        path = "/api/v1" if version == "v1" else f"/apis/{version}"
        answers[path] = {"kind": "APIResourceList", "groupVersion": version, "resources": resources}
        if version != "v1":
            name, _, number = version.partition("/")
            groups.append({"name": name, "versions": [{"groupVersion": version, "version": number}]})
    return {**answers, "/apis": {"kind": "APIGroupList", "groups": groups}}


def _plural(kind: str) -> str:
    name = kind.lower()
    return f"{name[:-1]}ies" if name.endswith("y") else name if name.endswith("s") else f"{name}s"
