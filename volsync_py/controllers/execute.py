"""The only writer: carries out the actions of a decision, in order, and puts the answers into the stores.

Events, and deletions that may wait, are left to `IdleQueue`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

from attrs import evolve

from volsync_py.controllers import step_log
from volsync_py.controllers.rights import granted_by
from volsync_py.core.actions import Action, Create, Delete, Event, Patch, PatchStatus, Ref
from volsync_py.core.labels import CREATED_BY_US, Label
from volsync_py.core.merge import lost
from volsync_py.core.objects import Object, labels_of, status_of
from volsync_py.core.owners import is_controlled_by
from volsync_py.kube.client import Client
from volsync_py.kube.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    Invalid,
    KubeError,
    NotFound,
    ServerError,
    Unreachable,
)
from volsync_py.kube.events import EventRecorder
from volsync_py.kube.idle_queue import IdleQueue
from volsync_py.kube.resources import Resource, resource_for
from volsync_py.kube.store import Store

# Fields of a status that are for people who look, or save a wait: without them, older definitions do as well.
_ONLY_SHOWN = (
    "status.lastDays",
    "status.attempt.lockHolder",
    "status.attempt.lockedSince",
    "status.attempt.lockAgeSeconds",
    "status.restic.repositorySize",
)


class InTheWay(Exception):
    """An object of somebody else has a name that we need."""

    def __init__(self, obj: Object) -> None:
        super().__init__(str(Ref.of(obj)))
        self.object = obj


class NotServed(Exception):
    """The API server has no such kind, or no such namespace any more; the text is its own."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class NotKept(Exception):
    """The API server has taken fields of a status away: its definition of the kind is not the one of this program."""

    def __init__(self, kind: str, fields: list[str]) -> None:
        super().__init__(f"{kind}: {', '.join(fields)}")
        self.kind, self.fields = kind, fields


