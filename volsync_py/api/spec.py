"""The custom resources as the manager reads them: one view of the spec, and what is wrong with it."""

from __future__ import annotations

import re
from datetime import timedelta, tzinfo
from typing import Any

from attrs import field, frozen

from volsync_py.api.additive import WITHIN, BackupSpec, RestoreSpec, backup_spec, restore_spec
from volsync_py.api.fields import LONGEST_DAYS, Fields, Problem
from volsync_py.core.actions import Object
from volsync_py.core.durations import parse_go_duration
from volsync_py.core.labels import Annotation
from volsync_py.core.names import Role
from volsync_py.core.result import Trouble
from volsync_py.core.schedule import Schedule, ScheduleError, parse_schedule, parse_zone
from volsync_py.core.times import parse_rfc3339
from volsync_py.core.trigger import Trigger

MOVERS = ("rclone", "restic", "rsync", "rsyncTLS", "syncthing")
_COUNTS = ("hourly", "daily", "weekly", "monthly", "yearly")
DEFAULT_PRUNE_DAYS = 7
_MOUNT_PATH = re.compile(r"[a-z0-9]([-a-z0-9/]{0,58}[a-z0-9])?")


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
    backup: BackupSpec = field(factory=BackupSpec)
    # Destination.
    destination_claim: str = ""
    cleanup_temp_claim: bool = False
    cleanup_cache_claim: bool = False
    previous: int = 0
    restore_as_of: str = ""
    delete_files: bool = False
    restore: RestoreSpec = field(factory=RestoreSpec)
    # Both.
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


@frozen
class Replication:
    """One custom resource."""

    object: Object
    role: Role
    trigger: Trigger
    paused: bool
    # Somebody else's, not to be touched.
    external: bool
    restic: ResticSpec
    problems: tuple[Problem, ...]

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.object["metadata"]["name"])

    @property
    def uid(self) -> str:
        """Its UID."""
        return str(self.object["metadata"]["uid"])

    @property
    def trouble(self) -> Trouble | None:
        """What makes its spec unusable: the first problem, and where the others are."""
        if not self.problems:
            return None
        first, *others = self.problems
        more = f" (and {len(others)} more: {', '.join(p.path for p in others)})" if others else ""
        return Trouble("Configuration", f"{first.path}: {first.message}{more}", first.next_step)

    @property
    def status(self) -> Object:
        """Its status, {} if it has none."""
        return self.object.get("status") or {}


def parse(obj: Object, default_zone: tzinfo) -> Replication:
    """Return the view of a resource; never raises, whatever the spec holds."""
    role = Role.SOURCE if obj["kind"] == "ReplicationSource" else Role.DESTINATION
    given = obj.get("spec")
    spec = Fields("spec", given if isinstance(given, dict) else {})
    movers = [name for name in MOVERS if spec.has(name)]
    external = spec.has("external") and not movers
    if not external:
        _check_movers(spec, movers)
    trigger = _trigger(obj, spec, default_zone)
    restic = ResticSpec()
    if movers == ["restic"]:
        restic = _source(spec) if role is Role.SOURCE else _destination(spec)
    return Replication(obj, role, trigger, spec.flag("paused"), external, restic, tuple(spec.problems))


def _check_movers(spec: Fields, movers: list[str]) -> None:
    if len(movers) > 1 or (movers and spec.has("external")):
        names = ", ".join([*movers, *(["external"] if spec.has("external") else [])])
        spec.problem("restic", f"only one replication method can be supplied (there are {names})", "remove the others")
    elif not movers:
        spec.problem(
            "restic", "a replication method must be specified - enabled movers: [restic]", "add a restic section"
        )
    elif movers != ["restic"]:
        spec.problem(movers[0], "this operator has the restic mover only", "use restic, or another operator")


def _trigger(obj: Object, spec: Fields, default_zone: tzinfo) -> Trigger:
    fields = spec.section("trigger")
    meta = obj["metadata"]
    manual, text, zone = fields.text("manual"), fields.text("schedule"), fields.text("timeZone")
    schedule = (
        _schedule(fields, text, zone, default=fields_zone(fields, zone) or default_zone)
        if text and not manual
        else None
    )
    deadline = fields.number("startingDeadlineSeconds")
    annotations = meta.get("annotations") or {}
    return Trigger(
        uid=str(meta.get("uid") or ""),
        created=parse_rfc3339(meta["creationTimestamp"]),
        manual=manual,
        schedule=schedule,
        has_schedule=bool(text),
        jitter=_duration(fields, "jitter"),
        starting_deadline=None if deadline is None else timedelta(seconds=deadline),
        run_on_create=fields.flag("runOnCreate", default=True),
        run_now=str(annotations.get(Annotation.RUN_NOW) or ""),
    )


