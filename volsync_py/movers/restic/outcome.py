"""What can go wrong with a run, in one table: how it is recognised, what the manager does, what the user reads.

The mover names a class in its report; trouble that Kubernetes has with the pod is classified here. The
documentation page of the classes is made from `CLASSES`, so the table is the only place that knows.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

from attrs import frozen

from volsync_py.contract.report import ErrorClass
from volsync_py.core.condition_writer import REFUSED
from volsync_py.core.defaults import RETRY_FIRST, RETRY_LONGEST
from volsync_py.core.result import Trouble


class ClusterError(StrEnum):
    """Trouble with the pod or its Job, seen from outside."""

    NODE_LOST = "NodeLost"
    POD_REJECTED = "PodRejected"
    IMAGE_UNAVAILABLE = "ImageUnavailable"
    START_ERROR = "StartError"
    VOLUME_UNAVAILABLE = "VolumeUnavailable"
    NOT_SCHEDULED = "NotScheduled"
    SCHEDULING_GATED = "SchedulingGated"
    JOB_SUSPENDED = "JobSuspended"
    INIT_CONTAINER = "InitContainer"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    NO_REPORT = "NoReport"
    REFUSED = REFUSED


# With these somebody else decides when the mover starts, and a new Job would only be at the end of the queue.
WAITING = frozenset(
    {
        ClusterError.NOT_SCHEDULED,
        ClusterError.SCHEDULING_GATED,
        ClusterError.JOB_SUSPENDED,
        ClusterError.INIT_CONTAINER,
    }
)


class Pace(StrEnum):
    """When a failed run is tried again."""

    # 10 s, doubling to 30 min.
    RETRY = "retry"
    # When the spec, the Secret, the CA or run-now changes, or at the next slot; never within 30 min.
    CHANGE = "change"


TRIED_AGAIN = {
    Pace.RETRY: "after 10 s, doubling to 30 min",
    Pace.CHANGE: "after a change of spec, Secret, CA, full claim or run-now; at the next slot, 30 min at least",
}


@frozen
class ErrorInfo:
    """One row of the table."""

    recognised_by: str
    pace: Pace
    next_step: str


CLASSES: dict[str, ErrorInfo] = {
    ErrorClass.PARTIAL: ErrorInfo(
        "restic backup exits 3 and names a snapshot; or a restore left device nodes out",
        Pace.RETRY,
        "give the mover the rights to read these files (moverSecurityContext, privileged movers) or exclude them",
    ),
    ErrorClass.REPOSITORY_MISSING: ErrorInfo(
        "restic exits 10 and this mover may not run init, because another one of the same repository is running",
        Pace.RETRY,
        "nothing to do: it waits for the other mover, which the condition names, without a pod of its own",
    ),
    ErrorClass.REPOSITORY_HALF_INITIALIZED: ErrorInfo(
        "restic exits 10 and init says that the repository already contains keys, or config and key do not fit",
        Pace.CHANGE,
        "an init was interrupted: empty the location if you need nothing of it, else restore its config file",
    ),
    ErrorClass.REPOSITORY_DAMAGED: ErrorInfo(
        "restic misses packs, blobs or index files, or check finds errors, and every request was answered",
        Pace.CHANGE,
        "run restic check, then restic repair; prune and retention stay off until then",
    ),
    ErrorClass.REPOSITORY_LOCKED: ErrorInfo(
        "restic exits 11 because of a live lock of somebody else",
        Pace.RETRY,
        "wait for the other restic process, or end it; the lock of a pod that has gone, or that is not renewed for "
        "30 minutes, is removed by itself",
    ),
    ErrorClass.WRONG_PASSWORD: ErrorInfo(
        "restic exits 12",
        Pace.CHANGE,
        "correct RESTIC_PASSWORD in the repository Secret, or RESTIC_REPOSITORY if it names another repository",
    ),
    ErrorClass.UNREACHABLE: ErrorInfo(
        "no backend operation succeeds within the contact deadline (refused, DNS, time-out, throttling, 5xx, silence)",
        Pace.RETRY,
        "check RESTIC_REPOSITORY, the network and the storage server",
    ),
    ErrorClass.ACCESS_DENIED: ErrorInfo(
        "the storage server refuses the credentials, the account, the clock or the certificate",
        Pace.CHANGE,
        "correct the credentials in the repository Secret, or the certificate that customCA names",
    ),
    ErrorClass.TARGET_FULL: ErrorInfo(
        "no space left on the volume that is restored to or in the repository, or a quota of the storage is used up",
        Pace.CHANGE,
        "enlarge the volume (capacity, or the claim itself) or the repository's storage",
    ),
    ErrorClass.CACHE_FULL: ErrorInfo(
        "no space left on the cache volume",
        Pace.CHANGE,
        "raise cacheCapacity; the cache volume is then made larger, or made anew",
    ),
    ErrorClass.OUT_OF_MEMORY: ErrorInfo(
        "the container ended with OOMKilled", Pace.RETRY, "raise moverResources.limits.memory"
    ),
    ErrorClass.INTERRUPTED: ErrorInfo(
        "the mover was told to stop, or died without a last word",
        Pace.RETRY,
        "nothing to do: it is tried again; if this repeats, see the pod's events for evictions",
    ),
    ErrorClass.CONFIGURATION: ErrorInfo(
        "the mover or restic refuses its options or environment, credentials are missing, rights are lacking, or the "
        "storage server does not know such a bucket, region or protocol",
        Pace.CHANGE,
        "correct the field or key that the message names",
    ),
    ErrorClass.NO_ELIGIBLE_SNAPSHOT: ErrorInfo(
        "the repository holds snapshots, but none matches, and an image would be published; or no file of one does",
        Pace.CHANGE,
        "change previous, restoreAsOf, snapshot, host or tags; onMissingSnapshot: Continue allows an empty image",
    ),
    ErrorClass.SOURCE_EMPTY: ErrorInfo(
        "the source volume is empty and emptySource is Fail; or it has not even a folder, and emptySource is Backup",
        Pace.CHANGE,
        "find out why the volume is empty; emptySource: Skip ignores it",
    ),
    ErrorClass.BACKUPS_GONE: ErrorInfo(
        "a backup had to make the repository anew, found another one in its place, or found no backup in it but its "
        "own; a verification finds no repository, no snapshot of the source, or only ones older than those on record",
        Pace.RETRY,
        "find out who emptied or replaced the repository; what was backed up before the last run is not in it any more",
    ),
    ErrorClass.STALLED: ErrorInfo(
        "for the stall deadline no byte has moved while requests failed, or restic has done nothing at all; or the "
        "mover has hung in a read or write of a volume for four times as long (an hour, if it was not changed)",
        Pace.RETRY,
        "check the network and the storage server; without a complaint of restic's, the volumes: a pipe, a device or a "
        "network file system may not answer",
    ),
    ErrorClass.NOT_AS_BACKED_UP: ErrorInfo(
        "in a verification fewer or other files came back than were backed up, or its command did not exit with 0",
        Pace.CHANGE,
        "see the message; with keep: OnFailure the restored volume stays for a look",
    ),
    ErrorClass.CLOCK_SKEWED: ErrorInfo(
        "retention or a verification finds a snapshot of the source that is over five minutes later than the clock of "
        "the mover's node",
        Pace.CHANGE,
        "correct the clock of the node that is wrong; a snapshot of the future hides later ones from restores and from "
        "retention: delete it with restic forget",
    ),
    ErrorClass.UNKNOWN: ErrorInfo(
        "none of the other classes", Pace.RETRY, "read the mover's log in status.latestMoverStatus.logs"
    ),
    ClusterError.NODE_LOST: ErrorInfo(
        "the pod's node has not been heard of for five minutes",
        Pace.RETRY,
        "bring the node back, delete its Node object, or taint it node.kubernetes.io/out-of-service",
    ),
    ClusterError.POD_REJECTED: ErrorInfo(
        "the Job controller may not create the pod (Pod Security, quota, admission)",
        Pace.RETRY,
        "see the message: set moverSecurityContext or moverResources so that the namespace admits the pod",
    ),
    ClusterError.IMAGE_UNAVAILABLE: ErrorInfo(
        "the kubelet cannot pull the mover's image",
        Pace.RETRY,
        "check the image of the manager (--restic-container-image) and the pull secrets",
    ),
    ClusterError.START_ERROR: ErrorInfo(
        "the container cannot be configured or started",
        Pace.RETRY,
        "see the message: a Secret, a user or a command does not fit",
    ),
    ClusterError.VOLUME_UNAVAILABLE: ErrorInfo(
        "a volume of the pod is not mounted after two minutes",
        Pace.RETRY,
        "see the events of the pod and its claims",
    ),
    ClusterError.NOT_SCHEDULED: ErrorInfo(
        "no node takes the pod for two minutes",
        Pace.RETRY,
        "see the message: volumes, resources, affinity or taints keep it from every node",
    ),
    ClusterError.SCHEDULING_GATED: ErrorInfo(
        "somebody else's scheduling gate holds the pod for half a minute",
        Pace.RETRY,
        "see who has set the pod's schedulingGates; the Job is kept, and starts when they are gone",
    ),
    ClusterError.JOB_SUSPENDED: ErrorInfo(
        "somebody else, such as a queue, has suspended the Job",
        Pace.RETRY,
        "see the Job's owner of its queue (spec.suspend); the Job is kept, and starts when it may",
    ),
    ClusterError.INIT_CONTAINER: ErrorInfo(
        "an init container that somebody else has put into the pod has not ended half a minute after the pod was made",
        Pace.RETRY,
        "see the init container that the message names, and its log; the Job is kept, and starts when it has ended",
    ),
    ClusterError.DEADLINE_EXCEEDED: ErrorInfo(
        "the Job's or pod's own deadline has passed", Pace.RETRY, "see what sets activeDeadlineSeconds"
    ),
    ClusterError.REFUSED: ErrorInfo(
        "the API server refuses the volume or the Job of a verification (quota, limits, admission, rights)",
        Pace.RETRY,
        "see the message: a quota that has room for a volume as large as the source's, an admission rule, or rights",
    ),
    ClusterError.NO_REPORT: ErrorInfo(
        "the restore ended without saying what it restored",
        Pace.RETRY,
        "nothing to do: it is restored again, because no image is published without proof",
    ),
}

# A run that has ended well with one of these as its warning is not made again.
_NOT_AGAIN: dict[str, str] = {
    ErrorClass.PARTIAL: "no: it is a warning, and the run has ended well",
    ErrorClass.BACKUPS_GONE: "no: it is a warning, and the backup was made; a verification " + TRIED_AGAIN[Pace.RETRY],
}
# A terminal error is not tried at every slot of a short schedule.
TERMINAL_LEAST = timedelta(minutes=30)


def info(error_class: str) -> ErrorInfo:
    """Return the row of a class; classes of a newer mover count as unknown."""
    return CLASSES.get(error_class, CLASSES[ErrorClass.UNKNOWN])


def tried_again(error_class: str) -> str:
    """Return in words when a run that has ended with a class is made again."""
    return _NOT_AGAIN.get(error_class) or TRIED_AGAIN[info(error_class).pace]


def trouble(error_class: str, message: str) -> Trouble:
    """Return a failure with the next step for its class."""
    return Trouble(error_class, message, info(error_class).next_step)


def known(error_class: object) -> str:
    """Return a class as it may become a reason or a label: one that is not ours, whoever wrote it, is Unknown."""
    ours = not error_class or (isinstance(error_class, str) and error_class in CLASSES)
    return str(error_class or "") if ours else ErrorClass.UNKNOWN.value


def is_terminal(error_class: str) -> bool:
    """Return whether only a change, or the next slot, can help."""
    return info(error_class).pace == Pace.CHANGE


def next_attempt(
    error_class: str,
    count: int,
    now: datetime,
    *,
    uid: str,
    next_slot: datetime | None,
    first: timedelta = RETRY_FIRST,
    longest: timedelta = RETRY_LONGEST,
) -> datetime | None:
    """Return when attempt `count` + 1 may start; None: only after a change.

    The delays of two resources differ by up to a fifth, so that a server that comes back is not
    stormed; the same resource always gets the same delay.
    """
    row = info(error_class)
    if row.pace == Pace.CHANGE:
        return None if next_slot is None else max(next_slot, now + TERMINAL_LEAST)
    # No first delay is so short that it has not reached the longest by then; larger exponents only cost.
    delay = min(first * 2 ** min(count - 1, 20), longest)
    spread: float = int.from_bytes(sha256(f"{uid}/{count}".encode()).digest()[:4], "big") / 2**32
    return now + timedelta(seconds=delay.total_seconds() * (0.8 + 0.2 * spread))
