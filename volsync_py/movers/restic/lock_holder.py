"""Whether the pod whose lock stopped a run is still there, and how its lock is removed when it is not.

A mover of VolSync locks the repository under its pod's name, and that tells whose lock it was. The mover that meets
such a lock asks, by ending with the name in its report; the answer is in the cluster. If the pod has gone, the next
mover gets its host name: restic then takes the lock for one of its own host whose process has gone, and `unlock`
removes exactly that, whatever other locks there are. A pod of another cluster cannot be seen from here, and may have
the name that this resource's own Job gives its pods. So the namespace's events must remember the pod; or the name is
such a one, and nobody has renewed the lock for longer than anybody who lives would take.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from enum import Enum

from attrs import evolve

from volsync_py.api.spec import Replication
from volsync_py.contract.report import ErrorClass, Report
from volsync_py.contract.run_document import LockOptions
from volsync_py.core import names
from volsync_py.core.attempt import Attempt
from volsync_py.core.defaults import RETRY_LONGEST, STALE_LOCK
from volsync_py.core.objects import Object, status_of
from volsync_py.core.times import format_rfc3339, parse_rfc3339, past
from volsync_py.core.view import Read, ReadKind, View
from volsync_py.movers.restic.job_state import has_ended
from volsync_py.movers.restic.run_record import RunRecord

# Each answer costs a Job that does nothing else. VolSync tries eight pods for a run, and each may leave a lock.
MOST_ANSWERS = 10
# The next attempt begins so late at most, and the lock may not have been renewed for so long; then it is another run's.
_LONGEST_BETWEEN = RETRY_LONGEST + STALE_LOCK
_ENDED = ("Succeeded", "Failed")
# restic renews its lock every five minutes, and the clock of a node may be five minutes ahead of the storage's.
_NOT_RENEWED = timedelta(minutes=11)
# What Kubernetes accepts as the host name of a pod.
_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
# How Kubernetes names the pods of a Job: the Job's name, cut to fit 63 characters, and five of its own.
_BASE_CHARACTERS, _RANDOM_CHARACTERS = 58, 5


class Holder(Enum):
    """What is known of the pod that holds the lock."""

    NONE = "none"
    GONE = "gone"
    THERE = "there"
    UNKNOWN = "unknown"


def locked_by(job: Object, report: Report | None, pod: Object | None, own_host: str) -> str:
    """Return the host whose lock stopped, or may stop, the mover that comes after this Job; "" if none is known."""
    if report is not None and report.lock_host:
        return report.lock_host
    record = RunRecord.of(job)
    if not record.is_ours:
        # A mover of VolSync's that failed may have left a lock.
        return str(pod["metadata"]["name"]) if pod is not None else ""
    hostname = str(job["spec"]["template"]["spec"].get("hostname") or own_host)
    # It had another host name to remove a lock, and a lock of its own is under that name, too.
    return "" if hostname == own_host else hostname


def with_lock(attempt: Attempt, report: Report | None, before: Attempt) -> Attempt:
    """Return the record of an attempt with the lock that stopped it, and since when that has been there.

    Its holder makes it anew every few minutes, so what was known since the attempt before counts, if it is the same.
    """
    if report is None or attempt.error_class != ErrorClass.REPOSITORY_LOCKED:
        # A mover that has the name of a pod that has gone keeps it: a lock of its own may be under that name by now.
        same = bool(attempt.locked_by) and attempt.locked_by == before.locked_by
        return evolve(attempt, lock_age_seconds=before.lock_age_seconds if same else 0)
    attempt = evolve(attempt, lock_age_seconds=report.lock_age_seconds)
    if not report.lock_holder:
        return attempt
    met = parse_rfc3339(attempt.failed_at)
    since = met - timedelta(seconds=report.lock_age_seconds)
    if before.lock_holder == report.lock_holder and _is_the_same(report.lock_holder, met - past(before.failed_at, met)):
        since = past(before.locked_since, since)
    return evolve(attempt, lock_holder=report.lock_holder, locked_since=format_rfc3339(since))


def _is_the_same(holder: str, between: timedelta) -> bool:
    """Return whether a process of the same number and host as so long before is the same process.

    In the containers of our movers each run's restic has the same number.
    """
    return between <= _LONGEST_BETWEEN and not names.is_mover_host_name(holder.rpartition(" on ")[2])


def reads_for_holder(replication: Replication) -> tuple[Read, ...]:
    """Return the reads by which the holder of the lock is judged."""
    host = _host(replication)
    return (Read(ReadKind.POD, host), Read(ReadKind.POD_EVENTS, host)) if host else ()


def judge(replication: Replication, view: View) -> Holder:
    """Return what has become of the pod that held the lock."""
    host = _host(replication)
    if not host:
        return Holder.NONE
    view.require(*reads_for_holder(replication))
    pod, events = view.read(ReadKind.POD, host), view.read(ReadKind.POD_EVENTS, host)
    if pod is not None:
        # A Job stands for the mover that has taken the name of a pod that has gone, and still works under it.
        if pod.get("kind") == "Job":
            return Holder.THERE
        return Holder.GONE if status_of(pod).get("phase") in _ENDED else Holder.THERE
    ours = names.job_name(replication.role, replication.name)
    age = timedelta(seconds=Attempt.of(replication.status).lock_age_seconds)
    by_name = host[:-_RANDOM_CHARACTERS] == f"{ours}-"[:_BASE_CHARACTERS]
    was_here = bool(events) or (by_name and age >= _NOT_RENEWED)
    # Of our own movers there is one at a time, and none has that name any more.
    was_here = was_here or host == names.earlier_host_name(replication.uid)
    return Holder.GONE if was_here else Holder.UNKNOWN


def host_name(replication: Replication, view: View, others: Iterable[Object]) -> str:
    """Return what the next mover is called: like the pod whose lock it removes, else as always.

    `others` are the Jobs of the repository. Never do two movers that live have one name: each would take the locks of
    the other for those of a dead process of its own.
    """
    host = _host(replication)
    if judge(replication, view) is Holder.GONE and not any(is_called(job, host) for job in others):
        return host
    return own_host_name(replication)


def is_called(job: Object, host: str) -> bool:
    """Return whether a Job's mover locks repositories under that name, or may yet."""
    template = (job.get("spec") or {}).get("template") or {}
    return (template.get("spec") or {}).get("hostname") == host and not has_ended(job)


