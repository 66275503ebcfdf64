"""What all passes of a manager share, made in one place."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime, timedelta, tzinfo
from functools import partial

from attrs import frozen

from volsync_py.controllers.execute import Executor
from volsync_py.controllers.mover_limit import Key, MoverLimit, SlotStores
from volsync_py.controllers.observe import Observer, Reads
from volsync_py.core.actions import Ref
from volsync_py.core.names import Role
from volsync_py.core.view import MoverSettings
from volsync_py.kube.client import Client
from volsync_py.kube.events import EventRecorder
from volsync_py.kube.idle_queue import IdleQueue
from volsync_py.kube.resources import (
    JOBS,
    PODS,
    PVCS,
    REPLICATION_DESTINATIONS,
    REPLICATION_SOURCES,
    VOLUME_SNAPSHOTS,
    Resource,
)
from volsync_py.kube.store import Store

KINDS = {Role.SOURCE: REPLICATION_SOURCES, Role.DESTINATION: REPLICATION_DESTINATIONS}
# More locks than workers, so that two names rarely share one.
_LOCKS = 64


class SharedLocks:
    """One pass at a time about whatever has a name: the Jobs of a repository, the filled claims of a namespace.

    Names share a fixed number of locks: two that meet on one wait for each other, and that is all.
    """

    def __init__(self) -> None:
        self._locks = [threading.Lock() for _ in range(_LOCKS)]

    def guard(self, name: str) -> AbstractContextManager[object]:
        """Return what to hold from a decision until what it has written is in the stores."""
        return self._locks[hash(name) % _LOCKS]


@frozen
class Parts:
    """The reader, the writer, and what keeps passes from doing too much at once."""

    stores: Mapping[Resource, Store]
    observer: Observer
    executor: Executor
    limit: MoverLimit
    # By repository: two Jobs of one never both get the right to initialise it.
    grants: SharedLocks
    clock: Callable[[], datetime]
    zone: tzinfo

    def reads(self, key: Key, enqueued_at: float) -> Reads:
        """Return the reads of a pass over a resource, which was asked for at that time of `time.monotonic`."""
        return self.observer.reads(key.namespace, enqueued_at, partial(self.limit.has_free_slot, key))


def make_parts(
    client: Client,
    stores: Mapping[Resource, Store],
    mover: MoverSettings,
    events: EventRecorder,
    deferred: IdleQueue,
    *,
    call: Callable[[Ref | Key], None],
    clock: Callable[[], datetime],
    zone: tzinfo,
    server_offset: Callable[[], timedelta] = timedelta,
) -> Parts:
    """Return the parts; `call` has a pass made over a resource, `server_offset` is how far its clock is from ours."""
    return Parts(
        stores,
        Observer(client, stores, mover, server_offset),
        Executor(client, stores, events, deferred, call),
        make_limit(mover.max_movers, stores, call=call, clock=lambda: clock() + server_offset()),
        SharedLocks(),
        clock,
        zone,
    )


def make_limit(
    limit: int, stores: Mapping[Resource, Store], *, call: Callable[[Key], None], clock: Callable[[], datetime]
) -> MoverLimit:
    """Return who gives the slots for movers."""
    seen = SlotStores(
        resources={kind.kind: (role, stores[kind]) for role, kind in KINDS.items()},
        jobs=stores[JOBS],
        pods=stores[PODS],
        copies=(stores[PVCS], stores[VOLUME_SNAPSHOTS]),
    )
    return MoverLimit(limit, seen, call=call, clock=clock)
