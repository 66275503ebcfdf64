"""Watches: from a version, or from what is there, until the time is over.

Guarantees: a stream tells every change that its selectors see, in order, or ends with an ERROR that says what was
lost; a client that has gone frees its thread within a second or two.
"""

from __future__ import annotations

import json
import time

from hack.devcluster.api.call import Call
from hack.devcluster.api.errors import StatusError, expired
from hack.devcluster.api.history import WatchEvent
from hack.devcluster.api.objects import Object
from hack.devcluster.api.registry import Resource
from hack.devcluster.api.selectors import Match
from hack.devcluster.api.table import as_table

# A client that asks for bookmarks gets one so often, besides the one at the end.
_BOOKMARK_SECONDS = 30.0
# How often a silent stream looks whether somebody is still there.
_LOOK_SECONDS = 1.0
_DEFAULT_SECONDS = 1800
_INITIAL_END = "k8s.io/initial-events-end"


def serve(call: Call) -> None:
    """Answer a watch."""
    one = _Watch(call)
    call.faults.note(call.asked, 200)
    call.stream.begin("application/json")
    one.run()


class _Watch:
    def __init__(self, call: Call) -> None:
        self._call, self._registry, self._res = call, call.registry, call.target.resource
        self._matches = call.matches()
        seconds = call.number("timeoutSeconds")
        self._until = time.monotonic() + (seconds or _DEFAULT_SECONDS)
        self._bookmarks = call.flag("allowWatchBookmarks")
        self._cuts = call.faults.cuts(self._res.plural)
        self._too_old = False
        with self._registry.changed:
            self._pending = self._begin(call.number("resourceVersion") or 0)

    def _begin(self, version: int) -> list[Object]:
        """Return what the stream begins with, and set where it goes on from."""
        call, now = self._call, self._registry.version
        initial = call.query.get("sendInitialEvents")
        if initial is not None and call.query.get("resourceVersionMatch") != "NotOlderThan":
            text = "sendInitialEvents: Forbidden: it requires resourceVersionMatch to be NotOlderThan"
            raise StatusError(422, "Invalid", f'ListOptions.meta.k8s.io "" is invalid: {text}')
        self._version = now
        if call.flag("sendInitialEvents"):
            self._bookmark_at = time.monotonic() + _BOOKMARK_SECONDS
            return [*self._all(), self._bookmark({_INITIAL_END: "true"})]
        self._bookmark_at = time.monotonic() + _BOOKMARK_SECONDS
        if not version:
            return [] if initial is not None else self._all()
        # A version of the future is one of another cluster, such as the last one on this port.
        self._too_old = version < self._registry.history.expired or version > now
        self._version = version
        return []

    def _all(self) -> list[Object]:
        found = self._registry.stored(self._res, self._call.target.namespace or None)
        return [{"type": "ADDED", "object": obj} for obj in found if self._matches(obj)]

    def _bookmark(self, annotations: dict[str, str] | None = None) -> Object:
        meta: Object = {"resourceVersion": str(self._version), "creationTimestamp": None}
        if annotations:
            meta["annotations"] = annotations
        obj = {"kind": self._res.kind, "apiVersion": self._res.api_version, "metadata": meta}
        return {"type": "BOOKMARK", "object": obj}

    def run(self) -> None:
        """Tell what happens until the time is over, the client has gone or something was lost."""
        stream = self._call.stream
        while not self._call.ending.is_set():
            if self._too_old:
                error = expired(f"too old resource version: {self._version} ({self._registry.version})")
                self._send({"type": "ERROR", "object": error.body()})
                break
            for event in self._pending:
                self._send(event)
            self._pending = []
            if time.monotonic() >= self._until:
                if self._bookmarks:
                    self._send(self._bookmark())
                break
            if self._call.faults.cuts(self._res.plural) != self._cuts:
                stream.cut()
                return
            if stream.gone():
                self._call.stream.cut()
                return
            self._wait()
        stream.end()

    def _wait(self) -> None:
        with self._registry.changed:
            if self._registry.version == self._version:
                now = time.monotonic()
                self._registry.changed.wait(max(0.0, min(self._until - now, self._bookmark_at - now, _LOOK_SECONDS)))
            self._too_old = self._version < self._registry.history.dropped
            if self._too_old:
                return
            for change in self._registry.history.since(self._version):
                shown = _shown(change, self._res, self._call.target.namespace, self._matches)
                if shown is not None:
                    self._pending.append(shown)
            self._version = self._registry.version
        if time.monotonic() >= self._bookmark_at:
            self._bookmark_at = time.monotonic() + _BOOKMARK_SECONDS
            if self._bookmarks:
                self._pending.append(self._bookmark())

    def _send(self, event: Object) -> None:
        if self._call.table and event["type"] not in ("BOOKMARK", "ERROR"):
            version = {"resourceVersion": event["object"]["metadata"]["resourceVersion"]}
            event = {**event, "object": as_table(self._res, [event["object"]], version)}
        self._call.stream.send(json.dumps(event).encode() + b"\n")


def _shown(event: WatchEvent, res: Resource, namespace: str, matches: Match) -> Object | None:
    """Return the event as a watcher with a selector sees it: objects enter and leave what is selected."""
    if (event.resource.group, event.resource.plural) != (res.group, res.plural):
        return None
    if namespace and event.object["metadata"].get("namespace") != namespace:
        return None
    now = event.type != "DELETED" and matches(event.object)
    before = event.before is not None and matches(event.before)
    if not now and not before:
        return None
    kind = "DELETED" if not now else ("MODIFIED" if before else "ADDED")
    return {"type": kind, "object": event.object}
