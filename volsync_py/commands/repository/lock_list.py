"""Whose the locks of a repository are, and whether who holds each is still there. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from attrs import frozen

from volsync_py.bounded_json import number_of, text_of
from volsync_py.core.defaults import STALE_LOCK
from volsync_py.core.names import Role, earlier_host_name, job_name, mover_host_name
from volsync_py.core.objects import Object, status_of
from volsync_py.core.selection import parse_snapshot_time
from volsync_py.health.columns import flowed
from volsync_py.health.words import lasting, plain

ALIVE, DEAD, UNKNOWN = "alive", "dead", "unknown"
# As restic writes it; what goes to a terminal is nothing else.
_ID = re.compile(r"[0-9a-f]{1,64}")
# A narrow window gets longer lines, not one word a line.
_LEAST_SENTENCE = 16
_ROLES = {"ReplicationSource": Role.SOURCE, "ReplicationDestination": Role.DESTINATION}


@frozen
class Lock:
    """One lock."""

    id: str
    host: str
    exclusive: bool
    age: timedelta
    state: str
    whose: str
    # The resource whose mover has left it, "" for what is nobody's of this namespace.
    left_by: str
    raw: dict[str, Any]

    @property
    def goes_now(self) -> bool:
        """Whether an unlock removes it: restic takes no younger one for dead, whoever may have held it."""
        return self.state == DEAD and self.age > STALE_LOCK

    def stays(self) -> str:
        """Return what becomes of a dead lock that no unlock removes yet."""
        left = lasting(STALE_LOCK - self.age)
        return (
            f"{self.id[:8]} stays for now, as restic removes none that is so young: it is removed by the next mover of "
            f"{self.left_by}, or in {left} by volsync-py unlock"
        )

    def lines(self, width: int) -> list[str]:
        """Return it for people; whose it is takes several lines where there is no room."""
        kind = "exclusive" if self.exclusive else "shared"
        head = f"{self.id[:8]}  {kind:9}  {lasting(self.age):>10}  {self.state:7}  "
        return flowed(self.whose, max(width, len(head) + _LEAST_SENTENCE), head, " " * len(head))

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {**self.raw, "state": self.state, "whose": self.whose}


@frozen
class Namespace:
    """What of the namespace tells who lives."""

    resources: tuple[Object, ...]
    # The names of Jobs and pods that have not ended, and the host names of the Jobs.
    living: frozenset[str]

    @classmethod
    def of(cls, resources: Iterable[Object], jobs: Iterable[Object], pods: Iterable[Object]) -> Namespace:
        """Take what is there."""
        living: set[str] = set()
        for job in jobs:
            ended = {c.get("type") for c in status_of(job).get("conditions") or [] if c.get("status") == "True"}
            if not ended & {"Complete", "Failed"}:
                template = job["spec"]["template"]["spec"]
                living |= {job["metadata"]["name"], str(template.get("hostname") or job["metadata"]["name"])}
        living |= {
            str(pod["metadata"]["name"]) for pod in pods if status_of(pod).get("phase") not in ("Succeeded", "Failed")
        }
        return cls(tuple(resources), frozenset(living))


def lock_of(value: Any, there: Namespace, now: datetime) -> Lock | None:
    """Return what is known of a lock that restic has printed."""
    if not isinstance(value, dict) or not _ID.fullmatch(text_of(value, "id")):
        return None
    host = text_of(value, "hostname", most=255)
    try:
        age = now - parse_snapshot_time(text_of(value, "time"))
    except (ValueError, TypeError):
        age = timedelta(0)
    state, whose, left_by = _judged(host, number_of(value, "pid"), age, there)
    return Lock(text_of(value, "id"), host, value.get("exclusive") is True, age, state, whose, left_by, value)


def _judged(host: str, pid: int, age: timedelta, there: Namespace) -> tuple[str, str, str]:
    for obj in there.resources:
        meta, role = obj["metadata"], _ROLES[obj["kind"]]
        own = mover_host_name(role, meta["namespace"], meta["name"], meta["uid"])
        if host in (own, earlier_host_name(meta["uid"])):
            runs = job_name(role, meta["name"]) in there.living
            doing = "which runs" if runs else "which has gone; the next one removes it"
            return (ALIVE if runs else DEAD), f"the mover of {role.value} {meta['name']}, {doing}", str(meta["name"])
    if host in there.living:
        return ALIVE, f"{plain(host)}, which runs in this namespace", ""
    if age > STALE_LOCK:
        return DEAD, f"process {pid} on {plain(host)}, which has not renewed it; volsync-py unlock removes it", ""
    left = lasting(STALE_LOCK - age)
    return UNKNOWN, f"process {pid} on {plain(host)}, not of this namespace: dead if it is not renewed for {left}", ""
