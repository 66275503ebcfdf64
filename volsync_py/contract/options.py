"""The options of `spec.restic` that the mover is told: one record for each, from the schema's bounds to restic's flag.

The schema is made of it, `api.options` reads specs by it, the run document carries its value, and the pod turns it into
restic's arguments. To add an option, add an attribute here, make the schema anew, and give it a value in the test that
every field arrives. An option without a `flag` needs the code in the pod that minds it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import attrs
from attrs import AttrsInstance, fields, frozen

from volsync_py.contract import notations
from volsync_py.contract.codec import wire
from volsync_py.core.names import SNAPSHOT_HOST

COMPRESSIONS = ("auto", "off", "fastest", "better", "max")
EMPTY_SOURCES = ("Skip", "Backup", "Fail")
MISSING_SNAPSHOTS = ("Continue", "Fail")
# A century; what people write to say "never" must not end beyond the calendar.
LONGEST_DAYS = 36500
# restic's word for a number without an end.
UNLIMITED = "unlimited"
WRITE_DURATION = "write it like 1y5m21d12h; a week is 7d"
# What the API server compares with; restic's own notations are narrower, and the manager asks them.
_DURATION_SCHEMA, _SIZE_SCHEMA = r"^([0-9]+[ymdh])+$", r"^[0-9]+[kKmMgGtT]?$"
_SNAPSHOT = r"^[0-9a-f]{4,64}$"
_HOST = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.:-]{0,252}")
_OPTION = "option"
# What is wrong with a value and what to do; None if nothing is.
Complaint = tuple[str, str]
Rule = Callable[[str], Complaint | None]


@frozen
class Option:
    """One option: where it stands below `spec.restic`, what it may be, and restic's flag for it, if it is one flag."""

    path: str
    description: str
    flag: str = ""
    # Of a number; None: what 32 bits hold.
    least: int = 0
    most: int | None = None
    # All that a text may be; (): anything that `rule` takes.
    values: tuple[str, ...] = ()
    # Regular expression of the schema; what it lets pass, `rule` may still refuse.
    pattern: str = ""
    # Of a text, or of each in a list.
    rule: Rule | None = None
    clean: Callable[[str], str] = str


def option(default: Any, path: str, description: str, *, key: str = "", **more: Any) -> Any:
    """Return the attribute of an option; `key` as in `codec.wire`, `more` as in `Option`."""
    return wire(default, key=key, more={_OPTION: Option(path, description, **more)})


def options_of(record: type[AttrsInstance]) -> Iterator[tuple[str, Any, Option]]:
    """Return name, default and option of the attributes of a record that are options."""
    for attribute in fields(record):
        if _OPTION in attribute.metadata:
            yield attribute.name, attribute.default, attribute.metadata[_OPTION]


def arguments(record: AttrsInstance) -> list[str]:
    """Return restic's arguments for the options of a record that have a flag; empty and zero mean restic's default."""
    args: list[str] = []
    for name, _, one in options_of(type(record)):
        value = getattr(record, name)
        if not one.flag or not value:
            continue
        if value is True:
            args.append(one.flag)
        else:
            for part in value if isinstance(value, tuple) else (value,):
                args += [one.flag, str(part)]
    return args


def is_duration(text: str) -> bool:
    """Return whether it is one of restic's durations, such as 5m21d."""
    return notations.duration(text) is not None


# ---- rules


def _must(fits: Callable[[str], bool], next_step: str) -> Rule:
    return lambda value: None if fits(value) else (f"{value!r} cannot be used", next_step)


def _is_unused(text: str) -> bool:
    percentage = notations.percentage(text)
    return text == UNLIMITED or (percentage is not None and percentage < 100) or notations.is_size(text)


def _pattern(value: str) -> Complaint | None:
    if notations.is_pattern(value):
        return None
    next_step = "close each [ with a ] after at least one sign, and put a \\ before a sign that is meant itself"
    return f"{value!r} is no pattern of restic's", next_step


