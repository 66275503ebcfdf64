"""What has become of a run that somebody has asked for with the annotation run-now. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from volsync_py.core.attempt import Attempt
from volsync_py.core.condition_writer import HEALTHY, SYNCHRONIZING
from volsync_py.core.objects import Object, mapping
from volsync_py.health.state import condition
from volsync_py.health.words import count, plain, size


@frozen
class Ended:
    """How it ended, in a sentence."""

    well: bool
    text: str
    # The same for programs, as far as there are names and numbers.
    facts: Mapping[str, Any] = field(factory=dict)


def ended(source: Object, token: str, snapshot_before: str) -> Ended | None:
    """Return how the run ended that a token stands for, None if it has not; the operator gives up after some attempts.

    A paused source has none that will end.
    """
    status = mapping(source, "status")
    if status.get("lastRunNow") == token:
        return Ended(True, _made(status, snapshot_before), _numbers(status, snapshot_before))
    if mapping(source, "spec").get("paused") is True:
        name = source["metadata"]["name"]
        return Ended(False, f"is paused, and is backed up when that ends: volsync-py resume {name}")
    if Attempt.of(status).run_now == token and mapping(status, "latestMoverStatus").get("result") == "Failed":
        return Ended(False, f"failed after {count(Attempt.of(status).count, 'attempt')}: {trouble(status)}")
    return None


def refused(source: Object) -> str:
    """Return why no run is started at all, "" if nothing says so; it may be said of what was there before."""
    status = mapping(source, "status")
    return trouble(status) if condition(status, SYNCHRONIZING).get("reason") == "Error" else ""


def doing(source: Object, token: str) -> str:
    """Return what is known of a run that has not ended."""
    status = mapping(source, "status")
    attempt = Attempt.of(status)
    if attempt.run_now == token and attempt.count:
        return f"attempt {attempt.count} failed, {trouble(status)}"
    synchronizing = condition(status, SYNCHRONIZING)
    if synchronizing.get("status") == "True":
        return plain(synchronizing.get("message"))
    return "waits for the operator"


def snapshot_of(source: Object) -> str:
    """Return the id of the last snapshot, "" if there is none."""
    last = mapping(source, "status", "restic", "lastSnapshot")
    return plain(last.get("id") or "")


def _numbers(status: Object, snapshot_before: str) -> Mapping[str, Any]:
    snapshot = mapping(status, "restic", "lastSnapshot")
    if not snapshot.get("id") or snapshot["id"] == snapshot_before:
        return {"snapshot": None}
    return {
        "snapshot": plain(snapshot["id"]),
        "files": _files(snapshot),
        "bytes": snapshot.get("bytesProcessed"),
        "bytesAdded": snapshot.get("bytesAdded"),
    }


def _files(snapshot: Object) -> int:
    numbers = (snapshot.get(name) for name in ("filesNew", "filesChanged", "filesUnmodified"))
    return sum(n for n in numbers if isinstance(n, int))


def _made(status: Object, snapshot_before: str) -> str:
    snapshot = mapping(status, "restic", "lastSnapshot")
    took = f", in {plain(status['lastSyncDuration'])}" if status.get("lastSyncDuration") else ""
    if not snapshot.get("id") or snapshot["id"] == snapshot_before:
        return f"ended well without a new snapshot{took}; the log says why"
    files = count(_files(snapshot), "file")
    added = f"{size(snapshot.get('bytesProcessed'))}, {size(snapshot.get('bytesAdded'))} added"
    healthy = condition(status, HEALTHY)
    warning = f"; {trouble(status)}" if healthy.get("reason") not in (None, "Succeeded") else ""
    return f"snapshot {plain(snapshot['id'])[:8]}, {files}, {added}{took}{warning}"


def trouble(status: Object) -> str:
    """Return what the condition says that tells of a failure or a warning."""
    healthy = condition(status, HEALTHY)
    return plain(f"{healthy.get('reason')}: {healthy.get('message')}")
