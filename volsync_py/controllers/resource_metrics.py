"""Counts for the metrics what passes over custom resources come to; no series outlives its resource."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from volsync_py.api.spec import Replication
from volsync_py.core.attempt import Attempt
from volsync_py.core.condition_writer import HEALTHY, MAINTAINED, SYNCHRONIZING, VERIFIED
from volsync_py.core.conditions import get_condition
from volsync_py.core.names import Role
from volsync_py.core.objects import Object, is_deleting, mapping, status_of
from volsync_py.core.replication import running_since
from volsync_py.core.result import Decision
from volsync_py.core.stored_times import time_in
from volsync_py.core.times import parse_rfc3339
from volsync_py.movers.restic.outcome import CLASSES
from volsync_py.telemetry.object_metrics import ObjectMetrics
from volsync_py.telemetry.object_text import Failing, ObjectKey
from volsync_py.volumes.claims import NOT_GROWN
from volsync_py.volumes.copy_trigger import TIMED_OUT

_HEALTH = {"True": 1.0, "False": 0.0}
_WAITING = "WaitingForMover"
# What conditions have as a reason besides the classes of failures.
REASONS = frozenset(CLASSES) | {
    "CleanupIgnored",
    "ClaimTerminating",
    "DefinitionsOutdated",
    "HalfRestored",
    "MaintenanceWaits",
    "ObjectInTheWay",
    "SnapshotFailed",
    "SnapshotNotBound",
    "Succeeded",
    TIMED_OUT,
    NOT_GROWN,
}
# As the manager names a repository.
_HASH = re.compile(r"[0-9a-f]{16}")


class ResourceMetrics:
    """The metrics of the resources of one controller."""

    def __init__(self, objects: ObjectMetrics, clock: Callable[[], datetime]) -> None:
        self._objects, self._clock = objects, clock
        # resourceVersion that the gauges show. No lock: a resource is never with two workers.
        self._shown: dict[ObjectKey, str] = {}

    def decided(self, replication: Replication, decision: Decision, after: Object) -> None:
        """Take what a pass came to; `after` is the resource as it was left behind."""
        if is_deleting(after):
            # Being deleted: no further decision updates its series.
            return
        meta = replication.object["metadata"]
        key = ObjectKey(meta["name"], meta["namespace"], replication.role.value, "restic")
        status = status_of(after)
        # None means that it is not behind: every decision about one that is says so.
        self._objects.set_out_of_sync(key, bool(decision.out_of_sync))
        if decision.finished is not None:
            self._objects.observe_sync(key, decision.finished.duration_seconds)
            if decision.finished.missed_intervals:
                self._objects.miss_interval(key)
            self._objects.count_result(key, _result(status))
        if decision.failed_class:
            self._objects.count_result(key, _known(decision.failed_class))
        if self._shown.get(key) != _version(after):
            self._shown[key] = _version(after)
            self._show(key, replication, status)
        self._objects.write(key)

    def gone(self, role: Role, namespace: str, name: str) -> None:
        """Forget a resource."""
        self._objects.forget(namespace, name, role.value)
        self._shown.pop(ObjectKey(name, namespace, role.value, "restic"), None)

    def _show(self, key: ObjectKey, replication: Replication, status: Object) -> None:
        for gauge, value in gauges(status):
            self._objects.set_gauge(key, gauge, value)
        self._objects.set_gauge(key, "overdue_timestamp_seconds", _overdue_at(replication, status))
        since = _unproved_since(replication, status)
        self._objects.set_gauge(key, "verification_wanted_since_timestamp_seconds", since)
        self._objects.set_failing(key, tuple(failing(status)))
        self._objects.set_repository(key, _repository(status))
        wait = self._waited(replication.status, status)
        if wait is not None:
            self._objects.set_gauge(key, "mover_wait_seconds", wait)

    def _waited(self, before: Object, status: Object) -> float | None:
        """Return how long a run waited whose turn has just come; one that is tried again has had its turn."""
        started = running_since(status)
        if started is None or Attempt.of(status) or _reason(status, SYNCHRONIZING) == _WAITING:
            return None
        if running_since(before) != started:
            return 0.0
        if _reason(before, SYNCHRONIZING) == _WAITING:
            return max((self._clock() - started).total_seconds(), 0.0)
        return None


def gauges(status: Object) -> Iterator[tuple[str, float | None]]:
    """Return what a status says, by the names of the gauges; None: it does not say."""
    restic = status.get("restic") or {}
    snapshot, healthy = restic.get("lastSnapshot") or {}, get_condition(status.get("conditions") or [], HEALTHY)
    attempt, size = Attempt.of(status), mapping(restic, "repositorySize")
    success, failure = _instant(status.get("lastSyncTime")), _instant(attempt.failed_at)
    yield "last_success_timestamp_seconds", success
    yield "last_attempt_timestamp_seconds", max((t for t in (success, failure) if t is not None), default=None)
    yield "next_sync_timestamp_seconds", _instant(status.get("nextSyncTime"))
    yield "healthy", _HEALTH.get(str(healthy.get("status"))) if healthy is not None else None
    yield "snapshots", _number((restic.get("snapshots") or {}).get("count"))
    yield "last_snapshot_bytes_processed", _number(snapshot.get("bytesProcessed"))
    yield "last_snapshot_bytes_added", _number(snapshot.get("bytesAdded"))
    yield "last_snapshot_files", _sum(snapshot, "filesNew", "filesChanged", "filesUnmodified")
    yield "last_snapshot_files_failed", _number(snapshot.get("filesFailed"))
    yield "last_verified_timestamp_seconds", _instant(mapping(restic, "lastVerified").get("time"))
    yield "repository_size_bytes", _number(size.get("bytes"))
    yield "repository_size_timestamp_seconds", _instant(size.get("time"))
    # An attempt that failed for another reason has no lock on record.
    yield "repository_locked_since_timestamp_seconds", _instant(attempt.locked_since)


def failing(status: Object) -> Iterator[Failing]:
    """Return the conditions that are False and say that something is wrong.

    Whoever may write a status may write any reason into it; no label value is made of that.
    """
    for kind in (HEALTHY, MAINTAINED, VERIFIED):
        found = get_condition(status.get("conditions") or [], kind) or {}
        since = _instant(found.get("lastTransitionTime"))
        if found.get("status") == "False" and since is not None:
            yield Failing(kind, _known(found.get("reason")), _repository(status), since)


def _repository(status: Object) -> str:
    repository = str((status.get("restic") or {}).get("repositoryHash") or "")
    return repository if _HASH.fullmatch(repository) else ""


def _overdue_at(replication: Replication, status: Object) -> float | None:
    if replication.paused:
        return None
    last = time_in(status, "lastSyncTime") or replication.trigger.created
    deadline = replication.trigger.deadline_after(last)
    return None if deadline is None else deadline.timestamp()


def _unproved_since(replication: Replication, status: Object) -> float | None:
    """Return since when somebody waits for the first proof of backups that are there; no restart moves it."""
    is_proved = _instant(mapping(status, "restic", "lastVerified").get("time")) is not None
    is_wanted = replication.verification.slots is not None and not replication.paused
    if not is_wanted or is_proved or not status.get("lastSyncTime"):
        return None
    since = _instant(mapping(status, "restic", "verification").get("since"))
    return replication.trigger.created.timestamp() if since is None else since


def _known(reason: Any) -> str:
    return str(reason) if reason in REASONS else "Other"


def _version(resource: Object) -> str:
    return str(resource["metadata"].get("resourceVersion") or "")


def _result(status: Object) -> str:
    """Return how a run ended that came to an end: Succeeded, or the class of what it could not do."""
    healthy = get_condition(status.get("conditions") or [], HEALTHY) or {}
    # False is about what comes next: the spec was broken meanwhile.
    return _known(healthy.get("reason")) if healthy.get("status") == "True" else "Succeeded"


def _reason(status: Object, condition: str) -> str:
    found = get_condition(status.get("conditions") or [], condition)
    return str(found.get("reason") or "") if found is not None else ""


def _instant(text: Any) -> float | None:
    try:
        return parse_rfc3339(str(text)).timestamp() if text else None
    except ValueError:
        # Not a time: somebody else has written the field.
        return None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _sum(fields: Object, *names: str) -> float | None:
    return float(sum(_number(fields.get(name)) or 0.0 for name in names)) if fields else None
