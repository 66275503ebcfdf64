"""The controller of one kind of custom resource: observe, decide, execute."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from datetime import datetime, tzinfo
from typing import Protocol

from attrs import evolve

from volsync_py.api.spec import Replication, parse
from volsync_py.api.view import Read, ReadKind, View
from volsync_py.controllers.execute import Executor, InTheWay, NotKept, NotServed
from volsync_py.controllers.mover_limit import Key, MoverLimit
from volsync_py.controllers.observe import Observer, Reads
from volsync_py.core.actions import Action, Create, Object, PatchStatus, Ref
from volsync_py.core.conditions import get_condition
from volsync_py.core.labels import Label
from volsync_py.core.names import Role
from volsync_py.core.replication import Resource, decide, decide_error, running_since
from volsync_py.core.result import Decision, Trouble
from volsync_py.core.telling import HEALTHY, REFUSED, REFUSED_SECONDS, SYNCHRONIZING
from volsync_py.kube.controller import Request, Result
from volsync_py.kube.errors import ApiError, Forbidden, Invalid
from volsync_py.kube.resources import JOBS, REPLICATION_DESTINATIONS, REPLICATION_SOURCES
from volsync_py.kube.store import Store
from volsync_py.movers.restic.destination import DestinationWork
from volsync_py.movers.restic.source import SourceWork
from volsync_py.movers.restic.work import ResticWork
from volsync_py.volumes.point_in_time import in_the_way

# A decision needs at most: the attempt's Secret, Secrets, Jobs, pods, a node, events, a log, a slot – and one round to
# decide.
_MOST_ROUNDS = 9
_SLOT = Read(ReadKind.SLOT)
# Enough to see whose definition it is.
_MOST_FIELDS = 5
# More than there are workers, so that chance meetings are rare.
_GRANT_LOCKS = 64


class Metrics(Protocol):
    """What the controller tells the metrics."""

    def decided(self, replication: Replication, decision: Decision, after: Object) -> None:
        """Take what a pass came to; `after` is the resource as it was left behind."""
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

    def guard(self, job: Object) -> AbstractContextManager[object]:
        """Return what to hold from the decision on a Job's grants until the Job is in the store."""
        return self._locks[hash(job["metadata"]["labels"][Label.REPOSITORY]) % _GRANT_LOCKS]


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
        limit: MoverLimit,
        *,
        clock: Callable[[], datetime],
        zone: tzinfo,
    ) -> None:
        self._role, self._store, self._observer, self._executor = role, store, observer, executor
        self._metrics, self._clock, self._zone = metrics, clock, zone
        self._grants, self._limit = grants, limit

    def reconcile(self, request: Request, asked_at: float) -> Result:
        """Make one pass over one resource."""
        with self._limit.one_pass(self._key(request.namespace, request.name)):
            return self._reconcile(request, asked_at)

    def _reconcile(self, request: Request, asked_at: float) -> Result:
        obj = self._store.get(request.namespace, request.name)
        if obj is None:
            self._metrics.gone(self._role, request.namespace, request.name)
            return Result()
        replication = parse(obj, self._zone)
        if replication.external:
            self._metrics.gone(self._role, request.namespace, request.name)
            self._executor.execute(
                obj, self._work(replication, self._observer.view(replication, self._clock())).first()
            )
            return Result()
        try:
            replication = self._kept(replication)
            decision = self._decide_and_execute(replication, asked_at)
        except InTheWay as error:
            return self._refused(replication, in_the_way(error.object))
        except NotServed as error:
            return self._refused(replication, _not_served(error))
        except NotKept as error:
            return self._refused(replication, _not_kept(error))
        except (Forbidden, Invalid) as error:
            return self._refused(replication, _refusal(error))
        self._done(replication, decision)
        return Result(decision.requeue_after_seconds)

    def _kept(self, replication: Replication) -> Replication:
        """Return the resource once the API server keeps what we write into its status; NotKept while it does not.

        Where it did not the last time, one field is written to see whether it does now: it changes nothing else, so
        that a pass over what is not kept calls for no other one.
        """
        status, obj = replication.status, replication.object
        told = get_condition(status.get("conditions") or [], HEALTHY)
        if "observedGeneration" in status or told is None or obj["metadata"].get("deletionTimestamp"):
            return replication
        changes = {"observedGeneration": int(obj["metadata"].get("generation") or 0)}
        self._executor.execute(obj, (PatchStatus(Ref.of(obj), changes, obj["metadata"]["resourceVersion"]),))
        return parse(self._stored(replication), self._zone)

    def _done(self, replication: Replication, decision: Decision) -> None:
        """Tell of a pass whose decision was carried out."""
        self._metrics.decided(replication, decision, self._stored(replication))

    def _key(self, namespace: str, name: str) -> Key:
        kind = REPLICATION_SOURCES if self._role is Role.SOURCE else REPLICATION_DESTINATIONS
        return Key(kind.kind, namespace, name)

    def _stored(self, replication: Replication) -> Object:
        meta = replication.object["metadata"]
        return self._store.get(meta["namespace"], meta["name"]) or replication.object

    def _decide_and_execute(self, replication: Replication, asked_at: float) -> Decision:
        reads = self._observer.reads(replication.object["metadata"]["namespace"], asked_at)
        decision = self._decide(replication, reads)
        before, job = until_job(in_order(replication.status, decision.actions))
        self._executor.execute(replication.object, before)
        return decision if job is None else self._create_job(replication, decision, reads, job)

    def _create_job(self, replication: Replication, decision: Decision, reads: Reads, job: Object) -> Decision:
        """Decide again, on what is there by now, whether the repository is free, and create the Job."""
        with self._grants.guard(job):
            fresh = parse(self._stored(replication), self._zone)
            again = self._decide(fresh, reads)
            self._executor.execute(fresh.object, in_order(fresh.status, again.actions))
        return evolve(again, finished=again.finished or decision.finished)

    def _decide(self, replication: Replication, reads: Reads) -> Decision:
        reads.look_again()
        view = self._observer.view(replication, self._clock())
        resource = Resource(
            replication.object,
            replication.trigger,
            replication.trouble,
            {"latestMoverStatus": {}, **({"restic": {}} if self._role is Role.SOURCE else {})},
        )
        for _ in range(_MOST_ROUNDS):
            decision = decide(resource, self._work(replication, view.with_reads(reads.answers)), view.now)
            if not decision.needs:
                return decision
            reads.make(need for need in decision.needs if need != _SLOT)
            if _SLOT in decision.needs:
                meta = replication.object["metadata"]
                reads.answers[_SLOT] = self._limit.has_free_slot(self._key(meta["namespace"], meta["name"]))
        raise RuntimeError(f"a decision still needs {decision.needs}")

    def _work(self, replication: Replication, view: View) -> ResticWork:
        return (SourceWork if self._role is Role.SOURCE else DestinationWork)(replication, view)

    def _refused(self, replication: Replication, trouble: Trouble) -> Result:
        # What was written before the refusal is in the store.
        fresh = parse(self._stored(replication), self._zone)
        decision = decide_error(Resource(fresh.object, fresh.trigger), trouble, self._clock())
        # That the same fields are lost of these words, too, is what they say.
        with suppress(NotKept):
            self._executor.execute(fresh.object, decision.actions)
        self._done(fresh, decision)
        return Result(REFUSED_SECONDS)


