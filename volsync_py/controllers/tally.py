"""Counts for the metrics what passes over custom resources come to; no series outlives its resource."""

from __future__ import annotations

from volsync_py.api.spec import Replication
from volsync_py.core.names import Role
from volsync_py.core.result import Decision
from volsync_py.object_metrics import ObjectKey, ObjectMetrics


class Tally:
    """The controllers' side of the metrics of resources."""

    def __init__(self, objects: ObjectMetrics) -> None:
        self._objects = objects

    def decided(self, replication: Replication, decision: Decision) -> None:
        meta = replication.object["metadata"]
        key = ObjectKey(meta["name"], meta["namespace"], replication.role.value, "restic")
        self._objects.see(key)
        if decision.out_of_sync is not None:
            self._objects.set_out_of_sync(key, decision.out_of_sync)
        if decision.finished is not None:
            self._objects.observe_sync(key, decision.finished.duration_seconds)
            if decision.finished.missed_intervals:
                self._objects.miss_interval(key)
            self._objects.count_result(key, "Succeeded")
        if decision.failed_class:
            self._objects.count_result(key, decision.failed_class)

    def gone(self, role: Role, namespace: str, name: str) -> None:
        self._objects.forget(namespace, name, role.value)
