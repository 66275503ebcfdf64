"""`spec.restic` as the manager reads it: one view for both kinds, and what is wrong with its fields."""

from __future__ import annotations

import json
import re
from typing import Any

from attrs import evolve, field, frozen

from volsync_py.api.fields import LARGEST, MOST_ITEMS, Fields
from volsync_py.api.options import read_options
from volsync_py.contract import notations
from volsync_py.contract.options import (
    LONGEST_DAYS,
    UNLIMITED,
    WRITE_DURATION,
    BackupOptions,
    CheckSchedule,
    PruneOptions,
    RestoreOptions,
    RetentionOptions,
    is_duration,
)
from volsync_py.contract.run_document import Run
from volsync_py.core.objects import Object
from volsync_py.core.times import parse_rfc3339

DEFAULT_PRUNE_DAYS = 7
# Fields with lists that become part of the run document, for which Linux allows 128 KiB in all.
_LISTED = ("tags", "exclude", "include", "retain")
_MOST_TOLD = 96 * 1024
_COUNTS = ("hourly", "daily", "weekly", "monthly", "yearly")
# What the API server takes for the name of a volume.
_VOLUME_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@frozen
class ResticSpec:
    """`spec.restic` of either kind; fields that the other kind lacks have their defaults."""

    repository: str = ""
    copy_method: str = ""
    capacity: Any = None
    storage_class: str | None = None
    access_modes: tuple[str, ...] | None = None
    snapshot_class: str | None = None
    cache_capacity: Any = None
    cache_storage_class: str | None = None
    cache_access_modes: tuple[str, ...] | None = None
    # Source.
    source_claim: str = ""
    prune_interval_days: int = DEFAULT_PRUNE_DAYS
    # (option without --keep-, value) in VolSync's order.
    retain: tuple[tuple[str, Any], ...] = ()
    unlock: str = ""
    check: CheckSchedule = field(factory=CheckSchedule)
    # Destination.
    destination_claim: str = ""
    cleanup_temp_claim: bool = False
    cleanup_cache_claim: bool = False
    previous: int = 0
    restore_as_of: str = ""
    delete_files: bool = False
    # Both.
    # The part of the run document that the spec decides; the manager adds the rest.
    run: Run = field(factory=Run)
    custom_ca: Object = field(factory=dict)
    security_context: Object | None = None
    service_account: str = ""
    pod_labels: dict[str, str] = field(factory=dict)
    resources: Object = field(factory=dict)
    affinity: Object | None = None
    tolerations: tuple[Object, ...] = ()
    mover_volumes: tuple[Object, ...] = ()

    @property
    def is_direct(self) -> bool:
        """Whether the mover works on the volume itself, not on a point-in-time copy."""
        return self.copy_method in ("Direct", "None")


def source_spec(spec: Fields) -> ResticSpec:
    """Read `spec` of a source."""
    restic = spec.section("restic")
    common = _common(restic)
    if not spec.text("sourcePVC"):
        spec.problem("sourcePVC", "is not set", "name the claim to back up")
    if common["copy_method"] not in ("Direct", "None", "Clone", "Snapshot"):
        text = f"unsupported copyMethod: {common['copy_method']!r}" if common["copy_method"] else "is not set"
        restic.problem("copyMethod", text, "use Direct, None, Clone, or Snapshot")
    run = evolve(
        read_options(Run, restic),
        backup=read_options(BackupOptions, restic),
        retention=read_options(RetentionOptions, restic),
        prune=read_options(PruneOptions, restic),
    )
    interval = restic.data.get("pruneIntervalDays")
    days = interval if isinstance(interval, int) else DEFAULT_PRUNE_DAYS
    return ResticSpec(
        **common,
        source_claim=spec.text("sourcePVC"),
        # Zero and less mean: with every backup.
        prune_interval_days=min(max(days, 0), LONGEST_DAYS),
        retain=_retain(restic, run),
        unlock=restic.text("unlock"),
        check=read_options(CheckSchedule, restic),
        run=run,
    )


def destination_spec(spec: Fields) -> ResticSpec:
    """Read `spec` of a destination."""
    restic = spec.section("restic")
    common = _common(restic)
    if common["copy_method"] not in ("Direct", "None", "Snapshot"):
        text = f"unsupported copyMethod: {common['copy_method']!r}" if common["copy_method"] else "is not set"
        restic.problem("copyMethod", text, "use Direct, None, or Snapshot")
    if not restic.text("destinationPVC"):
        for name in ("accessModes", "capacity"):
            if not restic.has(name):
                restic.problem(
                    name, f"{name} must be provided when destinationPVC is not", f"add {name}, or name a destinationPVC"
                )
    as_of = restic.text("restoreAsOf")
    if as_of:
        try:
            parse_rfc3339(as_of)
        except ValueError:
            restic.problem("restoreAsOf", f"{as_of!r} is no RFC 3339 time", "write it like 2026-08-10T20:01:03-04:00")
    return ResticSpec(
        **common,
        destination_claim=restic.text("destinationPVC"),
        cleanup_temp_claim=restic.flag("cleanupTempPVC"),
        cleanup_cache_claim=restic.flag("cleanupCachePVC"),
        previous=restic.number("previous") or 0,
        restore_as_of=as_of,
        delete_files=restic.flag("enableFileDeletion"),
        run=Run(restore=_restore(restic)),
    )


def _restore(restic: Fields) -> RestoreOptions:
    options = read_options(RestoreOptions, restic)
    if options.snapshot:
        for name in ("previous", "restoreAsOf"):
            if restic.has(name):
                restic.problem(name, "does not go together with snapshot", "remove one of them")
    if restic.texts("include") and restic.texts("exclude"):
        restic.problem("exclude", "does not go together with include", "remove one of them")
    return options


