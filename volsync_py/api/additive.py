"""Fields of `spec.restic` that VolSync does not have: what they say, and what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Callable

from attrs import frozen

from volsync_py.api import notations
from volsync_py.api.fields import LONGEST_DAYS, Fields
from volsync_py.core.names import SNAPSHOT_HOST

COMPRESSIONS = ("auto", "off", "fastest", "better", "max")
EMPTY_SOURCES = ("Skip", "Backup", "Fail")
MISSING_SNAPSHOTS = ("Continue", "Fail")
WITHIN_UNITS = ("Hourly", "Daily", "Weekly", "Monthly", "Yearly")
# restic's word for a number without an end.
UNLIMITED = "unlimited"
WRITE_DURATION = "write it like 1y5m21d12h; a week is 7d"
_SNAPSHOT = re.compile(r"[0-9a-f]{4,64}")
_HOST = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.:-]{0,252}")
# restic's limits of a pack, in MiB.
_PACK_SIZES = (4, 128)
# Each reader holds a file open, and 1,024 is what a process usually may.
_MOST_READERS = 1000


@frozen
class BackupSpec:
    """How a source is backed up; "" and 0 mean restic's own default."""

    exclude_caches: bool = False
    exclude_patterns: tuple[str, ...] = ()
    exclude_if_present: tuple[str, ...] = ()
    exclude_larger_than: str = ""
    tags: tuple[str, ...] = ()
    host: str = SNAPSHOT_HOST
    # (unit as in WITHIN_UNITS, duration).
    within: tuple[tuple[str, str], ...] = ()
    keep_tags: tuple[str, ...] = ()
    compression: str = ""
    pack_size_mib: int = 0
    read_concurrency: int = 0
    upload_kibps: int = 0
    download_kibps: int = 0
    max_unused: str = ""
    max_repack_size: str = ""
    # 0: the repository is never checked.
    check_interval_days: int = 0
    check_read_data: str = ""
    empty_source: str = "Skip"


@frozen
class RestoreSpec:
    """Which snapshot comes back, and what of it."""

    snapshot: str = ""
    host: str = SNAPSHOT_HOST
    tags: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    sub_path: str = ""
    on_missing_snapshot: str = ""
    verify: bool = False


def backup_spec(restic: Fields) -> BackupSpec:
    """Read the fields of a source."""
    exclude, retain = restic.section("exclude"), restic.section("retain")
    limits, prune, check = restic.section("limits"), restic.section("prune"), restic.section("check")
    pack_size = restic.number("packSize") or 0
    if pack_size and not _PACK_SIZES[0] <= pack_size <= _PACK_SIZES[1]:
        restic.problem("packSize", f"{pack_size} is out of range", "give 4 to 128 (MiB)")
    return BackupSpec(
        exclude_caches=exclude.flag("caches"),
        exclude_patterns=_patterns(exclude, "patterns"),
        exclude_if_present=_markers(exclude, "ifPresent"),
        exclude_larger_than=_text_that(exclude, "largerThan", notations.is_size, "write it like 500M"),
        tags=_tags(restic, "tags"),
        host=_host(restic),
        within=_within(retain),
        keep_tags=_tags(retain, "keepTags"),
        compression=_one_of(restic, "compression", COMPRESSIONS),
        pack_size_mib=pack_size,
        read_concurrency=restic.number("readConcurrency", least=1, most=_MOST_READERS) or 0,
        upload_kibps=limits.number("uploadKiBps", least=1) or 0,
        download_kibps=limits.number("downloadKiBps", least=1) or 0,
        max_unused=_text_that(prune, "maxUnused", _is_unused, "write it like 5%, 10G or unlimited; less than 100%"),
        max_repack_size=_text_that(prune, "maxRepackSize", notations.is_size, "write it like 10G"),
        check_interval_days=check.number("intervalDays", least=1, most=LONGEST_DAYS) or 0,
        check_read_data=_text_that(check, "readData", _is_read_data, "write it like 1/7, of 256 at most, or 5%"),
        empty_source=_one_of(restic, "emptySource", EMPTY_SOURCES) or "Skip",
    )


