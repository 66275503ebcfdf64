"""Write the CustomResourceDefinitions: `python -m hack.generate_crds` after a change of this file.

The wire surface is VolSync's; what it does not have is an optional field. Kubernetes' own deep types
(affinity, security context, resources, volume sources) are as Kubernetes publishes them: `hack.kubernetes_types`.

Each text, list and map has an end, because whoever writes one makes everybody's manager read it. The ends are those
that `api.fields` reads by, and far beyond what is of use, so that what VolSync accepts is accepted.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from attrs import AttrsInstance

from hack import kubernetes_types
from volsync_py.api import fields, verification
from volsync_py.contract import options
from volsync_py.contract.run_document import Run
from volsync_py.core import last_days
from volsync_py.core.cronspec import LONGEST_SCHEDULE

Schema = dict[str, Any]
TARGET = Path(__file__).parents[1] / "manifests" / "crds"
SCHEDULE = r"^(@(annually|yearly|monthly|weekly|daily|hourly))|((((\d+,)*\d+|(\d+(\/|-)\d+)|\*(\/\d+)?)\s?){5})$"
NUMBER = r"(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))"
# Of a condition's message in Kubernetes' own types.
LONGEST_CONDITION = 32768
# More than `--mover-log-max-bytes` is ever set to, and less than an object may be.
LONGEST_LOG = 1024 * 1024
QUANTITY = rf"^(\+|-)?{NUMBER}(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?{NUMBER}))?$"


def text(description: str, **more: Any) -> Schema:
    """A string."""
    return {"type": "string", "description": description, "maxLength": fields.LONGEST_TEXT, **more}


def number(description: str) -> Schema:
    """A 32-bit integer."""
    return {"type": "integer", "format": "int32", "description": description}


def count(description: str) -> Schema:
    """A 64-bit integer."""
    return {"type": "integer", "format": "int64", "description": description}


def flag(description: str) -> Schema:
    """A boolean."""
    return {"type": "boolean", "description": description}


def time(description: str) -> Schema:
    """An RFC 3339 time."""
    return text(description, format="date-time")


def quantity(description: str) -> Schema:
    """A size."""
    return {
        "anyOf": [{"type": "integer"}, {"type": "string"}],
        "pattern": QUANTITY,
        "maxLength": fields.LONGEST_TEXT,
        "x-kubernetes-int-or-string": True,
        "description": description,
    }


def texts(description: str, **more: Any) -> Schema:
    """A list of strings."""
    item = {"type": "string", "maxLength": fields.LONGEST_TEXT}
    return {"type": "array", "items": item, "maxItems": fields.MOST_ITEMS, "description": description, **more}


def mapping(description: str) -> Schema:
    """A map of strings."""
    values = {"type": "string", "maxLength": fields.LONGEST_TEXT}
    return {
        "type": "object",
        "additionalProperties": values,
        "maxProperties": fields.MOST_ITEMS,
        "description": description,
    }


def anything(description: str) -> Schema:
    """An object whose fields are somebody else's."""
    return {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "description": description}


def kubernetes(name: str, description: str) -> Schema:
    """An object of a type of Kubernetes' own."""
    size = {key: value for key, value in quantity("").items() if key != "description"}
    return kubernetes_types.schema_of(name, description, quantity=size)


def group(description: str, /, **properties: Schema) -> Schema:
    """An object with these fields."""
    return {"type": "object", "description": description, "properties": properties}


def of_options(record: type[AttrsInstance], section: str = "") -> dict[str, Schema]:
    """The fields of a record's options; `section` is the group that they stand in."""
    found = {}
    for _, default, option in options.options_of(record):
        where, _, name = option.path.rpartition(".")
        if where == section:
            found[name] = of_option(default, option)
    return found


def of_option(default: Any, option: options.Option) -> Schema:
    """One option."""
    if isinstance(default, bool):
        return flag(option.description)
    if isinstance(default, int):
        bounds = {"minimum": option.least, "maximum": option.most}
        return {**number(option.description), **{name: value for name, value in bounds.items() if value is not None}}
    if isinstance(default, tuple):
        return texts(option.description)
    more = {"pattern": option.pattern, "enum": list(option.values)}
    return text(option.description, **{name: value for name, value in more.items() if value})


