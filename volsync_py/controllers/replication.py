"""The controller of one kind of custom resource: observe, decide, execute."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Protocol

from attrs import evolve

from volsync_py.api.spec import Replication, parse
from volsync_py.controllers.execute import NotKept
from volsync_py.controllers.mover_limit import Key
from volsync_py.controllers.observe import Reads
from volsync_py.controllers.parts import KINDS, Parts
from volsync_py.controllers.refusals import REFUSALS, RefusalPace, trouble_of
from volsync_py.core.actions import PatchStatus, Ref
from volsync_py.core.condition_writer import HEALTHY
from volsync_py.core.conditions import get_condition
from volsync_py.core.names import Role
from volsync_py.core.objects import Object, is_deleting
from volsync_py.core.replication import CustomResource, decide_error
from volsync_py.core.result import Decision, Trouble, soonest
from volsync_py.kube.controller import Request, Result
from volsync_py.movers.restic.decide import decide, decide_refused


class Metrics(Protocol):
    """What the controller tells the metrics."""

    def decided(self, replication: Replication, decision: Decision, after: Object) -> None:
        """Take a decision that has been carried out; `after` is the resource as it was left behind."""
        ...

    def gone(self, role: Role, namespace: str, name: str) -> None:
        """Forget a resource."""
        ...


class ReplicationController:
    """Reconciles ReplicationSources, or ReplicationDestinations."""

    def __init__(self, role: Role, parts: Parts, metrics: Metrics) -> None:
        self._role, self._parts, self._metrics = role, parts, metrics
        self._store = parts.stores[KINDS[role]]
        self._pace = RefusalPace(self._now)

    def reconcile(self, request: Request, enqueued_at: float) -> Result:
        """Make one pass over one resource."""
        key = Key(KINDS[self._role].kind, request.namespace, request.name)
        with self._parts.limit.one_pass(key):
            return self._reconcile(key, enqueued_at)

    def _reconcile(self, key: Key, enqueued_at: float) -> Result:
        obj = self._store.get(key.namespace, key.name)
        if obj is None:
            self._metrics.gone(self._role, key.namespace, key.name)
            self._pace.end(key)
            return Result()
        if pause := self._pace.left(key, obj):
            return Result(pause)
        replication = self._parse(obj)
        reads = self._parts.reads(key, enqueued_at)
        if replication.external:
            self._metrics.gone(self._role, key.namespace, key.name)
            self._parts.executor.execute(obj, self._decide(replication, reads).actions)
            return Result()
        try:
            decision = self._decide_and_execute(self._kept(replication), reads)
            while decision.lock:
                with self._parts.grants.guard(decision.lock):
                    decision = self._decide_and_execute(self._fresh(replication), reads, held=decision.lock)
        except REFUSALS as error:
            self._refused(replication, trouble_of(error))
            return Result(self._pace.start(key, obj))
        self._pace.end(key)
        return Result(decision.requeue_after_seconds)

    def _decide_and_execute(self, replication: Replication, reads: Reads, *, held: str = "") -> Decision:
        decision = self._decide(replication, reads, held=held)
        self._parts.executor.execute(replication.object, decision.actions)
        try:
            self._parts.executor.execute(replication.object, decision.beside)
        except REFUSALS as error:
            delay = self._refused_beside(replication, trouble_of(error))
            decision = evolve(decision, requeue_after_seconds=soonest(decision.requeue_after_seconds, delay))
        self._metrics.decided(replication, decision, self._stored(replication))
        return decision

    def _decide(self, replication: Replication, reads: Reads, *, held: str = "") -> Decision:
        reads.look_again()
        view = self._parts.observer.view(replication, self._now())
        return decide(replication, view.with_reads(reads.answers), reads.make, held=held)

    def _kept(self, replication: Replication) -> Replication:
        """Return the resource once the API server keeps what we write into its status; NotKept while it does not.

        Where it did not the last time, one field is written to see whether it does now: it changes nothing else, so
        that a pass over what is not kept calls for no other one.
        """
        status, obj = replication.status, replication.object
        told = get_condition(status.get("conditions") or [], HEALTHY)
        if "observedGeneration" in status or told is None or is_deleting(obj):
            return replication
        changes = {"observedGeneration": replication.generation}
        self._parts.executor.execute(obj, (PatchStatus(Ref.of(obj), changes, obj["metadata"]["resourceVersion"]),))
        return self._fresh(replication)

    def _refused(self, replication: Replication, trouble: Trouble) -> None:
        # Actions before the refused one are carried out already, so take the resource from the store.
        fresh = self._fresh(replication)
        decision = decide_error(CustomResource(fresh.object, fresh.trigger), trouble, self._now())
        # NotKept again: the error that is being reported is that the API server drops our fields.
        with suppress(NotKept):
            self._parts.executor.execute(fresh.object, decision.actions)
        self._metrics.decided(fresh, decision, self._stored(fresh))

    def _refused_beside(self, replication: Replication, trouble: Trouble) -> float | None:
        """Say what was refused of what goes on beside the runs, where that is said; return when to look again."""
        # Who is at fault may be in it already: a claim that was made before its Job was refused.
        fresh = self._fresh(replication)
        decision = decide_refused(fresh, self._parts.observer.view(fresh, self._now()), trouble)
        self._parts.executor.execute(fresh.object, decision.actions)
        # It is asked for again in the next pass.
        with suppress(*REFUSALS):
            self._parts.executor.execute(fresh.object, decision.beside)
        return decision.requeue_after_seconds

    def _fresh(self, replication: Replication) -> Replication:
        return self._parse(self._stored(replication))

    def _stored(self, replication: Replication) -> Object:
        meta = replication.object["metadata"]
        return self._store.get(meta["namespace"], meta["name"]) or replication.object

    def _parse(self, obj: Object) -> Replication:
        return parse(obj, self._parts.zone)

    def _now(self) -> datetime:
        return self._parts.clock()
