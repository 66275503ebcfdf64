"""The limit on movers: who has a slot, and who is given the next one.

A decision asks for a slot when nothing else keeps its run from beginning, and says so in the status if it gets none.
So all there is to know can be read off the stores, and a manager that was restarted knows as much as before. In memory
there is only what cannot be seen in the stores yet: the slots that were offered to resources whose pass is not over.
No lock is held while a request is made.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from attrs import frozen

from volsync_py.controllers.fair_line import FairLine, Waiter
from volsync_py.core.names import Role, jobs_of
from volsync_py.core.objects import is_deleting
from volsync_py.core.owners import is_controlled_by
from volsync_py.kube.resources import Object
from volsync_py.kube.store import Store, owned_by
from volsync_py.movers.restic.slots import SlotUse, due, holds_slot, slot_use


@frozen
class Key:
    """One custom resource."""

    kind: str
    namespace: str
    name: str


@frozen
class SlotStores:
    """Where it is seen who has a slot; `resources` by kind, `pods` with the index "job"."""

    resources: Mapping[str, tuple[Role, Store]]
    jobs: Store
    pods: Store
    copies: tuple[Store, ...] = ()


class MoverLimit:
    """Gives slots; `limit` 0: everybody has one. `call` has a pass made over a resource that was offered a slot."""

    def __init__(
        self, limit: int, stores: SlotStores, *, call: Callable[[Key], None], clock: Callable[[], datetime]
    ) -> None:
        self.limit = limit
        self._stores, self._call, self._clock = stores, call, clock
        self._lock = threading.Lock()
        self._line = FairLine()
        self._waiting: dict[Key, Waiter] = {}
        # Each slot that is in use: of whom the stores say so, or who was offered it.
        self._holders: set[Key] = set()
        # Whether a pass that may use the offer has begun.
        self._offered: dict[Key, bool] = {}
        # No slot is given before all stores are complete, which they are when the first pass is made.
        self._open = False

    @property
    def held(self) -> int:
        """How many slots are in use."""
        return len(self._holders)

    @property
    def waiting(self) -> int:
        """How many resources wait for one."""
        return len(self._line)

    @contextmanager
    def one_pass(self, key: Key) -> Iterator[None]:
        """Keep what a resource is offered until the end of its pass; then it has what it has made use of."""
        with self._lock:
            called = [] if self._open else self._look_at_all()
            if key in self._offered:
                self._offered[key] = True
        self._call_all(called)
        try:
            yield
        finally:
            self._settle(key)

    def has_free_slot(self, key: Key) -> bool:
        """Return whether a resource whose pass is being made has a slot, or gets a free one."""
        with self._lock:
            if key not in self._holders:
                # Where one is free nobody waits for it: it was offered at once.
                if len(self._holders) >= self.limit:
                    return False
                self._take_out(key)
                self._hold(key)
            self._offered[key] = True
            return True

    def refresh(self, key: Key) -> None:
        """Take what the stores say of a resource, and give away what has become free."""
        with self._lock:
            self._look_at(key)
            called = self._give()
        self._call_all(called)

    def _settle(self, key: Key) -> None:
        """Take back an offer whose pass is over."""
        with self._lock:
            given = self._offered.get(key, False)
            if given:
                del self._offered[key]
            self._look_at(key)
            if given:
                # A pass that failed, and says still that it waits, is made again at its own pace and asks then.
                self._take_out(key)
            called = self._give()
        self._call_all(called)

    def _call_all(self, keys: list[Key]) -> None:
        for key in keys:
            self._call(key)

    # ---- with the lock held

    def _look_at_all(self) -> list[Key]:
        copying = []
        for kind, (_, store) in self._stores.resources.items():
            for resource in store.list():
                key = Key(kind, resource["metadata"]["namespace"], resource["metadata"]["name"])
                if self._look_at(key) is SlotUse.COPIES:
                    copying.append(key)
        # Whose copy was being made had a slot before the restart, unless all are seen to be used by others.
        for key in copying[: max(self.limit - len(self._holders), 0)]:
            self._hold(key)
        self._open = True
        return self._give()

    def _look_at(self, key: Key) -> SlotUse:
        role, store = self._stores.resources[key.kind]
        resource = store.get(key.namespace, key.name)
        use = self._use(role, resource) if resource is not None else SlotUse.NONE
        waiter = Waiter(due(resource), key.namespace, key.name, key.kind) if resource is not None else None
        if resource is None or is_deleting(resource):
            self._offered.pop(key, None)
        if use is SlotUse.HOLDS or key in self._offered or (use is SlotUse.COPIES and not self.limit):
            self._hold(key)
        elif use is not SlotUse.COPIES:
            self._give_back(key)
        in_line = waiter if use is SlotUse.WAITS and key not in self._holders else None
        if self._waiting.get(key) != in_line:
            self._take_out(key)
            if in_line is not None:
                self._waiting[key] = in_line
                self._line.add(in_line)
        return use

    def _use(self, role: Role, resource: Object) -> SlotUse:
        meta = resource["metadata"]
        now = self._clock()
        # One resource has one slot: that of its verification is its run's as soon as this begins.
        run, *others = (self._seen(meta, name) for name in jobs_of(role, meta["name"]))
        copies = (
            copy
            for store in self._stores.copies
            for copy in store.by_index("owner", owned_by(meta["namespace"], meta["uid"]))
        )
        use = slot_use(resource, *run, copies, now)
        if use is SlotUse.NONE and any(holds_slot(*one, now) for one in others):
            return SlotUse.HOLDS
        return use

    def _seen(self, meta: Object, name: str) -> tuple[Object | None, list[Object]]:
        """Return a Job of a resource, if it is its own, and the Job's pods."""
        job = self._stores.jobs.get(meta["namespace"], name)
        own = job if job is not None and is_controlled_by(job, meta["uid"]) else None
        return own, self._stores.pods.by_index("job", f"{meta['namespace']}/{name}")

    def _give(self) -> list[Key]:
        """Offer the free slots to those who are next; return whom to call."""
        called: list[Key] = []
        while self.limit and self._open and len(self._holders) < self.limit:
            first = self._line.first()
            if first is None:
                break
            key = Key(first.kind, first.namespace, first.name)
            self._take_out(key)
            self._hold(key)
            self._offered[key] = False
            called.append(key)
        return called

    def _hold(self, key: Key) -> None:
        if key not in self._holders:
            self._holders.add(key)
            self._line.count_slot(key.namespace, 1)

    def _give_back(self, key: Key) -> None:
        if key in self._holders:
            self._holders.remove(key)
            self._line.count_slot(key.namespace, -1)

    def _take_out(self, key: Key) -> None:
        waiter = self._waiting.pop(key, None)
        if waiter is not None:
            self._line.remove(waiter)
