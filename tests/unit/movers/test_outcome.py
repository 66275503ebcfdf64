"""Every failure has a row, a pace and an end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hack.generate_failures_page import TARGET, page
from tests.unit.movers.objects import source
from tests.unit.movers.seen import decision_on, status_of
from volsync_py.contract.report import ErrorClass
from volsync_py.movers.restic.outcome import CLASSES, ClusterError, Pace, info, is_terminal, next_attempt, tried_again

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def test_every_class_has_a_row() -> None:
    assert set(CLASSES) == {*ErrorClass, *ClusterError}


def test_the_page_is_made_from_the_table() -> None:
    assert TARGET.read_text(encoding="utf-8") == page()


def test_a_class_that_is_only_the_warning_of_a_good_run_is_not_said_to_be_tried_again() -> None:
    said = {name: tried_again(name) for name in CLASSES}
    assert {name for name, text in said.items() if text.startswith("no: ")} == {"Partial", "BackupsGone"}
    # A verification may find that backups have gone, and is a failure then.
    assert said["BackupsGone"].endswith("a verification after 10 s, doubling to 30 min")


@pytest.mark.parametrize("error_class", [c for c in CLASSES if CLASSES[c].pace is Pace.RETRY])
def test_a_retry_waits_longer_each_time_up_to_half_an_hour(error_class: str) -> None:
    waits = []
    for count in range(1, 15):
        due = next_attempt(error_class, count, NOW, uid="u", next_slot=None)
        assert due is not None
        waits.append((due - NOW).total_seconds())
    assert 8 <= waits[0] <= 10
    assert 16 <= waits[1] <= 20
    assert all(1440 <= wait <= 1800 for wait in waits[8:])


@given(st.text(), st.integers(1, 10**6))
def test_pods_in_the_first_hour_of_an_outage_are_few(uid: str, count: int) -> None:
    due = next_attempt("Unreachable", count, NOW, uid=uid, next_slot=None)
    assert due is not None
    assert timedelta(seconds=8) <= due - NOW <= timedelta(minutes=30)


def test_a_terminal_failure_waits_for_the_next_slot_and_for_half_an_hour_at_least() -> None:
    soon, late = NOW + timedelta(minutes=1), NOW + timedelta(hours=2)
    assert next_attempt("WrongPassword", 1, NOW, uid="u", next_slot=soon) == NOW + timedelta(minutes=30)
    assert next_attempt("WrongPassword", 1, NOW, uid="u", next_slot=late) == late
    assert next_attempt("WrongPassword", 1, NOW, uid="u", next_slot=None) is None


def test_a_class_of_a_newer_mover_counts_as_unknown() -> None:
    assert info("Invented") == info("Unknown")
    assert not is_terminal("Invented")


@pytest.mark.parametrize("error_class", ["Own", "x" * 400, "a\nb", 5])
def test_a_class_on_record_that_is_not_ours_becomes_no_reason(error_class: Any) -> None:
    objects = source()
    error = {"class": error_class, "message": "m"}
    objects[0]["status"] = {"lastSyncStartTime": "2026-11-24T11:00:00Z", "attempt": {"lastError": error}}
    (healthy,) = (c for c in status_of(decision_on(objects))["conditions"] if c["type"] == "Healthy")
    assert (healthy["status"], healthy["reason"]) == ("False", "Unknown")