def fields_zone(fields: Fields, zone: str) -> tzinfo | None:
    """Return the zone that `timeZone` names, or None."""
    if not zone:
        return None
    try:
        return parse_zone(zone)
    except ScheduleError as error:
        fields.problem("timeZone", str(error), "give an IANA name such as Europe/Berlin")
        return None


def _schedule(fields: Fields, text: str, zone: str, *, default: tzinfo) -> Schedule | None:
    if zone and text.startswith(("TZ=", "CRON_TZ=")):
        fields.problem("timeZone", "the schedule names a time zone too", "remove one of them")
        return None
    try:
        schedule = parse_schedule(text, default)
    except ScheduleError as error:
        fields.problem("schedule", str(error), "give five fields such as '*/30 * * * *', or @daily")
        return None
    if schedule.next_after(parse_rfc3339("2024-01-01T00:00:00Z")) is None:
        fields.problem("schedule", f"{text!r} never matches a day", "correct the day or the month")
        return None
    return schedule


def _duration(fields: Fields, name: str) -> timedelta:
    text = fields.text(name)
    if not text:
        return timedelta(0)
    try:
        value = parse_go_duration(text)
    except ValueError as error:
        fields.problem(name, str(error), "give a duration such as 10m")
        return timedelta(0)
    if value < timedelta(0):
        fields.problem(name, f"{text!r} is negative", "give a duration such as 10m")
        return timedelta(0)
    return value


def _common(restic: Fields) -> dict[str, Any]:
    if not restic.text("repository"):
        restic.problem("repository", "is not set", "name the Secret that holds RESTIC_REPOSITORY and RESTIC_PASSWORD")
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
        "pod_labels": {str(k): str(v) for k, v in (restic.object("moverPodLabels") or {}).items()},
        "resources": restic.object("moverResources") or {},
        "affinity": restic.object("moverAffinity"),
        "tolerations": tuple(restic.objects("moverTolerations")),
        "mover_volumes": _mover_volumes(restic),
    }


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
    seen: set[str] = set()
    volumes = restic.objects("moverVolumes")
    for volume in volumes:
        path, source = volume.get("mountPath"), volume.get("volumeSource")
        if not isinstance(path, str) or not _MOUNT_PATH.fullmatch(path) or "//" in path:
            restic.problem(
                "moverVolumes", f"mountPath {path!r} cannot be mounted", "use small letters, digits, - and /"
            )
        elif path.replace("/", "-") in seen:
            restic.problem("moverVolumes", f"mountPath {path!r} is there twice", "give each volume its own path")
        elif not isinstance(source, dict) or len(source) != 1:
            restic.problem("moverVolumes", f"{path!r} needs exactly one volumeSource", "give one source")
        else:
            seen.add(path.replace("/", "-"))
    return tuple(volumes)


def _source(spec: Fields) -> ResticSpec:
    restic = spec.section("restic")
    common = _common(restic)
    if not spec.text("sourcePVC"):
        spec.problem("sourcePVC", "is not set", "name the claim to back up")
    if common["copy_method"] not in ("Direct", "None", "Clone", "Snapshot"):
        text = f"unsupported copyMethod: {common['copy_method']!r}" if common["copy_method"] else "is not set"
        restic.problem("copyMethod", text, "use Direct, None, Clone, or Snapshot")
    interval = restic.data.get("pruneIntervalDays")
    days = interval if isinstance(interval, int) else DEFAULT_PRUNE_DAYS
    return ResticSpec(
        **common,
        source_claim=spec.text("sourcePVC"),
        # Zero and less mean: with every backup.
        prune_interval_days=min(max(days, 0), LONGEST_DAYS),
        retain=_retain(restic),
        unlock=restic.text("unlock"),
        backup=backup_spec(restic),
    )


def _retain(restic: Fields) -> tuple[tuple[str, Any], ...]:
    retain = restic.section("retain")
    rules: list[tuple[str, Any]] = [(name, retain.number(name)) for name in _COUNTS if retain.has(name)]
    within, last = retain.text("within"), retain.text("last")
    if within and not WITHIN.fullmatch(within):
        retain.problem("within", f"{within!r} is no duration", "write it like 5m3w1d")
    elif within:
        rules.append(("within", within))
    if last and not (last.isascii() and last.isdigit()):
        retain.problem("last", f"{last!r} is no number", "give a number")
    elif last:
        rules.append(("last", last))
    if rules and all(str(value) == "0" for _, value in rules):
        restic.problem("retain", "keeps nothing at all", "raise at least one of the numbers")
    return tuple(rules)


def _destination(spec: Fields) -> ResticSpec:
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
        restore=restore_spec(restic),
    )
