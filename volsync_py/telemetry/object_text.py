"""The text of the series about one object, in Prometheus' form, family by family.

Guarantees that the text is what prometheus_client would write. It does not use prometheus_client's metric classes: its
Summary has no quantiles, which VolSync's dashboards read, removing a label set from a dozen metrics is easy to get
wrong, and writing all lines anew takes seconds of the interpreter with ten thousand objects. So each record keeps its
lines, and only those of a family that has changed are written again.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping

from attrs import define, field, frozen
from prometheus_client.utils import floatToGoString

# The package has no types.
_number: Callable[[float], str] = floatToGoString
_QUANTILES = (0.5, 0.9, 0.99)
# A sync a minute is 1,440 a day; more than that changes no quantile anybody looks at.
_MOST_OBSERVATIONS = 2_000

GAUGES: Mapping[str, str] = {
    "last_success_timestamp_seconds": "When the last run that succeeded ended.",
    "last_attempt_timestamp_seconds": "When the last run ended, well or not.",
    "next_sync_timestamp_seconds": "When the next run is due.",
    "healthy": "1 after a good run, 0 after a failed one.",
    "snapshots": "Snapshots in the repository, as the last retention run saw them.",
    "last_snapshot_bytes_processed": "Bytes that the last snapshot covers.",
    "last_snapshot_bytes_added": "Bytes that the last snapshot added to the repository.",
    "last_snapshot_files": "Files that the last snapshot covers.",
    "last_snapshot_files_failed": "Files that the last backup could not read.",
    "last_verified_timestamp_seconds": "When a backup was last restored and found to be whole.",
    "verification_wanted_since_timestamp_seconds": "Since when a schedule asks for the first proof; not while paused.",
    "mover_wait_seconds": "How long the last run waited for its turn.",
    "overdue_timestamp_seconds": "When it becomes overdue, unless a run ends well before; none while paused.",
    "repository_size_bytes": "Bytes in the repository, as the last prune by this source left it.",
    "repository_size_timestamp_seconds": "When the prune that left this size ended.",
    "repository_locked_since_timestamp_seconds": "Since when the lock that stops its runs has been there.",
}
# They have the repository as a label, as a hash: that of the last backup, or none.
OF_REPOSITORY = frozenset(name for name in GAUGES if name.startswith("repository_"))
# The labels of every family, and those that some have besides.
LABELS = ("obj_name", "obj_namespace", "role", "method")
MORE_LABELS: Mapping[str, tuple[str, ...]] = {
    "volsync_sync_duration_seconds": ("quantile",),
    "volsync_py_runs_total": ("result",),
    "volsync_py_failing_since_timestamp_seconds": ("condition", "reason", "repository"),
    **{f"volsync_py_{name}": ("repository",) for name in sorted(OF_REPOSITORY)},
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
HEADS = tuple(f"# HELP {name} {text}\n# TYPE {name} {kind}\n".encode() for name, kind, text in FAMILIES)
# Where the lines of each family are; those of the gauges follow.
MISSED, OUT_OF_SYNC, TOOK, RUNS, FAILING = range(5)
PLACE_OF_GAUGE: Mapping[str, int] = {name: FAILING + 1 + number for number, name in enumerate(GAUGES)}


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
class Record:
    """What is known of one object, and its lines: None where something has changed since they were written."""

    missed_intervals: int = 0
    # Out of sync until a decision says otherwise.
    out_of_sync: bool = True
    count: int = 0
    total_seconds: float = 0.0
    # When, and how long.
    recent: deque[tuple[float, float]] = field(factory=lambda: deque(maxlen=_MOST_OBSERVATIONS))
    results: dict[str, int] = field(factory=dict)
    failing: tuple[Failing, ...] = ()
    gauges: dict[str, float] = field(factory=dict)
    repository: str = ""
    lines: list[bytes | None] = field(factory=lambda: [None] * len(FAMILIES))


def write(key: ObjectKey, record: Record) -> None:
    """Write the lines that are not written, labels in the order of the alphabet as prometheus_client has them."""
    first = f'method="{_escaped(key.method)}",obj_name="{_escaped(key.name)}",obj_namespace="{_escaped(key.namespace)}"'
    role = f'role="{_escaped(key.role)}"'
    plain = f"{{{first},{role}}}"
    lines, gauges = record.lines, record.gauges
    if lines[MISSED] is None:
        lines[MISSED] = f"volsync_missed_intervals_total{plain} {_number(record.missed_intervals)}\n".encode()
    if lines[OUT_OF_SYNC] is None:
        lines[OUT_OF_SYNC] = f"volsync_volume_out_of_sync{plain} {_number(record.out_of_sync)}\n".encode()
    if lines[TOOK] is None:
        lines[TOOK] = _took(record, first, role, plain).encode()
    if lines[RUNS] is None:
        lines[RUNS] = "".join(
            f'volsync_py_runs_total{{{first},result="{_escaped(result)}",{role}}} {_number(count)}\n'
            for result, count in record.results.items()
        ).encode()
    if lines[FAILING] is None:
        lines[FAILING] = "".join(_failing(key, one) for one in record.failing).encode()
    of_repository = f'{{{first},repository="{_escaped(record.repository)}",{role}}}'
    for name, place in PLACE_OF_GAUGE.items():
        if lines[place] is None:
            labels = of_repository if name in OF_REPOSITORY else plain
            lines[place] = f"volsync_py_{name}{labels} {_number(gauges[name])}\n".encode() if name in gauges else b""


def _took(record: Record, first: str, role: str, plain: str) -> str:
    took = "volsync_sync_duration_seconds"
    observed = sorted(seconds for _, seconds in record.recent)
    quantiles = "".join(
        f'{took}{{{first},quantile="{q}",{role}}} {_number(quantile(observed, q))}\n' for q in _QUANTILES
    )
    sums = f"{took}_sum{plain} {_number(record.total_seconds)}\n{took}_count{plain} {_number(record.count)}\n"
    return quantiles + sums


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
