"""Events for users, in events.k8s.io/v1: one request each, repeats as a series, never a flood.

ConditionWriter is no part of the work: a failure to tell is forgotten.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

from volsync_py.kube.client import Client
from volsync_py.kube.errors import KubeError
from volsync_py.kube.resources import EVENTS, Object

# The API refuses longer notes.
_LONGEST_NOTE_BYTES = 1024
# Nobody reads more events than this about one object in an hour.
_MOST_IN_AN_HOUR = 10
_HOUR_SECONDS = 3600.0
# Beyond this the oldest series are forgotten, and a repeat starts a new event.
_MOST_SERIES = 2_000
# Each of ten thousand objects has a handful of reasons in an hour. What none of these counts has room for shares one
# limit: a count that is forgotten before its hour ends would be no limit.
_MOST_COUNTED = 50_000
_MOST_UNCOUNTED = 600

Limit = tuple[str, str]
Series = tuple[str, str, str]
# The key of the limit that they share; no object has it.
_UNCOUNTED: Limit = ("", "")


class EventRecorder:
    """Sends events on behalf of one controller."""

    def __init__(
        self,
        client: Client,
        *,
        controller: str,
        instance: str,
        most_series: int = _MOST_SERIES,
        most_counted: int = _MOST_COUNTED,
        most_uncounted: int = _MOST_UNCOUNTED,
        on_drop: Callable[[], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._controller, self._instance, self._clock = client, controller, instance, clock
        self._most_series, self._most_counted, self._most_uncounted = most_series, most_counted, most_uncounted
        self._on_drop = on_drop or (lambda: None)
        # Guards what follows; no request is sent under it.
        self._lock = threading.Lock()
        # By UID and reason: since when that is counted, for an hour, and how often it was told; the oldest first.
        self._told: dict[Limit, tuple[float, int]] = {}
        # By UID, reason and note: the event that was made of it, and how often it was told.
        self._series: dict[Series, tuple[str, int]] = {}

    def record(
        self,
        regarding: Object,
        *,
        type: str,
        reason: str,
        action: str,
        note: str,
        related: Object | None = None,
        at: datetime | None = None,
    ) -> None:
        """Tell of something about `regarding` that happened at that time, or now.

        A note that was told before makes a series.
        """
        note = note.encode()[:_LONGEST_NOTE_BYTES].decode(errors="ignore")
        meta = regarding["metadata"]
        key = (meta["uid"], reason, note)
        if not self._allowed((meta["uid"], reason)):
            self._on_drop()
            return
        event = {
            "type": type,
            "reason": reason,
            "action": action or reason,
            "note": note,
            "regarding": _reference(regarding),
            **({"related": related} if related is not None else {}),
        }
        try:
            self._send(key, meta.get("namespace") or "default", event, at or datetime.now(UTC))
        except KubeError:
            # Events live for an hour; a repeat after that, or of what could not be told, is a new one.
            with self._lock:
                self._series.pop(key, None)

    def _send(self, key: Series, namespace: str, event: Object, at: datetime) -> None:
        now = at.isoformat(timespec="microseconds").replace("+00:00", "Z")
        repeated = self._repeated(key)
        if repeated:
            name, count = repeated
            self._client.patch(EVENTS, name, {"series": {"count": count, "lastObservedTime": now}}, namespace)
            return
        name = f"{event['regarding']['name']}.{uuid4().hex[:16]}"
        envelope = {
            "apiVersion": EVENTS.api_version,
            "kind": EVENTS.kind,
            "metadata": {"name": name, "namespace": namespace},
            "eventTime": now,
            "reportingController": self._controller,
            "reportingInstance": self._instance,
        }
        self._client.create(EVENTS, {**envelope, **event})
        with self._lock:
            self._series[key] = (name, 1)
            while len(self._series) > self._most_series:
                del self._series[next(iter(self._series))]

    def _allowed(self, key: Limit) -> bool:
        now = self._clock()
        with self._lock:
            # Their hours end in the order in which they began.
            while self._told and now - next(iter(self._told.values()))[0] > _HOUR_SECONDS:
                del self._told[next(iter(self._told))]
            most = _MOST_IN_AN_HOUR
            if key not in self._told and len(self._told) >= self._most_counted:
                key, most = _UNCOUNTED, self._most_uncounted
            since, count = self._told.get(key, (now, 0))
            if count >= most:
                return False
            self._told[key] = (since, count + 1)
            return True

    def _repeated(self, key: Series) -> tuple[str, int] | None:
        """Return the event that a repeat belongs to, and how often it has been told with this."""
        with self._lock:
            found = self._series.pop(key, None)
            if found is None:
                return None
            name, count = found
            self._series[key] = (name, count + 1)
            return name, count + 1


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
