"""Who waits for a slot, in the order in which slots are given.

The next slot goes to the namespace with the fewest movers; among equals, and within a namespace, to whoever is due
longest. The order is kept as it changes: nothing is sorted to tell who is next.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import frozen


@frozen(order=True)
class Waiter:
    """A resource that waits; `due` is RFC 3339, so that texts compare as times do."""

    due: str
    namespace: str
    name: str
    kind: str


class FairLine:
    """Waiters by namespace, and how many slots each namespace has."""

    def __init__(self) -> None:
        self._slots: Counter[str] = Counter()
        # The waiting resources of each namespace, longest due first.
        self._waiters: dict[str, list[Waiter]] = {}
        # Sorted (slots in use, first waiter), one entry for each namespace with waiters.
        self._firsts: list[tuple[int, Waiter]] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def slots_of(self, namespace: str) -> int:
        """Return how many slots a namespace has."""
        return self._slots[namespace]

    def add(self, waiter: Waiter) -> None:
        """Put a waiter in its place; once only."""
        with self._moves(waiter.namespace):
            insort(self._waiters.setdefault(waiter.namespace, []), waiter)
        self._count += 1

    def remove(self, waiter: Waiter) -> None:
        """Take a waiter out, who must be there."""
        with self._moves(waiter.namespace):
            theirs = self._waiters[waiter.namespace]
            del theirs[bisect_left(theirs, waiter)]
            if not theirs:
                del self._waiters[waiter.namespace]
        self._count -= 1

    def first(self) -> Waiter | None:
        """Return who is next."""
        return self._firsts[0][1] if self._firsts else None

    def count_slot(self, namespace: str, change: int) -> None:
        """Count a slot that a namespace has got (1) or given back (-1)."""
        with self._moves(namespace):
            self._slots[namespace] += change
            if not self._slots[namespace]:
                del self._slots[namespace]

    @contextmanager
    def _moves(self, namespace: str) -> Iterator[None]:
        """Keep the place of a namespace right while its waiters or slots change."""
        before = self._rank(namespace)
        if before is not None:
            del self._firsts[bisect_left(self._firsts, before)]
        yield
        after = self._rank(namespace)
        if after is not None:
            insort(self._firsts, after)

    def _rank(self, namespace: str) -> tuple[int, Waiter] | None:
        theirs = self._waiters.get(namespace)
        return (self._slots[namespace], theirs[0]) if theirs else None
