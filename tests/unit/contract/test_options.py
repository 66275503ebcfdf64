"""One record for each option: every attribute that is one has a place, and restic's flag where it has one."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from volsync_py.contract.options import (
    BackupOptions,
    CheckSchedule,
    PruneOptions,
    RestoreOptions,
    RetentionOptions,
    arguments,
    options_of,
)
from volsync_py.contract.run_document import Run

RECORDS = (Run, BackupOptions, RetentionOptions, PruneOptions, CheckSchedule, RestoreOptions)


def other(default: Any) -> Any:
    """Return a value that is no default."""
    if isinstance(default, bool):
        return True
    return 7 if isinstance(default, int) else ("a", "b") if isinstance(default, tuple) else "other"


@pytest.mark.parametrize("record", RECORDS)
def test_each_option_with_a_flag_is_an_argument_as_soon_as_it_is_set(record: type[Any]) -> None:
    for name, default, option in options_of(record):
        value = other(default)
        given = arguments(evolve(record(), **{name: value}))
        wanted = (
            [option.flag]
            if value is True
            else [w for v in (value if default == () else [value]) for w in (option.flag, str(v))]
        )
        rest = arguments(evolve(record(), **{name: type(default)()}))
        assert sorted(given) == sorted([*rest, *(wanted if option.flag else [])])


def test_the_command_line_of_a_backup_is_in_the_order_of_its_options() -> None:
    options = BackupOptions(exclude_patterns=("*.tmp", "x"), exclude_caches=True, pack_size=64, upload_kibps=9)
    flags = ["--exclude", "*.tmp", "--exclude", "x", "--exclude-caches", "--pack-size", "64", "--limit-upload", "9"]
    assert arguments(options) == flags


def test_what_is_not_set_is_left_to_restic() -> None:
    assert [arguments(record()) for record in RECORDS[1:]] == [[]] * 5
    assert arguments(Run()) == ["--host", "volsync"]


def test_no_two_options_of_a_kind_have_one_place() -> None:
    of_source = [one.path for record in RECORDS[:-1] for _, _, one in options_of(record)]
    assert len(of_source) == len(set(of_source))
