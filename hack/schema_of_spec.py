"""The schema of `spec`, of both kinds."""

from __future__ import annotations

from hack.schema_fields import (
    Schema,
    anything,
    count,
    flag,
    group,
    kubernetes,
    mapping,
    number,
    of_options,
    quantity,
    text,
    texts,
    time,
)
from volsync_py.api import fields, verification
from volsync_py.contract import options
from volsync_py.contract.run_document import Run
from volsync_py.core.cronspec import LONGEST_SCHEDULE

SCHEDULE = r"^(@(annually|yearly|monthly|weekly|daily|hourly))|((((\d+,)*\d+|(\d+(\/|-)\d+)|\*(\/\d+)?)\s?){5})$"


def volume() -> dict[str, Schema]:
    """Fields about volumes that both kinds have."""
    modes = {"minItems": 1}
    return {
        "copyMethod": text(
            "Direct, or None: the volume itself is read or written. Snapshot, Clone (sources): a copy of it is made.",
            enum=["Direct", "None", "Clone", "Snapshot"],
        ),
        "capacity": quantity("Size of the volume to make."),
        "storageClassName": text("StorageClass of the volume to make."),
        "accessModes": texts("Access modes of the volume to make.", **modes),
        "volumeSnapshotClassName": text("VolumeSnapshotClass to use instead of the default one."),
        "repository": text("Name of the Secret with the connection to the repository."),
        "cacheCapacity": quantity("Size of the cache volume; 1Gi if unset."),
        "cacheStorageClassName": text("StorageClass of the cache volume."),
        "cacheAccessModes": texts("Access modes of the cache volume."),
        "customCA": group(
            "A certificate authority for TLS connections to the repository.",
            secretName=text("Secret that holds the certificate."),
            configMapName=text("ConfigMap that holds the certificate."),
            key=text("Field that holds the certificate."),
        ),
        **mover(),
    }


def mover() -> dict[str, Schema]:
    """Fields about the mover's pod that both kinds have."""
    return {
        "moverSecurityContext": kubernetes("PodSecurityContext", "PodSecurityContext of the mover."),
        "moverServiceAccount": text("ServiceAccount of the mover instead of one made for it."),
        "moverPodLabels": mapping("Labels to add to the mover's pod."),
        "moverResources": kubernetes("ResourceRequirements", "Resources of the mover's container."),
        "moverAffinity": kubernetes("Affinity", "Affinity of the mover's pod."),
        "moverTolerations": {
            "type": "array",
            "maxItems": fields.MOST_ITEMS,
            "description": "Tolerations of the mover's pod.",
            "items": kubernetes("Toleration", "A toleration."),
        },
        "moverVolumes": {
            "type": "array",
            "maxItems": fields.MOST_ITEMS,
            "description": "Volumes to mount into the mover, under /mnt.",
            "items": mounted_volume(),
        },
    }


def mounted_volume() -> Schema:
    """One of the volumes that are mounted into a mover."""
    source = group(
        "Exactly one source.",
        persistentVolumeClaim=kubernetes("PersistentVolumeClaimVolumeSource", "A claim of this namespace."),
        secret=kubernetes("SecretVolumeSource", "A Secret of this namespace."),
        nfs=kubernetes("NFSVolumeSource", "An NFS export."),
    )
    return {
        "type": "object",
        "required": ["mountPath", "volumeSource"],
        "properties": {"mountPath": text("Where below /mnt."), "volumeSource": source},
    }


def source() -> Schema:
    """`spec.restic` of a source."""
    retain = {
        name: number(f"How many {name} backups to keep.") for name in ("hourly", "daily", "weekly", "monthly", "yearly")
    }
    most_words = {"maxItems": verification.MOST_ARGUMENTS}
    return group(
        "Back the volume up with restic.",
        **volume(),
        pruneIntervalDays=number("Days between prunes; 7 if unset."),
        retain=group(
            "Which backups to keep; the latest one if unset.",
            **retain,
            within=text("Keep what was made within this time before the latest, such as 1y5m21d12h."),
            last=text("How many of the latest to keep."),
            **of_options(options.RetentionOptions, "retain"),
        ),
        exclude=group("What is not backed up.", **of_options(options.BackupOptions, "exclude")),
        limits=group("The most that is transferred, in KiB a second.", **of_options(options.BackupOptions, "limits")),
        prune=group("Limits of one prune.", **of_options(options.PruneOptions, "prune")),
        verification=group(
            "Restore the newest backup into a volume of its own, and compare: with a schedule, and whenever asked for.",
            schedule=text(
                "A cron expression, in the zone of the trigger's.", pattern=SCHEDULE, maxLength=LONGEST_SCHEDULE
            ),
            keep=text("Whether the restored volume is kept; Never if unset.", enum=list(verification.KEEPS)),
            command=texts("A program that looks at what was restored, and its arguments.", **most_words),
        ),
        check=group("When the repository is checked after a backup.", **of_options(options.CheckSchedule, "check")),
        **of_options(options.BackupOptions),
        **of_options(Run),
        unlock=text("Remove stale locks before the next backup, once for each value."),
    )


def destination() -> Schema:
    """`spec.restic` of a destination."""
    return group(
        "Restore with restic.",
        **volume(),
        destinationPVC=text("Restore into this existing claim."),
        cleanupTempPVC=flag("Delete the volume that was made, after each run."),
        cleanupCachePVC=flag("Delete the cache volume after each run."),
        previous=number("How many eligible snapshots to go back."),
        restoreAsOf=time("The latest snapshot at or before this time."),
        enableFileDeletion=flag("Delete files that are not in the snapshot."),
        **of_options(options.RestoreOptions),
    )


def trigger() -> Schema:
    """`spec.trigger`."""
    return group(
        "When to synchronize; always if unset.",
        schedule=text("A cron expression.", pattern=SCHEDULE, maxLength=LONGEST_SCHEDULE),
        manual=text("Synchronize once for each value."),
        timeZone=text("IANA time zone of the schedule."),
        jitter=text(
            "A duration; each slot starts later by a fixed part of it.", pattern=r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"
        ),
        startingDeadlineSeconds={**count("A slot that is later than this is skipped; at least 1."), "minimum": 0},
        runOnCreate=flag("Whether the first run comes at once; true if unset."),
    )


def common_spec() -> dict[str, Schema]:
    """Fields of the spec that both kinds have."""
    others = {
        name: anything("Another mover, which this operator does not have.") for name in ("rsync", "rsyncTLS", "rclone")
    }
    return {
        "trigger": trigger(),
        "paused": flag("Stop the mover and start none."),
        "external": group(
            "Handled by somebody else.", provider=text("By whom."), parameters=mapping("With these parameters.")
        ),
        **others,
    }
