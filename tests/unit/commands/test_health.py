"""Which state a resource is in, from its status."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.commands.resources import HOUR_AGO, NOW, SUCCEEDED, WRONG_PASSWORD, said, source
from volsync_py.health.state import State, health_of

YESTERDAY, LAST_SLOT = "2026-11-26T08:00:00Z", "2026-11-27T10:00:00Z"
BEFORE_THE_LAST = "2026-11-27T09:59:59Z"

TABLE: list[tuple[str, State, dict[str, Any]]] = [
    ("backed up", State.FINE, source()),
    ("of VolSync's, backed up", State.FINE, source(conditions=[said("Synchronizing", "False", "WaitingForSchedule")])),
    ("failed", State.FAILING, source(conditions=[WRONG_PASSWORD])),
    ("failed, and tried again now", State.FAILING, source(conditions=[WRONG_PASSWORD], lastSyncStartTime=HOUR_AGO)),
    ("of VolSync's, in error", State.FAILING, source(conditions=[said("Synchronizing", "False", "Error")])),
    ("of VolSync's, failed", State.FAILING, source(conditions=[], latestMoverStatus={"result": "Failed"})),
    ("late by one slot", State.FINE, source(lastSyncTime=YESTERDAY, nextSyncTime=LAST_SLOT)),
    ("late by more than a slot", State.OVERDUE, source(lastSyncTime=YESTERDAY, nextSyncTime=BEFORE_THE_LAST)),
    (
        "late, of a daily schedule",
        State.FINE,
        source(spec={"trigger": {"schedule": "0 6 * * *"}}, nextSyncTime=LAST_SLOT),
    ),
    ("late, of no schedule", State.FINE, source(spec={"trigger": {"manual": "one"}}, nextSyncTime=YESTERDAY)),
    ("late, while it runs", State.OVERDUE, source(nextSyncTime=BEFORE_THE_LAST, lastSyncStartTime=YESTERDAY)),
    ("failing and late", State.FAILING, source(conditions=[WRONG_PASSWORD], nextSyncTime=YESTERDAY)),
    ("paused and late", State.PAUSED, source(spec={"paused": True}, nextSyncTime=YESTERDAY)),
    ("seen by nobody", State.UNSERVED, {**source(), "status": {}}),
    (
        "a proof failed",
        State.UNPROVED,
        source(conditions=[SUCCEEDED, said("Verified", "False", "NotAsBackedUp")]),
    ),
    ("upkeep fails", State.UPKEEP, source(conditions=[SUCCEEDED, said("Maintained", "False", "RepositoryDamaged")])),
    ("lacks files", State.WARNING, source(conditions=[said("Healthy", "True", "Partial")])),
    ("runs", State.RUNNING, source(lastSyncStartTime=HOUR_AGO)),
    (
        "waits for its first run",
        State.NEW,
        source(lastSyncTime=None, conditions=[said("Healthy", "Unknown", "NotYetRun")]),
    ),
]


@pytest.mark.parametrize(("state", "obj"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_the_worst_that_is_known_is_the_state(state: State, obj: dict[str, Any]) -> None:
    assert health_of(obj, NOW).state == state


def test_a_resource_that_was_just_made_is_not_unserved() -> None:
    obj = {**source(), "status": {}}
    obj["metadata"]["creationTimestamp"] = "2026-11-27T11:58:00Z"
    assert health_of(obj, NOW).state is State.NEW


def test_cause_and_next_step_are_told_apart() -> None:
    health = health_of(source(conditions=[WRONG_PASSWORD], attempt={"count": 4}), NOW)
    assert health.cause == "restic: wrong password or no key found"
    assert health.next_step.startswith("correct RESTIC_PASSWORD")
    assert (health.reason, health.attempts) == ("WrongPassword", 4)


def test_what_others_have_written_does_not_control_a_terminal() -> None:
    health = health_of(source(conditions=[said("Healthy", "False", "\x1b[2J", "a\x1b]0;b\x07\nc – d\x9b")]), NOW)
    assert (health.reason, health.cause, health.next_step) == ("�[2J", "a�]0;b� c", "d�")


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("2026-11-27T11:00:00Z"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
FIELDS = ("conditions", "attempt", "lastSyncTime", "nextSyncTime", "lastSyncStartTime", "latestMoverStatus", "restic")


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, ODD)), ODD)
def test_whatever_is_stored_has_a_state(status: dict[str, Any], spec: Any) -> None:
    obj = {**source(), "status": status, "spec": spec}
    assert health_of(obj, NOW).state in State
