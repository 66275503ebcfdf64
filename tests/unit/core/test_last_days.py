"""The letters of the last thirty days: what a day says, what is believed of what is stored, and what it costs."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volsync_py.core.last_days import MOST_DAYS, DayResult, LastDays

TODAY = date(2026, 11, 30)
RESULTS = st.sampled_from([result for result in DayResult if result is not DayResult.NONE])
WELL = {DayResult.GOOD, DayResult.RETRIED, DayResult.WARNED}


def days_ago(number: int) -> date:
    return TODAY - timedelta(days=number)


@pytest.mark.parametrize(
    ("of_a_day", "said"),
    [
        ("o", "o"),
        ("ooo", "o"),
        ("f", "f"),
        ("ff", "f"),
        ("fc", "c"),
        ("cf", "f"),
        ("fo", "r"),
        ("co", "r"),
        ("of", "r"),
        ("oc", "r"),
        ("ofo", "r"),
        ("w", "w"),
        ("ow", "w"),
        ("wo", "w"),
        ("fw", "w"),
        ("wf", "w"),
        ("fow", "w"),
    ],
)
def test_a_day_says_first_whether_there_is_a_backup_then_what_is_worst(of_a_day: str, said: str) -> None:
    days = LastDays()
    for letter in of_a_day:
        days = days.with_result(TODAY, DayResult(letter), TODAY)
    assert days == LastDays(TODAY, said)


def test_days_without_a_run_lie_between_those_with_one_and_old_ones_leave() -> None:
    days = LastDays()
    for number in (33, 12, 11, 2, 0):
        days = days.with_result(days_ago(number), DayResult.GOOD, days_ago(number))
    assert days == LastDays(TODAY, "oo........o.o")
    assert days.days_until(TODAY) == "." * 17 + "oo........o.o"
    assert days.days_until(TODAY + timedelta(days=3)) == "." * 14 + "oo........o.o..."
    assert days.days_until(days_ago(1)) == "." * 18 + "oo........o."
    assert days.days_until(TODAY + timedelta(days=3000)) == days.days_until(days_ago(3000)) == "." * MOST_DAYS


def test_days_that_a_wrong_clock_has_made_go_and_the_others_stay_where_they_are() -> None:
    wrong = LastDays(TODAY + timedelta(days=5), "oooo.....o")
    assert wrong.with_result(TODAY, DayResult.GOOD, TODAY) == LastDays(TODAY, "ooooo")


@pytest.mark.parametrize("until", ["0001-01-01", "1969-12-31"])
def test_a_day_that_no_clock_says_is_not_believed(until: str) -> None:
    assert LastDays.of({"lastDays": {"until": until, "results": "oo"}}) == LastDays()


def test_a_run_that_began_yesterday_counts_for_yesterday() -> None:
    days = LastDays(TODAY, "of").with_result(days_ago(2), DayResult.GOOD, TODAY)
    assert days == LastDays(TODAY, "oof")


@given(of_a_day=st.lists(RESULTS, min_size=1), others=st.lists(st.integers(0, 29), max_size=5))
def test_a_day_with_a_run_that_ended_well_never_looks_like_one_without(
    of_a_day: list[DayResult], others: list[int]
) -> None:
    days = LastDays()
    for number in sorted(others, reverse=True):
        days = days.with_result(days_ago(number + 1), DayResult.FAILED, days_ago(number + 1))
    for result in of_a_day:
        days = days.with_result(TODAY, result, TODAY)
    said = DayResult(days.days_until(TODAY)[-1])
    assert (said in WELL) == bool(WELL & set(of_a_day))
    assert days.with_result(TODAY, said, TODAY) == days, "what a day says, said again, changes nothing"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)
DATES = st.dates().map(str) | st.sampled_from(["2026-W48-1", "20261130", "9999-12-31", "0001-01-01", ""])
STORED = JSON | st.fixed_dictionaries({}, optional={"until": JSON | DATES, "results": JSON | st.text("orwfc.x<\n")})


@given(stored=STORED, day=st.integers(-40, 40), result=RESULTS)
def test_whatever_is_stored_what_is_kept_is_thirty_letters_up_to_today(
    stored: Any, day: int, result: DayResult
) -> None:
    days = LastDays.of({"lastDays": stored}).with_result(days_ago(day), result, TODAY)
    assert days.until is not None
    assert days.until <= TODAY
    assert len(days.results) <= MOST_DAYS
    assert set(days.results) <= set(map(str, DayResult))
    assert LastDays.of({"lastDays": days.as_json()}) == days, "what is written is read again"
    assert len(days.days_until(TODAY)) == MOST_DAYS
