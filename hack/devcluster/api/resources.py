"""The kinds that the cluster serves: the built-in ones, and those of installed CRDs."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen


@frozen(eq=False)
class Resource:
    """One kind, as discovery tells of it."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    has_status: bool = False
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    columns: tuple[dict[str, Any], ...] = ()
    schema: dict[str, Any] = field(factory=dict)

    @property
    def api_version(self) -> str:
        """`v1` or `group/version`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def title(self) -> str:
        """The name in messages: `jobs.batch`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


def _core(plural: str, kind: str, **more: Any) -> Resource:
    return Resource("", "v1", plural, kind, **more)


# What `kubectl get all` shows.
_ALL = ("all",)

BUILT_IN = (
    _core("namespaces", "Namespace", namespaced=False, has_status=True, short_names=("ns",)),
    _core("pods", "Pod", has_status=True, short_names=("po",), categories=_ALL),
    _core("secrets", "Secret"),
    _core("configmaps", "ConfigMap", short_names=("cm",)),
    _core("persistentvolumeclaims", "PersistentVolumeClaim", has_status=True, short_names=("pvc",)),
    _core("persistentvolumes", "PersistentVolume", namespaced=False, has_status=True, short_names=("pv",)),
    _core("serviceaccounts", "ServiceAccount", short_names=("sa",)),
    _core("nodes", "Node", namespaced=False, has_status=True, short_names=("no",)),
    _core("services", "Service", has_status=True, short_names=("svc",), categories=_ALL),
    _core("events", "Event", short_names=("ev",)),
    Resource("batch", "v1", "jobs", "Job", has_status=True, categories=_ALL),
    Resource("apps", "v1", "deployments", "Deployment", has_status=True, short_names=("deploy",), categories=_ALL),
    Resource("apps", "v1", "replicasets", "ReplicaSet", has_status=True, short_names=("rs",), categories=_ALL),
    Resource("events.k8s.io", "v1", "events", "Event"),
    Resource("coordination.k8s.io", "v1", "leases", "Lease"),
    Resource("storage.k8s.io", "v1", "storageclasses", "StorageClass", namespaced=False, short_names=("sc",)),
    Resource("rbac.authorization.k8s.io", "v1", "roles", "Role"),
    Resource("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding"),
    Resource("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", namespaced=False),
    Resource("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False),
    Resource("authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", namespaced=False),
    Resource(
        "apiextensions.k8s.io",
        "v1",
        "customresourcedefinitions",
        "CustomResourceDefinition",
        namespaced=False,
        has_status=True,
        short_names=("crd",),
    ),
    Resource("snapshot.storage.k8s.io", "v1", "volumesnapshots", "VolumeSnapshot", has_status=True),
    Resource(
        "snapshot.storage.k8s.io",
        "v1",
        "volumesnapshotcontents",
        "VolumeSnapshotContent",
        namespaced=False,
        has_status=True,
    ),
    Resource("snapshot.storage.k8s.io", "v1", "volumesnapshotclasses", "VolumeSnapshotClass", namespaced=False),
)


def from_definition(crd: dict[str, Any]) -> Resource:
    """Return the kind that a CustomResourceDefinition defines, in its storage version."""
    spec = crd["spec"]
    version = next((v for v in spec["versions"] if v.get("storage")), spec["versions"][0])
    names = spec["names"]
    return Resource(
        spec["group"],
        version["name"],
        names["plural"],
        names["kind"],
        namespaced=spec["scope"] == "Namespaced",
        has_status="status" in (version.get("subresources") or {}),
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        columns=tuple(version.get("additionalPrinterColumns") or ()),
        schema=(version.get("schema") or {}).get("openAPIV3Schema") or {},
    )
