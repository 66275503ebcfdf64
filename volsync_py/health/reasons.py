"""What a reason means that is no class of failures: those of conditions, and those that a status itself gives away.

A test holds that each reason which the operator writes into a condition is here or among the classes.
"""

from __future__ import annotations

from attrs import frozen


@frozen
class Reason:
    """Where it stands, what it means, and what to do."""

    where: str
    meaning: str
    next_step: str = "nothing to do"


_CANNOT_GO_ON = "Healthy is False: the run cannot begin or go on"
_TOLD_BESIDE = "Healthy is True: told beside a run that ended well"
_OF_STATUS = "said by the command status: no condition has it"
REASONS = {
    "ClaimTerminating": Reason(
        _CANNOT_GO_ON, "a claim that is needed is being deleted", "wait for a new one, or name another claim"
    ),
    "CleanupIgnored": Reason(
        _TOLD_BESIDE,
        "cleanupTempPVC would delete the volume that latestImage names, so it is kept",
        "remove cleanupTempPVC, or use copyMethod Snapshot",
    ),
    "CopyTriggerTimeout": Reason(
        _CANNOT_GO_ON,
        "nobody has said for a while that the claim may be copied",
        "bring the data to rest and set volsync.backube/copy-trigger to a new value; the run goes on waiting",
    ),
    "DefinitionsOutdated": Reason(
        _CANNOT_GO_ON,
        "the CustomResourceDefinitions lack fields of this version, so no mover is started",
        "apply the definitions that came with this version (manifests/crds); those of VolSync lack these fields",
    ),
    "HalfRestored": Reason(
        _CANNOT_GO_ON,
        "a restore in place into the source's claim has begun and has not ended well, so nothing is backed up of it",
        "restore it again with volsync-py restore --in-place; if its data are right, remove the claim's annotation "
        "volsync-py/half-restored",
    ),
    "MaintenanceWaits": Reason(
        "Maintained is False: backups are made",
        "retention, prune or check is due, and other movers of the same repository were at work each time",
        "nothing to do, unless it stays so: then give the sources of this repository different times",
    ),
    "ObjectInTheWay": Reason(
        _CANNOT_GO_ON,
        "an object that is not the operator's has a name that the operator needs",
        "rename or delete it, or give the source or destination another name; the message names it",
    ),
    "SnapshotFailed": Reason(
        _CANNOT_GO_ON,
        "the CSI driver could not take the VolumeSnapshot",
        "see the VolumeSnapshotClass and the log of the CSI driver; it is tried again by itself",
    ),
    "SnapshotNotBound": Reason(
        _CANNOT_GO_ON,
        "nobody has answered a VolumeSnapshot yet",
        "check that its VolumeSnapshotClass exists and that the CSI driver supports snapshots",
    ),
    "VolumeNotGrown": Reason(
        _TOLD_BESIDE,
        "a volume cannot be given the size that the spec wants, and is used as it is",
        "see the message: a StorageClass with allowVolumeExpansion, or another size in the spec",
    ),
    "Succeeded": Reason("Healthy, Maintained or Verified is True", "the last one ended well"),
    "NotYetRun": Reason("Healthy is Unknown", "no run has ended yet"),
    "NotYetVerified": Reason("Verified is Unknown", "no backup has been proved yet"),
    "SyncInProgress": Reason("Synchronizing is True", "a run is under way"),
    "WaitingForMover": Reason(
        "Synchronizing is True",
        "the run waits for its turn: other movers are at work",
        "nothing to do, or raise --max-movers",
    ),
    "WaitingForSchedule": Reason("Synchronizing is False", "the next slot is to come"),
    "WaitingForManual": Reason(
        "Synchronizing is False",
        "the run of this manual trigger has ended",
        "change spec.trigger.manual for another, or volsync-py backup NAME",
    ),
    "CleaningUp": Reason("Synchronizing is False", "a run has ended, and what it needed is being deleted"),
    "Error": Reason(
        "Synchronizing is False", "the run cannot begin or go on", "see the reason and the message of Healthy"
    ),
    "Overdue": Reason(
        _OF_STATUS,
        "two slots in a row have passed without a run that ended well",
        "see whether the operator runs, or what the run that is under way waits for: volsync-py doctor NAME",
    ),
    "NotServed": Reason(
        _OF_STATUS,
        "it is five minutes old, and no operator has looked at it",
        "see whether one runs, and serves this namespace: volsync-py doctor NAME",
    ),
    "RepositoryShared": Reason(
        _OF_STATUS,
        "another volume is backed up into the same repository: a restore takes the newest snapshot of all, and "
        "retention counts them together",
        "give each volume its own path in RESTIC_REPOSITORY",
    ),
    "Failed": Reason(
        _OF_STATUS,
        "the last mover failed, and VolSync keeps no condition for that",
        "see the end of its log: volsync-py status NAME",
    ),
}
