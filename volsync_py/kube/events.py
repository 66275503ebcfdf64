"""Events for users, in events.k8s.io/v1: one request each, repeats as a series, never a flood.

Telling is no part of the work: a failure to tell is counted and forgotten.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from volsync_py.kube.client import Client
from volsync_py.kube.errors import KubeError
from volsync_py.kube.resources import EVENTS

Object = dict[str, Any]
# The API refuses longer notes.
_LONGEST_NOTE_BYTES = 1024
# A person reads no more than this of one thing.
_MOST_IN_AN_HOUR = 10
_HOUR_SECONDS = 3600.0
# Of so many series the oldest are forgotten; their next repeat is a new event.
_MOST_SERIES = 2000


class EventRecorder:
    """Sends events on behalf of one controller."""

    def __init__(
        self,
        client: Client,
        *,
        controller: str,
        instance: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._controller, self._instance, self._clock = client, controller, instance, clock
        self._lock = threading.Lock()
        self._sent: dict[tuple[str, str, str], deque[float]] = {}
        self._series: dict[tuple[str, str, str], tuple[str, int]] = {}
        self.failures = 0

    def record(
        self,
        regarding: Object,
        *,
        type: str,
        reason: str,
        action: str,
        note: str,
        related: Object | None = None,
    ) -> None:
        """Tell of something about `regarding`; a note that was told before makes a series."""
        note = note.encode()[:_LONGEST_NOTE_BYTES].decode(errors="ignore")
        key = (regarding["metadata"]["uid"], reason, note)
        if not self._allowed(key):
            return
        namespace = regarding["metadata"].get("namespace") or "default"
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        try:
            if key in self._series:
                self._repeat(key, namespace, now)
                return
            name = f"{regarding['metadata']['name']}.{uuid4().hex[:16]}"
            event: Object = {
                "apiVersion": EVENTS.api_version,
                "kind": EVENTS.kind,
                "metadata": {"name": name, "namespace": namespace},
                "eventTime": now,
                "type": type,
                "reason": reason,
                "action": action or reason,
                "note": note,
                "regarding": _reference(regarding),
                "reportingController": self._controller,
                "reportingInstance": self._instance,
            }
            if related is not None:
                event["related"] = related
            self._client.create(EVENTS, event)
            self._remember(key, name)
        except KubeError:
            self.failures += 1

    def _repeat(self, key: tuple[str, str, str], namespace: str, now: str) -> None:
        name, count = self._series[key]
        changes = {"series": {"count": count + 1, "lastObservedTime": now}}
        try:
            self._client.patch(EVENTS, name, changes, namespace)
            self._series[key] = (name, count + 1)
        except KubeError:
            # Events live for an hour; a repeat after that is a new one.
            self._series.pop(key, None)
            raise

    def _remember(self, key: tuple[str, str, str], name: str) -> None:
        self._series[key] = (name, 1)
        while len(self._series) > _MOST_SERIES:
            oldest = next(iter(self._series))
            self._series.pop(oldest, None)
            self._sent.pop(oldest, None)

    def _allowed(self, key: tuple[str, str, str]) -> bool:
        now = self._clock()
        with self._lock:
            times = self._sent.setdefault(key, deque())
            while times and now - times[0] > _HOUR_SECONDS:
                times.popleft()
            if len(times) >= _MOST_IN_AN_HOUR:
                return False
            times.append(now)
            return True


def _reference(obj: Object) -> Object:
    meta = obj["metadata"]
    return {
        "apiVersion": obj["apiVersion"],
        "kind": obj["kind"],
        "namespace": meta.get("namespace", ""),
        "name": meta["name"],
        "uid": meta["uid"],
        "resourceVersion": meta.get("resourceVersion", ""),
    }
