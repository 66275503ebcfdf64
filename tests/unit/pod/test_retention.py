"""Retention is left out only where it is certain that it would remove nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volsync_py.pod.retention import Kept, is_newest, keeps_all


def every(hours: int, count: int, tags: tuple[str, ...] = ()) -> list[Kept]:
    """Return snapshots, the newest made on a Tuesday at noon."""
    newest = datetime(2026, 11, 24, 12, tzinfo=UTC)
    times = (newest - timedelta(hours=hours * i) for i in range(count))
    # As restic writes them, with nanoseconds.
    return [Kept(time.isoformat().replace("+00:00", ".123456789Z"), tags) for time in times]


@pytest.mark.parametrize(
    ("policy", "snapshots", "expected"),
    [
        ([("last", "3")], every(1, 3), True),
        ([("last", "3")], every(1, 4), False),
        ([("hourly", "24")], every(1, 24), True),
        ([("hourly", "24")], every(1, 25), False),
        ([("daily", "7")], every(24, 7), True),
        ([("daily", "7")], every(12, 3), False),
        ([("weekly", "4")], every(24 * 7, 4), True),
        ([("monthly", "3")], every(24 * 31, 3), True),
        ([("yearly", "2")], every(24 * 366, 2), True),
        ([("yearly", "2")], every(24, 2), False),
        ([("last", "1"), ("daily", "3")], every(24, 3), True),
        ([("within", "2d")], every(12, 4), True),
        ([("within", "2d")], every(12, 5), False),
        ([("within", "48h")], every(12, 4), True),
        ([("within", "48h")], every(12, 5), False),
        # A month from the 24th of November is one of 31 days; with a change of the clock, two hours less.
        ([("within", "1m")], every(31 * 24 - 3, 2), True),
        ([("within", "1m")], every(31 * 24 - 2, 2), False),
        ([("within", "1y")], every(365 * 24 - 3, 2), True),
        ([("within", "1y")], every(365 * 24 - 2, 2), False),
        ([("within", "9d1d")], every(48, 2), False),
        ([("last", "5"), ("last", "1")], every(1, 2), False),
        ([("tag", "other"), ("tag", "keep")], every(1, 2, ("keep",)), True),
        ([("within", "9999y")], every(1, 2), False),
        ([("within-daily", "9999y")], every(1, 2), False),
        ([("within", "999999h")], every(1, 2), True),
        ([("within", "3w")], every(1, 2), False),
        ([("last", "9" * 5000)], every(1, 2), False),
        ([("last", "2")], [Kept("yesterday"), Kept("")], False),
        ([("within", "1d12h")], every(12, 3), True),
        ([("within-daily", "7d")], every(24, 6), True),
        ([("within-daily", "7d")], every(12, 3), False),
        ([("tag", "keep")], every(1, 9, ("keep", "other")), True),
        ([("tag", "keep")], every(1, 9, ("other",)), False),
        ([("tag", "keep,other")], every(1, 2, ("keep",)), False),
        ([("never-heard-of", "9")], every(1, 1), False),
        ([("last", "unlimited")], every(1, 1), False),
        ([], every(1, 1), False),
        ([("last", "1")], [], True),
    ],
)
def test_a_policy_keeps_all_or_perhaps_not(
    policy: list[tuple[str, str]], snapshots: list[Kept], expected: bool
) -> None:
    assert keeps_all(policy, snapshots) is expected


def test_days_are_those_of_the_zone_in_which_a_snapshot_was_made() -> None:
    late, early = Kept("2026-11-24T00:30:00+02:00"), Kept("2026-11-23T23:30:00+02:00")
    assert keeps_all([("daily", "2")], [late, early])
    assert not keeps_all([("daily", "2")], [Kept("2026-11-23T22:30:00Z"), Kept("2026-11-23T21:30:00Z")])


@pytest.mark.parametrize("newest", ["2026-03-31T12:00:00+02:00", "2026-03-29T12:00:00Z", "2024-03-31T12:00:00Z"])
def test_a_month_that_has_no_such_day_begins_in_the_next_one(newest: str) -> None:
    """Of the 31st of March, restic takes a month and gets a day in March: the shortest month there is."""
    made = datetime.fromisoformat(newest)
    short = [Kept(newest), Kept((made - timedelta(days=28) + timedelta(hours=3)).isoformat())]
    assert keeps_all([("within", "1m")], short)
    assert not keeps_all([("within", "1m")], [Kept(newest), Kept((made - timedelta(days=29)).isoformat())])


@given(
    st.lists(st.integers(0, 2000), min_size=1, max_size=30, unique=True),
    st.sampled_from(["last", "hourly", "daily", "weekly", "monthly", "yearly"]),
    st.integers(0, 12),
)
def test_no_rule_keeps_more_than_its_number(ages: list[int], rule: str, number: int) -> None:
    snapshots = [Kept((datetime(2026, 11, 24, tzinfo=UTC) - timedelta(hours=a)).isoformat()) for a in ages]
    if len(snapshots) > number:
        assert not keeps_all([(rule, str(number))], snapshots)


@pytest.mark.parametrize(
    ("time", "other", "expected"),
    [
        ("2026-11-24T12:00:00.5Z", "2026-11-24T12:00:00.4Z", True),
        ("2026-11-24T12:00:00.4Z", "2026-11-24T12:00:00.5Z", False),
        # The same moment, and an hour apart, in the zones of two nodes.
        ("2026-11-24T12:00:00Z", "2026-11-24T13:00:00+01:00", True),
        ("2026-11-24T12:00:00Z", "2026-11-24T12:30:00-01:00", False),
        ("2026-11-24T12:00:00Z", "yesterday", False),
        ("", "2026-11-24T12:00:00Z", False),
    ],
)
def test_what_cannot_be_read_is_not_older(time: str, other: str, expected: bool) -> None:
    one = Kept(time)
    assert is_newest(one, [Kept(other), one]) is expected
