"""The controllers of claims that are filled from a destination, and of the object that says that we do that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from volsync_py.controllers.parts import Parts, SharedLocks
from volsync_py.controllers.refusals import REFUSALS, Refusal, trouble_of
from volsync_py.controllers.reminders import REMINDER_SECONDS, Reminders
from volsync_py.core.actions import Create
from volsync_py.core.condition_writer import REFUSED_SECONDS
from volsync_py.core.objects import Object, status_of
from volsync_py.core.result import soonest
from volsync_py.kube.controller import Request, Result
from volsync_py.kube.errors import AlreadyExists, NotFound
from volsync_py.kube.resources import (
    PVCS,
    REPLICATION_DESTINATIONS,
    STORAGE_CLASSES,
    VOLUME_POPULATORS,
    VOLUME_SNAPSHOTS,
)
from volsync_py.populator import told
from volsync_py.populator.decide import decide
from volsync_py.populator.filling import source_name
from volsync_py.populator.reference import destination_of, temporary_name
from volsync_py.populator.registration import REGISTRATION, register
from volsync_py.populator.step import Step
from volsync_py.populator.view import PopulatorView


class PopulatorController:
    """Reconciles claims that are filled from a destination; a request has a claim's namespace and its UID."""

    def __init__(self, parts: Parts, server_clock: Callable[[], datetime], reminders: Reminders) -> None:
        self._parts, self._clock, self._reminders = parts, server_clock, reminders
        self._turns = SharedLocks()

    def reconcile(self, request: Request, enqueued_at: float) -> Result:
        """Make one pass over one claim, or over what is left of one."""
        # Many claims may be filled from one snapshot, which each changes as it was seen: so each sees the last change.
        with self._turns.guard(request.namespace):
            return self._pass(request, enqueued_at)

    def _pass(self, request: Request, enqueued_at: float) -> Result:
        view = self._observe(request.namespace, request.name)
        reads = self._parts.observer.reads(request.namespace, enqueued_at, lambda: False)
        step, regarding = Step(), view.claim or _no_longer_there(request)
        try:
            step = decide(view, reads.make)
            self._parts.executor.execute(regarding, step.actions)
        except REFUSALS as error:
            step = _refused(step, error)
        return Result(soonest(step.requeue_after_seconds, self._remind(request, view.claim, step)))

    def _observe(self, namespace: str, uid: str) -> PopulatorView:
        """Return what the stores know about a claim."""
        stores = self._parts.stores
        claim = next(iter(stores[PVCS].by_index("populated", f"{namespace}/{uid}")), None)
        temporary = stores[PVCS].get(namespace, temporary_name(uid))
        wanted, wanted_class = ("", "")
        if claim is not None:
            wanted, wanted_class = destination_of(claim), str(claim["spec"].get("storageClassName") or "")
        destination = stores[REPLICATION_DESTINATIONS].get(namespace, wanted) if wanted else None
        return PopulatorView(
            now=self._clock(),
            namespace=namespace,
            uid=uid,
            claim=claim,
            temporary=temporary,
            destination=destination,
            storage_class=stores[STORAGE_CLASSES].get("", wanted_class) if wanted_class else None,
            snapshots={s["metadata"]["name"]: s for s in self._snapshots(namespace, uid, temporary, destination)},
        )

    def _snapshots(
        self, namespace: str, uid: str, temporary: Object | None, destination: Object | None
    ) -> Iterator[Object]:
        store = self._parts.stores[VOLUME_SNAPSHOTS]
        yield from store.by_index("readers", f"{namespace}/{uid}")
        latest = status_of(destination or {}).get("latestImage") or {}
        for name in (str(latest.get("name") or ""), source_name(temporary) if temporary is not None else ""):
            found = store.get(namespace, name)
            if found is not None:
                yield found

    def _remind(self, request: Request, claim: Object | None, step: Step) -> float | None:
        """Tell what the claim waits for unless that was told lately; return when it is to be told again."""
        # With its namespace: anybody may write the UID of somebody else's claim into a name or label of his own.
        key = f"{request.namespace}/{request.name}"
        if step.waiting is None or claim is None:
            self._reminders.forget(key)
            return None
        if self._reminders.is_due(key, step.waiting):
            self._parts.executor.execute(claim, (step.waiting,))
        return REMINDER_SECONDS if self._reminders.comes_again(step.waiting) else None


def _no_longer_there(request: Request) -> Object:
    meta = {"namespace": request.namespace, "name": request.name, "uid": request.name}
    return {"apiVersion": PVCS.api_version, "kind": PVCS.kind, "metadata": meta}


def _refused(step: Step, error: Refusal) -> Step:
    creating = any(isinstance(action, Create) for action in step.actions)
    told_of = told.refused(trouble_of(error).text, creating=creating)
    return Step(waiting=told_of, requeue_after_seconds=REFUSED_SECONDS)


class RegistrationController:
    """Keeps our VolumePopulator as it should be."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def reconcile(self, _request: Request, _enqueued_at: float) -> Result:
        """Look at the object; what changes it, or brings its kind, calls again."""
        found = self._parts.stores[VOLUME_POPULATORS].get("", REGISTRATION)
        try:
            self._parts.executor.execute(found or {}, register(found))
        except NotFound:
            # The next list of them calls again.
            return Result()
        except AlreadyExists:
            # It is there, and the store will have it.
            return Result(REFUSED_SECONDS)
        return Result()
