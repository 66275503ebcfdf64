"""The schema of `status`, of both kinds."""

from __future__ import annotations

from hack.schema_fields import Schema, anything, count, group, mapping, number, text, time
from volsync_py.api import fields
from volsync_py.core import last_days

# Of a condition's message in Kubernetes' own types.
LONGEST_CONDITION = 32768
# More than `--mover-log-max-bytes` is ever set to, and less than an object may be.
LONGEST_LOG = 1024 * 1024


def condition() -> Schema:
    """One of `conditions`."""
    made = group(
        "One condition.",
        type=text("Its type."),
        status=text("True, False or Unknown.", enum=["True", "False", "Unknown"]),
        reason=text("A word for the reason."),
        message=text("A sentence for people.", maxLength=LONGEST_CONDITION),
        lastTransitionTime=time("When the status changed."),
        observedGeneration=count("The generation of the spec that it is about."),
    )
    made["required"] = ["type", "status", "reason", "message", "lastTransitionTime"]
    return made


def last_error() -> Schema:
    """A failure."""
    return group("The last failure.", **{"class": text("Its class."), "message": text("Its cause.")})


def attempt() -> Schema:
    """`attempt`: how far a failing run is."""
    return group(
        "The run that is failing; unset after a good one.",
        count=number("How many of its attempts have failed."),
        lastError=last_error(),
        lastFailureTime=time("When the last attempt failed."),
        nextAttemptTime=time("When the next attempt begins."),
        observedGeneration=count("The generation that was tried."),
        secretVersion=text("resourceVersion of the repository Secret that the last attempt used."),
        customCAVersion=text("resourceVersion of the Secret or ConfigMap in customCA that the last attempt used."),
        targetSize=text("Size of the claim that was too small in the last attempt."),
        runNow=text("Value of the run-now annotation when the last attempt was made."),
        lockedBy=text(
            "Host name in the lock that stopped the attempt, until the manager knows whether that pod still exists."
        ),
        lockHolder=text("Whose lock stopped the attempt: a process and its host."),
        lockedSince=time("Since when that lock has been there, as far as movers have seen it."),
        lockAgeSeconds=count(
            "How long the lock had not been renewed then; whoever lives renews it every five minutes."
        ),
    )


def days() -> Schema:
    """`lastDays`: a month for the page."""
    return group(
        "How the last thirty days went.",
        until=text("The day of the last letter.", maxLength=last_days.DATE_CHARACTERS),
        results=text(
            "A letter for each day. A run ended well: o; after failed attempts: r; with a warning: w. No run ended "
            "well: f if attempts failed, c if only a change helps, a dot if none ended.",
            maxLength=last_days.MOST_DAYS,
        ),
    )


def status(restic: Schema, **more: Schema) -> Schema:
    """`status`."""
    made = group(
        "What the operator has seen and done.",
        conditions={"type": "array", "items": condition(), "maxItems": fields.MOST_ITEMS},
        observedGeneration=count("The generation of the spec that the status is about."),
        lastSyncTime=time("When the last run ended."),
        lastSyncStartTime=time("When the run under way began."),
        lastSyncDuration=text("How long the last run took."),
        nextSyncTime=time("When the next run begins."),
        lastManualSync=text("The manual trigger that was served last."),
        lastRunNow=text("The run-now annotation that was served last."),
        latestMoverStatus=group(
            "How the last attempt ended.",
            result=text("Successful or Failed.", enum=["Successful", "Failed"]),
            logs=text("The end of the mover's log.", maxLength=LONGEST_LOG),
        ),
        attempt=attempt(),
        lastDays=days(),
        restic=restic,
        external=mapping("Of an external provider."),
        rsync=anything("Of another mover."),
        rsyncTLS=anything("Of another mover."),
        **more,
    )
    # The manager writes all of it. An owner on record for each field would only make each write dearer.
    made["x-kubernetes-map-type"] = "atomic"
    return made


def last_snapshot() -> Schema:
    """`restic.lastSnapshot` of a source."""
    return group(
        "The last backup.",
        id=text("Its id."),
        time=text("When it was made."),
        filesNew=count("How many files are new since the previous backup."),
        filesChanged=count("How many files have changed."),
        filesUnmodified=count("How many files have not changed."),
        bytesProcessed=count("The size of all files."),
        bytesAdded=count("By how many bytes the repository has grown."),
        filesFailed=count("How many files could not be read."),
    )


def last_verified() -> Schema:
    """`restic.lastVerified` of a source."""
    return group(
        "The last backup that was restored and found to be whole.",
        time=time("When it was restored."),
        snapshot=text("Id of the snapshot."),
        snapshotTime=text("When the snapshot was made."),
        files=count("How many files and folders came back."),
        bytes=count("How many bytes."),
        commandExitCode=number("Exit code of the verification command; unset without a command."),
    )


def verifications() -> Schema:
    """`restic.verification` of a source."""
    return group(
        "The last verification, and the one that is due or under way.",
        since=time("Since when there is a schedule, or what else the spec says."),
        lastTime=time("When the last one ended: the backup was proved, or it was given up."),
        startTime=time("When the one under way began; not set with `keep: OnFailure`, where the claim has that time."),
        result=text("Succeeded or Failed.", enum=["Succeeded", "Failed"]),
        lastError=last_error(),
        attempts=number("How many attempts the one that is due has had."),
        nextAttemptTime=time("When the next attempt begins."),
        lastProveNow=text("The prove-now annotation that was served last."),
        triedProveNow=text("Value of the prove-now annotation when the last attempt was made."),
        observedGeneration=count("The generation that was tried."),
        seconds=count("How many seconds the last one took."),
        waiting=text("What the one that is due waits for."),
        job=text("UID of the Job of the last attempt whose result is recorded here."),
        claim=text("UID of its claim, with `keep: OnFailure`."),
    )


def source_status() -> Schema:
    """`status` of a source."""
    restic = group(
        "About the repository.",
        lastPruned=time("When it was pruned last."),
        lastUnlocked=text("The unlock that was served last."),
        lastChecked=time("When it was checked last."),
        lastCheckResult=text("Succeeded, or the class of what the check found."),
        lastCheckSubset=text("Which part of the data the last check read."),
        repositoryID=text("restic's id of the repository."),
        moverImage=text("The image of the last mover that ended well."),
        repositoryHash=text("A hash of the address of the repository."),
        repositorySize=group(
            "What is in the repository, as the last prune of this source left it.",
            bytes=count("How many bytes."),
            time=time("When that was."),
        ),
        completeSnapshot=text("Id of the last backup that lacks nothing."),
        lastSnapshot=last_snapshot(),
        lastVerified=last_verified(),
        verification=verifications(),
        snapshots=group(
            "Which snapshots the last retention left.",
            count=number("How many snapshots."),
            oldest=text("Time of the oldest."),
            newest=text("Time of the newest."),
        ),
    )
    return status(restic, syncthing=anything("Of another mover."))


def destination_status() -> Schema:
    """`status` of a destination."""
    restored = group(
        "What the last run restored.",
        id=text("Id of the snapshot."),
        time=text("When the snapshot was made."),
        files=count("How many files and folders."),
        bytes=count("How many bytes."),
    )
    image = group(
        "The image of the last run.",
        apiGroup=text("API group of the kind."),
        kind=text("VolumeSnapshot or PersistentVolumeClaim."),
        name=text("Its name."),
    )
    image["required"] = ["kind", "name"]
    image["x-kubernetes-map-type"] = "atomic"
    return status(
        group("About the restore.", restored=restored, moverImage=text("The image of the last mover that ended well.")),
        latestImage=image,
    )
