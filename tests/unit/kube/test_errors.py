"""How long a server asks to be left alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from volsync_py.kube.errors import TooManyRequests, from_status


def asked_for(retry_after: str, body: object = None) -> float:
    error = from_status(429, body, retry_after=retry_after)
    assert isinstance(error, TooManyRequests)
    return error.retry_after_seconds


@pytest.mark.parametrize(
    ("retry_after", "expected"),
    [("17", 17.0), ("0", 0.0), ("-5", 0.0), ("", 1.0), ("soon", 1.0), ("²", 1.0), ("60", 60.0), ("86400", 60.0)],
)
def test_seconds_are_taken_as_said_up_to_a_minute(retry_after: str, expected: float) -> None:
    assert asked_for(retry_after) == expected


def test_a_date_is_taken_for_the_time_until_then() -> None:
    now = datetime.now(UTC)
    assert 20 < asked_for(format_datetime(now + timedelta(seconds=40), usegmt=True)) <= 40
    assert asked_for(format_datetime(now - timedelta(hours=1), usegmt=True)) == 0.0
    assert asked_for(format_datetime(now + timedelta(days=1), usegmt=True)) == 60.0
    assert asked_for("Sun, 06 Nov 1994 08:49:37 -0000") == 0.0


def test_what_the_status_says_counts_where_there_is_no_header() -> None:
    assert asked_for("", {"details": {"retryAfterSeconds": 7}}) == 7.0
    assert asked_for("9", {"details": {"retryAfterSeconds": 7}}) == 9.0
