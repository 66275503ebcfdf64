"""The API server's clock is known from its answers, as far as they can tell, and from nothing that is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volsync_py.kube.server_clock import ServerClock

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SECONDS = st.floats(0, 30).map(lambda s: timedelta(seconds=s))


def header(at: datetime) -> dict[str, str]:
    return {"Date": format_datetime(at.replace(microsecond=0), usegmt=True)}


@given(there=SECONDS, back=SECONDS, part=st.integers(0, 999_999))
def test_a_clock_that_agrees_is_never_taken_for_one_that_does_not(there: timedelta, back: timedelta, part: int) -> None:
    clock, answered = ServerClock(), NOW.replace(microsecond=part)
    clock.take(header(answered), answered - there, answered + back)
    assert clock.offset == timedelta(0)


@given(
    offset=st.integers(-400 * 86400, 400 * 86400).map(lambda s: timedelta(seconds=s)),
    there=SECONDS,
    back=SECONDS,
    part=st.integers(0, 999_999),
)
def test_a_clock_that_differs_is_known_but_for_the_time_of_the_answer(
    offset: timedelta, there: timedelta, back: timedelta, part: int
) -> None:
    clock, answered = ServerClock(), NOW.replace(microsecond=part)
    clock.take(header(answered + offset), answered - there, answered + back)
    assert abs(clock.offset - offset) <= there + back + timedelta(seconds=1)
    assert abs(clock.offset) <= abs(offset)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Date": ""},
        {"Date": "yesterday"},
        {"Date": "Tue, 24 Nov 99999 11:00:00 GMT"},
        {"Date": "Mon, 01 Jan 0001 00:00:00 +1400"},
        {"Date": "Tue, 24 Nov 2026 11:00:00 -0000"},
        {**header(NOW - timedelta(hours=1)), "Age": "3600"},
        header(NOW + timedelta(days=5000)),
    ],
)
def test_what_tells_no_time_of_the_server_changes_nothing(headers: dict[str, str]) -> None:
    clock = ServerClock()
    clock.take(header(NOW + timedelta(hours=2)), NOW, NOW)
    before = clock.offset
    clock.take(headers, NOW, NOW)
    assert clock.offset == before == timedelta(hours=2)


def test_our_own_clock_may_be_set_back_during_a_request() -> None:
    clock = ServerClock()
    clock.take(header(NOW), NOW, NOW - timedelta(hours=1))
    assert clock.offset == timedelta(0)
