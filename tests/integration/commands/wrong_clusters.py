"""Clusters that are wrong in one way, and what `volsync-py doctor` has to say of each; see `wrong_setups.py`."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from attrs import define, field, frozen

from hack.processes import DevCluster, wait_until
from tests.integration.commands.wrong_setups import at

LABELS = {"control-plane": "volsync-controller", "app.kubernetes.io/name": "volsync"}
DEFINITIONS = "apis/apiextensions.k8s.io/v1/customresourcedefinitions"
OURS = f"{DEFINITIONS}/replicationsources.volsync.backube"


@define
class Changed:
    """A cluster that is changed, and as it was afterwards."""

    cluster: DevCluster
    undo: list[Callable[[], Any]] = field(factory=list)

    def create(self, collection: str, body: dict[str, Any]) -> str:
        """Create an object, and return its path."""
        self.cluster.ask("POST", f"/{collection}", body)
        path = f"/{collection}/{body['metadata']['name']}"
        self.undo.append(lambda: self._delete(path))
        return path

    def _delete(self, path: str) -> None:
        self.cluster.ask("DELETE", path)
        wait_until(f"the end of {path}", lambda: self.cluster.get(path) is None)

    def status(self, path: str, status: dict[str, Any]) -> None:
        self.cluster.ask("PATCH", f"{path}/status", {"status": status}, "application/merge-patch+json")

    def manager(
        self,
        namespace: str = "default",
        image: str = "volsync-py:1",
        replicas: int = 1,
        ready: int = 1,
        ago: float = 0.0,
    ) -> None:
        """Create the Deployment of a manager, its Service, and a Lease that was renewed so many minutes ago."""
        container = {"name": "manager", "image": image}
        template = {"metadata": {"labels": LABELS}, "spec": {"containers": [container]}}
        spec = {"replicas": replicas, "selector": {"matchLabels": LABELS}, "template": template}
        # As the manifests have it: what runs in its pods tells what it is, and no label of its own.
        path = self.create(
            f"apis/apps/v1/namespaces/{namespace}/deployments", {"metadata": {"name": "volsync"}, "spec": spec}
        )
        self.status(path, {"readyReplicas": ready})
        ports = [{"name": "https", "port": 8443}]
        service = {"metadata": {"name": "volsync-metrics", "labels": LABELS}, "spec": {"ports": ports}}
        self.create(f"api/v1/namespaces/{namespace}/services", service)
        renewed = at(-ago).replace("Z", ".000000Z")
        lease = {"holderIdentity": f"volsync-{namespace}_1", "renewTime": renewed, "leaseDurationSeconds": 15}
        body = {"metadata": {"name": "b95b3104.backube"}, "spec": lease}
        self.create(f"apis/coordination.k8s.io/v1/namespaces/{namespace}/leases", body)

    def serve(self, group: str, version: str, plural: str, kind: str, scope: str = "Cluster") -> str:
        """Have a kind served, and return the path of its objects."""
        schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        served = {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
        names = {"plural": plural, "kind": kind, "singular": kind.lower(), "listKind": f"{kind}List"}
        spec = {"group": group, "scope": scope, "names": names, "versions": [served]}
        self.create(DEFINITIONS, {"metadata": {"name": f"{plural}.{group}"}, "spec": spec})
        return f"apis/{group}/{version}"

    def definition(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Change the definition of sources."""
        before = self.cluster.get(f"/{OURS}")
        after = copy.deepcopy(before)
        change(after["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"])
        self.cluster.ask("PUT", f"/{OURS}", after)
        spec = {"spec": before["spec"]}
        self.undo.append(lambda: self.cluster.ask("PATCH", f"/{OURS}", spec, "application/merge-patch+json"))


@frozen
class WrongCluster:
    """One wrong cluster, and which check says what of it."""

    title: str
    make: Callable[[Changed], None]
    check: str
    verdict: str
    why: str
    next_step: str