def volume() -> dict[str, Schema]:
    """Fields about volumes that both kinds have."""
    modes = {"minItems": 1}
    return {
        "copyMethod": text(
            "How the data gets out of or into the volume.", enum=["Direct", "None", "Clone", "Snapshot"]
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
            "items": {
                "type": "object",
                "required": ["mountPath", "volumeSource"],
                "properties": {
                    "mountPath": text("Where below /mnt."),
                    "volumeSource": group(
                        "Exactly one source.",
                        persistentVolumeClaim=kubernetes(
                            "PersistentVolumeClaimVolumeSource", "A claim of this namespace."
                        ),
                        secret=kubernetes("SecretVolumeSource", "A Secret of this namespace."),
                        nfs=kubernetes("NFSVolumeSource", "An NFS export."),
                    ),
                },
            },
        },
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


def status(restic: Schema, **more: Schema) -> Schema:
    """`status`."""
    condition = group(
        "One condition.",
        type=text("Its type."),
        status=text("True, False or Unknown.", enum=["True", "False", "Unknown"]),
        reason=text("A word for the reason."),
        message=text("A sentence for people.", maxLength=LONGEST_CONDITION),
        lastTransitionTime=time("When the status changed."),
        observedGeneration=count("The generation of the spec that it is about."),
    )
    condition["required"] = ["type", "status", "reason", "message", "lastTransitionTime"]
    error = group("The last failure.", **{"class": text("Its class."), "message": text("Its cause.")})
    made = group(
        "What the operator has seen and done.",
        conditions={"type": "array", "items": condition, "maxItems": fields.MOST_ITEMS},
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
        attempt=group(
            "The failing run.",
            count=number("Attempts that failed."),
            lastError=error,
            lastFailureTime=time("When the last attempt failed."),
            nextAttemptTime=time("When the next attempt begins."),
            observedGeneration=count("The generation that was tried."),
            secretVersion=text("The version of the Secret that was tried."),
            customCAVersion=text("The version of what customCA names that was tried."),
            targetSize=text("The size of the claim that was too small."),
            runNow=text("The run-now annotation that was tried."),
            lockedBy=text("The host whose lock stopped it, until it is known whether that is still there."),
            lockHolder=text("Whose lock stopped it: a process and its host."),
            lockedSince=time("Since when that lock has been there, as far as movers have seen it."),
        ),
        lastDays=group(
            "How the last thirty days went, for whoever looks.",
            until=text("The day of the last letter.", maxLength=last_days.DATE_CHARACTERS),
            results=text(
                "A letter a day. A run ended well: o, with a retry: r, with a warning: w. None did, attempts failed: "
                "f, only a change helps: c. No run ended: a dot.",
                maxLength=last_days.MOST_DAYS,
            ),
        ),
        restic=restic,
        external=mapping("Of an external provider."),
        rsync=anything("Of another mover."),
        rsyncTLS=anything("Of another mover."),
        **more,
    )
    # The manager writes all of it. An owner on record for each field would only make each write dearer.
    made["x-kubernetes-map-type"] = "atomic"
    return made


def source_status() -> Schema:
    """`status` of a source."""
    sizes = ("filesNew", "filesChanged", "filesUnmodified", "bytesProcessed", "bytesAdded", "filesFailed")
    restic = group(
        "Of the repository.",
        lastPruned=time("When it was pruned last."),
        lastUnlocked=text("The unlock that was served last."),
        lastChecked=time("When it was checked last."),
        lastCheckResult=text("Succeeded, or the class of what the check found."),
        lastCheckSubset=text("What of the packs the last check read."),
        repositoryID=text("restic's id of the repository."),
        moverImage=text("The image of the last mover that ended well."),
        repositoryHash=text("A hash of where the repository is."),
        repositorySize=group(
            "What is in the repository, as the last prune of this source left it.",
            bytes=count("How many bytes."),
            time=time("When that was."),
        ),
        completeSnapshot=text("Id of the last backup that lacks nothing."),
        lastSnapshot=group(
            "The last backup.",
            id=text("Its id."),
            time=text("When it was made."),
            **{name: count(name) for name in sizes},
        ),
        lastVerified=group(
            "The last backup that was restored and found to be whole.",
            time=time("When that was."),
            snapshot=text("Its id."),
            snapshotTime=text("When it was made."),
            files=count("How many files and folders came back."),
            bytes=count("How many bytes."),
            commandExitCode=number("What the command exited with; none if there was none."),
        ),
        verification=group(
            "The verifications.",
            since=time("Since when there is a schedule, or what else the spec says."),
            lastTime=time("When the last one was over: proved, or given up."),
            result=text("Succeeded or Failed.", enum=["Succeeded", "Failed"]),
            lastError=group("The last failure.", **{"class": text("Its class."), "message": text("Its cause.")}),
            attempts=number("Attempts of the one that is due."),
            nextAttemptTime=time("When the next attempt begins."),
            lastProveNow=text("The prove-now annotation that was served last."),
            triedProveNow=text("The prove-now annotation that was tried."),
            observedGeneration=count("The generation that was tried."),
            seconds=count("How long the last one took."),
            waiting=text("What the one that is due waits for."),
            job=text("UID of the last Job on record here."),
            claim=text("UID of the last claim on record here."),
        ),
        snapshots=group(
            "What retention left.",
            count=number("How many."),
            oldest=text("Time of the oldest."),
            newest=text("Time of the newest."),
        ),
    )
    return status(restic, syncthing=anything("Of another mover."))


def destination_status() -> Schema:
    """`status` of a destination."""
    restored = group(
        "What the last run restored.",
        id=text("The snapshot."),
        time=text("When it was made."),
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
        group("Of the restore.", restored=restored, moverImage=text("The image of the last mover that ended well.")),
        latestImage=image,
    )


def definition(kind: str, plural: str, short: str, spec: Schema, status_: Schema, columns: list[Schema]) -> Schema:
    """Return one CustomResourceDefinition."""
    shared = [
        {"jsonPath": ".status.lastSyncTime", "name": "Last sync", "type": "string", "format": "date-time"},
        {"jsonPath": ".status.lastSyncDuration", "name": "Duration", "type": "string"},
        {"jsonPath": ".status.nextSyncTime", "name": "Next sync", "type": "string", "format": "date-time"},
        {"jsonPath": '.status.conditions[?(@.type=="Healthy")].status', "name": "Healthy", "type": "string"},
        {"jsonPath": ".metadata.creationTimestamp", "name": "Age", "type": "date"},
    ]
    schema = {
        "type": "object",
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": status_,
        },
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.volsync.backube"},
        "spec": {
            "group": "volsync.backube",
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
                "shortNames": [short],
            },
            "scope": "Namespaced",
            "versions": [
                {
                    "name": "v1alpha1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [*columns, *shared],
                }
            ],
        },
    }


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


def definitions() -> list[Schema]:
    """Return the definitions of both kinds."""
    source_column = {"jsonPath": ".spec.sourcePVC", "name": "Source", "type": "string"}
    source_spec = group(
        "What to back up, when, and where to.",
        sourcePVC=text("The claim to back up."),
        restic=source(),
        syncthing=anything("Another mover, which this operator does not have."),
        **common_spec(),
    )
    destination_spec = group("What to restore, when, and where to.", restic=destination(), **common_spec())
    return [
        definition("ReplicationSource", "replicationsources", "vsrs", source_spec, source_status(), [source_column]),
        definition(
            "ReplicationDestination", "replicationdestinations", "vsrd", destination_spec, destination_status(), []
        ),
    ]


def files() -> dict[Path, str]:
    """Return what is written into which file."""

    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    return {
        TARGET / f"volsync.backube_{crd['spec']['names']['plural']}.yaml": yaml.dump(
            crd, Dumper=Plain, sort_keys=False, width=120
        )
        for crd in definitions()
    }


if __name__ == "__main__":
    for path, content in files().items():
        path.write_text(content, encoding="utf-8")
