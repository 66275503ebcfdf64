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
            "Direct or None: the volume itself is read or written. Snapshot, or Clone (only sources): a copy is made.",
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
        "properties": {"mountPath": text("Path of the mount, below /mnt."), "volumeSource": source},
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
            "Which backups to keep; only the latest one if unset.",
            **retain,
            within=text("Keep backups that are at most this much older than the latest one, such as 1y5m21d12h."),
            last=text("How many of the latest backups to keep; a number or unlimited."),
            **of_options(options.RetentionOptions, "retain"),
        ),
        exclude=group("What is not backed up.", **of_options(options.BackupOptions, "exclude")),
        limits=group(
            "The highest rates of transfer, in KiB per second.", **of_options(options.BackupOptions, "limits")
        ),
        prune=group("Limits of each prune.", **of_options(options.PruneOptions, "prune")),
        verification=group(
            "Restore the newest backup into a new volume, and compare the two: by a schedule, and when asked for.",
            schedule=text(
                "A cron expression, in the time zone of the trigger.", pattern=SCHEDULE, maxLength=LONGEST_SCHEDULE
            ),
            keep=text("When the restored volume is kept; Never if unset.", enum=list(verification.KEEPS)),
            command=texts(
                "A program, with its arguments, that looks at the restored volume; 0 as its exit code is a success.",
                **most_words,
            ),
        ),
        check=group(
            "When a backup is followed by a check of the repository.", **of_options(options.CheckSchedule, "check")
        ),
        **of_options(options.BackupOptions),
        **of_options(Run),
        unlock=text("Remove stale locks before the next backup, once for each new value."),
    )


def destination() -> Schema:
    """`spec.restic` of a destination."""
    return group(
        "Restore with restic.",
        **volume(),
        destinationPVC=text("Restore into this existing claim."),
        cleanupTempPVC=flag("Delete the volume that the operator has made, after each run."),
        cleanupCachePVC=flag("Delete the cache volume after each run."),
        previous=number("How many eligible snapshots to go back from the newest one."),
        restoreAsOf=time("Restore the latest snapshot made at or before this time."),
        enableFileDeletion=flag("Delete files that are not in the snapshot."),
        **of_options(options.RestoreOptions),
    )


def trigger() -> Schema:
    """`spec.trigger`."""
    return group(
        "When to synchronize; if unset, again and again without a pause.",
        schedule=text("A cron expression.", pattern=SCHEDULE, maxLength=LONGEST_SCHEDULE),
        manual=text("Synchronize once for each new value."),
        timeZone=text("IANA time zone of the schedule."),
        jitter=text(
            "A duration. The resource starts later than its schedule by a part of it, which is always the same.",
            pattern=r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$",
        ),
        startingDeadlineSeconds={
            **count("A run that cannot start within this time of its slot is left out; at least 1."),
            "minimum": 0,
        },
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
            "Another program handles this resource, not this operator.",
            provider=text("Name of that program."),
            parameters=mapping("Parameters for it."),
        ),
        **others,
    }
