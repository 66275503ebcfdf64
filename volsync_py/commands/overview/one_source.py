"""Everything about one resource on a page: `volsync-py status NAME`. Pure: lines of text."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from textwrap import wrap
from typing import Any

from volsync_py.commands.runs.asked_proof import proof
from volsync_py.core.objects import Object, mapping
from volsync_py.core.stored_times import time_in
from volsync_py.health.state import NOT_WELL, Health, condition, health_of
from volsync_py.health.verdict import Paint
from volsync_py.health.words import ago, count, lasting, plain, size

# The end of the log that a status keeps; all of it is told by `volsync-py logs`.
_LOG_LINES = 10
# The longest name of a row.
_NAMES = 15
_CONDITIONS = ("Synchronizing", "Healthy", "Maintained", "Verified")


def page(obj: Object, now: datetime, width: int, paint: Paint = lambda word, state: word) -> Iterator[str]:
    """Return what is known of a resource; what is not known is left out."""
    health = health_of(obj, now)
    spec, status = mapping(obj, "spec"), mapping(obj, "status")
    restic, stored = mapping(spec, "restic"), mapping(status, "restic")
    yield f"{health.kind} {health.namespace}/{health.name}: {paint(health.state, health.state)}"
    if health.state in NOT_WELL and health.next_step:
        yield from _row("what to do", health.next_step, width)
    for name, text in (
        ("volume", spec.get("sourcePVC") or restic.get("destinationPVC")),
        ("repository", _repository(restic, stored)),
        ("copy method", restic.get("copyMethod")),
        ("trigger", _trigger(mapping(spec, "trigger"))),
        ("last run", _last(status, now)),
        ("under way", _since(status, "lastSyncStartTime", now)),
        ("next run", _since(status, "nextSyncTime", now)),
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
        yield from _row(name, text, width)
    yield from _conditions(status, now, width)
    log = plain(mapping(status, "latestMoverStatus").get("logs") or "", lines=True).splitlines()
    if log:
        yield "log of the last mover:"
        yield from (f"  {line}" for line in log[-_LOG_LINES:])


def _next_proof(told: Object) -> Any:
    """Return what the next proof waits for: something, or its time after an attempt that has failed."""
    error = mapping(told, "lastError")
    if told.get("waiting") or not told.get("nextAttemptTime"):
        return told.get("waiting")
    return f"tried again at {told['nextAttemptTime']}, after {error.get('class')}: {error.get('message')}"


def _conditions(status: Object, now: datetime, width: int) -> Iterator[str]:
    for kind in _CONDITIONS:
        found = condition(status, kind)
        if found:
            since = time_in(found, "lastTransitionTime")
            when = f", for {lasting(now - since)}" if since else ""
            said = f"{found.get('status')} ({found.get('reason')}{when}): {found.get('message') or ''}"
            yield from _row(kind, said, width)


def _row(name: str, text: Any, width: int) -> list[str]:
    if not text:
        return []
    lines = wrap(plain(text), max(width - _NAMES - 3, 20), break_long_words=False, break_on_hyphens=False)
    heads = [name, *[""] * (len(lines) - 1)]
    return [f"  {head:{_NAMES}} {line}" for head, line in zip(heads, lines, strict=True)]


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
    took = f", took {status['lastSyncDuration']}" if status.get("lastSyncDuration") else ""
    return f"{ended}{took}" if ended else ""


def _since(status: Object, key: str, now: datetime) -> str:
    instant = time_in(status, key)
    return f"{ago(instant, now)} ({status[key]})" if instant is not None else ""


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
    return f"{kept['count']}, from {kept.get('oldest')} to {kept.get('newest')}" if kept.get("count") else ""


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
