"""What is known of one resource, as names and texts: for whoever shows it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from attrs import frozen

from volsync_py.core.objects import Object, mapping
from volsync_py.core.stored_times import time_in
from volsync_py.health.state import Health, State, condition
from volsync_py.health.words import ago, count, plain, size

# People need no billionths of a second: of a duration one place is shown, of a time none.
_FRACTION, _TENTHS = re.compile(r"(\.\d)\d*(?=[sZ]|[+-]\d\d:)"), r"\1"
_CONDITIONS = ("Synchronizing", "Healthy", "Maintained", "Verified")


@frozen
class Said:
    """A condition, with texts that may be shown."""

    type: str
    status: str
    reason: str
    message: str
    since: datetime | None


def facts_of(obj: Object, health: Health, now: datetime) -> Iterator[tuple[str, str]]:
    """Return what is known, each with its name and as it may be shown; what is not known is left out."""
    spec, status = mapping(obj, "spec"), mapping(obj, "status")
    restic, stored = mapping(spec, "restic"), mapping(status, "restic")
    for name, text in (
        ("volume", spec.get("sourcePVC") or restic.get("destinationPVC")),
        ("repository", _repository(restic, stored)),
        ("copy method", restic.get("copyMethod")),
        ("trigger", _trigger(mapping(spec, "trigger"))),
        ("last run", _last(status, now)),
        ("run begun", _since(status, "lastSyncStartTime", now)),
        ("next run", _next(health, status, now)),
        ("failed", _attempt(health, now)),
        ("last snapshot", _snapshot(mapping(stored, "lastSnapshot"), now)),
        ("snapshots", _snapshots(mapping(stored, "snapshots"))),
        ("restored", _restored(mapping(stored, "restored"), now)),
        ("image", mapping(status, "latestImage").get("name")),
        ("pruned", _since(stored, "lastPruned", now)),
        ("checked", _checked(stored, now)),
        ("proved", _proved(mapping(stored, "lastVerified"), now)),
        ("next proof", _next_proof(mapping(stored, "verification"))),
    ):
        if text:
            yield name, plain(text)


def conditions_of(obj: Object) -> Iterator[Said]:
    """Return the conditions that are ours."""
    for kind in _CONDITIONS:
        found = condition(mapping(obj, "status"), kind)
        if found:
            status, reason, message = (plain(found.get(name) or "") for name in ("status", "reason", "message"))
            yield Said(kind, status, reason, message, time_in(found, "lastTransitionTime"))


def log_of(obj: Object) -> list[str]:
    """Return the lines of the last mover's log that the status has kept."""
    return plain(mapping(obj, "status", "latestMoverStatus").get("logs") or "", lines=True).splitlines()


def proof(last: Object) -> str:
    """Return the last proof as a sentence's end, "" if there is none."""
    if not last.get("snapshot"):
        return ""
    files = last.get("files")
    entries = count(files if isinstance(files, int) else 0, "file or folder", "files and folders")
    looked = ", and its command exited with 0" if last.get("commandExitCode") == 0 else ""
    return f"snapshot {plain(last['snapshot'])[:8]} came back whole: {entries}, {size(last.get('bytes'))}{looked}"


def _next_proof(told: Object) -> Any:
    """Return what the next proof waits for: something, or its time after an attempt that has failed."""
    error = mapping(told, "lastError")
    if told.get("waiting") or not told.get("nextAttemptTime"):
        return told.get("waiting")
    return f"tried again at {told['nextAttemptTime']}, after {error.get('class')}: {error.get('message')}"


def _trigger(trigger: Object) -> str:
    if trigger.get("manual"):
        return f"manual {trigger['manual']}"
    if trigger.get("schedule"):
        zone = f" {trigger['timeZone']}" if trigger.get("timeZone") else ""
        return f"{trigger['schedule']}{zone}"
    return "always"


def _repository(restic: Object, stored: Object) -> str:
    known = f", id {str(stored['repositoryID'])[:8]}" if stored.get("repositoryID") else ""
    return f"Secret {restic['repository']}{known}" if restic.get("repository") else ""


def _last(status: Object, now: datetime) -> str:
    ended = _since(status, "lastSyncTime", now)
    duration = str(status.get("lastSyncDuration") or "")
    took = f", took {_FRACTION.sub(_TENTHS, duration)}" if duration else ""
    return f"{ended}{took}" if ended else ""


def _since(status: Object, key: str, now: datetime) -> str:
    instant = time_in(status, key)
    return f"{ago(instant, now)} ({status[key]})" if instant is not None else ""


def _next(health: Health, status: Object, now: datetime) -> str:
    if health.state is State.PAUSED:
        return f"none while it is paused: volsync-py resume {health.name} -n {health.namespace}"
    return _since(status, "nextSyncTime", now)


def _attempt(health: Health, now: datetime) -> str:
    if not health.attempts:
        return ""
    following = f", next {ago(health.next_attempt, now)}" if health.next_attempt else ""
    return count(health.attempts, "attempt") + following


def _snapshot(snapshot: Object, now: datetime) -> str:
    if not snapshot.get("id"):
        return ""
    files = sum(
        n for n in (snapshot.get(k) for k in ("filesNew", "filesChanged", "filesUnmodified")) if isinstance(n, int)
    )
    made = time_in(snapshot, "time")
    when = f", {ago(made, now)}" if made else ""
    added = f"{size(snapshot.get('bytesProcessed'))}, {size(snapshot.get('bytesAdded'))} added"
    return f"{str(snapshot['id'])[:8]}{when}, {count(files, 'file')}, {added}"


def _snapshots(kept: Object) -> str:
    oldest, newest = (_FRACTION.sub("", str(kept.get(name))) for name in ("oldest", "newest"))
    return f"{kept['count']}, from {oldest} to {newest}" if kept.get("count") else ""


def _restored(restored: Object, now: datetime) -> str:
    if not restored.get("id"):
        return ""
    made = time_in(restored, "time")
    when = f", made {ago(made, now)}" if made else ""
    return f"{str(restored['id'])[:8]}{when}, {restored.get('files')} files and folders, {size(restored.get('bytes'))}"


def _checked(stored: Object, now: datetime) -> str:
    when = _since(stored, "lastChecked", now)
    return f"{when}: {stored.get('lastCheckResult')}" if when else ""


def _proved(last: Object, now: datetime) -> str:
    when = _since(last, "time", now)
    return f"{when}: {proof(last)}" if when else ""
