"""When a claim may be copied, and what it says of its copies, decided on its annotations alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from volsync_py.core.actions import Action, Event, Patch
from volsync_py.core.merge import merged
from volsync_py.volumes.copy_trigger import CopyTrigger, is_used, part_keys

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
EARLIER = "2026-11-24T11:55:00Z"
LONG_AGO = "2026-11-24T11:45:00Z"
PREFIX = "volsync.backube/"
# Two sources of one claim.
ME, OTHER = "me", "other"
BOTH = {ME: True, OTHER: True}
SHORT = {"token": "copy-trigger", "latest": "latest-copy-trigger", "status": "latest-copy-status"}
SHORT |= {"since": "latest-copy-trigger-waiting-since", "used": "use-copy-trigger"}
NAMES = {short: PREFIX + name for short, name in SHORT.items()}
NAMES |= {uid: f"volsync-py/copy-{uid}" for uid in (ME, OTHER, "gone")}


def claim(**said: str) -> dict[str, Any]:
    annotations = {NAMES[key]: value for key, value in {"used": "", **said}.items()}
    meta = {"name": "data", "namespace": "ns", "uid": "uid", "annotations": annotations}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta}


def trigger(**said: str) -> CopyTrigger:
    return CopyTrigger(claim(**said), ME, BOTH)


def changes(actions: tuple[Action, ...]) -> dict[str, Any]:
    """Return the annotations that are changed, by their short names."""
    patches = [a for a in actions if isinstance(a, Patch)]
    short = {name: key for key, name in NAMES.items()}
    return {short[k]: v for patch in patches for k, v in patch.changes["metadata"]["annotations"].items()}


def events(actions: tuple[Action, ...]) -> list[str]:
    return [a.reason for a in actions if isinstance(a, Event)]


def after(one: CopyTrigger, actions: tuple[Action, ...]) -> CopyTrigger:
    """Return the trigger as it is when the actions are carried out."""
    obj = one.claim
    for action in actions:
        obj = merged(obj, action.changes) if isinstance(action, Patch) else obj
    return CopyTrigger(obj, one.uid, one.running)


@pytest.mark.parametrize(("value", "used"), [("", True), ("false", True), (None, False)])
def test_the_annotation_counts_whatever_its_value_is(value: str | None, used: bool) -> None:
    assert is_used({"metadata": {"annotations": {} if value is None else {NAMES["used"]: value}}}) is used


@pytest.mark.parametrize(
    ("said", "may"),
    [
        ({}, False),
        ({"token": ""}, False),
        ({"token": "a"}, True),
        ({"token": "a", "latest": "a"}, False),
        ({"token": "b", "latest": "a"}, True),
        ({"latest": "a"}, False),
        # What was begun and is not there goes on with the token that began it, or with the next one.
        ({"token": "a", "me": "copies a"}, True),
        ({"token": "b", "me": "copies a"}, True),
        # Another source is not ready yet, so the claim does not say so.
        ({"token": "b", "latest": "a", "me": "copied b"}, False),
        ({"token": "c", "latest": "a", "me": "copied b"}, True),
        ({"token": "b", "latest": "a", "other": "copied b"}, True),
        ({"token": "b", "latest": "a", "me": "waits "}, True),
        ({"token": "b", "latest": "b", "me": "waits "}, False),
        ({"token": "a", "me": "nonsense"}, True),
    ],
)
def test_a_claim_may_be_copied_with_a_token_that_was_not_served(said: dict[str, str], may: bool) -> None:
    assert trigger(**said).may_copy() is may


def test_a_copy_begins_with_the_token_of_that_moment_on_record() -> None:
    one = trigger(token="b", latest="a", status="WaitingForTrigger", since=EARLIER, me="waits ")
    actions = one.beginning()
    assert changes(actions) == {"me": "copies b", "status": "InProgress", "since": None}
    assert events(actions) == ["SrcPVCCopyTriggerReceived"]
    assert after(one, actions).beginning() == ()


@pytest.mark.parametrize(
    ("said", "wanted", "told"),
    [
        ({}, {"me": "waits ", "status": "WaitingForTrigger", "since": "2026-11-24T12:00:00Z"}, True),
        (
            {"status": "Completed"},
            {"me": "waits ", "status": "WaitingForTrigger", "since": "2026-11-24T12:00:00Z"},
            True,
        ),
        ({"status": "WaitingForTrigger", "since": EARLIER}, {"me": "waits "}, False),
        ({"status": "WaitingForTrigger", "since": EARLIER, "me": "waits "}, {}, False),
        # What cannot be read, or has not come yet, begins anew.
        ({"status": "WaitingForTrigger", "since": "x", "me": "waits "}, {"since": "2026-11-24T12:00:00Z"}, True),
        ({"status": "WaitingForTrigger", "me": "waits "}, {"since": "2026-11-24T12:00:00Z"}, True),
        (
            {"status": "WaitingForTrigger", "since": "2027-01-01T00:00:00Z", "me": "waits "},
            {"since": "2026-11-24T12:00:00Z"},
            True,
        ),
        # Another source copies: what the claim says is its.
        ({"status": "InProgress", "other": "copies a", "token": "b", "latest": "b"}, {"me": "waits "}, False),
        ({"status": "InProgress", "me": "copied a", "token": "a", "other": "copies a"}, {}, False),
        # One that has gone says nothing.
        (
            {"status": "InProgress", "gone": "copies a"},
            {"me": "waits ", "status": "WaitingForTrigger", "since": "2026-11-24T12:00:00Z"},
            True,
        ),
    ],
)
def test_the_claim_says_that_a_copy_waits_and_since_when(
    said: dict[str, str], wanted: dict[str, Any], told: bool
) -> None:
    one = trigger(**said)
    step = one.wait(NOW, NOW - timedelta(hours=1), told=False)
    assert changes(step.actions) == wanted
    assert ("SrcPVCWaitingForCopyTrigger" in events(step.actions)) is told
    assert "volsync.backube/copy-trigger of PersistentVolumeClaim/data" in step.waiting
    assert step.unhealthy is None
    assert after(one, step.actions).wait(NOW, NOW - timedelta(hours=1), told=False).actions == ()


@pytest.mark.parametrize(
    ("since", "started", "left"),
    [
        (EARLIER, timedelta(hours=1), 300),
        (EARLIER, timedelta(minutes=2), 480),
        (LONG_AGO, timedelta(minutes=9), 60),
        (LONG_AGO, timedelta(minutes=10), None),
        (LONG_AGO, timedelta(hours=1), None),
        ("unreadable", timedelta(hours=1), 600),
    ],
)
def test_a_wait_is_told_to_be_long_only_if_it_was(since: str, started: timedelta, left: float | None) -> None:
    step = trigger(status="WaitingForTrigger", since=since, me="waits ").wait(NOW, NOW - started, told=False)
    assert step.requeue_after_seconds == left
    assert (step.unhealthy is None) is (left is not None)


def test_a_long_wait_names_the_claim_and_what_to_do_and_its_event_comes_once() -> None:
    one = trigger(status="WaitingForTrigger", since=LONG_AGO, me="waits ")
    step = one.wait(NOW, NOW - timedelta(hours=1), told=False)
    assert step.unhealthy is not None
    assert step.unhealthy.reason == "CopyTriggerTimeout"
    assert step.unhealthy.message == "Timed out waiting for copy-trigger to be modified for pvc data"
    assert "volsync.backube/copy-trigger" in step.unhealthy.next_step
    assert step.status == {"latestMoverStatus": {"result": "Failed", "logs": step.unhealthy.message}}
    assert events(step.actions) == ["SrcPVCTimeoutWaitingForCopyTrigger"]
    assert one.wait(NOW, NOW - timedelta(hours=1), told=True).actions == ()


@pytest.mark.parametrize(
    ("running", "copied", "said", "wanted"),
    [
        # Not yet, and no part of this source's.
        (BOTH, False, {"status": "InProgress", "token": "a", "me": "copies a"}, {}),
        (BOTH, True, {"status": "WaitingForTrigger", "token": "a"}, {}),
        # The token with which it began, whatever has been set since.
        (
            BOTH,
            True,
            {"status": "InProgress", "token": "b", "me": "copies a"},
            {"status": "Completed", "latest": "a", "me": None},
        ),
        # Begun by VolSync, which keeps no record.
        (BOTH, True, {"status": "InProgress", "token": "a", "latest": "z"}, {"status": "Completed", "latest": "a"}),
        (BOTH, True, {"status": "Completed", "token": "b", "latest": "a"}, {}),
        # Others that copy, or will with the same token, come first …
        (BOTH, True, {"status": "InProgress", "token": "a", "me": "copies a", "other": "copies a"}, {"me": "copied a"}),
        (BOTH, True, {"status": "InProgress", "token": "a", "me": "copies a", "other": "waits "}, {"me": "copied a"}),
        (BOTH, True, {"status": "InProgress", "token": "a", "me": "copied a", "other": "waits "}, {}),
        # … unless they do not run, cannot begin, or have gone,
        *(
            (
                running,
                True,
                {"status": "InProgress", "token": "a", "me": "copies a", other: "waits "},
                {"status": "Completed", "latest": "a", "me": None, other: None},
            )
            for running, other in (({ME: True}, OTHER), ({ME: True, OTHER: False}, OTHER), (BOTH, "gone"))
        ),
        # and one that waits for the next token has none to come.
        (
            BOTH,
            True,
            {"status": "InProgress", "token": "a", "latest": "a", "me": "copies a", "other": "waits "},
            {"status": "Completed", "me": None, "other": None},
        ),
        # Whoever sees that all have copied says so.
        (
            {ME: False, OTHER: True},
            False,
            {"status": "InProgress", "token": "a", "me": "waits ", "other": "copied a"},
            {"status": "Completed", "latest": "a", "me": None, "other": None},
        ),
        (BOTH, True, {"status": "InProgress", "token": "b", "latest": "a", "other": "copies b"}, {}),
    ],
)
def test_the_claim_says_when_it_is_copied_and_for_which_token(
    running: dict[str, bool], copied: bool, said: dict[str, str], wanted: dict[str, Any]
) -> None:
    one = CopyTrigger(claim(**said), ME, running)
    actions = one.after(copied=copied)
    assert changes(actions) == wanted
    told = ["SrcPVCCopyUsingCopyTriggerCompleted"] if wanted.get("status") == "Completed" else []
    assert events(actions) == told
    assert after(one, actions).after(copied=copied) == ()
    if told:
        assert part_keys(after(one, actions).claim) == []
