"""Every label and annotation that is written or read, by the name that others know it by."""

from __future__ import annotations

from enum import StrEnum


class Label(StrEnum):
    """Labels."""

    # On everything we make, and on the mover's pod; its value is CREATED_BY_US.
    CREATED_BY = "app.kubernetes.io/created-by"
    # On what is deleted at the end of a run; its value is the UID of the custom resource.
    CLEANUP = "volsync.backube/cleanup"
    # Set by the user on a VolumeSnapshot, with any value: the snapshot becomes the user's own.
    DO_NOT_DELETE = "volsync.backube/do-not-delete"
    # On the temporary claim of a claim that is being filled; its value is that claim's name, or what fits of it.
    POPULATOR_FOR = "volsync.backube/populator-pvc-for"
    # On Jobs: 16 hexadecimal digits that are the same for the same repository.
    REPOSITORY = "volsync-py/repository"
    # On Jobs and pods of commands: the UID of the custom resource whose repository is asked about, and what is done.
    ASKED_FOR = "volsync-py/asked-for"
    ASKED_HOW = "volsync-py/asked-how"
    # On what the command `restore` makes; on a destination, how far it is: one of RESTORE_OPEN, RESTORE_BEGUN
    # and RESTORE_DONE.
    RESTORE = "volsync-py/restore"
    # On the Job, the pod and the claim of a verification, which tells them from those of a backup.
    PURPOSE = "volsync-py/purpose"


class Annotation(StrEnum):
    """Annotations."""

    # On a Namespace, by its admin: movers may have more rights.
    PRIVILEGED_MOVERS = "volsync.backube/privileged-movers"
    # On our custom resources, by the user: the mover waits instead of working.
    DEBUG_MOVER = "volsync.backube/enable-debug-mover"
    # On the data claim of a destination: the name of the image that is being made.
    SNAPNAME = "volsync.backube/snapname"
    # On the volume of a claim that was filled: namespace and name of the snapshot.
    POPULATED_FROM = "volsync.backube/populated-from"
    # On claims, by the scheduler: the node that the volume has to be reachable from.
    SELECTED_NODE = "volume.kubernetes.io/selected-node"
    # On our custom resources, by the user: one extra run for each new value.
    RUN_NOW = "volsync-py/run-now"
    # On sources, by the user: one extra verification for each new value.
    PROVE_NOW = "volsync-py/prove-now"
    # On Jobs: what was decided for the run, as JSON.
    RUN = "volsync-py/run"
    # On Jobs: the resource version of what holds the custom CA, so that a change of it after a failure is noticed.
    CUSTOM_CA_VERSION = "volsync-py/custom-ca-version"
    # On Jobs: when we last changed how many pods it is to have. Kubernetes keeps no time of that.
    STARTED = "volsync-py/started"
    # On Jobs that hold the grants and have not started: since when another mover of the repository waits for them.
    TURN_WANTED = "volsync-py/turn-wanted"
    # On claims and snapshots that we make: which size, class and access modes were asked for, as JSON.
    ASKED_FOR = "volsync-py/asked-for"
    # On the claim of a source, by the owner of the data: copies wait for COPY_TRIGGER, which is new for each of them.
    USE_COPY_TRIGGER = "volsync.backube/use-copy-trigger"
    COPY_TRIGGER = "volsync.backube/copy-trigger"
    # On the same claim: the last COPY_TRIGGER that was served, whether one is waited for or served, and since when.
    LATEST_COPY_TRIGGER = "volsync.backube/latest-copy-trigger"
    LATEST_COPY_STATUS = "volsync.backube/latest-copy-status"
    COPY_WAITING_SINCE = "volsync.backube/latest-copy-trigger-waiting-since"
    # By the command `restore`, for the time of a restore, whose destination is the value. On sources: paused for it.
    PAUSED_FOR = "volsync-py/paused-for-restore"
    # On the claim that is restored into, from the first byte until the restore has ended well; it outlives the rest.
    HALF_RESTORED = "volsync-py/half-restored"
    # On the destination: the newest snapshot was asked for, whichever that was then.
    ASKED_NEWEST = "volsync-py/asked-for-newest"
    # On workloads: at 0 for it, and how many replicas there were.
    SCALED_FOR = "volsync-py/scaled-down-for-restore"
    REPLICAS_BEFORE = "volsync-py/replicas-before-restore"


CREATED_BY_US = "volsync"
# Nothing was written; something may be; the command has told the end.
RESTORE_OPEN, RESTORE_BEGUN, RESTORE_DONE = "open", "begun", "done"
# The value of PURPOSE.
VERIFICATION = "verification"
# An annotation on the claim of a source that uses copy triggers: what one source does; the source's UID follows.
COPY_PART_PREFIX = "volsync-py/copy-"
# Marks a snapshot that a populating claim still reads from; the claim's UID follows.
POPULATOR_LABEL_PREFIX = "volsync.backube/volpop-pvc-"
