"""Sources as they are after a month in which things went wrong: for pictures of the page, its tests and benchmarks.

The letters are those that the manager keeps, day by day; the rest of a status is as it leaves it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from volsync_py.core.condition_writer import WAITING_FOR_SCHEDULE
from volsync_py.core.last_days import MOST_DAYS, DayResult, LastDays
from volsync_py.core.times import format_rfc3339, parse_rfc3339

NOW = datetime(2026, 11, 30, 8, 12, tzinfo=UTC)
# A claim for each of these in each namespace.
_APPS = {
    "media": ("photos", "music", "films", "books", "podcasts"),
    "home": ("assistant", "recorder", "mosquitto", "zigbee", "frigate"),
    "office": ("documents", "mail", "calendar", "contacts", "paperless"),
    "dev": ("gitea", "registry", "runner-cache", "artifacts", "wiki"),
    "data": ("postgres", "redis", "influx", "minio", "loki"),
    "web": ("blog", "shop", "forum", "analytics", "comments"),
    "games": ("minecraft", "valheim", "factorio", "terraria", "saves"),
    "ops": ("vault", "grafana", "keycloak", "step-ca", "unifi"),
}
_GIB = 1024**3
_FORGOTTEN, _DAMAGED, _UNREADABLE = ("games", "terraria"), "dev", ("web", "forum")
# Days ago on which the storage was away: in the night, for two hours; and for a whole day.
_SHORT_OUTAGE, _LONG_OUTAGE, _DAMAGED_SINCE, _FORGOTTEN_SINCE = 17, 9, 3, 12


def sample_month(now: datetime = NOW) -> list[dict[str, Any]]:
    """Return forty sources and a destination."""
    chance = random.Random(15)
    made = [
        _source(space, name, now, chance, number)
        for number, (space, name) in enumerate((space, name) for space, names in _APPS.items() for name in names)
    ]
    return [*made, _destination(now)]


def many(number: int, now: datetime = NOW) -> Iterator[dict[str, Any]]:
    """Return so many sources: the forty again and again, in other namespaces."""
    month = sample_month(now)[:-1]
    for index in range(number):
        one = month[index % len(month)]
        meta = {**one["metadata"], "namespace": f"{one['metadata']['namespace']}-{index // len(month)}"}
        meta["uid"] = f"uid-{index}"
        restic = {**one["status"]["restic"], "repositoryHash": f"{index // 5:016x}"}
        yield {**one, "metadata": meta, "status": {**one["status"], "restic": restic}}


def _source(space: str, name: str, now: datetime, chance: random.Random, number: int) -> dict[str, Any]:
    days = LastDays()
    age = 11 if name == "comments" else MOST_DAYS
    for ago in range(age - 1, -1, -1):
        day = (now - timedelta(days=ago)).date()
        for result in _results(space, name, ago, chance):
            days = days.with_result(day, result, day)
    # Most begin at the full hour, which is what a stampede is.
    began = now.replace(hour=2, minute=0) + timedelta(minutes=0 if number % 3 else chance.randrange(0, 240))
    took = timedelta(seconds=chance.randrange(40, 1800) + (5400 if name == "films" else 0))
    size = chance.randrange(1, 900) * _GIB // 10
    status: dict[str, Any] = {
        "lastSyncTime": format_rfc3339(began + took),
        "lastSyncDuration": f"{took.seconds // 60}m{took.seconds % 60}s",
        "nextSyncTime": format_rfc3339(began + timedelta(days=1)),
        "lastDays": days.as_json(),
        "conditions": [
            _condition("Synchronizing", "False", "WaitingForSchedule", WAITING_FOR_SCHEDULE, began + took),
            _condition("Healthy", "True", "Succeeded", "The last synchronization succeeded", now - timedelta(days=8)),
        ],
        "latestMoverStatus": {"result": "Successful", "logs": "processed 812 files\nRestic completed in 41s"},
        "restic": {
            "repositoryID": f"{number // 5:064x}",
            "repositoryHash": f"{number // 5:016x}",
            "lastSnapshot": {
                "id": f"{chance.getrandbits(128):032x}",
                "time": format_rfc3339(began),
                "filesUnmodified": chance.randrange(100, 90_000),
                "bytesProcessed": size,
                "bytesAdded": chance.randrange(1, 60) * size // 1000,
            },
            "snapshots": {"count": chance.randrange(8, 40), "oldest": "2026-05-31", "newest": "2026-11-30"},
        },
    }
    if number % 4:
        snapshot = status["restic"]["lastSnapshot"]
        proved = {"time": format_rfc3339(now - timedelta(days=chance.randrange(1, 12), hours=3)), "bytes": size}
        proved |= {"snapshot": snapshot["id"][:8], "files": snapshot["filesUnmodified"]}
        status["restic"]["lastVerified"] = proved
    _spoil(space, name, status, now)
    spec = {
        "sourcePVC": name,
        "trigger": {"schedule": f"{began.minute} {began.hour} * * *"},
        "restic": {"repository": f"restic-{space}", "host": name, "copyMethod": "Snapshot"},
    }
    return _object(
        "ReplicationSource", space, name, spec, status, now - timedelta(days=max(age, 200) if age > 29 else age)
    )


def _results(space: str, name: str, ago: int, chance: random.Random) -> list[DayResult]:
    if (space, name) == _FORGOTTEN and ago < _FORGOTTEN_SINCE:
        return []
    if space == _DAMAGED and ago < _DAMAGED_SINCE:
        return [DayResult.STOPPED]
    if ago == _LONG_OUTAGE:
        return [DayResult.FAILED]
    if (space, name) == _UNREADABLE and ago < 5:
        return [DayResult.WARNED]
    if ago == _SHORT_OUTAGE or chance.random() < 0.01:
        return [DayResult.FAILED, DayResult.GOOD]
    return [DayResult.GOOD]


def _spoil(space: str, name: str, status: dict[str, Any], now: datetime) -> None:
    tonight = parse_rfc3339(status["lastSyncTime"])
    if (space, name) == _FORGOTTEN:
        last = tonight - timedelta(days=_FORGOTTEN_SINCE)
        _end_with(status, last)
        status["nextSyncTime"] = format_rfc3339(last + timedelta(days=1))
        for condition in status["conditions"]:
            condition["lastTransitionTime"] = format_rfc3339(last)
    elif space == _DAMAGED:
        _end_with(status, tonight - timedelta(days=_DAMAGED_SINCE))
        since = tonight - timedelta(days=_DAMAGED_SINCE - 1)
        text = "check: 2 packs are damaged – run restic check, then restic repair; prune stays off until then"
        status["conditions"][1] = _condition("Healthy", "False", "RepositoryDamaged", text, since)
        status["attempt"] = {"count": 3, "lastError": {"class": "RepositoryDamaged", "message": "2 packs are damaged"}}
    elif (space, name) == _UNREADABLE:
        text = "3 files could not be read, such as /data/cache/9 – give the mover the rights to read these files"
        status["conditions"][1] = _condition("Healthy", "True", "Partial", text, now - timedelta(days=4, hours=6))


def _end_with(status: dict[str, Any], last: datetime) -> None:
    """Have the last run that ended well be an older one: nothing was saved or proved since."""
    known, ended = status["restic"], format_rfc3339(last)
    status["lastSyncTime"] = known["lastSnapshot"]["time"] = ended
    known["snapshots"]["newest"] = ended[:10]
    if "lastVerified" in known and known["lastVerified"]["time"] > ended:
        known["lastVerified"]["time"] = format_rfc3339(last + timedelta(hours=3))


def _destination(now: datetime) -> dict[str, Any]:
    ended = now - timedelta(days=2)
    days = LastDays().with_result(ended.date(), DayResult.GOOD, ended.date())
    status = {
        "lastSyncTime": format_rfc3339(ended),
        "lastSyncDuration": "2m11s",
        "lastDays": days.as_json(),
        "conditions": [_condition("Healthy", "True", "Succeeded", "The last synchronization succeeded", ended)],
        "restic": {"restored": {"id": "5f0c2a91", "time": format_rfc3339(ended), "files": 812, "bytes": 9 * _GIB}},
    }
    spec = {"trigger": {"manual": "once"}, "restic": {"repository": "restic-media", "destinationPVC": "photos-again"}}
    return _object("ReplicationDestination", "media", "photos-again", spec, status, ended)


def _object(kind: str, space: str, name: str, spec: Any, status: Any, created: datetime) -> dict[str, Any]:
    meta = {"namespace": space, "name": name, "uid": f"uid-{space}-{name}", "generation": 1}
    meta["creationTimestamp"] = format_rfc3339(created)
    return {
        "apiVersion": "volsync.backube/v1alpha1",
        "kind": kind,
        "metadata": meta,
        "spec": spec,
        "status": {"observedGeneration": 1, **status},
    }


def _condition(kind: str, status: str, reason: str, message: str, since: datetime) -> dict[str, Any]:
    said = {"type": kind, "status": status, "reason": reason, "message": message}
    return {**said, "lastTransitionTime": format_rfc3339(since)}
