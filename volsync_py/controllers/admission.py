"""Whose turn it is while only so many movers may run: what has a mover goes on, the rest waits, oldest slot first.

Everything is inferred from the stores, so a manager that was restarted knows as much as before. A place is taken by a
Job that runs and by a run that stages its copy. Runs that wait for their next attempt, or for somebody to mend what an
error names, take none and keep nobody waiting.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime

from attrs import frozen

from volsync_py.core.actions import Object
from volsync_py.core.labels import Label
from volsync_py.core.names import Role, job_name
from volsync_py.core.times import instant
from volsync_py.kube.store import Store, owned_by
from volsync_py.movers.restic.job_state import has_ended

RUNNING = "running"


@frozen(order=True)
class Turn:
    """A place in the line."""

    slot: str
    namespace: str
    name: str
    kind: str


@frozen
class Line:
    """How many movers there are, and who waits for one, in order."""

    busy: int
    waiting: tuple[Turn, ...]


class Admission:
    """Counts movers; `limit` 0 lets everybody in."""

    def __init__(
        self,
        limit: int,
        *,
        jobs: Store,
        staged: Iterable[Store],
        resources: Iterable[tuple[Role, Store]],
        clock: Callable[[], datetime],
    ) -> None:
        self.limit = limit
        self._jobs, self._staged, self._resources, self._clock = jobs, tuple(staged), tuple(resources), clock
        self._lock = threading.Lock()

    def guard(self) -> AbstractContextManager[object]:
        """Return what is held from the decision to begin until it can be seen in the stores."""
        return self._lock if self.limit else nullcontext()

    def may_begin(self, resource: Object) -> bool:
        """Tell whether a run that has no mover yet may begin with one."""
        if not self.limit or self._is_staged(resource):
            return True
        line, mine = self.line(), _turn(resource, self._clock())
        return line.busy + sum(turn < mine for turn in line.waiting) < self.limit

    def next_in_line(self) -> list[Turn]:
        """Return those for whom there is a place now."""
        if not self.limit:
            return []
        line = self.line()
        return list(line.waiting[: max(self.limit - line.busy, 0)])

    def line(self) -> Line:
        """Return the present state."""
        busy, waiting, now = 0, [], self._clock()
        for role, resource in self._running():
            meta = resource["metadata"]
            job = self._jobs.get(meta["namespace"], job_name(role, meta["name"]))
            if job is not None:
                busy += is_live(job)
            elif self._is_staged(resource):
                busy += not _attempted(resource)
            elif not _stands_aside(resource, now):
                waiting.append(_turn(resource, now))
        return Line(busy, tuple(sorted(waiting)))

    def _running(self) -> Iterator[tuple[Role, Object]]:
        for role, store in self._resources:
            for resource in store.by_index(RUNNING, RUNNING):
                yield role, resource

    def _is_staged(self, resource: Object) -> bool:
        meta = resource["metadata"]
        return any(
            (obj["metadata"].get("labels") or {}).get(Label.CLEANUP) == meta["uid"]
            for store in self._staged
            for obj in store.by_index("owner", owned_by(meta["namespace"], meta["uid"]))
        )


def running_index(resource: Object) -> list[str]:
    """Index: the resources with a run under way."""
    under_way = bool((resource.get("status") or {}).get("lastSyncStartTime"))
    return [RUNNING] if under_way and not resource["metadata"].get("deletionTimestamp") else []


def is_live(job: Object) -> bool:
    """Tell whether a Job has a pod, or is about to get one."""
    if job["spec"].get("parallelism") == 0 or job["metadata"].get("deletionTimestamp"):
        return False
    return not has_ended(job)


def _attempted(resource: Object) -> bool:
    return bool((resource.get("status") or {}).get("attempt"))


def _stands_aside(resource: Object, now: datetime) -> bool:
    status = resource.get("status") or {}
    attempt = status.get("attempt")
    if attempt:
        due = attempt.get("nextAttemptTime")
        return due is None or instant(due, now) > now
    conditions = status.get("conditions") or []
    return any(c["type"] == "Synchronizing" and c.get("reason") == "Error" for c in conditions)


def _turn(resource: Object, now: datetime) -> Turn:
    status, meta = resource.get("status") or {}, resource["metadata"]
    started = status.get("lastSyncStartTime") or now.strftime("%Y-%m-%dT%H:%M:%SZ")
    # A schedule's slot comes before the pass that noticed it.
    slot = min(started, status.get("nextSyncTime") or started)
    return Turn(slot, meta["namespace"], meta["name"], str(resource.get("kind")))