def _marker(value: str) -> Complaint | None:
    return (f"{value!r} names no file", "write NAME, or NAME:HEADER") if value.startswith(":") else None


def _tag(value: str) -> Complaint | None:
    if "," not in value:
        return None
    return "holds a comma, at which restic parts tags", "give each tag an entry of its own"


def _sub_path(value: str) -> Complaint | None:
    if ".." not in value.split("/") and "\0" not in value:
        return None
    return f"{value!r} leads out of the snapshot", "give a path inside it"


_DURATION: dict[str, Any] = {"pattern": _DURATION_SCHEMA, "rule": _must(is_duration, WRITE_DURATION)}
_PATTERNS: dict[str, Any] = {"rule": _pattern}
# As restic does, so that a tag is the same one everywhere.
_TAGS: dict[str, Any] = {"rule": _tag, "clean": str.strip}
_HOSTS: dict[str, Any] = {
    "rule": _must(lambda text: _HOST.fullmatch(text) is not None, "use letters, digits, dots and dashes")
}
_SNAPSHOTS: dict[str, Any] = {
    "pattern": _SNAPSHOT,
    "rule": _must(
        lambda text: re.fullmatch(_SNAPSHOT[1:-1], text) is not None,
        "give an id, or at least four digits of its beginning",
    ),
}


def host_option(description: str, **more: Any) -> Any:
    """Return the attribute of an option `host`."""
    return option(SNAPSHOT_HOST, "host", description, **_HOSTS, **more)


def tags_option(path: str, description: str, **more: Any) -> Any:
    """Return the attribute of an option that lists tags."""
    return option((), path, description, **_TAGS, **more)


# ---- the options; their order is that of restic's command line


@frozen
class BackupOptions:
    """How a source is backed up."""

    exclude_patterns: tuple[str, ...] = option(
        (), "exclude.patterns", "restic's exclude patterns.", flag="--exclude", **_PATTERNS
    )
    exclude_if_present: tuple[str, ...] = option(
        (),
        "exclude.ifPresent",
        "Leave out folders with a file of this name; NAME:HEADER: if that file begins with HEADER.",
        flag="--exclude-if-present",
        rule=_marker,
    )
    exclude_caches: bool = option(
        False, "exclude.caches", "Leave out folders with a file CACHEDIR.TAG (caches).", flag="--exclude-caches"
    )
    exclude_larger_than: str = option(
        "",
        "exclude.largerThan",
        "Leave out files larger than this, such as 500M.",
        flag="--exclude-larger-than",
        pattern=_SIZE_SCHEMA,
        rule=_must(notations.is_size, "write it like 500M"),
    )
    compression: str = option("", "compression", "restic's compression.", flag="--compression", values=COMPRESSIONS)
    # restic's limits of a pack.
    pack_size: int = option(0, "packSize", "Size of a pack in MiB.", flag="--pack-size", least=4, most=128)
    # Each reader holds a file open, and 1,024 is what a process usually may.
    read_concurrency: int = option(
        0, "readConcurrency", "How many files are read at once.", flag="--read-concurrency", least=1, most=1000
    )
    upload_kibps: int = option(
        0, "limits.uploadKiBps", "Highest rate to the repository.", flag="--limit-upload", least=1, key="uploadKiBps"
    )
    download_kibps: int = option(
        0,
        "limits.downloadKiBps",
        "Highest rate from the repository.",
        flag="--limit-download",
        least=1,
        key="downloadKiBps",
    )
    empty_source: str = option(
        "Skip",
        "emptySource",
        "What to do with an empty volume. Skip (if unset): no backup. Backup: a backup, or a failure if there is not "
        "even a folder. Fail: a failure.",
        values=EMPTY_SOURCES,
    )


