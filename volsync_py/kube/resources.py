"""The kinds that this program reads or writes, and where the API server serves them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from attrs import frozen

# As the API server sends it; what has not been set is missing, or None.
Object = dict[str, Any]


@frozen
class Resource:
    """One kind of objects."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """`v1` or `group/version`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str = "") -> str:
        """Return the URL path of a collection, an object or a part of one; names are quoted."""
        parts = ["api", self.version] if not self.group else ["apis", self.group, self.version]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        if name:
            parts.append(name)
        if subresource:
            parts.append(subresource)
        return "/" + "/".join(quote(part, safe="") for part in parts)


_SNAPSHOTS = "snapshot.storage.k8s.io"
_RBAC = "rbac.authorization.k8s.io"
_VOLSYNC = "volsync.backube"

NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
NODES = Resource("", "v1", "nodes", "Node", namespaced=False)
PERSISTENT_VOLUMES = Resource("", "v1", "persistentvolumes", "PersistentVolume", namespaced=False)
PODS = Resource("", "v1", "pods", "Pod")
PVCS = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
SECRETS = Resource("", "v1", "secrets", "Secret")
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
CORE_EVENTS = Resource("", "v1", "events", "Event")
JOBS = Resource("batch", "v1", "jobs", "Job")
ROLES = Resource(_RBAC, "v1", "roles", "Role")
ROLE_BINDINGS = Resource(_RBAC, "v1", "rolebindings", "RoleBinding")
EVENTS = Resource("events.k8s.io", "v1", "events", "Event")
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
STORAGE_CLASSES = Resource("storage.k8s.io", "v1", "storageclasses", "StorageClass", namespaced=False)
VOLUME_POPULATORS = Resource(
    "populator.storage.k8s.io", "v1beta1", "volumepopulators", "VolumePopulator", namespaced=False
)
VOLUME_SNAPSHOTS = Resource(_SNAPSHOTS, "v1", "volumesnapshots", "VolumeSnapshot")
REPLICATION_SOURCES = Resource(_VOLSYNC, "v1alpha1", "replicationsources", "ReplicationSource")
REPLICATION_DESTINATIONS = Resource(_VOLSYNC, "v1alpha1", "replicationdestinations", "ReplicationDestination")
TOKEN_REVIEWS = Resource("authentication.k8s.io", "v1", "tokenreviews", "TokenReview", namespaced=False)
SUBJECT_ACCESS_REVIEWS = Resource(
    "authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview", namespaced=False
)
# What the command line reads beside them.
DEFINITIONS = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
)
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
REPLICA_SETS = Resource("apps", "v1", "replicasets", "ReplicaSet")
STATEFUL_SETS = Resource("apps", "v1", "statefulsets", "StatefulSet")
AUTOSCALERS = Resource("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
SERVICES = Resource("", "v1", "services", "Service")
SNAPSHOT_CLASSES = Resource(_SNAPSHOTS, "v1", "volumesnapshotclasses", "VolumeSnapshotClass", namespaced=False)
SERVICE_MONITORS = Resource("monitoring.coreos.com", "v1", "servicemonitors", "ServiceMonitor")
POD_MONITORS = Resource("monitoring.coreos.com", "v1", "podmonitors", "PodMonitor")
MUTATING_POLICIES = Resource(
    "admissionregistration.k8s.io", "v1", "mutatingadmissionpolicies", "MutatingAdmissionPolicy", namespaced=False
)
MUTATING_WEBHOOKS = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "mutatingwebhookconfigurations",
    "MutatingWebhookConfiguration",
    namespaced=False,
)
KYVERNO_POLICIES = Resource("kyverno.io", "v1", "clusterpolicies", "ClusterPolicy", namespaced=False)
SELF_ACCESS_REVIEWS = Resource(
    "authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", namespaced=False
)

_ALL = (
    NAMESPACES,
    NODES,
    PERSISTENT_VOLUMES,
    PODS,
    PVCS,
    SECRETS,
    CONFIG_MAPS,
    SERVICE_ACCOUNTS,
    JOBS,
    ROLES,
    ROLE_BINDINGS,
    EVENTS,
    LEASES,
    STORAGE_CLASSES,
    VOLUME_POPULATORS,
    VOLUME_SNAPSHOTS,
    REPLICATION_SOURCES,
    REPLICATION_DESTINATIONS,
)
_BY_KIND = {(r.api_version, r.kind): r for r in _ALL}


def resource_for(api_version: str, kind: str) -> Resource:
    """Return where objects of a kind are served; KeyError for a kind that this program does not use."""
    return _BY_KIND[api_version, kind]
