"""Series about single custom resources: VolSync's three, by its names and labels, and what we know besides.

Guarantees that no series outlives its object: everything about one object is one record, and `forget` drops it; and
that a scrape costs what has changed since the last one, for each record keeps its own lines. Not prometheus_client's
metric classes: its Summary has no quantiles, which VolSync's dashboards read, removing a label set from a dozen
metrics is easy to get wrong, and writing all lines anew takes seconds of the interpreter with ten thousand objects.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping

from attrs import define, field, frozen
from prometheus_client.utils import floatToGoString

# The package has no types.
_number: Callable[[float], str] = floatToGoString
_QUANTILES = (0.5, 0.9, 0.99)
# As VolSync: its quantiles cover a day.
_WINDOW_SECONDS = 24 * 3600
# A sync a minute is 1,440 a day; more than that changes no quantile anybody looks at.
_MOST_OBSERVATIONS = 2_000

GAUGES: Mapping[str, str] = {
    "last_success_timestamp_seconds": "When the last run that succeeded ended.",
    "last_attempt_timestamp_seconds": "When the last run, whatever its end, ended.",
    "next_sync_timestamp_seconds": "When the next run is due.",
    "healthy": "1 after a good run, 0 after a failed one.",
    "snapshots": "Snapshots in the repository, as the last retention run saw them.",
    "last_snapshot_bytes_processed": "Bytes that the last snapshot covers.",
    "last_snapshot_bytes_added": "Bytes that the last snapshot added to the repository.",
    "last_snapshot_files": "Files that the last snapshot covers.",
    "last_snapshot_files_failed": "Files that the last backup could not read.",
    "last_verified_timestamp_seconds": "When a backup was last restored and found to be whole.",
    "mover_wait_seconds": "How long the last run waited for its turn.",
    "overdue_timestamp_seconds": "From when on it is overdue, unless a run ends well before; never while paused.",
}
# The labels of every family, and those that some have besides.
LABELS = ("obj_name", "obj_namespace", "role", "method")
MORE_LABELS: Mapping[str, tuple[str, ...]] = {
    "volsync_sync_duration_seconds": ("quantile",),
    "volsync_py_runs_total": ("result",),
    "volsync_py_failing_since_timestamp_seconds": ("condition", "reason", "repository"),
}
# What is told of an object: name, type and meaning of each family, in the order in which they are written.
FAMILIES = (
    ("volsync_missed_intervals_total", "counter", "Slots of the schedule that passed without a finished run."),
    ("volsync_volume_out_of_sync", "gauge", "1 if the volume is behind its schedule or was never synchronized."),
    ("volsync_sync_duration_seconds", "summary", "How long synchronizations took."),
    ("volsync_py_runs_total", "counter", "Attempts, by how they ended."),
    (
        "volsync_py_failing_since_timestamp_seconds",
        "gauge",
        "Since when a condition is False, by its reason; the repository is that of the last backup, as a hash.",
    ),
    *((f"volsync_py_{name}", "gauge", text) for name, text in GAUGES.items()),
)
_HEADS = tuple(f"# HELP {name} {text}\n# TYPE {name} {kind}\n".encode() for name, kind, text in FAMILIES)


@frozen
class ObjectKey:
    """Which object a series is about; the values of VolSync's labels, in its order."""

    name: str
    namespace: str
    role: str
    method: str = "restic"


@frozen
class Failing:
    """A condition that is False; `reason` and `repository` are from a bounded set, or "Other" and ""."""

    condition: str
    reason: str
    repository: str
    since: float


@define
class _Record:
    missed_intervals: int = 0
    # Out of sync until a decision says otherwise.
    out_of_sync: bool = True
    count: int = 0
    total_seconds: float = 0.0
    recent: deque[tuple[float, float]] = field(factory=lambda: deque(maxlen=_MOST_OBSERVATIONS))
    results: dict[str, int] = field(factory=dict)
    failing: tuple[Failing, ...] = ()
    gauges: dict[str, float] = field(factory=dict)
    # The lines of each family, until something changes or an observation is a day old.
    lines: tuple[bytes, ...] = ()
    good_until: float = math.inf


