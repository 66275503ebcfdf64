"""Events are one kind of objects under two groups, and events.k8s.io has other names for what core calls otherwise."""

from __future__ import annotations

from typing import Any

GROUP = "events.k8s.io"
_NAMES = {"note": "message", "regarding": "involvedObject", "reportingController": "reportingComponent"}


def as_core(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event, or a change of one, with core's names beside those of events.k8s.io."""
    core = {ours: event[theirs] for theirs, ours in _NAMES.items() if theirs in event}
    if "reportingController" in event:
        core["source"] = {"component": event["reportingController"]}
    if "eventTime" in event:
        core |= {"firstTimestamp": event["eventTime"], "lastTimestamp": event["eventTime"], "count": 1}
    series = event.get("series")
    if isinstance(series, dict):
        core |= {"count": series.get("count"), "lastTimestamp": series.get("lastObservedTime")}
    return {**event, **core}
