"""Whole runs of sources whose claim says when it may be copied."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.movers.objects import secret, source
from tests.unit.movers.seen import NOW, decision_on, words
from tests.unit.movers.simulated import Simulation
from tests.unit.movers.test_simulated import BACKED_UP, failure
from volsync_py.core.times import format_rfc3339

Object = dict[str, Any]
PREFIX = "volsync.backube/"
METHODS = pytest.mark.parametrize("method", ["Clone", "Snapshot"])


def run_with(method: str = "Snapshot", **said: str) -> Simulation:
    """Return a source whose claim has these annotations."""
    one = Simulation(source(copyMethod=method))
    data(one)["metadata"]["annotations"] = {PREFIX + "use-copy-trigger": "", "users": "own"}
    say(one, **said)
    return one


def data(one: Simulation) -> Object:
    return next(o for o in one.objects if o["metadata"]["name"] == "data")


def say(one: Simulation, **said: str) -> None:
    data(one)["metadata"]["annotations"] |= {PREFIX + k.replace("_", "-"): v for k, v in said.items()}


def said(one: Simulation) -> dict[str, str]:
    """Return what the claim says beside what its owner does."""
    annotations = data(one)["metadata"]["annotations"]
    assert annotations["users"] == "own"
    assert annotations[PREFIX + "use-copy-trigger"] == ""
    found = {k.removeprefix(PREFIX): v for k, v in annotations.items() if k.startswith(PREFIX + "latest-")}
    return {k.removeprefix("latest-copy-"): v for k, v in found.items()}


def copies(one: Simulation, method: str) -> int:
    """Return how many copies of the data there are."""
    kind = "VolumeSnapshot" if method == "Snapshot" else "PersistentVolumeClaim"
    return one.of_kind(kind).count("volsync-n-src")


@METHODS
def test_nothing_is_copied_before_the_owner_says_so(method: str) -> None:
    one = run_with(method)
    one.settle()
    assert (copies(one, method), one.job()) == (0, None)
    assert said(one) == {"status": "WaitingForTrigger", "trigger-waiting-since": format_rfc3339(NOW)}
    state, reason, message = one.conditions()["Synchronizing"]
    assert (state, reason) == ("True", "SyncInProgress")
    assert "volsync.backube/copy-trigger" in message


@METHODS
def test_the_owners_word_starts_the_copy_and_the_claim_says_when_it_is_made(method: str) -> None:
    one = run_with(method)
    one.settle()
    one.now += timedelta(minutes=3)
    say(one, copy_trigger="first")
    one.settle()
    assert said(one) == {"status": "Completed", "trigger": "first"}
    assert copies(one, method) == 1
    assert one.job() is not None
    one.end_job(BACKED_UP)
    assert one.conditions()["Healthy"][0] == "True"
    assert said(one) == {"status": "Completed", "trigger": "first"}


@METHODS
def test_the_next_run_waits_for_another_word_and_goes_on_with_it(method: str) -> None:
    one = run_with(method, copy_trigger="first")
    one.settle()
    one.end_job(BACKED_UP)
    one.change(trigger={"manual": "again"})
    one.settle()
    assert one.job() is None
    assert said(one)["status"] == "WaitingForTrigger"
    assert said(one)["trigger"] == "first"
    say(one, copy_trigger="second")
    one.settle()
    assert said(one) == {"status": "Completed", "trigger": "second"}
    assert one.job() is not None


@METHODS
def test_a_token_that_is_set_early_is_the_next_runs(method: str) -> None:
    one = run_with(method, copy_trigger="first")
    one.settle()
    say(one, copy_trigger="second")
    one.settle()
    assert said(one)["trigger"] == "first"
    one.end_job(BACKED_UP)
    one.change(trigger={"manual": "again"})
    one.settle()
    assert said(one) == {"status": "Completed", "trigger": "second"}


def test_the_token_is_recorded_before_the_copy_and_served_when_the_snapshot_is_bound() -> None:
    one = run_with(copy_trigger="first")
    one.admits = lambda obj: obj.pop("status", None) if obj["kind"] == "VolumeSnapshot" else None
    made = words(decision_on(one.objects, NOW))
    assert made.index("patch PersistentVolumeClaim/data") < made.index("create VolumeSnapshot/volsync-n-src")
    one.settle()
    assert said(one) == {"status": "InProgress"}
    say(one, copy_trigger="second")
    one.settle()
    assert said(one) == {"status": "InProgress"}
    snapshot = next(o for o in one.objects if o["kind"] == "VolumeSnapshot")
    snapshot["status"] = {"boundVolumeSnapshotContentName": "c", "readyToUse": True, "restoreSize": "1Gi"}
    one.settle()
    assert said(one) == {"status": "Completed", "trigger": "first"}


def test_a_clone_that_is_bound_by_its_pod_is_told_when_it_is() -> None:
    one = run_with("Clone", copy_trigger="first")
    one.admits = lambda obj: obj.update(status={"phase": "Pending"}) if obj["kind"] == "PersistentVolumeClaim" else None
    one.settle()
    assert one.job() is not None
    assert said(one) == {"status": "InProgress"}
    clone = next(o for o in one.objects if o["metadata"]["name"] == "volsync-n-src")
    clone["status"] = {"phase": "Bound"}
    one.settle()
    assert said(one) == {"status": "Completed", "trigger": "first"}


def test_a_clone_whose_backup_ends_before_it_is_seen_to_be_bound_is_told() -> None:
    one = run_with("Clone", copy_trigger="first")
    one.admits = lambda obj: obj.update(status={"phase": "Pending"}) if obj["kind"] == "PersistentVolumeClaim" else None
    one.settle()
    one.end_job(BACKED_UP)
    assert one.conditions()["Healthy"][0] == "True"
    assert said(one) == {"status": "Completed", "trigger": "first"}


def test_a_clone_whose_backup_fails_before_it_is_bound_is_not_told() -> None:
    one = run_with("Clone", copy_trigger="first")
    one.admits = lambda obj: obj.update(status={"phase": "Pending"}) if obj["kind"] == "PersistentVolumeClaim" else None
    one.settle()
    one.end_job(failure("Unreachable"))
    assert said(one) == {"status": "InProgress"}


@METHODS
def test_a_wait_without_a_word_is_told_and_goes_on(method: str) -> None:
    one = run_with(method)
    one.settle()
    assert one.conditions()["Healthy"][0] == "Unknown"
    while one.now < NOW + timedelta(minutes=10):
        one.now += timedelta(seconds=one.delay or 0)
        one.settle()
    state, reason, message = one.conditions()["Healthy"]
    assert (state, reason) == ("False", "CopyTriggerTimeout")
    assert "pvc data" in message
    assert one.status["latestMoverStatus"]["result"] == "Failed"
    assert one.conditions()["Synchronizing"][1] == "SyncInProgress"
    say(one, copy_trigger="first")
    one.settle()
    assert one.conditions()["Healthy"][0] != "False"
    one.end_job(BACKED_UP)
    assert one.status["latestMoverStatus"]["result"] == "Successful"


def test_a_time_that_cannot_be_read_begins_the_wait_anew() -> None:
    one = run_with(latest_copy_status="WaitingForTrigger", latest_copy_trigger_waiting_since="yesterday")
    one.settle()
    assert said(one)["trigger-waiting-since"] == format_rfc3339(NOW)
    assert one.conditions()["Healthy"][0] != "False"


@pytest.mark.parametrize("method", ["Direct", "None"])
def test_what_is_not_copied_waits_for_nobody(method: str) -> None:
    one = run_with(method)
    one.settle()
    assert one.job() is not None
    assert said(one) == {}


def test_no_run_that_cannot_start_has_the_owner_bring_his_data_to_rest() -> None:
    one = run_with()
    one.objects = [o for o in one.objects if o["kind"] != "Secret"]
    one.settle()
    assert said(one) == {}
    assert one.conditions()["Synchronizing"][1] == "Error"
    one.objects.append(secret())
    one.settle()
    assert said(one)["status"] == "WaitingForTrigger"


def test_a_retry_uses_the_copy_that_is_there_and_needs_no_other_word() -> None:
    one = run_with(copy_trigger="first")
    one.settle()
    one.end_job(failure("Unreachable"))
    one.now += timedelta(hours=1)
    one.settle()
    assert one.job() is not None
    assert one.made.count("VolumeSnapshot") == 1
    assert said(one) == {"status": "Completed", "trigger": "first"}


def test_a_copy_that_is_made_anew_needs_another_word() -> None:
    one = run_with(copy_trigger="first")
    one.settle()
    one.end_job(failure("WrongPassword"))
    assert one.of_kind("VolumeSnapshot") == []
    one.change(restic={"tags": ["mended"]})
    one.settle()
    assert (one.of_kind("VolumeSnapshot"), one.job()) == ([], None)
    assert said(one)["status"] == "WaitingForTrigger"
    say(one, copy_trigger="second")
    one.settle()
    assert one.job() is not None
    assert said(one) == {"status": "Completed", "trigger": "second"}


def test_the_next_slot_of_a_run_that_fails_needs_another_word() -> None:
    one = run_with(copy_trigger="first")
    one.resource["spec"]["trigger"] = {"schedule": "0 * * * *"}
    one.resource["status"] = {"lastSyncTime": format_rfc3339(NOW - timedelta(hours=1))}
    one.settle()
    one.end_job(failure("Unreachable"))
    one.now += timedelta(hours=2)
    one.settle()
    assert (one.of_kind("VolumeSnapshot"), one.job()) == ([], None)
    assert said(one)["status"] == "WaitingForTrigger"


def test_a_copy_is_not_begun_in_the_pass_that_tells_of_those_before() -> None:
    one = run_with(copy_trigger="second", latest_copy_status="InProgress")
    data(one)["metadata"]["annotations"]["volsync-py/copy-of-one-that-has-gone"] = "copied first"
    assert "create VolumeSnapshot/volsync-n-src" not in words(decision_on(one.objects, NOW))
    one.settle()
    assert said(one) == {"status": "Completed", "trigger": "second"}


def test_the_wait_is_told_by_an_event_once() -> None:
    one = run_with()
    assert words(decision_on(one.objects, NOW)).count("event SrcPVCWaitingForCopyTrigger") == 1
    one.settle()
    one.now += timedelta(minutes=11)
    assert words(decision_on(one.objects, one.now)).count("event SrcPVCTimeoutWaitingForCopyTrigger") == 1
    one.settle()
    assert words(decision_on(one.objects, one.now + timedelta(minutes=20))) == []


def two() -> tuple[Simulation, Simulation]:
    """Return two sources of one claim, which each sees as it is."""
    first = run_with()
    second = Simulation(source(copyMethod="Snapshot"))
    second.objects[0]["metadata"] |= {"name": "m", "uid": "v"}
    shared = data(first)
    second.objects = [second.objects[0], shared, secret(), first.objects[0]]
    first.objects.append(second.objects[0])
    return first, second


def settle(*simulations: Simulation) -> None:
    for _ in range(4):
        for one in simulations:
            one.settle()


def test_two_sources_that_wait_both_copy_with_one_word() -> None:
    first, second = two()
    settle(first, second)
    assert said(first)["status"] == "WaitingForTrigger"
    say(first, copy_trigger="T")
    settle(first, second)
    assert said(first) == {"status": "Completed", "trigger": "T"}
    for one in (first, second):
        assert one.made.count("VolumeSnapshot") == 1
        one.end_job(BACKED_UP)
    settle(first, second)
    assert not [k for k in data(first)["metadata"]["annotations"] if k.startswith("volsync-py/")]


def test_the_data_stays_at_rest_until_the_last_source_has_copied() -> None:
    first, second = two()
    second.admits = lambda obj: obj.pop("status", None) if obj["kind"] == "VolumeSnapshot" else None
    settle(first, second)
    say(first, copy_trigger="T")
    first.settle()
    assert said(first) == {"status": "InProgress"}
    settle(second, first)
    assert said(first) == {"status": "InProgress"}
    snapshot = next(o for o in second.objects if o["kind"] == "VolumeSnapshot")
    snapshot["status"] = {"boundVolumeSnapshotContentName": "c", "readyToUse": True, "restoreSize": "1Gi"}
    second.settle()
    assert said(first) == {"status": "Completed", "trigger": "T"}


def test_a_source_that_comes_late_waits_for_the_next_word() -> None:
    first, second = two()
    second.change(paused=True)
    settle(first, second)
    say(first, copy_trigger="T")
    settle(first, second)
    assert said(first) == {"status": "Completed", "trigger": "T"}
    second.change(paused=False)
    settle(second, first)
    assert second.made.count("VolumeSnapshot") == 0
    assert said(first)["status"] == "WaitingForTrigger"
    say(first, copy_trigger="U")
    settle(second, first)
    assert second.made.count("VolumeSnapshot") == 1
    assert said(first) == {"status": "Completed", "trigger": "U"}


def test_a_source_that_is_paused_or_gone_holds_nobody_up() -> None:
    first, second = two()
    settle(first, second)
    say(first, copy_trigger="T")
    first.settle()
    assert said(first) == {"status": "InProgress"}
    second.change(paused=True)
    second.settle()
    assert said(first) == {"status": "Completed", "trigger": "T"}
    again, other = two()
    settle(again, other)
    say(again, copy_trigger="T")
    again.objects.remove(other.resource)
    again.settle()
    assert said(again) == {"status": "Completed", "trigger": "T"}


def test_a_source_that_copies_no_more_holds_nobody_up() -> None:
    first, second = two()
    second.admits = lambda obj: obj.pop("status", None) if obj["kind"] == "VolumeSnapshot" else None
    settle(first, second)
    say(first, copy_trigger="T")
    settle(first, second)
    assert said(first) == {"status": "InProgress"}
    second.change(restic={"copyMethod": "Direct"})
    first.settle()
    assert said(first) == {"status": "Completed", "trigger": "T"}