def _of_volsync(cluster: Changed) -> None:
    cluster.manager()

    def change(schema: dict[str, Any]) -> None:
        for part, name in (("spec", "paused"), ("status", "attempt")):
            del schema[part]["properties"][name]

    cluster.definition(change)


def _two(cluster: Changed) -> None:
    cluster.create("api/v1/namespaces", {"metadata": {"name": "volsync-system"}})
    cluster.manager()
    cluster.manager("volsync-system", "quay.io/backube/volsync:0.13")


def _claim_of_a_destination(cluster: Changed) -> None:
    cluster.manager()
    destinations = "apis/volsync.backube/v1alpha1/namespaces/default/replicationdestinations"
    restic = {"repository": "r", "copyMethod": "Direct", "capacity": "1Gi", "accessModes": ["ReadWriteOnce"]}
    cluster.create(destinations, {"metadata": {"name": "dst"}, "spec": {"paused": True, "restic": restic}})
    source = {"apiGroup": "volsync.backube", "kind": "ReplicationDestination", "name": "dst"}
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "dataSourceRef": source}
    cluster.create("api/v1/namespaces/default/persistentvolumeclaims", {"metadata": {"name": "filled"}, "spec": spec})


def _not_registered(cluster: Changed) -> None:
    cluster.manager()
    cluster.serve("populator.storage.k8s.io", "v1beta1", "volumepopulators", "VolumePopulator")


def _jitter(cluster: Changed) -> None:
    cluster.manager()
    path = cluster.serve("admissionregistration.k8s.io", "v1", "mutatingadmissionpolicies", "MutatingAdmissionPolicy")
    matches = {"objectSelector": {"matchLabels": {"app.kubernetes.io/created-by": "volsync"}}}
    change = {"expression": "Object{spec: Object.spec{initContainers: [Object.spec.initContainers{name: 'jitter'}]}}"}
    spec = {"matchConstraints": matches, "mutations": [{"applyConfiguration": change}]}
    cluster.create(f"{path}/mutatingadmissionpolicies", {"metadata": {"name": "jitter"}, "spec": spec})


def mesh(cluster: Changed, namespace_label: str, **pod_labels: str) -> None:
    """Have a webhook for the pods of labelled namespaces, as meshes have it, and a destination in one."""
    cluster.manager()
    space = "/api/v1/namespaces/default"

    def label(value: str | None) -> None:
        body = {"metadata": {"labels": {"istio-injection": value}}}
        cluster.cluster.ask("PATCH", space, body, "application/merge-patch+json")

    label(namespace_label)
    cluster.undo.append(lambda: label(None))
    restic = {"repository": "r", "copyMethod": "Direct", "capacity": "1Gi", "accessModes": ["ReadWriteOnce"]}
    spec = {"paused": True, "restic": {**restic, "moverPodLabels": pod_labels}}
    destinations = "apis/volsync.backube/v1alpha1/namespaces/default/replicationdestinations"
    cluster.create(destinations, {"metadata": {"name": "dst"}, "spec": spec})
    group = ("admissionregistration.k8s.io", "v1")
    path = cluster.serve(*group, "mutatingwebhookconfigurations", "MutatingWebhookConfiguration")
    hook = {
        "name": "namespace.sidecar-injector.istio.io",
        "namespaceSelector": {"matchLabels": {"istio-injection": "enabled"}},
        "objectSelector": {
            "matchExpressions": [{"key": "sidecar.istio.io/inject", "operator": "NotIn", "values": ["false"]}]
        },
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
    }
    body = {"metadata": {"name": "istio-sidecar-injector"}, "webhooks": [hook]}
    cluster.create(f"{path}/mutatingwebhookconfigurations", body)


def _mesh(cluster: Changed) -> None:
    mesh(cluster, "enabled")


