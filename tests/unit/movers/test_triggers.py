"""Triggers, external resources and refusals."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from hack.schema_of_spec import SCHEDULE
from tests.unit.movers.objects import resource, source
from tests.unit.movers.seen import NOW, decision_on, status_of
from tests.unit.movers.simulated import Simulation
from volsync_py.api.spec import parse
from volsync_py.contract.report import Outcome, Report, SnapshotFacts
from volsync_py.core.merge import merged
from volsync_py.core.replication import CustomResource, decide_error
from volsync_py.core.result import Trouble
from volsync_py.core.schedule import ScheduleError, parse_schedule
from volsync_py.core.trigger import Trigger

UTC_ZONE = ZoneInfo("UTC")
BACKED_UP = Report(Outcome.SUCCEEDED, snapshot=SnapshotFacts("0" * 64, "2026-11-24T12:00:00Z"))


@pytest.mark.parametrize("kind", ["ReplicationSource", "ReplicationDestination"])
@pytest.mark.parametrize(
    ("spec", "external"),
    [
        ({"external": {"provider": "example.com/p", "parameters": {"a": "b"}}}, True),
        ({"external": {}}, True),
        ({"external": {}, "restic": {}}, False),
        ({"restic": {}}, False),
        ({}, False),
    ],
)
def test_a_resource_of_another_operator_is_known_as_such_and_has_no_problem(
    kind: str, spec: dict[str, Any], external: bool
) -> None:
    replication = parse(resource(kind, spec), UTC_ZONE)
    assert replication.external is external
    assert bool(replication.problems) is not external


def test_a_clean_up_that_is_refused_is_told_and_the_run_stays_over() -> None:
    one = Simulation(source())
    one.settle()
    one.end_job(BACKED_UP)
    replication = parse(one.resource, UTC_ZONE)
    trouble = Trouble("Refused", "the API server refuses: no", "see the message")
    decision = decide_error(CustomResource(one.resource, replication.trigger), trouble, one.now)
    status = merged(one.status, status_of(decision))
    (told,) = (c for c in status["conditions"] if c["type"] == "Synchronizing")
    assert (told["status"], told["reason"]) == ("False", "Error")
    assert "the API server refuses: no" in told["message"]
    assert "lastSyncStartTime" not in status
    assert status["lastSyncTime"] == one.status["lastSyncTime"]


def test_a_resource_that_has_never_run_has_missed_no_deadline() -> None:
    schedule = parse_schedule("* * * * *", UTC)
    trigger = Trigger("u", datetime(2020, 1, 1, tzinfo=UTC), schedule=schedule, has_schedule=True)
    assert not trigger.missed_deadline(None, NOW)
    assert trigger.missed_deadline(NOW - timedelta(days=1), NOW)


def test_a_schedule_in_place_of_a_manual_trigger_sets_the_next_time_and_the_other_way_round() -> None:
    one = Simulation(source())
    one.settle()
    one.end_job(BACKED_UP)
    assert "nextSyncTime" not in one.status
    one.resource["spec"]["trigger"] = {"schedule": "30 12 * * *"}
    one.settle()
    assert one.status["nextSyncTime"] == "2026-11-24T12:30:00Z"
    one.resource["spec"]["trigger"] = {"schedule": "30 12 * * *", "manual": "m"}
    one.settle()
    assert "nextSyncTime" not in one.status


def test_a_jitter_spreads_resources_of_one_schedule_and_each_keeps_its_own_time() -> None:
    starts = set()
    for number in range(50):
        one = resource("ReplicationSource", {"trigger": {"schedule": "0 * * * *", "jitter": "10m"}, "restic": {}})
        one["metadata"]["uid"] = f"uid-{number}"
        trigger = parse(one, UTC_ZONE).trigger
        slot = trigger.slot_after(NOW)
        assert slot is not None
        late = (slot - NOW) % timedelta(hours=1)
        assert timedelta(0) <= late < timedelta(minutes=10)
        assert trigger.slot_after(slot) == slot + timedelta(hours=1)
        starts.add(late)
    assert len(starts) > 25


VALID = ["0 0 1 1 *", "*/5 * * * *", "@hourly", "0 0 1 3-5 *", "0 9,17 * * *", "19 */3 * * * ", "6 5 4 3 2"]
VALID += ["0 0/2 * * *", "0 9-17 * * *", "*/30 * * * *", "@annually", "@yearly", "@monthly", "@weekly", "@daily"]
VALID += ["CRON_TZ=America/New_York 0 0 * * *", "TZ=UTC 0 0 * * *"]
# The pattern lets them pass, as VolSync's does; the condition names the field.
ONLY_THE_PATTERN = ["@hourlyXYZ", "foo 0 0 * * *", "0 0 0 * * *", "12345", "0 0 * * 7"]
ONLY_THE_PARSER = ["@midnight", "@every 1h", "0 0 * * MON", "? ? ? ? ?", "0 1-5/2 * * *", "0  0 * * *"]


@pytest.mark.parametrize("text", VALID)
def test_a_schedule_that_works_passes_the_pattern_and_the_parser(text: str) -> None:
    assert re.search(SCHEDULE, text)
    assert parse_schedule(text, UTC).next_after(NOW) is not None


@pytest.mark.parametrize("text", ["something", "", "0 0 *", "61 * * * x"])
def test_a_schedule_that_cannot_work_passes_neither(text: str) -> None:
    assert not re.search(SCHEDULE, text)
    with pytest.raises(ScheduleError):
        parse_schedule(text, UTC)


@pytest.mark.parametrize("text", ONLY_THE_PARSER)
def test_what_only_the_parser_knows_never_reaches_it_as_with_volsync(text: str) -> None:
    assert not re.search(SCHEDULE, text)
    assert parse_schedule(text, UTC).next_after(NOW) is not None


@pytest.mark.parametrize("text", ONLY_THE_PATTERN)
def test_what_only_the_pattern_lets_pass_starts_nothing_and_is_named(text: str) -> None:
    assert re.search(SCHEDULE, text)
    objects = source()
    objects[0]["spec"]["trigger"] = {"schedule": text}
    status = status_of(decision_on(objects))
    assert "lastSyncStartTime" not in status
    assert "spec.trigger.schedule" in str(status["conditions"])
