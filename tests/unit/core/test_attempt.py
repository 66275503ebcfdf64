"""The record of a failed attempt: what is written is read again, and what is not ours breaks nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volsync_py.core.attempt import Attempt
from volsync_py.core.merge import merged

FIELDS = [
    "count",
    "lastError",
    "lastFailureTime",
    "nextAttemptTime",
    "observedGeneration",
    "secretVersion",
    "customCAVersion",
    "targetSize",
    "runNow",
    "lockedBy",
    "lockHolder",
    "lockedSince",
    "lockAgeSeconds",
]
TIMES = st.sampled_from(["2026-11-24T12:00:00Z", "2026-11-24T13:00:00Z"])
TEXT = st.text(max_size=5)
ATTEMPTS = st.builds(
    Attempt,
    count=st.integers(1, 9),
    error_class=st.sampled_from(["Unreachable", "WrongPassword"]),
    message=TEXT,
    failed_at=TIMES,
    next_at=st.just("") | TIMES,
    generation=st.integers(1, 9),
    secret_version=TEXT,
    custom_ca_version=TEXT,
    target_size=TEXT,
    run_now=TEXT,
    locked_by=TEXT,
    lock_holder=TEXT,
    locked_since=st.just("") | TIMES,
    lock_age_seconds=st.integers(0, 9),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["class", "message", "x"]), inner),
    max_leaves=4,
)


@given(before=ATTEMPTS, after=ATTEMPTS)
def test_what_is_written_over_an_earlier_attempt_is_read_again(before: Attempt, after: Attempt) -> None:
    stored = merged({"attempt": before.as_json()}, {"attempt": after.as_json()})
    assert Attempt.of(stored) == after


@given(stored=JSON | st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_whatever_is_stored_is_read_and_bounded(stored: Any) -> None:
    attempt = Attempt.of({"attempt": stored})
    assert 0 <= attempt.count <= 10**6
    assert max(len(attempt.message), len(attempt.error_class)) <= 500


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("count", "3"),
        ("count", True),
        ("count", -1),
        ("lastError", "Unreachable"),
        ("lastFailureTime", "yesterday"),
        ("lastFailureTime", 5),
        ("observedGeneration", 1.0),
        ("secretVersion", 7),
        ("lockedBy", ["host"]),
    ],
)
def test_what_is_not_as_it_is_written_is_absent(field: str, value: Any) -> None:
    assert not Attempt.of({"attempt": {field: value}})


def test_a_status_without_an_attempt_has_none() -> None:
    assert not Attempt.of({})
    assert Attempt.of({"attempt": {"count": 1}})
