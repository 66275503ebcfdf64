"""The controller of one kind of custom resource: observe, decide, execute."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, tzinfo
from typing import Any, Protocol

from attrs import evolve

from volsync_py.api.spec import Replication, parse
from volsync_py.api.view import Read, ReadKind, View
from volsync_py.controllers.admission import Admission
from volsync_py.controllers.execute import Executor, InTheWay
from volsync_py.controllers.observe import Observer
from volsync_py.core.actions import Create, Object
from volsync_py.core.labels import Label
from volsync_py.core.names import Role
from volsync_py.core.replication import Resource, Work, decide, decide_error
from volsync_py.core.result import Decision, Trouble
from volsync_py.kube.controller import Request, Result
from volsync_py.kube.errors import ApiError, Forbidden, Invalid
from volsync_py.kube.store import Store
from volsync_py.movers.restic.destination import DestinationWork
from volsync_py.movers.restic.source import SourceWork
from volsync_py.volumes.point_in_time import in_the_way

# A decision needs at most: attempt's Secret, then Secret and pods, then node and Jobs, then a log.
_MOST_ROUNDS = 6
# What the API server refuses for a reason of the cluster's is asked for again at this pace.
_REFUSED_SECONDS = 60.0
# More than there are workers, so that chance meetings are rare.
_GRANT_LOCKS = 64


class Metrics(Protocol):
    """What the controller tells the metrics."""

    def decided(self, replication: Replication, decision: Decision) -> None:
        """Take what a pass came to."""
        ...

    def gone(self, role: Role, namespace: str, name: str) -> None:
        """Forget a resource."""
        ...


class GrantLocks:
    """One Job of a repository at a time is decided and created, so that two never both get its grants.

    Repositories share a fixed number of locks: two that meet on one wait for each other, and that is all.
    """

    def __init__(self) -> None:
        self._locks = [threading.Lock() for _ in range(_GRANT_LOCKS)]

    def guard(self, decision: Decision) -> AbstractContextManager[object]:
        """Return what to hold while the decision's Job is created."""
        for action in decision.actions:
            if isinstance(action, Create) and action.object["kind"] == "Job":
                label = action.object["metadata"]["labels"][Label.REPOSITORY]
                return self._locks[hash(label) % _GRANT_LOCKS]
        return nullcontext()


class ReplicationController:
    """Reconciles ReplicationSources, or ReplicationDestinations."""

    def __init__(
        self,
        role: Role,
        store: Store,
        observer: Observer,
        executor: Executor,
        metrics: Metrics,
        grants: GrantLocks,
        admission: Admission,
        *,
        clock: Callable[[], datetime],
        zone: tzinfo,
    ) -> None:
        self._role, self._store, self._observer, self._executor = role, store, observer, executor
        self._metrics, self._clock, self._zone = metrics, clock, zone
        self._grants, self._admission = grants, admission

    def reconcile(self, request: Request) -> Result:
        """Make one pass over one resource."""
        obj = self._store.get(request.namespace, request.name)
        if obj is None:
            self._metrics.gone(self._role, request.namespace, request.name)
            return Result()
        replication = parse(obj, self._zone)
        if replication.external:
            return Result()
        try:
            decision = self._decide_and_execute(replication)
        except InTheWay as error:
            return self._refused(replication, in_the_way(error.object))
        except (Forbidden, Invalid) as error:
            return self._refused(replication, _refusal(error))
        self._metrics.decided(replication, decision)
        return Result(decision.requeue_after_seconds)

    def _decide_and_execute(self, replication: Replication) -> Decision:
        decision, reads = self._decide(replication, {})
        if not any(isinstance(a, Create) for a in decision.actions):
            self._executor.execute(replication.object, decision.actions)
            return decision
        with self._admission.guard(), self._grants.guard(decision):
            # Decided again, because whether there is a place, and the repository is free, may have changed meanwhile.
            decision, _ = self._decide(replication, reads)
            self._executor.execute(replication.object, decision.actions)
        return decision

    def _decide(self, replication: Replication, reads: dict[Read, Any]) -> tuple[Decision, dict[Read, Any]]:
        """Return the decision, and the requests that were made for it, to be used again."""
        may_begin = self._admission.may_begin(replication.object)
        view = evolve(self._observer.view(replication, self._clock()), may_begin=may_begin).with_reads(reads)
        resource = Resource(
            replication.object,
            replication.trigger,
            replication.trouble,
            {"latestMoverStatus": {}, **({"restic": {}} if self._role is Role.SOURCE else {})},
        )
        for _ in range(_MOST_ROUNDS):
            decision = decide(resource, self._work(replication, view), view.now)
            if not decision.needs:
                kept = {r: v for r, v in view.reads.items() if r.kind is not ReadKind.JOBS_OF_REPOSITORY}
                return decision, kept
            namespace = replication.object["metadata"]["namespace"]
            view = view.with_reads(self._observer.read(namespace, decision.needs))
        raise RuntimeError(f"a decision still needs {decision.needs}")

    def _work(self, replication: Replication, view: View) -> Work:
        return (SourceWork if self._role is Role.SOURCE else DestinationWork)(replication, view)

    def _refused(self, replication: Replication, trouble: Trouble) -> Result:
        # What was written before the refusal is in the store.
        meta = replication.object["metadata"]
        obj: Object = self._store.get(meta["namespace"], meta["name"]) or replication.object
        fresh = parse(obj, self._zone)
        decision = decide_error(Resource(obj, fresh.trigger), trouble, self._clock())
        self._executor.execute(obj, decision.actions)
        return Result(_REFUSED_SECONDS)


def _refusal(error: ApiError) -> Trouble:
    return Trouble(
        "Refused",
        f"the API server refuses: {error.message}",
        "see the message: rights of the manager, a quota, an admission rule or a field of the spec",
    )