def own_host_name(replication: Replication) -> str:
    """Return the name under which the movers of this resource lock repositories."""
    return names.mover_host_name(
        replication.role, replication.object["metadata"]["namespace"], replication.name, replication.uid
    )


def is_to_be_removed(replication: Replication, view: View) -> bool:
    """Return whether the next attempt can remove the lock that stopped the last one, and so need not wait."""
    count = Attempt.of(replication.status).count
    return count <= MOST_ANSWERS and judge(replication, view) is Holder.GONE


def lock_options(replication: Replication, view: View) -> LockOptions:
    """Return what the mover does about locks of pods of VolSync's: one that was not found to be gone is waited for."""
    ask = judge(replication, view) in (Holder.NONE, Holder.GONE)
    status = replication.status
    # The first backup of a source that was VolSync's: of a lock that only retention meets, no attempt would fail.
    was_volsyncs = bool(status.get("lastSyncTime")) and not (status.get("restic") or {}).get("lastSnapshot")
    return LockOptions(ask_about_pods=ask, look_first=ask and was_volsyncs and replication.role is names.Role.SOURCE)


def _host(replication: Replication) -> str:
    """Return the host on record, if a pod can have that name."""
    host = Attempt.of(replication.status).locked_by
    return host if _LABEL.fullmatch(host) else ""
