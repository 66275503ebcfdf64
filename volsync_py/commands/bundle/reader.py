"""What `volsync-py debug-bundle` asks a cluster for: nothing but reads, and no Secret."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from volsync_py import __version__
from volsync_py.commands.bundle.content import Bundle
from volsync_py.commands.bundle.redacted import object_of, value_of
from volsync_py.commands.common.both_operators import is_ours, spec_schema
from volsync_py.commands.common.cluster import Cluster
from volsync_py.commands.common.installation import operator_of
from volsync_py.commands.common.mover_log import CONTAINER
from volsync_py.commands.common.refused import sentence
from volsync_py.core.labels import CREATED_BY_US, Label
from volsync_py.core.names import Role, job_name
from volsync_py.core.objects import Object, labels_of
from volsync_py.kube import resources
from volsync_py.kube.errors import Forbidden, Invalid, NotFound
from volsync_py.kube.resources import Resource

T = TypeVar("T")
_KINDS = (resources.REPLICATION_SOURCES, resources.REPLICATION_DESTINATIONS)
_OF_RUNS = (resources.JOBS, resources.PODS, resources.PVCS, resources.VOLUME_SNAPSHOTS)
# A container's log is of use at its end.
_LINES = 2000
# Of so many movers; a namespace seldom has more at once.
_MOST_LOGS = 20
_MANAGER_CONTAINER = "manager"


class Reader:
    """Fills a bundle; what may not be read is said in it."""

    def __init__(self, cluster: Cluster, bundle: Bundle) -> None:
        self._cluster, self._bundle = cluster, bundle

    def read(self, name: str) -> bool:
        """Read everything of a namespace, or of what has a name; return whether there is any source or destination."""
        found = [obj for kind in _KINDS for obj in self._all(kind) if name in ("", obj["metadata"]["name"])]
        if not found:
            return False
        made = list(self._of_runs(found, everything=not name))
        for obj in [*found, *made]:
            self._bundle.add_document(f"{obj['kind'].lower()}s/{obj['metadata']['name']}.json", object_of(obj))
        self._events({str(obj["metadata"]["name"]) for obj in [*found, *made]})
        pods = [obj for obj in made if obj["kind"] == "Pod"]
        for pod in pods[:_MOST_LOGS]:
            self._log(pod, CONTAINER)
        if len(pods) > _MOST_LOGS:
            self._bundle.missing.append(f"the logs of {len(pods) - _MOST_LOGS} further pods")
        self._installation()
        return True

    def _of_runs(self, found: list[Object], *, everything: bool) -> Iterator[Object]:
        """Return what belongs to the resources: what is made for them, and their own claims."""
        owners = {obj["metadata"].get("uid") for obj in found}
        jobs = {job_name(_role(obj), str(obj["metadata"]["name"])) for obj in found}
        claims = {_claim(obj) for obj in found} - {""}
        selector = f"{Label.CREATED_BY}={CREATED_BY_US}"
        for kind in _OF_RUNS:
            for obj in self._all(kind, label_selector=selector):
                owned = any(ref.get("uid") in owners for ref in obj["metadata"].get("ownerReferences") or [])
                if everything or owned or labels_of(obj).get("job-name") in jobs:
                    claims.discard(str(obj["metadata"]["name"]))
                    yield obj
        for claim in sorted(claims):
            one = self._tried(lambda claim=claim: self._cluster.has(resources.PVCS, claim))  # type: ignore[misc]
            if one is not None:
                yield one

    def _events(self, names: set[str]) -> None:
        events = self._all(resources.CORE_EVENTS)
        ours = [one for one in events if (one.get("involvedObject") or {}).get("name") in names]
        self._bundle.add_document("events.json", [object_of(one) for one in ours])

    def _log(self, pod: Object, container: str) -> None:
        meta = pod["metadata"]
        client = self._cluster.client
        said = self._tried(
            lambda: client.pod_log(
                resources.PODS, meta["namespace"], meta["name"], container=container, tail_lines=_LINES
            )
        )
        if said:
            self._bundle.add_text(f"logs/{meta['name']}.log", said)

    def _installation(self) -> None:
        """Read the versions, the definitions and the operators, as far as that is allowed."""
        definitions = (self._get(resources.DEFINITIONS, f"{kind.plural}.{kind.group}") for kind in _KINDS)
        fields = {
            one["metadata"]["name"]: {"ours": is_ours(one), "restic": sorted(_restic_fields(one))}
            for one in definitions
            if one is not None
        }
        server = self._tried(self._cluster.client.version) or {}
        about = {"volsync-py": __version__, "server": value_of(server.get("gitVersion")), "definitions": fields}
        self._bundle.add_document("versions.json", about)
        for deployment in self._all(resources.DEPLOYMENTS, everywhere=True):
            if operator_of(deployment) is not None:
                meta = deployment["metadata"]
                self._bundle.add_document(f"operators/{meta['namespace']}.{meta['name']}.json", object_of(deployment))
                labels = ((deployment.get("spec") or {}).get("selector") or {}).get("matchLabels") or {}
                selector = ",".join(f"{name}={value}" for name, value in labels.items())
                for pod in self._all(resources.PODS, namespace=meta["namespace"], label_selector=selector):
                    self._log(pod, _MANAGER_CONTAINER)

    def _all(
        self, kind: Resource, *, namespace: str = "", label_selector: str = "", everywhere: bool = False
    ) -> list[Object]:
        client, where = self._cluster.client, None if everywhere else namespace or self._cluster.namespace
        return self._tried(lambda: client.list_all(kind, where, label_selector=label_selector)) or []

    def _get(self, kind: Resource, name: str) -> Object | None:
        return self._tried(lambda: self._cluster.client.get(kind, name))

    def _tried(self, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except Forbidden as error:
            # The same right is missed by several reads, some of them of the whole cluster whatever is typed.
            if (said := sentence(error, narrows=False)) not in self._bundle.missing:
                self._bundle.missing.append(said)
        except (NotFound, Invalid):
            # A kind that is not installed, an object that has gone, or a container that has not begun.
            pass
        return None


def _role(obj: Object) -> Role:
    return Role.SOURCE if obj["kind"] == "ReplicationSource" else Role.DESTINATION


def _claim(obj: Object) -> str:
    spec = obj.get("spec") or {}
    return str(spec.get("sourcePVC") or (spec.get("restic") or {}).get("destinationPVC") or "")


def _restic_fields(definition: Object) -> list[str]:
    restic = (spec_schema(definition).get("properties") or {}).get("restic") or {}
    return list(restic.get("properties") or {})
