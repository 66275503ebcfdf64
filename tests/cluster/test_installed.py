"""The manager in its Deployment, with the rights that the manifests give it and no others; a real cluster only."""

from __future__ import annotations

import json

import yaml

from tests.cluster.installed import NAMESPACE, NAMESPACE_LABELS, Installation
from tests.cluster.lent import Cluster
from tests.unit.manifests.helm_chart import EVERYTHING, MONITORS, on_a_cluster_with, rendered
from volsync_py.kube.resources import JOBS, NAMESPACES, REPLICATION_SOURCES, Resource

QUOTAS = Resource("", "v1", "resourcequotas", "ResourceQuota")
BINDINGS = Resource("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False)
# Reads the metrics as Prometheus does, and as somebody without a token.
SCRAPE = """
import json, pathlib, ssl, time, urllib.error, urllib.request
token = pathlib.Path("/var/run/secrets/kubernetes.io/serviceaccount/token").read_text()
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
def ask(**headers):
    request = urllib.request.Request("https://volsync-metrics.volsync-system.svc:8443/metrics", headers=headers)
    until = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(request, context=context, timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""
        except OSError:
            # A manager that a test before has cut off is on its way back.
            if time.monotonic() > until:
                raise
            time.sleep(1)
code, text = ask(Authorization="Bearer " + token)
lines = [line for line in text.splitlines() if line.startswith("volsync_")]
names = sorted({line.split("{")[0].split(" ")[0] for line in lines})
found = {"anonymous": ask()[0], "reader": code, "names": [n for n in names if not n.startswith("volsync_py_")]}
pathlib.Path("/dev/termination-log").write_text(json.dumps(found))
"""


def test_the_namespace_has_the_labels_that_its_owner_gave_it_and_no_others(cluster: Cluster) -> None:
    labels = cluster.client.get(NAMESPACES, NAMESPACE)["metadata"]["labels"]
    # The API server's own.
    assert labels.pop("kubernetes.io/metadata.name") == NAMESPACE
    assert labels == NAMESPACE_LABELS


def test_all_that_the_chart_can_make_is_taken_by_the_api_server(installation: Installation) -> None:
    # With every value set; the cluster has one family of addresses.
    values = {**EVERYTHING, "service": {"ipFamilyPolicy": "PreferDualStack", "ipFamilies": ["IPv4"]}}
    # Another release's name: the Deployment of this one is there, and has its selector.
    objects = rendered(values, release="everything", words=on_a_cluster_with(MONITORS))
    served = installation.kubectl("api-versions")[1].split()
    taken = [one for one in objects if one["apiVersion"] in served]
    # Whose definitions a cluster has only with Prometheus' and Grafana's operators.
    others = {"ServiceMonitor", "PodMonitor", "PrometheusRule", "GrafanaDashboard"}
    assert {one["kind"] for one in objects if one not in taken} <= others

    words = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", f"--namespace={NAMESPACE}", "-f", "-")
    code, said = installation.kubectl(*words, given=yaml.safe_dump_all(taken))
    assert code == 0, said
    assert said.count("serverside-applied (server dry run)") == len(taken)


def test_metrics_are_there_for_whom_the_role_is_bound_to_and_nobody_else(
    cluster: Cluster, installation: Installation
) -> None:
    cluster.claim("scratch")
    refused = json.loads(cluster.run("stranger", "scratch", SCRAPE))
    assert (refused["anonymous"], refused["reader"]) == (401, 403)

    binding = {
        "apiVersion": BINDINGS.api_version,
        "kind": BINDINGS.kind,
        "metadata": {"name": cluster.namespace},
        "roleRef": {"apiGroup": BINDINGS.group, "kind": "ClusterRole", "name": "volsync-metrics-reader"},
        "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": cluster.namespace}],
    }
    cluster.repository("repository")
    cluster.claim("data")
    cluster.replicate(REPLICATION_SOURCES, "backup", copyMethod="Direct")
    cluster.replicated(REPLICATION_SOURCES, "backup")
    cluster.client.create(BINDINGS, binding)
    try:
        may = ("auth", "can-i", "get", "/metrics", f"--as=system:serviceaccount:{cluster.namespace}:default")
        cluster.wait("the right", lambda: installation.kubectl(*may)[0] == 0)
        # A refusal is remembered for a minute, a right that is given is asked for anew with another token.
        read = json.loads(cluster.run("prometheus", "scratch", SCRAPE))
    finally:
        cluster.client.delete(BINDINGS, cluster.namespace)
    assert read["reader"] == 200
    assert {n.removesuffix("_total") for n in read["names"]} >= {"volsync_volume_out_of_sync"}


def test_a_quota_that_keeps_the_pod_away_is_named_and_the_run_goes_on_without_it(cluster: Cluster) -> None:
    cluster.repository("repository")
    cluster.claim("data")
    cluster.create(QUOTAS, {"metadata": {"name": "no-pods"}, "spec": {"hard": {"pods": "0"}}})
    # Before it is counted it refuses with other words.
    cluster.wait("the quota", lambda: (cluster.find(QUOTAS, "no-pods") or {}).get("status", {}).get("hard"))
    cluster.replicate(REPLICATION_SOURCES, "backup", copyMethod="Direct")
    told = cluster.wait("the condition", lambda: cluster.condition(REPLICATION_SOURCES, "backup", "Healthy", "False"))
    assert told["reason"] == "PodRejected"
    assert "exceeded quota: no-pods" in told["message"]
    # One that gets no pod is made again after a while, which may be when this is told.
    cluster.wait("one Job", lambda: cluster.names(JOBS) == ["volsync-src-backup"])
    cluster.delete(QUOTAS, "no-pods")
    cluster.wait("the quota's end", lambda: cluster.find(QUOTAS, "no-pods") is None)
    cluster.replicated(REPLICATION_SOURCES, "backup")
    assert cluster.condition(REPLICATION_SOURCES, "backup", "Healthy")