class Executor:
    """Carries out actions through one client; `call` has a pass made over a resource of that kind."""

    def __init__(
        self,
        client: Client,
        stores: Mapping[Resource, Store],
        events: EventRecorder,
        deferred: IdleQueue,
        call: Callable[[Ref], None],
    ) -> None:
        self._client, self._stores, self._events = client, stores, events
        self._deferred, self._call = deferred, call
        # UIDs whose deferred deletion failed; the next reconcile deletes them itself and reports the error.
        self._refused: set[str] = set()

    def execute(self, regarding: Object, actions: tuple[Action, ...]) -> None:
        """Carry out the actions; the first that fails ends it, and what is left is decided again."""
        for action in actions:
            with granted_by(action.rights if isinstance(action, Create | Patch | Delete) else ""):
                self._carry_out(regarding, action)

    def _carry_out(self, regarding: Object, action: Action) -> None:
        if isinstance(action, Create):
            self._create(regarding, action)
        elif isinstance(action, PatchStatus):
            changes = {
                "metadata": {"resourceVersion": action.resource_version},
                "status": action.changes,
            }
            kept = self._patch(action.ref, changes, "status")
            # Each status of ours has a generation, whether or not it is among the changes.
            gone = lost({"observedGeneration": 0, **action.changes}, kept.get("status"), "status")
            missing = [path for path in gone if not _is_only_shown(path)]
            if action.ref == Ref.of(regarding):
                step_log.status_written(status_of(regarding), status_of(kept))
            if missing:
                # The actions after it rely on what the status says: failed attempts, requests that were served.
                raise NotKept(action.ref.kind, missing)
        elif isinstance(action, Patch):
            self._change(regarding, action)
        elif isinstance(action, Delete):
            self._delete_now_or_later(regarding, action)
        else:
            self._event(regarding, action)

    def _create(self, regarding: Object, action: Create) -> None:
        obj = action.object
        resource = resource_for(obj["apiVersion"], obj["kind"])
        if not action.owner_uid:
            # What others own as well is changed only as it was read: an error here has it read again.
            self._client.create(resource, obj)
            step_log.created(obj)
            return
        try:
            stored = self._client.create(resource, obj)
        except NotFound as error:
            raise NotServed(resource.kind, error.message) from error
        except AlreadyExists:
            stored = self._adopt(resource, action)
            created = False
        except (Unreachable, ServerError) as error:
            stored = self._found_after(error, resource, action)
            created = True
        else:
            created = True
        self._put(resource, stored)
        if not created:
            return
        step_log.created(stored)
        if action.event is not None:
            self._event(regarding, action.event, stored)

    def _found_after(self, error: KubeError, resource: Resource, action: Create) -> Object:
        """Return what a request has made although it had no answer; raise its error if that cannot be seen.

        Others decide on what is in the stores, and the watch may tell of it only when they have.
        """
        try:
            return self._adopt(resource, action)
        except KubeError:
            raise error from None

    def _adopt(self, resource: Resource, action: Create) -> Object:
        meta = action.object["metadata"]
        found = self._client.get(resource, meta["name"], meta.get("namespace", ""))
        labels = labels_of(found)
        if labels.get(Label.CREATED_BY) != CREATED_BY_US or not is_controlled_by(found, action.owner_uid):
            raise InTheWay(found)
        return found

    def _change(self, regarding: Object, action: Patch) -> None:
        meta = {**action.changes.get("metadata", {}), "uid": action.uid}
        # The object was deleted meanwhile, so there is nothing to change.
        with suppress(NotFound):
            try:
                self._patch(action.ref, {**action.changes, "metadata": meta})
                step_log.changed(action.ref)
            except (Forbidden, Invalid) as error:
                if action.is_request:
                    return
                if action.refused is None:
                    raise
                self._event(regarding, evolve(action.refused, note=f"{action.refused.note}: {error.message}"))

    def _patch(self, ref: Ref, changes: Object, subresource: str = "") -> Object:
        resource = resource_for(ref.api_version, ref.kind)
        stored = self._client.patch(resource, ref.name, changes, ref.namespace, subresource=subresource)
        self._put(resource, stored)
        return stored

    def _delete_now_or_later(self, regarding: Object, action: Delete) -> None:
        later = partial(self._delete_later, Ref.of(regarding), action)
        if action.deferrable and action.uid not in self._refused and self._deferred.tidy(action.uid, later):
            return
        self._delete(action)
        self._refused.discard(action.uid)

    def _delete_later(self, regarding: Ref, action: Delete) -> None:
        if self._has_gone(action):
            # An earlier reconcile has asked for the same deletion, and this one had not seen the answer yet.
            return
        try:
            self._delete(action)
        except KubeError:
            self._refused.add(action.uid)
            self._call(regarding)

    def _delete(self, action: Delete) -> None:
        resource = resource_for(action.ref.api_version, action.ref.kind)
        try:
            answer = self._client.delete(
                resource,
                action.ref.name,
                action.ref.namespace,
                uid=action.uid,
                resource_version=action.resource_version,
                propagation=action.propagation.value,
            )
        except NotFound:
            return
        except Conflict:
            if action.resource_version:
                raise
            # The name belongs to another object by now, so the one to delete is gone.
            return
        step_log.deleted(action.ref)
        if answer.get("kind") == action.ref.kind and (answer.get("metadata") or {}).get("deletionTimestamp"):
            self._put(resource, answer)
        else:
            # Nothing delays the deletion, so the object is gone; the answer may be a Status or the last state.
            self._discard(resource, action.ref)

    def _has_gone(self, action: Delete) -> bool:
        """Return whether what is to be deleted is known to be gone, or on its way."""
        store = self._stores.get(resource_for(action.ref.api_version, action.ref.kind))
        if store is None:
            return False
        found = store.get(action.ref.namespace, action.ref.name)
        meta = found["metadata"] if found is not None else {}
        return meta.get("uid") != action.uid or bool(meta.get("deletionTimestamp"))

    def _put(self, resource: Resource, obj: Object) -> None:
        store = self._stores.get(resource)
        if store is not None:
            store.put(obj)

    def _discard(self, resource: Resource, ref: Ref) -> None:
        store = self._stores.get(resource)
        found = store.get(ref.namespace, ref.name) if store is not None else None
        if store is not None and found is not None:
            store.mark_deleted(found)

    def _event(self, regarding: Object, event: Event, related: Object | None = None) -> None:
        reference: Object | None = None
        if related is not None:
            meta = related["metadata"]
            reference = {
                "apiVersion": related["apiVersion"],
                "kind": related["kind"],
                "namespace": meta.get("namespace", ""),
                "name": meta["name"],
                "uid": meta["uid"],
            }
        record = partial(
            self._events.record,
            regarding,
            type=event.type.value,
            reason=event.reason,
            action=event.action,
            note=event.note,
            related=reference,
            at=datetime.now(UTC),
        )
        self._deferred.tell(record)


def _is_only_shown(path: str) -> bool:
    """Return whether a field of a status is one that nothing is decided by, or a part of one."""
    return any(path == shown or path.startswith(f"{shown}.") for shown in _ONLY_SHOWN)
