"""Quantities, durations, names and conditions read and write as Kubernetes and Go do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volsync_py.core.conditions import get_condition, set_condition
from volsync_py.core.durations import format_go_duration, parse_go_duration
from volsync_py.core.merge import difference, merged
from volsync_py.core.names import Role, job_name
from volsync_py.core.quantity import parse_quantity

NOW = datetime(2026, 11, 24, 4, 24, 42, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1Gi", 2**30),
        ("500M", 500_000_000),
        ("1.5e3", 1500),
        (".5Ki", 512),
        (7, 7),
        ("1E", 10**18),
        ("2E2", 200),
    ],
)
def test_a_quantity_has_its_value(text: str | int, value: int) -> None:
    assert parse_quantity(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", " 1Gi", "1e3Gi", "Gi", "1 Gi", "1gi", "1e99999999", None, True, 1.5, "٣"])
def test_what_go_refuses_is_no_quantity(text: object) -> None:
    with pytest.raises(ValueError, match="quantity|range"):
        parse_quantity(text)


@pytest.mark.parametrize(
    ("microseconds", "text"),
    [
        (0, "0s"),
        (500, "500µs"),
        (1500, "1.5ms"),
        (30_038_338, "30.038338s"),
        (93_549_925, "1m33.549925s"),
        (3_600_000_000, "1h0m0s"),
        (-1_000_000, "-1s"),
    ],
)
def test_a_duration_is_written_as_go_writes_it(microseconds: int, text: str) -> None:
    assert format_go_duration(timedelta(microseconds=microseconds)) == text


@given(st.integers(-(10**15), 10**15))
def test_a_duration_reads_back_as_it_was_written(microseconds: int) -> None:
    duration = timedelta(microseconds=microseconds)
    assert parse_go_duration(format_go_duration(duration)) == duration


@pytest.mark.parametrize("text", ["", "1", "1d", "s", "1h 30m", "-", "1e3s"])
def test_what_go_refuses_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_go_duration(text)


@pytest.mark.parametrize(
    ("name", "job"),
    [
        ("demo", "volsync-src-demo"),
        ("very-long-name-will-cause-job-name-to-be-evenlongerthan63chars", "volsync-src-3b81b988"),
        ("source-thisisavery-very-very-very-longnameevenlongerthan63chars2", "volsync-src-26a7661e"),
    ],
)
def test_a_job_name_that_is_too_long_ends_in_a_checksum(name: str, job: str) -> None:
    assert job_name(Role.SOURCE, name) == job


def test_a_condition_keeps_its_time_until_its_status_flips_and_leaves_others_alone() -> None:
    foreign = {"type": "Theirs", "status": "True"}
    first = set_condition([foreign], "Synchronizing", "True", "A", "a", NOW)
    later = set_condition(first, "Synchronizing", "True", "B", "b", NOW + timedelta(hours=1))
    flipped = set_condition(later, "Synchronizing", "False", "C", "c", NOW + timedelta(hours=2))
    assert later[0] == foreign
    times = [(get_condition(c, "Synchronizing") or {})["lastTransitionTime"] for c in (first, later, flipped)]
    assert times == ["2026-11-24T04:24:42Z", "2026-11-24T04:24:42Z", "2026-11-24T06:24:42Z"]


VALUES = st.recursive(
    st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)


@given(OBJECTS, OBJECTS)
def test_the_difference_of_two_objects_turns_one_into_the_other(old: dict, new: dict) -> None:  # type: ignore[type-arg]
    assert merged(old, difference(old, new)) == new
