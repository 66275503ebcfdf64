"""What a pass costs while many wait for a slot: `python -m tests.bench.waiting`.

Ratios count: a pass over one that waits, and a slot that goes from one to the next, must cost with ten thousand
waiters what they cost with a hundred.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from statistics import median
from time import process_time
from typing import Any

from volsync_py.controllers.mover_limit import Key, MoverLimit, SlotStores
from volsync_py.core.names import Role
from volsync_py.core.times import format_rfc3339
from volsync_py.kube.store import Store

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
KIND = "ReplicationSource"
SLOTS, NAMESPACES, ROUNDS = 20, 100, 200
NUMBERS = (100, 1000, 10_000)


class World:
    """Stores with so many sources that wait, and some that run."""

    def __init__(self, waiting: int) -> None:
        self.sources, self.jobs = Store(), Store()
        stores = SlotStores({KIND: (Role.SOURCE, self.sources)}, self.jobs, Store({"job": lambda pod: []}))
        self.called: list[Key] = []
        self.limit = MoverLimit(SLOTS, stores, call=self.called.append, clock=lambda: NOW)
        self.version = 0
        self.names = [f"s{number}" for number in range(waiting + SLOTS)]
        for number, name in enumerate(self.names):
            self.says(name, number, "SyncInProgress" if number < SLOTS else "WaitingForMover")
            if number < SLOTS:
                self.job(name, [])
        with self.limit.one_pass(self.key(self.names[0])):
            pass
        assert (self.limit.held, self.limit.waiting) == (SLOTS, waiting)

    def key(self, name: str) -> Key:
        return Key(KIND, f"ns{int(name[1:]) % NAMESPACES}", name)

    def says(self, name: str, number: int, reason: str) -> None:
        self.version += 1
        meta = {"name": name, "namespace": self.key(name).namespace, "uid": name, "resourceVersion": str(self.version)}
        started = format_rfc3339(NOW - timedelta(seconds=len(self.names) - number))
        said = [{"type": "Synchronizing", "status": "True", "reason": reason}]
        self.sources.put({"kind": KIND, "metadata": meta, "status": {"lastSyncStartTime": started, "conditions": said}})

    def job(self, name: str, conditions: list[dict[str, Any]]) -> None:
        self.version += 1
        owner = [{"kind": KIND, "uid": name, "controller": True}]
        meta = {"name": f"volsync-src-{name}", "namespace": self.key(name).namespace, "ownerReferences": owner}
        meta |= {"resourceVersion": str(self.version), "creationTimestamp": format_rfc3339(NOW)}
        self.jobs.put({"metadata": meta, "spec": {"parallelism": 1}, "status": {"conditions": conditions}})

    def pass_of_a_waiter(self, number: int) -> None:
        """Make a pass over one that waits and gets nothing."""
        key = self.key(self.names[-1 - number % (len(self.names) - SLOTS)])
        with self.limit.one_pass(key):
            assert not self.limit.has_free_slot(key)

    def slot_goes_on(self, number: int) -> None:
        """Let one that runs end, and whoever is called begin."""
        ends = self.names[number] if number < SLOTS else self.called[number - SLOTS].name
        self.job(ends, [{"type": "Complete", "status": "True"}])
        self.limit.refresh(self.key(ends))
        key = self.called[-1]
        with self.limit.one_pass(key):
            assert self.limit.has_free_slot(key)
            self.says(key.name, 0, "SyncInProgress")
            self.job(key.name, [])


def cost(what: Callable[[int], None], times: int) -> float:
    """Return the median of the processor's microseconds."""
    taken = []
    for number in range(times):
        begun = process_time()
        what(number)
        taken.append(process_time() - begun)
    return median(taken) * 1e6


def main() -> None:
    """Print a table."""
    first: tuple[float, float] | None = None
    print(f"{SLOTS} slots, {NAMESPACES} namespaces; microseconds of a processor, and the ratio to {NUMBERS[0]} waiters")
    for number in NUMBERS:
        world = World(number)
        waiter, on = cost(world.pass_of_a_waiter, ROUNDS), cost(world.slot_goes_on, min(ROUNDS, number))
        first = first or (waiter, on)
        told = f"a pass {waiter:.0f} ({waiter / first[0]:.2f}), a slot that goes on {on:.0f} ({on / first[1]:.2f})"
        print(f"{number:6} wait: {told}")


if __name__ == "__main__":
    main()
