"""What one pass sees: objects from the informer stores, and reads on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import structlog

from volsync_py.api.spec import Replication
from volsync_py.controllers.rights import granted_by
from volsync_py.core import names
from volsync_py.core.labels import CREATED_BY_US, Annotation, Label
from volsync_py.core.objects import Object, annotations_of, labels_of
from volsync_py.core.owners import controller_of
from volsync_py.core.times import instant
from volsync_py.core.view import MoverSettings, Objects, Read, ReadKind, View
from volsync_py.kube.client import Client
from volsync_py.kube.errors import ApiError, NotFound
from volsync_py.kube.resources import (
    CONFIG_MAPS,
    CORE_EVENTS,
    JOBS,
    NAMESPACES,
    NODES,
    PERSISTENT_VOLUMES,
    PODS,
    PVCS,
    REPLICATION_DESTINATIONS,
    REPLICATION_SOURCES,
    ROLE_BINDINGS,
    ROLES,
    SECRETS,
    SERVICE_ACCOUNTS,
    STORAGE_CLASSES,
    VOLUME_SNAPSHOTS,
    Resource,
)
from volsync_py.kube.single_flight import SingleFlight
from volsync_py.kube.store import Store, owned_by
from volsync_py.movers.restic.lock_holder import is_called
from volsync_py.movers.restic.pods import is_over
from volsync_py.movers.restic.pull_secrets import RIGHTS as PULL_SECRET_RIGHTS

# Pods that can hold a volume on a node; of the finished ones and of movers a namespace may have thousands.
NOT_OURS = f"{Label.CREATED_BY}!={CREATED_BY_US}"
_ON_A_NODE = "spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed"
# Events of one object: of which kind it is, and what they are called.
_EVENTS_OF = {
    ReadKind.FAILED_CREATE_EVENTS: (JOBS, "FailedCreate"),
    ReadKind.FAILED_BINDING_EVENTS: (PODS, "FailedBinding"),
}
# Never shared: they are about one run.
_OF_ONE_RUN = (*_EVENTS_OF, ReadKind.POD, ReadKind.POD_EVENTS, ReadKind.POD_LOG)
# Nor is this, which each resource of a namespace changes as it was read.
_NEVER_SHARED = (*_OF_ONE_RUN, ReadKind.PULL_SECRET_COPY)
_CONTROLLERS = {
    REPLICATION_SOURCES.kind: (names.Role.SOURCE, REPLICATION_SOURCES),
    REPLICATION_DESTINATIONS.kind: (names.Role.DESTINATION, REPLICATION_DESTINATIONS),
}
OWNED = (JOBS, PVCS, VOLUME_SNAPSHOTS, SERVICE_ACCOUNTS, ROLES, ROLE_BINDINGS)

log = structlog.get_logger()


class Reads:
    """What one pass has read on demand so far."""

    def __init__(self, read: Callable[[Read], Any]) -> None:
        self._read = read
        self.answers: dict[Read, Any] = {}

    def make(self, needs: Iterable[Read]) -> Mapping[Read, Any]:
        """Make the reads that a decision needs, and return their answers."""
        answers = {need: self._read(need) for need in needs}
        self.answers |= answers
        return answers

    def look_again(self) -> None:
        """Take what a store knows by now; what the API server was asked stays."""
        self.make([need for need in self.answers if need.kind is ReadKind.JOBS_OF_REPOSITORY])


class Observer:
    """Makes views, from the stores and, where a decision asks for it, from the API server."""

    def __init__(
        self,
        client: Client,
        stores: Mapping[Resource, Store],
        settings: MoverSettings,
        server_offset: Callable[[], timedelta] = timedelta,
    ) -> None:
        self._client, self._stores, self.settings = client, stores, settings
        self._server_offset = server_offset
        self._shared = SingleFlight()

    def view(self, replication: Replication, now: datetime) -> View:
        """Return what the stores know about a resource."""
        namespace = replication.object["metadata"]["namespace"]
        space = self._namespace(namespace)
        return View(
            now=now,
            server_now=now + self._server_offset(),
            settings=self.settings,
            objects=Objects.of(namespace, self._objects(replication, namespace)),
            namespace_labels=labels_of(space),
            namespace_annotations=annotations_of(space),
        )

    def _namespace(self, name: str) -> Object:
        """Return a namespace; what its admin allows is asked for if the watch has not told of it yet.

        Its watch may be late after all others. A mover with too few rights makes a backup that lacks files.
        """
        store = self._stores[NAMESPACES]
        found = store.get("", name)
        if found is None:
            with suppress(NotFound):
                found = self._client.get(NAMESPACES, name)
                store.put(found)
        return found or {"metadata": {}}

    def _objects(self, replication: Replication, namespace: str) -> Iterable[Object]:
        for resource in OWNED:
            store = self._stores.get(resource)
            if store is not None:
                yield from store.by_index("owner", owned_by(namespace, replication.uid))
        jobs = names.jobs_of(replication.role, replication.name)
        named: list[tuple[Resource, str]] = [(JOBS, job) for job in jobs]
        named += [(PVCS, name) for name in self._claims(replication)]
        named += [(VOLUME_SNAPSHOTS, name) for name in self._snapshots(replication, namespace) if name]
        for resource, name in named:
            store = self._stores.get(resource)
            found = store.get(namespace, name) if store is not None else None
            if found is not None:
                yield found
        for job in jobs:
            yield from self._stores[PODS].by_index("job", f"{namespace}/{job}")

    def _snapshots(self, replication: Replication, namespace: str) -> Iterable[str]:
        """Return the names of snapshots that count whoever owns them: the user may have made them his own."""
        yield names.copy_name(replication.name)
        yield str((replication.status.get("latestImage") or {}).get("name") or "")
        for name in (replication.restic.destination_claim, names.destination_name(replication.name)):
            claim = self._stores[PVCS].get(namespace, name) or {"metadata": {}}
            yield str(annotations_of(claim).get(Annotation.SNAPNAME) or "")

    def _claims(self, replication: Replication) -> Iterable[str]:
        spec, name = replication.restic, replication.name
        yield from (spec.source_claim, spec.destination_claim, names.copy_name(name), names.destination_name(name))
        yield from (names.cache_name(replication.role, name), names.obsolete_cache_name(name))
        yield names.verification_name(name)
        for volume in spec.mover_volumes:
            source = (volume.get("volumeSource") or {}).get("persistentVolumeClaim") or {}
            yield str(source.get("claimName") or "")

    def reads(self, namespace: str, enqueued_at: float, has_slot: Callable[[], bool]) -> Reads:
        """Return the reads of a pass over a resource there, which was asked for at that time of `time.monotonic`.

        `has_slot` says whether the resource has one of the slots for movers, or gets one by being asked for.
        """

        def read(need: Read) -> Any:
            if need.kind is ReadKind.SLOT:
                return has_slot()
            if need.kind is ReadKind.STORAGE_CLASS:
                return self._stores[STORAGE_CLASSES].get("", need.name)
            if need.kind is ReadKind.JOBS_OF_REPOSITORY:
                jobs = self._stores[JOBS].by_index("repository", need.name)
                return [job for job in jobs if self._is_a_mover(job)]
            if need.kind is ReadKind.SOURCES_OF_CLAIM:
                return self._stores[REPLICATION_SOURCES].by_index("claim", f"{namespace}/{need.name}")
            space = self.settings.pull_secrets_namespace if need.kind is ReadKind.PULL_SECRET else namespace
            if need.kind in _NEVER_SHARED:
                return self._ask(space, need)
            return self._shared.get((space, need), enqueued_at, partial(self._ask, space, need))

        return Reads(read)

    def _is_a_mover(self, job: Object) -> bool:
        """Return whether a Job is the mover of a resource that is known; anybody may write labels on one of his."""
        meta, controller = job["metadata"], controller_of(job) or {}
        role, kind = _CONTROLLERS.get(str(controller.get("kind")), (None, None))
        if role is None or kind is None or controller.get("apiVersion") != kind.api_version:
            return False
        owner = self._stores[kind].get(meta["namespace"], str(controller.get("name")))
        uid, name = (owner["metadata"]["uid"], owner["metadata"]["name"]) if owner is not None else ("", "")
        return controller.get("uid") == uid and meta["name"] == names.job_name(role, name)

    def _ask(self, namespace: str, need: Read) -> Any:
        simple = {
            ReadKind.SECRET: SECRETS,
            ReadKind.CONFIG_MAP: CONFIG_MAPS,
            ReadKind.SERVICE_ACCOUNT: SERVICE_ACCOUNTS,
            ReadKind.PULL_SECRET_COPY: SECRETS,
            ReadKind.NODE: NODES,
            ReadKind.VOLUME: PERSISTENT_VOLUMES,
        }
        if need.kind is ReadKind.PULL_SECRET:
            return self._pull_secret(namespace, need.name)
        if need.kind in simple:
            try:
                return self._client.get(simple[need.kind], need.name, namespace)
            except NotFound:
                return None
        if need.kind is ReadKind.PODS:
            # From the server's cache: where pods run may change right after any answer.
            return self._client.list_all(
                PODS, namespace, label_selector=NOT_OURS, field_selector=_ON_A_NODE, resource_version="0"
            )
        if need.kind in _EVENTS_OF:
            return self._said_of(*_EVENTS_OF[need.kind], namespace, need.name)
        if need.kind is ReadKind.POD:
            return self._holder(namespace, need.name)
        if need.kind is ReadKind.POD_EVENTS:
            selector = f"involvedObject.kind=Pod,involvedObject.name={need.name}"
            return [
                str(e.get("message") or "")
                for e in self._client.list_all(CORE_EVENTS, namespace, field_selector=selector)
            ]
        return self._log(namespace, need.name)

    def _pull_secret(self, namespace: str, name: str) -> Object | None:
        """Return an original, or None; one that is not there keeps nobody's image from being pulled without it."""
        try:
            with granted_by(PULL_SECRET_RIGHTS):
                return self._client.get(SECRETS, name, namespace)
        except NotFound:
            log.warning("a Secret of --mover-image-pull-secrets is not there", secret=name, of_namespace=namespace)
            return None

    def _holder(self, namespace: str, name: str) -> Object | None:
        """Return the pod of that name, or what else may hold a lock under it.

        That there is one in another namespace is all that is learned of it: the lock of what lives is never removed.
        """
        own = self._client.list_all(PODS, namespace, field_selector=f"metadata.name={name}")
        pods = (pod for pod in self._stores[PODS].list() if pod["metadata"]["name"] == name and not is_over(pod))
        jobs = (job for job in self._stores[JOBS].list() if is_called(job, name))
        return next((found for group in (pods, jobs, own) for found in group), None)

    def _said_of(self, kind: Resource, reason: str, namespace: str, name: str) -> list[str]:
        obj = self._stores[kind].get(namespace, name)
        if obj is None:
            return []
        uid = obj["metadata"]["uid"]
        selector = f"involvedObject.name={name},involvedObject.uid={uid},reason={reason}"
        return messages(self._client.list_all(CORE_EVENTS, namespace, field_selector=selector), uid)

    def _log(self, namespace: str, pod: str) -> str:
        try:
            return self._client.pod_log(
                PODS, namespace, pod, container="restic", tail_lines=self.settings.log_tail_lines
            )
        except ApiError:
            # The run goes on without the log if it is gone.
            return ""


def messages(events: Iterable[Object], uid: str) -> list[str]:
    """Return what events say about the object with that UID, the newest last.

    Lists come in the order of names, and a Job has the name of the one before it, whose events are kept for an hour.
    """
    of_it = (e for e in events if (e.get("involvedObject") or {}).get("uid") == uid)
    return [str(e.get("message") or "") for e in sorted(of_it, key=_last_seen)]


def _last_seen(event: Object) -> datetime:
    """Return when an event happened last; which of its times are set depends on the API it was written with."""
    series = (event.get("series") or {}).get("lastObservedTime")
    given = (series, event.get("lastTimestamp"), event.get("eventTime"), event["metadata"].get("creationTimestamp"))
    never = datetime.min.replace(tzinfo=UTC)
    return max(instant(t, never) for t in given)
