"""Gathers the facts: a list of each kind that the checks need, and what the user may do.

One request a kind, and one more for each 500 objects of it where the server answers in pages; each is made once,
whatever the number of sources. What is refused is a fact as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

try:
    from yaml import CSafeLoader as _Loader
except ImportError:
    # Where PyYAML was built without its library in C: the same, ten times slower.
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]

from volsync_py.commands.checkups.facts import Facts, Listed, MayNotRead, NotServed, Right
from volsync_py.commands.checkups.manager import is_manager
from volsync_py.commands.common.cluster import Cluster
from volsync_py.commands.common.shipped import definitions
from volsync_py.core.labels import CREATED_BY_US, Label
from volsync_py.core.objects import Object
from volsync_py.kube.errors import ApiError, Forbidden, NotFound, Unreachable
from volsync_py.kube.resources import (
    DEFINITIONS,
    DEPLOYMENTS,
    JOBS,
    KYVERNO_POLICIES,
    LEASES,
    MUTATING_POLICIES,
    MUTATING_WEBHOOKS,
    NAMESPACES,
    POD_MONITORS,
    PODS,
    PVCS,
    REPLICATION_DESTINATIONS,
    REPLICATION_SOURCES,
    SELF_ACCESS_REVIEWS,
    SERVICE_MONITORS,
    SERVICES,
    SNAPSHOT_CLASSES,
    STORAGE_CLASSES,
    VOLUME_POPULATORS,
    VOLUME_SNAPSHOTS,
    Resource,
)

# VolSync's name, and so ours.
_LEASE = "b95b3104.backube"
_OF_VOLSYNC = {"label_selector": "app.kubernetes.io/name=volsync"}
_OF_OURS = {"label_selector": f"{Label.CREATED_BY}={CREATED_BY_US}"}
# Of the namespaces that are asked about.
_HERE: dict[Resource, Mapping[str, str]] = {
    REPLICATION_SOURCES: {},
    REPLICATION_DESTINATIONS: {},
    PVCS: {},
    PODS: _OF_OURS,
    JOBS: _OF_OURS,
    VOLUME_SNAPSHOTS: _OF_OURS,
}
# Of the whole cluster: a manager may be in any namespace.
_EVERYWHERE: dict[Resource, Mapping[str, str]] = {
    # Nothing on a Deployment itself says that it is a manager's.
    DEPLOYMENTS: {},
    SERVICES: _OF_VOLSYNC,
    LEASES: {"field_selector": f"metadata.name={_LEASE}"},
    STORAGE_CLASSES: {},
    SNAPSHOT_CLASSES: {},
    VOLUME_POPULATORS: {},
    MUTATING_POLICIES: {},
    MUTATING_WEBHOOKS: {},
    KYVERNO_POLICIES: {},
    SERVICE_MONITORS: {},
    POD_MONITORS: {},
}
# What commands do besides reading sources, destinations and claims, whose refusal is told by itself.
_RIGHTS = (
    Right("status", "list", REPLICATION_SOURCES),
    Right("backup, pause and resume", "patch", REPLICATION_SOURCES),
    Right("restore", "create", REPLICATION_DESTINATIONS),
    Right("restore", "create", PVCS),
    Right("logs", "get", PODS, "log"),
    Right("whatever asks the repository", "create", JOBS),
    Right("whatever asks the repository", "get", PODS, "exec"),
    Right("whatever asks the repository", "create", PODS, "exec"),
)


def gather(cluster: Cluster, namespace: str | None, is_chosen: Callable[[Object], bool]) -> Facts:
    """Ask for all that the checks need; `namespace` is None for all of them."""
    listed: dict[Resource, Listed] = {}
    for kind, selectors in _HERE.items():
        listed[kind] = _list(cluster, kind, namespace, selectors)
    for kind, selectors in _EVERYWHERE.items():
        listed[kind] = _list(cluster, kind, None, selectors)
    deployments = listed[DEPLOYMENTS]
    if not isinstance(deployments, NotServed | MayNotRead):
        listed[DEPLOYMENTS] = [one for one in deployments if is_manager(one)]
    shipped: list[Object] = [_Loader(text).get_single_data() for text in definitions()]
    listed[DEFINITIONS] = _named(cluster, DEFINITIONS, [one["metadata"]["name"] for one in shipped])
    listed[NAMESPACES] = _named(cluster, NAMESPACES, [namespace]) if namespace else _list(cluster, NAMESPACES, None, {})
    return Facts(
        now=cluster.now(),
        namespace=namespace,
        listed=listed,
        is_chosen=is_chosen,
        shipped=shipped,
        rights={right: _allowed(cluster, right, namespace) for right in _RIGHTS},
    )


def _list(cluster: Cluster, kind: Resource, namespace: str | None, selectors: Mapping[str, str]) -> Listed:
    where = namespace if kind.namespaced else None
    try:
        # As the server's own watch has it: a moment older, and in one page.
        found: list[Object] = cluster.client.list_all(kind, where, resource_version="0", **selectors)
    except Forbidden:
        return MayNotRead(_words("list", kind, where))
    except NotFound:
        return NotServed()
    return found


def _named(cluster: Cluster, kind: Resource, names: list[str]) -> Listed:
    found = []
    for name in names:
        try:
            found.append(cluster.client.get(kind, name))
        except Forbidden:
            return MayNotRead(f"{_words('get', kind, None)} {name}")
        except NotFound:
            continue
    return found


def _words(verb: str, kind: Resource, namespace: str | None) -> str:
    where = f" in the namespace {namespace}" if namespace else " in all namespaces" if kind.namespaced else ""
    return f"{verb} {kind.plural}.{kind.group}".rstrip(".") + where


def _allowed(cluster: Cluster, right: Right, namespace: str | None) -> bool | None:
    """Ask whether the user may do something; None if the server does not say."""
    kind = right.resource
    asked: dict[str, Any] = {"verb": right.verb, "group": kind.group, "resource": kind.plural}
    asked |= {"subresource": right.subresource} if right.subresource else {}
    asked |= {"namespace": namespace} if namespace else {}
    review = {
        "apiVersion": SELF_ACCESS_REVIEWS.api_version,
        "kind": SELF_ACCESS_REVIEWS.kind,
        "metadata": {},
        "spec": {"resourceAttributes": asked},
    }
    try:
        answer = cluster.client.create(SELF_ACCESS_REVIEWS, review)
    except Unreachable:
        raise
    except ApiError:
        return None
    status = answer.get("status")
    return bool(status.get("allowed")) if isinstance(status, dict) else None
