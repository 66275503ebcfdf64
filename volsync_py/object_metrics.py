"""Series about single custom resources: VolSync's three, by its names and labels, and what we know besides.

Guarantees that no series outlives its object: everything about one object is one record, and `forget` drops it.
Not prometheus_client's own metric classes, for two reasons: its Summary has no quantiles, which VolSync's
dashboards read, and removing a label set from a dozen metrics is easy to get wrong.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping

from attrs import define, field, frozen
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_LABELS = ("obj_name", "obj_namespace", "role", "method")
_QUANTILES = (0.5, 0.9, 0.99)
# As VolSync: its quantiles cover a day.
_WINDOW_SECONDS = 24 * 3600
# A sync a minute is 1,440 a day; more than that changes no quantile anybody looks at.
_MOST_OBSERVATIONS = 2_000

_GAUGES: Mapping[str, str] = {
    "last_success_timestamp_seconds": "When the last run that succeeded ended.",
    "last_attempt_timestamp_seconds": "When the last run, whatever its end, ended.",
    "next_sync_timestamp_seconds": "When the next run is due.",
    "healthy": "1 after a good run, 0 after a failed one.",
    "snapshots": "Snapshots in the repository, as the last retention run saw them.",
    "last_snapshot_bytes_processed": "Bytes that the last snapshot covers.",
    "last_snapshot_bytes_added": "Bytes that the last snapshot added to the repository.",
    "last_snapshot_files": "Files that the last snapshot covers.",
    "last_snapshot_files_failed": "Files that the last backup could not read.",
    "mover_wait_seconds": "How long the last run waited for its turn.",
}


@frozen
class ObjectKey:
    """Which object a series is about; the values of VolSync's labels, in its order."""

    name: str
    namespace: str
    role: str
    method: str = "restic"

    def values(self) -> list[str]:
        """Return the label values."""
        return [self.name, self.namespace, self.role, self.method]


@define
class _Record:
    missed_intervals: int = 0
    # Until somebody says otherwise it was never synchronized.
    out_of_sync: bool = True
    count: int = 0
    total_seconds: float = 0.0
    recent: deque[tuple[float, float]] = field(factory=lambda: deque(maxlen=_MOST_OBSERVATIONS))
    results: dict[str, int] = field(factory=dict)
    gauges: dict[str, float] = field(factory=dict)


class ObjectMetrics(Collector):
    """The series of every object; thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._records: dict[ObjectKey, _Record] = {}

    def forget(self, namespace: str, name: str, role: str) -> None:
        """Drop every series of an object."""
        with self._lock:
            for key in [k for k in self._records if (k.namespace, k.name, k.role) == (namespace, name, role)]:
                del self._records[key]

    def miss_interval(self, key: ObjectKey) -> None:
        """Count a slot of the schedule that passed without a finished run."""
        with self._lock:
            self._record(key).missed_intervals += 1

    def set_out_of_sync(self, key: ObjectKey, out_of_sync: bool) -> None:
        """Say whether the object is behind its schedule or was never synchronized."""
        with self._lock:
            self._record(key).out_of_sync = out_of_sync

    def observe_sync(self, key: ObjectKey, seconds: float) -> None:
        """Count one finished synchronization."""
        with self._lock:
            record = self._record(key)
            record.count += 1
            record.total_seconds += seconds
            record.recent.append((self._clock(), seconds))

    def count_result(self, key: ObjectKey, result: str) -> None:
        """Count the end of one attempt: Succeeded, Warning, or an error class."""
        with self._lock:
            results = self._record(key).results
            results[result] = results.get(result, 0) + 1

    def set_gauge(self, key: ObjectKey, gauge: str, value: float | None) -> None:
        """Set one of the gauges named at the top of this module; None: not known, no series."""
        if gauge not in _GAUGES:
            raise KeyError(gauge)
        with self._lock:
            gauges = self._record(key).gauges
            if value is None:
                gauges.pop(gauge, None)
            else:
                gauges[gauge] = value

    def collect(self) -> Iterator[Metric]:
        """Yield every family; called by the registry at each scrape."""
        with self._lock:
            # Copied under the lock, written out after it: a scrape of a thousand objects takes a while.
            rows = [(key.values(), self._snapshot(record)) for key, record in self._records.items()]
        yield from _volsync_families(rows)
        yield from _our_families(rows)

    def _record(self, key: ObjectKey) -> _Record:
        return self._records.setdefault(key, _Record())

    def _snapshot(self, record: _Record) -> _Record:
        oldest = self._clock() - _WINDOW_SECONDS
        while record.recent and record.recent[0][0] < oldest:
            record.recent.popleft()
        return _Record(
            record.missed_intervals,
            record.out_of_sync,
            record.count,
            record.total_seconds,
            record.recent.copy(),
            dict(record.results),
            dict(record.gauges),
        )


_Rows = list[tuple[list[str], _Record]]


def _volsync_families(rows: _Rows) -> Iterator[Metric]:
    missed = CounterMetricFamily(
        "volsync_missed_intervals", "Slots of the schedule that passed without a finished run.", labels=_LABELS
    )
    behind = GaugeMetricFamily(
        "volsync_volume_out_of_sync",
        "1 if the volume is behind its schedule or was never synchronized.",
        labels=_LABELS,
    )
    took = Metric("volsync_sync_duration_seconds", "How long synchronizations took.", "summary")
    for values, record in rows:
        missed.add_metric(values, record.missed_intervals)
        behind.add_metric(values, 1 if record.out_of_sync else 0)
        labels = dict(zip(_LABELS, values, strict=True))
        observed = sorted(seconds for _, seconds in record.recent)
        for q in _QUANTILES:
            took.add_sample(took.name, {**labels, "quantile": str(q)}, quantile(observed, q))
        took.add_sample(f"{took.name}_sum", labels, record.total_seconds)
        took.add_sample(f"{took.name}_count", labels, record.count)
    yield from (missed, behind, took)


def _our_families(rows: _Rows) -> Iterator[Metric]:
    results = CounterMetricFamily("volsync_py_runs", "Attempts, by how they ended.", labels=[*_LABELS, "result"])
    for values, record in rows:
        for result, count in record.results.items():
            results.add_metric([*values, result], count)
    yield results
    for name, text in _GAUGES.items():
        family = GaugeMetricFamily(f"volsync_py_{name}", text, labels=_LABELS)
        for values, record in rows:
            if name in record.gauges:
                family.add_metric(values, record.gauges[name])
        yield family


def quantile(ascending: list[float], q: float) -> float:
    """Return the smallest value that at least the share `q` of them does not exceed; NaN of none."""
    if not ascending:
        return math.nan
    return ascending[max(0, math.ceil(q * len(ascending)) - 1)]