def _common(restic: Fields) -> dict[str, Any]:
    if not restic.text("repository"):
        restic.problem("repository", "is not set", "name the Secret that holds RESTIC_REPOSITORY and RESTIC_PASSWORD")
    _check_room(restic)
    if restic.has("cacheAccessModes") and not restic.texts("cacheAccessModes"):
        restic.problem("cacheAccessModes", "is empty", "remove it, or give at least one mode")
    return {
        "repository": restic.text("repository"),
        "copy_method": restic.text("copyMethod"),
        "capacity": restic.quantity("capacity"),
        "storage_class": restic.text("storageClassName") or None,
        "access_modes": _modes(restic, "accessModes"),
        "snapshot_class": restic.text("volumeSnapshotClassName") or None,
        "cache_capacity": restic.quantity("cacheCapacity"),
        "cache_storage_class": restic.text("cacheStorageClassName") or None,
        "cache_access_modes": _modes(restic, "cacheAccessModes"),
        "custom_ca": _custom_ca(restic),
        "security_context": restic.object("moverSecurityContext"),
        "service_account": restic.text("moverServiceAccount"),
        "pod_labels": _pod_labels(restic),
        "resources": restic.object("moverResources") or {},
        "affinity": restic.object("moverAffinity"),
        "tolerations": tuple(restic.objects("moverTolerations")),
        "mover_volumes": _mover_volumes(restic),
    }


def _pod_labels(restic: Fields) -> dict[str, str]:
    labels = restic.object("moverPodLabels") or {}
    if len(labels) > MOST_ITEMS:
        restic.problem("moverPodLabels", f"has {len(labels)} entries", f"give at most {MOST_ITEMS}")
        return {}
    return {str(key): str(value) for key, value in labels.items()}


def _check_room(restic: Fields) -> None:
    """Note a problem if what the mover is told would not fit into one variable of its environment."""
    told = json.dumps([restic.data.get(name) for name in _LISTED])
    if len(told) > _MOST_TOLD:
        text = f"tags, patterns and rules have {len(told)} characters together, as JSON writes them"
        restic.problem("exclude", text, f"give at most {_MOST_TOLD}")


def _modes(restic: Fields, name: str) -> tuple[str, ...] | None:
    return tuple(restic.texts(name)) if restic.texts(name) else None


def _custom_ca(restic: Fields) -> Object:
    ca = restic.section("customCA")
    if not ca.data:
        return {}
    key, secret, config_map = ca.text("key"), ca.text("secretName"), ca.text("configMapName")
    if key and not secret and not config_map:
        ca.problem("key", "names no Secret and no ConfigMap", "add secretName or configMapName")
    elif not key and (secret or config_map):
        ca.problem("key", "is not set", "name the field that holds the certificate")
    return dict(ca.data) if key and (secret or config_map) else {}


def _mover_volumes(restic: Fields) -> tuple[Object, ...]:
    """Return the volumes; what the API server would refuse in the pod is refused here, and nothing else."""
    seen: set[str] = set()
    volumes = restic.objects("moverVolumes")
    for volume in volumes:
        path, source = volume.get("mountPath"), volume.get("volumeSource")
        name = mover_volume_name(path) if isinstance(path, str) else ""
        given = [s for s in source.values() if s is not None] if isinstance(source, dict) else []
        if not _VOLUME_NAME.fullmatch(name):
            restic.problem(
                "moverVolumes",
                f"mountPath {path!r} cannot be mounted",
                "use at most 61 small letters, digits, - and /, with a letter or digit at the end",
            )
        elif name in seen:
            restic.problem("moverVolumes", f"mountPath {path!r} is there twice", "give each volume its own path")
        elif len(given) != 1 or not isinstance(given[0], dict):
            restic.problem("moverVolumes", f"{path!r} needs exactly one volumeSource", "give one source")
        else:
            seen.add(name)
    return tuple(volumes)


def mover_volume_name(mount_path: str) -> str:
    """Return the name of the pod volume for a user's mover volume."""
    return "u-" + mount_path.replace("/", "-")


def _retain(restic: Fields, run: Run) -> tuple[tuple[str, Any], ...]:
    """Return the rules that VolSync has too; restic refuses a policy that keeps nothing, after the backup was made."""
    retain = restic.section("retain")
    rules: list[tuple[str, Any]] = [(name, retain.number(name)) for name in _COUNTS if retain.has(name)]
    within, last = retain.text("within"), retain.text("last")
    if within and not is_duration(within):
        retain.problem("within", f"{within!r} is no duration", WRITE_DURATION)
    elif within:
        rules.append(("within", within))
    if last and last != UNLIMITED and not _is_count(last):
        retain.problem("last", f"{last!r} is no number", f"give a number of at most {LARGEST}, or {UNLIMITED}")
    elif last:
        rules.append(("last", last))
    # Without rules of VolSync's, the latest one is kept.
    withins = (("within", value) for value in run.retention.withins)
    if rules and not any(_keeps(name, value) for name, value in (*rules, *withins)):
        if not run.retention.keep_tags:
            restic.problem("retain", "keeps nothing at all", "raise at least one of the numbers")
        elif not set(run.retention.keep_tags) & set(run.tags):
            text = "keeps what has a tag that these backups do not get, and so not even the one that was just made"
            restic.problem("retain", text, "raise one of the numbers, or add one of keepTags to spec.restic.tags")
    return tuple(rules)


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST)) and int(text) <= LARGEST


def _keeps(name: str, value: Any) -> bool:
    """Return whether a rule keeps anything; one that cannot be used is told of by itself."""
    if name != "within":
        return value is None or value == UNLIMITED or int(value) > 0
    return any((notations.duration(value) or {}).values())
