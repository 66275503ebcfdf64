"""What restic prints for people, read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volsync_py.pod.restic_words import bytes_left


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("remaining:             5 blobs / 2.863 MiB", int(2.863 * 2**20)),
        ("remaining:       1234567 blobs / 1.250 TiB", int(1.25 * 2**40)),
        ("remaining:             0 blobs / 0 B", 0),
        ("remaining:             1 blobs / 1023 B", 1023),
        ("total prune:           2 blobs / 413 B", None),
        ("to delete:             1 blobs / 368 B", None),
        ("remaining:             5 blobs / 2.863 MiB of", None),
        ("remaining: some", None),
        ("unused size after prune: 0 B (0.00% of remaining size)", None),
    ],
)
def test_what_a_prune_leaves_is_read_off_its_line(line: str, expected: int | None) -> None:
    assert bytes_left(line) == expected


@given(st.integers(0, 2**63 - 1))
def test_a_size_as_go_prints_it_is_read_to_a_thousandth(size: int) -> None:
    units = {"TiB": 2**40, "GiB": 2**30, "MiB": 2**20, "KiB": 2**10}
    unit = next((unit for unit, least in units.items() if size >= least), None)
    text = f"{size} B" if unit is None else f"{size / units[unit]:.3f} {unit}"
    left = bytes_left(f"remaining:    7 blobs / {text}")
    assert left is not None
    assert abs(left - size) <= size / 1000


@given(st.text())
def test_whatever_a_line_is_it_is_a_size_or_none(line: str) -> None:
    left = bytes_left(f"remaining: 1 blobs / {line}")
    assert left is None or left >= 0
