"""The replication machine, pass by pass."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attrs import define, evolve, field

from volsync_py.core.actions import Action, Delete, PatchStatus, Ref
from volsync_py.core.local_zone import AssumedUtc
from volsync_py.core.merge import merged
from volsync_py.core.replication import CustomResource, decide
from volsync_py.core.result import Beside, Decision, StepResult, Success, Trouble
from volsync_py.core.schedule import parse_schedule
from volsync_py.core.times import format_rfc3339
from volsync_py.core.trigger import Trigger

NOW = datetime(2026, 11, 24, 4, 7, tzinfo=UTC)
LEFTOVER = Delete(Ref("batch/v1", "Job", "n", "volsync-src-a"), "uid-of-job")
COPY = Delete(Ref("v1", "PersistentVolumeClaim", "n", "volsync-a-src"), "uid-of-copy")


@define
class Work:
    """A mover that does as it is told."""

    step: StepResult = field(factory=StepResult)
    left: tuple[Action, ...] = ()
    shown: float = 0.0

    def synchronize(self) -> StepResult:
        return self.step

    def first(self) -> tuple[Action, ...]:
        return ()

    def cleanup(self, publishing: str | None) -> tuple[Action, ...]:
        return self.left

    def remains(self) -> list[dict[str, Any]]:
        return []

    def in_flight(self) -> bool:
        return False

    def shown_seconds(self) -> float:
        return self.shown

    def beside(self, status: dict[str, Any], *, pause: bool) -> Beside:
        return Beside()

    def refused(self, status: dict[str, Any], trouble: Trouble) -> Beside:
        return Beside()


def resource(trigger: dict[str, Any] | None = None, trouble: Trouble | None = None, **status: Any) -> CustomResource:
    given = dict(trigger or {"manual": "a"})
    text = given.pop("schedule", "")
    schedule = parse_schedule(text, UTC) if text else None
    created = NOW - timedelta(days=1)
    one = Trigger("uid", created, schedule=schedule, has_schedule=bool(text), **given)
    meta = {"name": "a", "namespace": "n", "uid": "uid", "generation": 3, "resourceVersion": "7"}
    obj = {"apiVersion": "volsync.backube/v1alpha1", "kind": "ReplicationSource", "metadata": meta}
    if status:
        obj["status"] = status
    return CustomResource(obj, one, trouble, {"latestMoverStatus": {}})


def after(one: CustomResource, decision: Decision) -> dict[str, Any]:
    """Return the status as the decision leaves it."""
    status = one.status
    for action in decision.actions:
        if isinstance(action, PatchStatus):
            assert action.resource_version == "7"
            status = merged(status, action.changes)
    return status


def condition(status: dict[str, Any], kind: str = "Synchronizing") -> tuple[str, str]:
    found = next(c for c in status["conditions"] if c["type"] == kind)
    return found["status"], found["reason"]


def idle(**more: Any) -> dict[str, Any]:
    return {"lastSyncTime": format_rfc3339(NOW - timedelta(minutes=9)), "lastManualSync": "a", **more}


@pytest.mark.parametrize("trigger", [{"manual": "a"}, {"schedule": "0 0 1 1 *"}, {}])
def test_a_fresh_resource_starts_at_once_whatever_its_trigger(trigger: dict[str, Any]) -> None:
    one = resource(trigger or {"manual": ""})
    decision = decide(one, Work(), NOW)
    status = after(one, decision)
    assert condition(status) == ("True", "SyncInProgress")
    assert condition(status, "Healthy") == ("Unknown", "NotYetRun")
    assert status["lastSyncStartTime"] == format_rfc3339(NOW)
    assert decision.out_of_sync is True
    assert len([a for a in decision.actions if isinstance(a, PatchStatus)]) == 1


def test_a_first_run_that_is_to_wait_for_its_slot_waits() -> None:
    one = resource({"schedule": "0 5 * * *", "run_on_create": False})
    # The resource is a day old, so its first slot has passed; one that is new waits.
    assert "lastSyncStartTime" in after(one, decide(one, Work(), NOW))
    fresh = CustomResource(
        one.object, Trigger("uid", NOW, schedule=one.trigger.schedule, has_schedule=True, run_on_create=False)
    )
    status = after(fresh, decide(fresh, Work(), NOW))
    assert status["nextSyncTime"] == "2026-11-24T05:00:00Z"
    assert "lastSyncStartTime" not in status


def test_a_run_that_goes_on_writes_nothing_new() -> None:
    one = resource(lastSyncStartTime=format_rfc3339(NOW))
    first = after(one, decide(one, Work(), NOW))
    again = resource(**first)
    assert decide(again, Work(), NOW + timedelta(minutes=1)).actions == ()


def test_an_error_is_told_and_the_run_stays_open() -> None:
    one = resource(lastSyncStartTime=format_rfc3339(NOW))
    failed = after(one, decide(one, Work(StepResult(error=Trouble("Configuration", "no", "do"))), NOW))
    assert condition(failed) == ("False", "Error")
    assert "lastSyncStartTime" in failed
    mended = resource(**failed)
    status = after(mended, decide(mended, Work(), NOW))
    assert condition(status) == ("True", "SyncInProgress")
    assert condition(status, "Healthy") == ("Unknown", "NotYetRun")


def test_a_success_is_written_once_with_its_final_reason_before_the_job_is_deleted() -> None:
    one = resource(lastSyncStartTime=format_rfc3339(NOW - timedelta(seconds=30)), attempt={"count": 2})
    decision = decide(one, Work(StepResult(success=Success()), (LEFTOVER, COPY)), NOW)
    assert isinstance(decision.actions[0], PatchStatus)
    assert decision.actions[1:] == (evolve(LEFTOVER, deferrable=True), COPY), "a Job may wait, storage may not"
    status = after(one, decision)
    assert condition(status) == ("False", "WaitingForManual")
    assert condition(status, "Healthy") == ("True", "Succeeded")
    assert status["lastSyncDuration"] == "30s"
    assert status["lastManualSync"] == "a"
    assert "lastSyncStartTime" not in status
    assert "attempt" not in status
    assert decision.out_of_sync is False


@pytest.mark.parametrize(
    ("before", "step", "days"),
    [
        ({}, StepResult(success=Success()), ("2026-11-22", "o")),
        ({}, StepResult(success=Success(warning=Trouble("Partial", "one file"))), ("2026-11-22", "w")),
        ({"attempt": {"count": 1}}, StepResult(success=Success()), ("2026-11-23", "o")),
        ({"lastDays": {"until": "2026-11-23", "results": "ff"}}, StepResult(success=Success()), ("2026-11-23", "rf")),
        ({}, StepResult(unhealthy=Trouble("Stalled", "no"), status={"attempt": {"count": 1}}), ("2026-11-23", "f")),
        ({}, StepResult(error=Trouble("AccessDenied", "no"), status={"attempt": {"count": 1}}), ("2026-11-23", "c")),
        # The failure is on record already, or none of a run.
        ({}, StepResult(error=Trouble("AccessDenied", "no")), None),
        ({}, StepResult(unhealthy=Trouble("Stalled", "no")), None),
        ({}, StepResult(waiting="Waiting"), None),
    ],
)
def test_what_becomes_of_a_run_is_kept_with_the_write_that_ends_it(
    before: dict[str, Any], step: StepResult, days: tuple[str, str] | None
) -> None:
    # It began the day before in New York, at half past eleven in the evening; now it is eleven there.
    began = NOW - timedelta(hours=23, minutes=37)
    one = resource({"schedule": "TZ=America/New_York 30 23 * * *"}, lastSyncStartTime=format_rfc3339(began), **before)
    decision = decide(one, Work(step), NOW)
    assert len([a for a in decision.actions if isinstance(a, PatchStatus)]) == 1
    kept = after(one, decision).get("lastDays")
    assert kept == (None if days is None else {"until": days[0], "results": days[1]})


def test_a_clock_that_was_set_back_makes_no_run_end_before_its_start() -> None:
    one = resource(lastSyncStartTime=format_rfc3339(NOW + timedelta(hours=1)))
    decision = decide(one, Work(StepResult(success=Success())), NOW)
    assert after(one, decision)["lastSyncDuration"] == "0s"
    assert decision.finished is not None
    assert decision.finished.duration_seconds == 0


@pytest.mark.parametrize(("served", "expected"), [("b", "b"), (None, "a"), ("", None)])
def test_a_run_serves_the_tag_that_it_was_started_for_or_the_present_one_if_that_is_not_known(
    served: str | None, expected: str | None
) -> None:
    one = resource(lastSyncStartTime=format_rfc3339(NOW), lastManualSync="before")
    decision = decide(one, Work(StepResult(success=Success(manual=served)), (LEFTOVER,)), NOW)
    assert after(one, decision).get("lastManualSync") == expected


def test_what_has_to_wait_is_told_unless_something_has_failed_before() -> None:
    waits = Trouble("MaintenanceWaits", "prune is due", "wait")
    one = resource(lastSyncStartTime=format_rfc3339(NOW))
    for before, maintained, expected in (
        (None, True, ("True", "MaintenanceWaits")),
        (None, None, ("True", "MaintenanceWaits")),
        ("False", True, ("False", "Before")),
        ("False", waits, ("False", "MaintenanceWaits")),
    ):
        told = {"type": "Maintained", "status": before, "reason": "Before", "lastTransitionTime": format_rfc3339(NOW)}
        one = resource(lastSyncStartTime=format_rfc3339(NOW), conditions=[told] if before else [])
        success = Success(maintained=maintained, postponed=waits)
        status = after(one, decide(one, Work(StepResult(success=success)), NOW))
        assert condition(status, "Maintained") == expected


def test_without_a_trigger_the_next_run_waits_until_the_last_one_is_cleaned_up() -> None:
    one = resource({"manual": ""}, **idle())
    cleaning = decide(one, Work(left=(LEFTOVER,)), NOW)
    assert condition(after(one, cleaning)) == ("False", "CleaningUp")
    assert cleaning.actions[-1] == LEFTOVER, "a run waits for it"
    clean = decide(one, Work(), NOW)
    assert condition(after(one, clean)) == ("True", "SyncInProgress")


def test_a_manual_trigger_idles_until_its_tag_changes() -> None:
    one = resource({"manual": "a"}, **idle())
    assert condition(after(one, decide(one, Work(), NOW))) == ("False", "WaitingForManual")
    changed = resource({"manual": "b"}, **idle())
    assert condition(after(changed, decide(changed, Work(), NOW))) == ("True", "SyncInProgress")


def test_a_schedule_idles_until_its_slot_and_sets_a_timer() -> None:
    one = resource({"schedule": "*/10 * * * *"}, **idle(lastSyncTime=format_rfc3339(NOW)))
    decision = decide(one, Work(), NOW)
    status = after(one, decision)
    assert condition(status) == ("False", "WaitingForSchedule")
    assert status["nextSyncTime"] == "2026-11-24T04:10:00Z"
    assert decision.requeue_after_seconds == pytest.approx(180.01)
    edited = resource({"schedule": "0 0 1 1 *"}, **status)
    assert after(edited, decide(edited, Work(), NOW))["nextSyncTime"] == "2027-01-01T00:00:00Z"


@pytest.mark.parametrize(("minutes", "missed"), [(9, None), (31, True)])
def test_a_deadline_is_missed_when_two_slots_have_passed(minutes: int, missed: bool | None) -> None:
    last = format_rfc3339(NOW - timedelta(minutes=minutes))
    one = resource({"schedule": "*/10 * * * *"}, lastSyncTime=last)
    assert decide(one, Work(), NOW).out_of_sync is missed


def test_a_spec_that_cannot_be_used_starts_nothing() -> None:
    one = resource(trouble=Trouble("Configuration", "spec.trigger.schedule: no", "correct it"))
    decision = decide(one, Work(), NOW)
    status = after(one, decision)
    assert condition(status) == ("False", "Error")
    assert "lastSyncStartTime" not in status
    again = resource(trouble=one.trouble, **status)
    assert decide(again, Work(), NOW + timedelta(hours=1)).actions == ()


def test_run_now_starts_one_extra_run() -> None:
    one = resource({"schedule": "0 0 1 1 *", "run_now": "x"}, **idle())
    assert condition(after(one, decide(one, Work(), NOW))) == ("True", "SyncInProgress")
    done = resource({"schedule": "0 0 1 1 *", "run_now": "x"}, **idle(lastRunNow="x"))
    assert condition(after(done, decide(done, Work(), NOW))) == ("False", "WaitingForSchedule")


def test_foreign_conditions_and_unknown_fields_of_the_status_survive() -> None:
    foreign = {"type": "Theirs", "status": "True"}
    one = resource(**idle(conditions=[foreign], futureField=1))
    status = after(one, decide(one, Work(), NOW))
    assert status["conditions"][0] == foreign
    assert status["futureField"] == 1


def test_a_resource_that_is_being_deleted_is_left_alone() -> None:
    one = resource()
    one.object["metadata"]["deletionTimestamp"] = format_rfc3339(NOW)
    assert decide(one, Work(), NOW) == Decision()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("30 12 * * *", "Waiting for next scheduled synchronization, in UTC: TZ 'CET-1CEST' is no zone"),
        ("CRON_TZ=Europe/Berlin 30 12 * * *", "Waiting for next scheduled synchronization"),
        ("@every 12h", "Waiting for next scheduled synchronization"),
    ],
)
def test_who_waits_for_a_slot_is_told_that_it_is_in_utc_because_the_managers_zone_cannot_be_read(
    text: str, says: str
) -> None:
    trigger = Trigger("uid", NOW, schedule=parse_schedule(text, AssumedUtc("TZ 'CET-1CEST' is no zone")))
    one = resource(**idle())
    one = evolve(one, trigger=evolve(trigger, has_schedule=True))
    (told,) = (c for c in after(one, decide(one, Work(), NOW))["conditions"] if c["type"] == "Synchronizing")
    assert (told["reason"], told["message"]) == ("WaitingForSchedule", says)