def _monitored(labels: dict[str, str] | None) -> Callable[[Changed], None]:
    def make(cluster: Changed) -> None:
        cluster.manager()
        group = ("monitoring.coreos.com", "v1")
        cluster.serve(*group, "podmonitors", "PodMonitor", "Namespaced")
        path = cluster.serve(*group, "servicemonitors", "ServiceMonitor", "Namespaced")
        if labels is not None:
            spec = {"selector": {"matchLabels": labels}, "endpoints": [{"port": "https"}]}
            where = f"{path}/namespaces/default/servicemonitors"
            cluster.create(where, {"metadata": {"name": "volsync-metrics"}, "spec": spec})

    return make


def _no_right(cluster: Changed) -> None:
    cluster.manager()
    cluster.cluster.admin("faults", match={"verb": "list", "resource": "jobs"}, code=403)


WRONG_CLUSTERS = (
    WrongCluster(
        "no manager is installed",
        lambda cluster: None,
        "manager",
        "FAIL",
        "there is no Deployment of a manager",
        "volsync-py manifests",
    ),
    WrongCluster(
        "the manager is scaled to none",
        lambda cluster: cluster.manager(replicas=0, ready=0),
        "manager",
        "FAIL",
        "it is scaled to no pod",
        "kubectl scale deployment volsync -n default --replicas 1",
    ),
    WrongCluster(
        "the manager does not become ready",
        lambda cluster: cluster.manager(ready=0),
        "manager",
        "FAIL",
        "none of its 1 pod is ready",
        "kubectl describe pods -n default",
    ),
    WrongCluster(
        "the manager runs and does not lead",
        lambda cluster: cluster.manager(ago=7.0),
        "leader",
        "FAIL",
        "nobody has renewed the leader's Lease for 7 minutes",
        "kubectl logs -n default",
    ),
    WrongCluster(
        "VolSync's own manager runs beside this one",
        _two,
        "managers",
        "FAIL",
        "volsync-system/volsync (quay.io/backube/volsync:0.13, VolSync's own) serve the same resources",
        "kubectl scale deployment volsync -n volsync-system --replicas 0",
    ),
    WrongCluster(
        "the definitions are VolSync's",
        _of_volsync,
        "definitions",
        "FAIL",
        "does not keep spec.paused, status.attempt",
        "volsync-py crds",
    ),
    WrongCluster(
        "the cluster lacks the populators' API, and claims wait for it",
        _claim_of_a_destination,
        "populator",
        "FAIL",
        "the API server does not know VolumePopulators, and 1 claim names a destination",
        "install their definition",
    ),
    WrongCluster(
        "nobody has registered who fills claims",
        _not_registered,
        "populator",
        "warn",
        "the VolumePopulator volsync-replicationdestination is not there",
        "the manager makes it when it starts",
    ),
    WrongCluster(
        "a policy puts an init container into movers",
        _jitter,
        "policies",
        "warn",
        "MutatingAdmissionPolicy jitter puts init containers into the pods of movers",
        "kubectl describe mutatingadmissionpolicies jitter",
    ),
    WrongCluster(
        "a mesh's webhook is called for the pods of the namespace",
        _mesh,
        "policies",
        "warn",
        "MutatingWebhookConfiguration istio-sidecar-injector is called for the pods of movers in default",
        "kubectl describe mutatingwebhookconfigurations istio-sidecar-injector",
    ),
    WrongCluster(
        "nothing reads the metrics",
        _monitored(None),
        "scrape",
        "warn",
        "no ServiceMonitor and no PodMonitor selects the manager",
        "--overlay monitoring",
    ),
    WrongCluster(
        "the monitor looks for other labels",
        _monitored({"app.kubernetes.io/name": "volsync-py"}),
        "scrape",
        "warn",
        "looks for app.kubernetes.io/name=volsync-py, which the manager's Service does not have",
        "the labels of the Service",
    ),
    WrongCluster(
        "you may not look at something",
        _no_right,
        "waiting",
        "warn",
        "you may not list jobs.batch in all namespaces",
        "ask for that right",
    ),
)
