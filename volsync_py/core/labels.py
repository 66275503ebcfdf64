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
    # On the temporary claim of a claim that is being filled; its value is that claim's name, shortened if too long.
    POPULATOR_FOR = "volsync.backube/populator-pvc-for"
    # On Jobs: a hash of the address of the repository, 16 hexadecimal digits.
    REPOSITORY = "volsync-py/repository"
    # On Jobs and pods of commands: the UID of the custom resource whose repository is meant, and what is done with it.
    ASKED_FOR = "volsync-py/asked-for"
    ASKED_HOW = "volsync-py/asked-how"
    # On what the command `restore` makes; on a destination, how far it is: one of RESTORE_OPEN, RESTORE_BEGUN
    # and RESTORE_DONE.
    RESTORE = "volsync-py/restore"
    # On the Job, the pod and the claim of a verification, to tell them from those of a backup.
    PURPOSE = "volsync-py/purpose"


class Annotation(StrEnum):
    """Annotations."""

    # On a Namespace, by its admin: movers may have more rights.
    PRIVILEGED_MOVERS = "volsync.backube/privileged-movers"
    # On our custom resources, by the user: the mover waits for somebody who looks, instead of working.
    DEBUG_MOVER = "volsync.backube/enable-debug-mover"
    # On the data claim of a destination: the name of the VolumeSnapshot that is being made of it.
    SNAPNAME = "volsync.backube/snapname"
    # On the volume of a claim that was filled: namespace and name of the snapshot.
    POPULATED_FROM = "volsync.backube/populated-from"
    # On claims, by the scheduler: the node that the volume has to be reachable from.
    SELECTED_NODE = "volume.kubernetes.io/selected-node"
    # On our custom resources, by the user: one extra run for each new value.
    RUN_NOW = "volsync-py/run-now"
    # On sources, by the user: one extra verification for each new value.
    PROVE_NOW = "volsync-py/prove-now"
    # On Jobs: what the manager decided for the run, as JSON.
    RUN = "volsync-py/run"
    # On Jobs: resourceVersion of the Secret or ConfigMap in customCA, so that a change after a failure is noticed.
    CUSTOM_CA_VERSION = "volsync-py/custom-ca-version"
    # On Jobs: when we last changed `parallelism`, how many pods it may have; Kubernetes does not record that.
    STARTED = "volsync-py/started"
    # On Jobs that may `init` and have not started: since when another mover waits for that right.
    TURN_WANTED = "volsync-py/turn-wanted"
    # On claims and snapshots that we make: which size, class and access modes were asked for, as JSON.
    ASKED_FOR = "volsync-py/asked-for"
    # On the claim of a source, by the owner of the data: each copy waits until COPY_TRIGGER has a new value.
    USE_COPY_TRIGGER = "volsync.backube/use-copy-trigger"
    COPY_TRIGGER = "volsync.backube/copy-trigger"
    # On the same claim, by us: the last COPY_TRIGGER with its copies made, how far that is, and since when we wait.
    LATEST_COPY_TRIGGER = "volsync.backube/latest-copy-trigger"
    LATEST_COPY_STATUS = "volsync.backube/latest-copy-status"
    COPY_WAITING_SINCE = "volsync.backube/latest-copy-trigger-waiting-since"
    # By the command `restore`, on the source that it has paused, until the restore ends; the value is its destination.
    PAUSED_FOR = "volsync-py/paused-for-restore"
    # On the claim that is restored into, from the first byte until a restore has ended well, whatever ends before.
    HALF_RESTORED = "volsync-py/half-restored"
    # On the destination: the command was asked for the newest snapshot, not for a certain one.
    ASKED_NEWEST = "volsync-py/asked-for-newest"
    # On workloads that were scaled to 0 for a restore: which restore, and how many replicas there were.
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
