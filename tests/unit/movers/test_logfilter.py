"""The log filter keeps the lines that VolSync keeps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volsync_py.contract.log_lines import matters
from volsync_py.movers.restic.logfilter import cut_head, status_logs


@pytest.mark.parametrize(
    "line",
    [
        "=== Initialize Dir ===",
        "created restic repository 9601b79b0b at s3:http://minio/restic",
        "repository 9601b79b opened (version 2)",
        "no parent snapshot found, will read all files",
        "using parent snapshot 2f9ca1a5",
        "Added to the repository: 8.002 MiB (8.002 MiB stored)",
        "processed 3 files, 8.000 MiB in 0:02",
        "snapshot 2f9ca1a5 saved",
        "Restic completed in 9s",
        "== Directory is empty skipping backup ===",
        "successfully removed 1 locks",
        "  restoring snapshot 2f9ca1a5 to .",
        "No eligible snapshots found",
        "=== No data will be restored ===",
        "RESTORE_OPTIONS: --delete",
        "Fatal: wrong password or no key found",
        "ERROR: failure connecting to repository, incorrect password",
    ],
)
def test_a_line_that_scripts_look_for_is_kept(line: str) -> None:
    assert matters(line)


@pytest.mark.parametrize(
    "line",
    [
        "Files:           3 new,     0 changed,     0 unmodified",
        "=== Starting backup ===",
        "Selected restic snapshot with id: 2f9ca1a5",
        "Summary: Restored 3 files",
        "Warning: at least one source file could not be read",
        "2f9ca1a5  2026-11-23 08:59:16  volsync  /data",
    ],
)
def test_other_lines_are_dropped(line: str) -> None:
    assert not matters(line)


def test_a_failed_run_keeps_every_line() -> None:
    assert status_logs("a\nb", successful=False, max_bytes=1024) == "a\nb"


def test_a_long_log_loses_its_beginning_at_a_line() -> None:
    assert cut_head("first line\nsecond line\nthird", 15) == "third"


@given(st.text(), st.integers(-1, 50))
def test_the_cut_log_is_an_end_of_the_log_and_fits(text: str, most: int) -> None:
    cut = cut_head(text, most)
    assert text.endswith(cut)
    assert len(cut.encode()) <= max(most, 0)
