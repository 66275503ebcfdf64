"""What the manager counts about itself, in a registry of its own.

Guarantees that one `Metrics` is all there is: nothing is registered globally, so tests and two managers in one
process never meet. Names that begin with `volsync_py_` are ours; VolSync's own three live in `object_metrics`.
Metric objects are made once and their labels are few and bounded (verbs, kinds, codes, controllers), because
each series costs time whenever somebody scrapes.
"""

from __future__ import annotations

import platform
from collections.abc import Callable

from attrs import frozen
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

from volsync_py import __version__
from volsync_py.telemetry.object_metrics import ObjectMetrics

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# API calls take milliseconds on a quiet cluster; 30 s is where the client gives up.
_REQUEST_BUCKETS = (0.005, 0.02, 0.1, 0.5, 2, 10, 30)
# A pass is a few API calls; what takes 10 s is stuck.
_RECONCILE_BUCKETS = (0.005, 0.02, 0.1, 0.5, 2, 10)
# Work waits behind other work, at a slot shared by a thousand objects for most of a minute.
_QUEUE_BUCKETS = (0.01, 0.1, 1, 10, 60, 300)


@frozen
class Family:
    """Series of one name; `labels` are their names."""

    name: str
    type: str
    labels: tuple[str, ...]
    text: str


class Metrics:
    """All series of one manager."""

    def __init__(self, objects: ObjectMetrics | None = None) -> None:
        self.registry = CollectorRegistry()
        self._families: list[Family] = []
        self.objects = objects or ObjectMetrics()
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._requests = self._counter(
            "api_requests",
            "Requests to the API server, by what they asked for and how it answered.",
            "verb resource code",
        )
        self._request_seconds = self._histogram(
            "api_request_duration_seconds", "How long the API server took to answer.", "verb", _REQUEST_BUCKETS
        )
        self._reconciles = self._counter("reconciles", "Passes over one object, by their end.", "controller outcome")
        self._reconcile_seconds = self._histogram(
            "reconcile_duration_seconds", "How long passes took.", "controller", _RECONCILE_BUCKETS
        )
        self._queue_seconds = self._histogram(
            "queue_duration_seconds", "How long an object waited for its pass.", "controller", _QUEUE_BUCKETS
        )
        self._queue_depth = self._gauge("queue_depth", "Objects that wait for a pass.", "controller")
        self._watch_restarts = self._counter(
            "watch_restarts", "Watches that had to be started again, by why.", "resource reason"
        )
        self._dropped_events = self._counter(
            "events_dropped", "Events that were not sent: too many waited, or one thing was told too often.", "reason"
        )
        for reason in ("queue", "limit"):
            self._dropped_events.labels(reason)
        self._movers = self._gauge("movers", "Mover Jobs, by what they do.", "state")
        self._mover_slots = self._gauge("mover_slots", "Movers that may run at once (--max-movers); 0: no limit.", "")
        self._leader = self._gauge("leader", "1 while this replica leads.", "")
        info = self._gauge("build_info", "The running version.", "version python")
        info.labels(version=__version__, python=platform.python_version()).set(1)
        self._time_zone = self._gauge(
            "time_zone_utc_offset_seconds", "How far the zone of schedules that name none is ahead of UTC now.", "zone"
        )
        for state in ("running", "waiting"):
            self._movers.labels(state)

    def observe_request(self, verb: str, resource: str, code: str, seconds: float) -> None:
        """Count one request to the API server; the observer of `kube.client`."""
        self._requests.labels(verb, resource, code).inc()
        if verb != "watch":
            self._request_seconds.labels(verb).observe(seconds)

    def observe_reconcile(self, controller: str, outcome: str, seconds: float) -> None:
        """Count one pass and how it ended."""
        self._reconciles.labels(controller, outcome).inc()
        self._reconcile_seconds.labels(controller).observe(seconds)

    def observe_queue_wait(self, controller: str, seconds: float) -> None:
        """Count how long one object waited for its pass."""
        self._queue_seconds.labels(controller).observe(seconds)

    def watch_queue_depth(self, controller: str, depth: Callable[[], int]) -> None:
        """Show what `depth` returns at each scrape."""
        self._queue_depth.labels(controller).set_function(depth)

    def count_watch_restart(self, resource: str, reason: str) -> None:
        """Count a watch that ended other than by its own time limit."""
        self._watch_restarts.labels(resource, reason).inc()

    def count_dropped_event(self, reason: str) -> None:
        """Count an event that nobody will hear of."""
        self._dropped_events.labels(reason).inc()

    def watch_movers(self, running: Callable[[], int], waiting: Callable[[], int], slots: int) -> None:
        """Show what both return at each scrape, and how many may run at once."""
        self._mover_slots.set(slots)
        self._movers.labels("running").set_function(running)
        self._movers.labels("waiting").set_function(waiting)

    def watch_time_zone(self, name: str, offset_seconds: Callable[[], float]) -> None:
        """Show which zone schedules without one are in, and what its clock is ahead by at each scrape."""
        self._time_zone.labels(name).set_function(offset_seconds)

    def set_leader(self, leads: bool) -> None:
        """Return whether this replica leads."""
        self._leader.set(1 if leads else 0)

    def own_families(self) -> tuple[Family, ...]:
        """Return what there is to see of the manager, whatever has happened so far."""
        return tuple(self._families)

    def expose(self) -> bytes:
        """Return everything in Prometheus' text form."""
        return generate_latest(self.registry) + self.objects.expose()

    def _counter(self, name: str, text: str, labels: str) -> Counter:
        self._families.append(Family(f"volsync_py_{name}", "counter", tuple(labels.split()), text))
        return Counter(f"volsync_py_{name}", text, labels.split(), registry=self.registry)

    def _gauge(self, name: str, text: str, labels: str) -> Gauge:
        self._families.append(Family(f"volsync_py_{name}", "gauge", tuple(labels.split()), text))
        return Gauge(f"volsync_py_{name}", text, labels.split(), registry=self.registry)

    def _histogram(self, name: str, text: str, labels: str, buckets: tuple[float, ...]) -> Histogram:
        self._families.append(Family(f"volsync_py_{name}", "histogram", tuple(labels.split()), text))
        return Histogram(f"volsync_py_{name}", text, labels.split(), buckets=buckets, registry=self.registry)