def until_job(actions: tuple[Action, ...]) -> tuple[tuple[Action, ...], Object | None]:
    """Return what comes before the creation of a Job, and the Job; all of it and None if there is none."""
    for index, action in enumerate(actions):
        if isinstance(action, Create) and action.object["kind"] == JOBS.kind:
            return actions[:index], action.object
    return actions, None


def in_order(status: Object, actions: tuple[Action, ...]) -> tuple[Action, ...]:
    """Return the actions in the order in which they are carried out.

    While the API server refuses something of a run that is on record, the status follows what it announces: it would
    say now that the run goes on and at once that it does not, and each of both calls for the next pass.
    """
    said = get_condition(status.get("conditions") or [], SYNCHRONIZING) or {}
    # A status without it is not of ours, or was not kept: what is to follow then waits to see what becomes of it.
    is_ours = "observedGeneration" in status
    if running_since(status) is None or said.get("reason") != "Error" or not is_ours:
        return actions
    writes = tuple(a for a in actions if isinstance(a, PatchStatus))
    return (*(a for a in actions if not isinstance(a, PatchStatus)), *writes)


def _not_kept(error: NotKept) -> Trouble:
    fields = ", ".join(dict.fromkeys(error.fields[:_MOST_FIELDS]))
    return Trouble(
        "DefinitionsOutdated",
        f"the CustomResourceDefinition of {error.kind} does not keep {fields}, so no mover is started",
        "apply the definitions that came with this version (manifests/crds); those of VolSync lack these fields",
    )


def _not_served(error: NotServed) -> Trouble:
    return Trouble(
        REFUSED,
        f"the API server cannot create a {error.kind}: {error}",
        "install its API (snapshots: the CRDs and the controller of the CSI external-snapshotter), or do without it",
    )


def _refusal(error: ApiError) -> Trouble:
    return Trouble(
        REFUSED,
        f"the API server refuses: {error.message}",
        "see the message: rights of the manager, a quota, an admission rule or a field of the spec",
    )
