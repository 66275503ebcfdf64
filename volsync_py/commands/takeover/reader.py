"""What `volsync-py takeover` asks a cluster for; it changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from volsync_py.commands.common.both_operators import Seen, spec_schema
from volsync_py.commands.common.cluster import Cluster
from volsync_py.commands.common.installation import Operator, operator_of
from volsync_py.commands.common.refused import sentence
from volsync_py.commands.common.shipped import definitions
from volsync_py.core.objects import Object, labels_of, status_of
from volsync_py.kube import resources
from volsync_py.kube.errors import Forbidden, NotFound
from volsync_py.kube.resources import Resource
from volsync_py.populator.reference import destination_of
from volsync_py.populator.registration import REGISTRATION

_KINDS = (resources.REPLICATION_SOURCES, resources.REPLICATION_DESTINATIONS)


class Reader:
    """Reads what there is; what may not be read is kept as sentences."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._unread: list[str] = []

    def seen(self) -> Seen:
        """Return what the cluster holds."""
        deployments = self._all(resources.DEPLOYMENTS)
        operators = [one for one in map(operator_of, deployments) if one is not None]
        sources, destinations = map(self._all, _KINDS)
        services = list(self._services(operators))
        return Seen(
            sources=sources,
            destinations=destinations,
            operators=operators,
            definitions=self._definitions(),
            filling=[claim for claim in self._all(resources.PVCS) if _waits_for_destination(claim)],
            services=services,
            monitors=[one for one in self._all(resources.SERVICE_MONITORS) if _is_of(one, services)],
            populator=self._one(resources.VOLUME_POPULATORS, REGISTRATION),
            unread=self._unread,
            now=self._cluster.now(),
        )

    def _all(self, resource: Resource, namespace: str | None = None) -> list[Object]:
        try:
            found: list[Object] = self._cluster.client.list_all(resource, namespace, resource_version="0")
        except Forbidden as error:
            self._may_not(error)
        except NotFound:
            # A kind that is not installed has no objects; sources and destinations are what this is about.
            if resource in _KINDS:
                raise
        else:
            return found
        return []

    def _one(self, resource: Resource, name: str) -> Object | None:
        try:
            found: Object = self._cluster.client.get(resource, name)
        except Forbidden as error:
            self._may_not(error)
        except NotFound:
            pass
        else:
            return found
        return None

    def _may_not(self, error: Forbidden) -> None:
        # The same right is missed by several reads, which are of the whole cluster whatever is typed.
        if (said := sentence(error, narrows=False)) not in self._unread:
            self._unread.append(said)

    def _definitions(self) -> dict[str, Object]:
        found = {kind.plural: self._one(resources.DEFINITIONS, f"{kind.plural}.{kind.group}") for kind in _KINDS}
        return {plural: one for plural, one in found.items() if one is not None}

    def _services(self, operators: Sequence[Operator]) -> Iterator[Object]:
        """Return the Services of the operators' metrics."""
        for namespace in sorted({one.namespace for one in operators}):
            for service in self._all(resources.SERVICES, namespace):
                selects = (service.get("spec") or {}).get("selector") or {}
                if service["metadata"]["name"].endswith("metrics") and "volsync" in "".join(map(str, selects.values())):
                    yield service


def _waits_for_destination(claim: Object) -> bool:
    return bool(destination_of(claim)) and status_of(claim).get("phase") == "Pending"


def _is_of(monitor: Object, services: Sequence[Object]) -> bool:
    """Return whether a ServiceMonitor selects one of the Services, as far as labels in its own namespace say."""
    selector: Any = ((monitor.get("spec") or {}).get("selector") or {}).get("matchLabels") or {}
    where = monitor["metadata"].get("namespace")
    return bool(selector) and any(
        service["metadata"].get("namespace") == where and labels_of(service).items() >= selector.items()
        for service in services
    )


def schemas() -> dict[str, Object]:
    """Return the schemas of specs in our definitions, by kind."""
    # libyaml reads them in a tenth of the time, where PyYAML was built with it.
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found = [one for text in definitions() for one in yaml.load_all(text, loader)]
    return {one["spec"]["names"]["kind"]: spec_schema(one) for one in found}