@frozen
class RetentionOptions:
    """Rules beside VolSync's own, which are in FORGET_OPTIONS."""

    within_hourly: str = option(
        "",
        "retain.withinHourly",
        "Keep hourly backups that are at most this much older than the latest one.",
        flag="--keep-within-hourly",
        **_DURATION,
    )
    within_daily: str = option(
        "",
        "retain.withinDaily",
        "Keep daily backups that are at most this much older than the latest one.",
        flag="--keep-within-daily",
        **_DURATION,
    )
    within_weekly: str = option(
        "",
        "retain.withinWeekly",
        "Keep weekly backups that are at most this much older than the latest one.",
        flag="--keep-within-weekly",
        **_DURATION,
    )
    within_monthly: str = option(
        "",
        "retain.withinMonthly",
        "Keep monthly backups that are at most this much older than the latest one.",
        flag="--keep-within-monthly",
        **_DURATION,
    )
    within_yearly: str = option(
        "",
        "retain.withinYearly",
        "Keep yearly backups that are at most this much older than the latest one.",
        flag="--keep-within-yearly",
        **_DURATION,
    )
    keep_tags: tuple[str, ...] = tags_option(
        "retain.keepTags", "Keep backups with one of these tags.", flag="--keep-tag"
    )

    @property
    def withins(self) -> tuple[str, ...]:
        """The durations that are set."""
        return tuple(value for name, value in attrs.asdict(self).items() if name != "keep_tags" and value)


@frozen
class PruneOptions:
    """Limits of one prune."""

    max_unused: str = option(
        "",
        "prune.maxUnused",
        "How much unused data may stay in the repository: a size, a percentage, or unlimited.",
        flag="--max-unused",
        rule=_must(_is_unused, "write it like 5%, 10G or unlimited; less than 100%"),
    )
    max_repack_size: str = option(
        "",
        "prune.maxRepackSize",
        "How much data is repacked at most, such as 10G.",
        flag="--max-repack-size",
        pattern=_SIZE_SCHEMA,
        rule=_must(notations.is_size, "write it like 10G"),
    )


@frozen
class CheckSchedule:
    """When the repository is checked and how much of it; the manager reckons from it what a run is told."""

    interval_days: int = option(
        0, "check.intervalDays", "Days between checks; none if unset.", least=1, most=LONGEST_DAYS
    )
    read_data: str = option(
        "",
        "check.readData",
        "How much data a check reads. 1/7: another seventh each time, so seven checks read all. 5%: a random part.",
        rule=_must(notations.is_read_data, "write it like 1/7, of 256 at most, or 5%"),
    )


@frozen
class RestoreOptions:
    """Which snapshot comes back, and what of it."""

    snapshot: str = option("", "snapshot", "Restore this snapshot: its id, or the beginning of its id.", **_SNAPSHOTS)
    host: str = host_option("Only snapshots of this host are eligible; volsync if unset.")
    tags: tuple[str, ...] = tags_option("tags", "Only snapshots with all of these tags are eligible.")
    include: tuple[str, ...] = option(
        (), "include", "Restore only what matches one of these patterns.", flag="--include", **_PATTERNS
    )
    exclude: tuple[str, ...] = option(
        (), "exclude", "Leave out what matches one of these patterns.", flag="--exclude", **_PATTERNS
    )
    sub_path: str = option(
        "",
        "subPath",
        "Restore the content of this folder of the snapshot.",
        rule=_sub_path,
        clean=lambda text: text.strip("/"),
    )
    on_missing_snapshot: str = option(
        "",
        "onMissingSnapshot",
        "What happens if no snapshot is eligible. Fail: an error. Continue: restore nothing, and end well. "
        "If unset: an error with `snapshot`, and with copyMethod Snapshot if the repository has other snapshots.",
        values=MISSING_SNAPSHOTS,
    )
    verify: bool = option(False, "verify", "Read the restored files back and compare them with the snapshot.")
    # Decided by the manager: what comes back is published, and so must be what was asked for.
    publishes_image: bool = False
