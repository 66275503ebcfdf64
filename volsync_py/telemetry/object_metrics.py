"""Series about single custom resources: VolSync's three, by its names and labels, and what we know besides.

Guarantees that no series outlives its object: everything about one object is one record, and `forget` drops it; and
that a scrape only joins what is written already: a pass ends with `write`, so that thousands of objects that have run
since the last scrape cost the next one nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import cast

from volsync_py.telemetry.object_text import (
    FAILING,
    GAUGES,
    HEADS,
    MISSED,
    OF_REPOSITORY,
    OUT_OF_SYNC,
    PLACE_OF_GAUGE,
    RUNS,
    TOOK,
    Failing,
    ObjectKey,
    Record,
    write,
)

# As VolSync: its quantiles cover a day.
_WINDOW_SECONDS = 24 * 3600


class ObjectMetrics:
    """The series of every object; thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._records: dict[ObjectKey, Record] = {}
        # By namespace, name and role.
        self._keys: dict[tuple[str, str, str], set[ObjectKey]] = {}

    def forget(self, namespace: str, name: str, role: str) -> None:
        """Drop every series of an object."""
        with self._lock:
            for key in self._keys.pop((namespace, name, role), ()):
                del self._records[key]

    def miss_interval(self, key: ObjectKey) -> None:
        """Count a slot of the schedule that passed without a finished run."""
        with self._lock:
            record = self._record(key)
            record.missed_intervals += 1
            record.lines[MISSED] = None

    def set_out_of_sync(self, key: ObjectKey, out_of_sync: bool) -> None:
        """Set whether the object is behind its schedule or was never synchronized."""
        with self._lock:
            record = self._record(key)
            if record.out_of_sync is not out_of_sync:
                record.out_of_sync = out_of_sync
                record.lines[OUT_OF_SYNC] = None

    def observe_sync(self, key: ObjectKey, seconds: float) -> None:
        """Count one finished synchronization."""
        with self._lock:
            record = self._record(key)
            record.count += 1
            record.total_seconds += seconds
            record.recent.append((self._clock(), seconds))
            record.lines[TOOK] = None

    def count_result(self, key: ObjectKey, result: str) -> None:
        """Count the end of one attempt: Succeeded, Warning, or an error class."""
        with self._lock:
            record = self._record(key)
            record.results[result] = record.results.get(result, 0) + 1
            record.lines[RUNS] = None

    def set_failing(self, key: ObjectKey, failing: tuple[Failing, ...]) -> None:
        """Set which conditions of the object are False."""
        with self._lock:
            record = self._record(key)
            if record.failing != failing:
                record.failing = failing
                record.lines[FAILING] = None

    def set_repository(self, key: ObjectKey, repository: str) -> None:
        """Set which repository the object's last backup is in: a hash, or ""."""
        with self._lock:
            record = self._record(key)
            if record.repository != repository:
                record.repository = repository
                for gauge in OF_REPOSITORY:
                    record.lines[PLACE_OF_GAUGE[gauge]] = None

    def set_gauge(self, key: ObjectKey, gauge: str, value: float | None) -> None:
        """Set one of the gauges that `object_text` names; None: not known, no series."""
        if gauge not in GAUGES:
            raise KeyError(gauge)
        with self._lock:
            record = self._record(key)
            # A zero may have another sign.
            if record.gauges.get(gauge) == value != 0:
                return
            if value is None:
                record.gauges.pop(gauge, None)
            else:
                record.gauges[gauge] = value
            record.lines[PLACE_OF_GAUGE[gauge]] = None

    def write(self, key: ObjectKey) -> None:
        """Write what has changed of an object, so that no scrape has to."""
        with self._lock:
            write(key, self._record(key))

    def expose(self) -> bytes:
        """Return every series in Prometheus' text form."""
        with self._lock:
            records = list(self._records.items())
        # The lock is taken for each object: thousands whose day has passed would block all observations.
        every = [self._lines(key, record) for key, record in records]
        # One family after the other: while a join counts its parts, no pass goes on.
        return b"".join(head + b"".join([lines[place] for lines in every]) for place, head in enumerate(HEADS))

    def _record(self, key: ObjectKey) -> Record:
        record = self._records.get(key)
        if record is None:
            record = self._records[key] = Record()
            self._keys.setdefault((key.namespace, key.name, key.role), set()).add(key)
        return record

    def _lines(self, key: ObjectKey, record: Record) -> tuple[bytes, ...]:
        with self._lock:
            recent, past = record.recent, self._clock() - _WINDOW_SECONDS
            while recent and recent[0][0] <= past:
                recent.popleft()
                record.lines[TOOK] = None
            if None in record.lines:
                write(key, record)
            # `write` has filled every place.
            return cast("tuple[bytes, ...]", tuple(record.lines))
