"""A log that is opened again goes on where it was cut off."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volsync_py.commands.repository.followed_job import SeenLines

LINES = st.lists(st.sampled_from([b"a", b"b", b"c"]), max_size=12)


def shown(*readings: list[bytes]) -> list[bytes]:
    seen, found = SeenLines(), []
    for reading in readings:
        seen.again()
        found += [line for line in reading if seen.is_new(line)]
    return found


@given(LINES, st.data())
def test_each_line_of_a_log_is_shown_once_however_often_it_is_opened(log: list[bytes], data: st.DataObject) -> None:
    ends = sorted(data.draw(st.lists(st.integers(0, len(log)), max_size=4)))
    assert shown(*(log[:end] for end in ends), log) == log


@pytest.mark.parametrize(
    ("readings", "expected"),
    [
        # The kubelet's own words are no lines of the log.
        ([[b"a", b"too many open files"], [b"a", b"b"]], [b"a", b"too many open files", b"b"]),
        ([[b"a", b"too many"], [b"a", b"too many"], [b"a", b"b"]], [b"a", b"too many", b"b"]),
        # The kubelet has thrown the beginning away.
        ([[b"a", b"b", b"c"], [b"c", b"d"]], [b"a", b"b", b"c", b"d"]),
        ([[b"a", b"b"], [b"x", b"y"]], [b"a", b"b", b"x", b"y"]),
    ],
)
def test_what_is_not_of_the_log_hides_nothing_of_it(readings: list[list[bytes]], expected: list[bytes]) -> None:
    assert shown(*readings) == expected