class ObjectMetrics:
    """The series of every object; thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._records: dict[ObjectKey, _Record] = {}
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
            self._changed(key).missed_intervals += 1

    def set_out_of_sync(self, key: ObjectKey, out_of_sync: bool) -> None:
        """Return whether the object is behind its schedule or was never synchronized."""
        with self._lock:
            self._changed(key).out_of_sync = out_of_sync

    def observe_sync(self, key: ObjectKey, seconds: float) -> None:
        """Count one finished synchronization."""
        with self._lock:
            record = self._changed(key)
            record.count += 1
            record.total_seconds += seconds
            record.recent.append((self._clock(), seconds))

    def count_result(self, key: ObjectKey, result: str) -> None:
        """Count the end of one attempt: Succeeded, Warning, or an error class."""
        with self._lock:
            results = self._changed(key).results
            results[result] = results.get(result, 0) + 1

    def set_failing(self, key: ObjectKey, failing: tuple[Failing, ...]) -> None:
        """Set which conditions of the object are False."""
        with self._lock:
            self._changed(key).failing = failing

    def set_gauge(self, key: ObjectKey, gauge: str, value: float | None) -> None:
        """Set one of the gauges named at the top of this module; None: not known, no series."""
        if gauge not in GAUGES:
            raise KeyError(gauge)
        with self._lock:
            gauges = self._changed(key).gauges
            if value is None:
                gauges.pop(gauge, None)
            else:
                gauges[gauge] = value

    def expose(self) -> bytes:
        """Return every series in Prometheus' text form."""
        with self._lock:
            records = list(self._records.items())
        # The lock is taken for each object: a first scrape of thousands would block all observations.
        every = [self._lines(key, record) for key, record in records]
        families = zip(_HEADS, zip(*every, strict=True) if every else [()] * len(_HEADS), strict=True)
        return b"".join(part for head, lines in families for part in (head, *lines))

    def _changed(self, key: ObjectKey) -> _Record:
        """Return the record of an object that is about to change."""
        record = self._records.get(key)
        if record is None:
            record = self._records[key] = _Record()
            self._keys.setdefault((key.namespace, key.name, key.role), set()).add(key)
        record.lines = ()
        return record

    def _lines(self, key: ObjectKey, record: _Record) -> tuple[bytes, ...]:
        with self._lock:
            now = self._clock()
            if not record.lines or now >= record.good_until:
                while record.recent and record.recent[0][0] <= now - _WINDOW_SECONDS:
                    record.recent.popleft()
                record.good_until = record.recent[0][0] + _WINDOW_SECONDS if record.recent else math.inf
                record.lines = _written(key, record)
            return record.lines


def _written(key: ObjectKey, record: _Record) -> tuple[bytes, ...]:
    """Return the lines of each family, its labels in the order of the alphabet as prometheus_client has them."""
    first = ",".join(
        f'{label}="{_escaped(value)}"'
        for label, value in (("method", key.method), ("obj_name", key.name), ("obj_namespace", key.namespace))
    )
    role = f'role="{_escaped(key.role)}"'
    plain = f"{{{first},{role}}}"
    took = "volsync_sync_duration_seconds"
    observed = sorted(seconds for _, seconds in record.recent)
    quantiles = ((q, _number(quantile(observed, q))) for q in _QUANTILES)
    results = record.results.items()
    gauges = (
        f"volsync_py_{name}{plain} {_number(record.gauges[name])}\n" if name in record.gauges else "" for name in GAUGES
    )
    texts = (
        f"volsync_missed_intervals_total{plain} {_number(record.missed_intervals)}\n",
        f"volsync_volume_out_of_sync{plain} {_number(record.out_of_sync)}\n",
        "".join(f'{took}{{{first},quantile="{q}",{role}}} {value}\n' for q, value in quantiles)
        + f"{took}_sum{plain} {_number(record.total_seconds)}\n"
        + f"{took}_count{plain} {_number(record.count)}\n",
        "".join(
            f'volsync_py_runs_total{{{first},result="{_escaped(result)}",{role}}} {_number(count)}\n'
            for result, count in results
        ),
        "".join(_failing(key, one) for one in record.failing),
        *gauges,
    )
    return tuple(text.encode() for text in texts)


def _failing(key: ObjectKey, failing: Failing) -> str:
    labels = {
        "condition": failing.condition,
        "method": key.method,
        "obj_name": key.name,
        "obj_namespace": key.namespace,
        "reason": failing.reason,
        "repository": failing.repository,
        "role": key.role,
    }
    text = ",".join(f'{label}="{_escaped(value)}"' for label, value in labels.items())
    return f"volsync_py_failing_since_timestamp_seconds{{{text}}} {_number(failing.since)}\n"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def quantile(ascending: list[float], q: float) -> float:
    """Return the smallest value that at least the share `q` of them does not exceed; NaN of none."""
    if not ascending:
        return math.nan
    return ascending[max(0, math.ceil(q * len(ascending)) - 1)]
