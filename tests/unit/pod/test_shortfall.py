"""What is said of what a restore did not write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volsync_py.contract.report import ErrorClass
from volsync_py.pod.completed import CompletedRestic
from volsync_py.pod.shortfall import full_folders, left_out, shown

DEVICE = ("/dev/null", "mknod /data/dev/null: operation not permitted")


def ended(*failures: tuple[str, str], count: int, stopped: ErrorClass | None = None) -> CompletedRestic:
    fatal = {"exit_error": {"message": f"Fatal: There were {count} errors"}}
    return CompletedRestic(1, latest=fatal, failures=failures, stopped=stopped)


@pytest.mark.parametrize(
    ("one", "verified", "expected"),
    [
        (ended(DEVICE, count=1), False, ["dev/null"]),
        (ended(DEVICE, count=1), True, []),
        # More than is known of.
        (ended(DEVICE, count=2), False, []),
        (ended(DEVICE, ("/a", "open /data/a: permission denied"), count=2), False, []),
        # A folder that may not be written is another matter.
        (ended(("/null", "mknod /data/null: permission denied"), count=1), False, []),
        (ended(DEVICE, count=1, stopped=ErrorClass.INTERRUPTED), False, []),
        (CompletedRestic(1, failures=(DEVICE,)), False, []),
        (CompletedRestic(0), False, []),
    ],
)
def test_only_device_nodes_are_left_out_and_only_if_nothing_else_is_missing(
    one: CompletedRestic, expected: list[str], *, verified: bool
) -> None:
    assert left_out(one, verified=verified) == expected


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("remove /data/p: directory not empty", True),
        ("RemoveNode: remove /data/p\n: directory not empty", True),
        ("RemoveCreateHardlink: remove /data/p: directory not empty", True),
        ("open /data/remove p: no such device or address", False),
    ],
)
def test_a_full_folder_is_told_from_other_trouble(text: str, *, full: bool) -> None:
    assert full_folders(ended(("/p", text), count=1)) == (["p"] if full else [])


@given(st.text(max_size=4096))
def test_a_name_is_one_short_line(name: str) -> None:
    assert shown(name, str).isprintable()
    assert len(shown(name, str)) <= 161


def test_no_half_of_a_secret_is_in_a_name_whose_middle_is_left_out() -> None:
    name = shown(
        "x" * 70 + "canary-of-the-test" * 20 + "x" * 70, lambda text: text.replace("canary-of-the-test", "***")
    )
    assert "canary" not in name
    assert "test" not in name
