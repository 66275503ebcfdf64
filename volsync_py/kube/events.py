"""Events for users, in events.k8s.io/v1: one request each, repeats as a series, never a flood.

Telling is no part of the work: a failure to tell is forgotten.
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
# Of more series, and of more things that were told of, the oldest are forgotten: a repeat begins anew.
_MOST_REMEMBERED = 2000

Limit = tuple[str, str]
Series = tuple[str, str, str]


class EventRecorder:
    """Sends events on behalf of one controller."""

    def __init__(
        self,
        client: Client,
        *,
        controller: str,
        instance: str,
        most_remembered: int = _MOST_REMEMBERED,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._controller, self._instance, self._clock = client, controller, instance, clock
        self._most = most_remembered
        # Guards both; no request is sent under it.
        self._lock = threading.Lock()
        # By UID and reason: when that was told in the last hour.
        self._told: dict[Limit, deque[float]] = {}
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
            _bound(self._series, self._most)

    def _allowed(self, key: Limit) -> bool:
        now = self._clock()
        with self._lock:
            times = self._told.pop(key, deque())
            self._told[key] = times
            _bound(self._told, self._most)
            while times and now - times[0] > _HOUR_SECONDS:
                times.popleft()
            if len(times) >= _MOST_IN_AN_HOUR:
                return False
            times.append(now)
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


def _bound(remembered: dict[Any, Any], most: int) -> None:
    while len(remembered) > most:
        del remembered[next(iter(remembered))]


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