def restore_spec(restic: Fields) -> RestoreSpec:
    """Read the fields of a destination."""
    snapshot = _matching(restic, "snapshot", _SNAPSHOT, "give an id, or at least four digits of its beginning")
    if snapshot:
        for name in ("previous", "restoreAsOf"):
            if restic.has(name):
                restic.problem(name, "does not go together with snapshot", "remove one of them")
    if restic.texts("include") and restic.texts("exclude"):
        restic.problem("exclude", "does not go together with include", "remove one of them")
    sub_path = restic.text("subPath").strip("/")
    if ".." in sub_path.split("/") or "\0" in sub_path:
        restic.problem("subPath", f"{sub_path!r} leads out of the snapshot", "give a path inside it")
    return RestoreSpec(
        snapshot=snapshot,
        host=_host(restic),
        tags=_tags(restic, "tags"),
        include=_patterns(restic, "include"),
        exclude=_patterns(restic, "exclude"),
        sub_path=sub_path,
        on_missing_snapshot=_one_of(restic, "onMissingSnapshot", MISSING_SNAPSHOTS),
        verify=restic.flag("verify"),
    )


def next_subset(read_data: str, last: str) -> str:
    """Return what of the packs the next check reads; `k/n` goes on from the last one, so that n checks read all."""
    given, done = notations.part(read_data), notations.part(last)
    if given is None or done is None or given[1] != done[1]:
        return read_data
    return f"{done[0] % given[1] + 1}/{given[1]}"


def _texts(fields: Fields, name: str) -> tuple[str, ...]:
    values = fields.texts(name)
    if any(not value.strip() or "\0" in value for value in values):
        fields.problem(name, "holds an empty entry", "remove it")
        return ()
    return tuple(values)


def _tags(fields: Fields, name: str) -> tuple[str, ...]:
    values = _texts(fields, name)
    if any("," in value for value in values):
        fields.problem(name, "holds a comma, at which restic parts tags", "give each tag an entry of its own")
        return ()
    # As restic does, so that a tag is the same one everywhere.
    return tuple(value.strip() for value in values)


def _patterns(fields: Fields, name: str) -> tuple[str, ...]:
    values = _texts(fields, name)
    for value in values:
        if not notations.is_pattern(value):
            next_step = "close each [ with a ] after at least one sign, and put a \\ before a sign that is meant itself"
            fields.problem(name, f"{value!r} is no pattern of restic's", next_step)
            return ()
    return values


def _markers(fields: Fields, name: str) -> tuple[str, ...]:
    values = _texts(fields, name)
    for value in values:
        if value.startswith(":"):
            fields.problem(name, f"{value!r} names no file", "write NAME, or NAME:HEADER")
            return ()
    return values


def _host(restic: Fields) -> str:
    return _matching(restic, "host", _HOST, "use letters, digits, dots and dashes") or SNAPSHOT_HOST


def _matching(fields: Fields, name: str, pattern: re.Pattern[str], next_step: str) -> str:
    value = fields.text(name)
    if value and not pattern.fullmatch(value):
        fields.problem(name, f"{value!r} cannot be used", next_step)
        return ""
    return value


def _one_of(fields: Fields, name: str, values: tuple[str, ...]) -> str:
    value = fields.text(name)
    if value and value not in values:
        fields.problem(name, f"{value!r} is not known", f"use one of {', '.join(values)}")
        return ""
    return value


def _text_that(fields: Fields, name: str, fits: Callable[[str], bool], next_step: str) -> str:
    value = fields.text(name)
    if value and not fits(value):
        fields.problem(name, f"{value!r} cannot be used", next_step)
        return ""
    return value


def _within(retain: Fields) -> tuple[tuple[str, str], ...]:
    named = ((unit, _text_that(retain, f"within{unit}", is_duration, WRITE_DURATION)) for unit in WITHIN_UNITS)
    return tuple((unit, value) for unit, value in named if value)


def is_duration(text: str) -> bool:
    """Return whether it is one of restic's durations, such as 5m21d."""
    return notations.duration(text) is not None


def _is_unused(text: str) -> bool:
    percentage = notations.percentage(text)
    return text == UNLIMITED or notations.is_size(text) or (percentage is not None and percentage < 100)


def _is_read_data(text: str) -> bool:
    percentage = notations.percentage(text)
    return notations.part(text) is not None or (percentage is not None and 0 < percentage <= 100)
