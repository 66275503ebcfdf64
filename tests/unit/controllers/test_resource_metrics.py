"""What passes come to is shown by the metrics of their resources."""

from __future__ import annotations

import ast
import re
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from volsync_py.api.spec import parse
from volsync_py.controllers.resource_metrics import REASONS, ResourceMetrics
from volsync_py.core.names import Role
from volsync_py.core.result import Decision, Sync
from volsync_py.telemetry.metrics import Metrics

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
EARLIER = "2026-11-24T11:59:00Z"
VERSIONS = count(1)
SNAPSHOT = {
    "filesNew": 3,
    "filesChanged": 2,
    "filesUnmodified": 10,
    "bytesProcessed": 5000,
    "bytesAdded": 700,
    "filesFailed": 1,
}
FINISHED = {
    "lastSyncTime": "2026-11-24T12:00:00Z",
    "nextSyncTime": "2026-11-24T13:00:00Z",
    "conditions": [{"type": "Healthy", "status": "True", "reason": "Succeeded"}],
    "restic": {"lastSnapshot": SNAPSHOT, "snapshots": {"count": 7}},
}


def condition(kind: str, status: str, reason: str) -> dict[str, Any]:
    return {"conditions": [{"type": kind, "status": status, "reason": reason}]}


def resource(**status: Any) -> dict[str, Any]:
    return {
        "kind": "ReplicationSource",
        "metadata": {
            "name": "data",
            "namespace": "app",
            "uid": "data",
            "creationTimestamp": "2026-11-24T00:00:00Z",
            "resourceVersion": str(next(VERSIONS)),
        },
        "spec": {"sourcePVC": "data", "restic": {"repository": "r", "copyMethod": "Direct"}},
        "status": status,
    }


class Passes:
    """A tally that is told of passes over one source."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.tally = ResourceMetrics(self.metrics.objects, lambda: NOW)
        self.before = resource()

    def decided(self, after: dict[str, Any], **decision: Any) -> None:
        self.tally.decided(parse(self.before, UTC), Decision(**decision), after)
        self.before = after

    def shown(self) -> dict[str, float]:
        """Return what a scrape says of the source, by short names, without zeros of histograms."""
        return {
            sample.name.removeprefix("volsync_py_") + sample.labels.get("result", ""): sample.value
            for family in text_string_to_metric_families(self.metrics.objects.expose().decode())
            for sample in family.samples
            if sample.labels.get("obj_name") == "data" and "quantile" not in sample.labels
        }


def test_a_finished_run_is_shown_with_all_that_is_known_of_it() -> None:
    passes = Passes()

    passes.decided(resource(**FINISHED), finished=Sync(12.0, missed_intervals=1), out_of_sync=False)

    at = NOW.timestamp()
    assert passes.shown() == {
        "volsync_missed_intervals_total": 1,
        "volsync_volume_out_of_sync": 0,
        "volsync_sync_duration_seconds_sum": 12,
        "volsync_sync_duration_seconds_count": 1,
        "runs_totalSucceeded": 1,
        "healthy": 1,
        "last_success_timestamp_seconds": at,
        "last_attempt_timestamp_seconds": at,
        "next_sync_timestamp_seconds": at + 3600,
        "snapshots": 7,
        "last_snapshot_bytes_processed": 5000,
        "last_snapshot_bytes_added": 700,
        "last_snapshot_files": 15,
        "last_snapshot_files_failed": 1,
    }


def test_a_pass_leaves_nothing_to_write_for_a_scrape() -> None:
    passes = Passes()
    passes.decided(resource(**FINISHED), finished=Sync(12.0, missed_intervals=1), out_of_sync=False)
    (record,) = passes.metrics.objects._records.values()
    assert None not in record.lines
    passes.decided(resource(**condition("Healthy", "False", "Unreachable")), failed_class="Unreachable")
    assert None not in record.lines


def test_a_proof_is_shown_from_when_it_is_there_and_goes_with_its_source() -> None:
    passes, at = Passes(), NOW.timestamp()
    passes.decided(resource(**FINISHED))
    assert "last_verified_timestamp_seconds" not in passes.shown()
    proven = resource(**FINISHED)
    proven["status"]["restic"] = {**proven["status"]["restic"], "lastVerified": {"time": "2026-11-24T12:00:00Z"}}
    proven["metadata"]["resourceVersion"] = "another"
    passes.decided(proven)
    assert passes.shown()["last_verified_timestamp_seconds"] == at
    passes.tally.gone(Role.SOURCE, "app", "data")
    assert passes.shown() == {}


WEEKLY = {"verification": {"schedule": "0 3 * * 0"}}
SINCE = {"verification": {"since": "2026-11-20T12:00:00Z"}}
MADE = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.mark.parametrize(
    ("spec", "restic", "expected"),
    [
        (WEEKLY, SINCE, datetime(2026, 11, 20, 12, tzinfo=UTC)),
        (WEEKLY, {}, MADE),
        (WEEKLY, {"verification": {"since": "yesterday"}}, MADE),
        (WEEKLY, {**SINCE, "lastVerified": {"time": EARLIER}}, None),
        ({"verification": {}}, SINCE, None),
        ({}, {}, None),
    ],
    ids=["since on record", "no record", "no time", "proved", "only when asked for", "not wanted"],
)
def test_a_first_proof_that_a_schedule_asks_for_is_missed_since_the_schedule_is_there(
    spec: dict[str, Any], restic: dict[str, Any], expected: datetime | None
) -> None:
    passes = Passes()
    passes.before["spec"]["restic"] |= spec
    passes.decided(resource(**{**FINISHED, "restic": restic}))
    shown = passes.shown().get("verification_wanted_since_timestamp_seconds")
    assert shown == (None if expected is None else expected.timestamp())


@pytest.mark.parametrize(("paused", "status"), [(True, FINISHED), (False, {})], ids=["paused", "no backup yet"])
def test_nobody_misses_the_proof_of_what_is_paused_or_was_never_backed_up(paused: bool, status: dict[str, Any]) -> None:
    passes = Passes()
    passes.before["spec"] |= {"paused": paused, "restic": {**passes.before["spec"]["restic"], **WEEKLY}}
    passes.decided(resource(**status))
    assert "verification_wanted_since_timestamp_seconds" not in passes.shown()


def test_no_series_outlives_its_resource_and_a_new_one_of_the_name_is_shown_again() -> None:
    passes, after = Passes(), resource(**FINISHED)
    passes.decided(after)
    passes.tally.gone(Role.SOURCE, "app", "data")
    assert passes.shown() == {}

    passes.decided(after)
    assert passes.shown()["snapshots"] == 7


@pytest.mark.parametrize(
    ("told", "expected"), [(None, 0), (False, 0), (True, 1)], ids=["as before", "just synchronized", "behind"]
)
def test_a_new_manager_takes_nobody_for_behind_who_is_not(told: bool | None, expected: int) -> None:
    passes = Passes()
    passes.decided(resource(**FINISHED), out_of_sync=told)
    assert passes.shown()["volsync_volume_out_of_sync"] == expected


def test_being_behind_is_taken_back_when_it_is_over() -> None:
    passes = Passes()
    passes.decided(resource(), out_of_sync=True)
    passes.decided(resource(**FINISHED), out_of_sync=None)
    assert passes.shown()["volsync_volume_out_of_sync"] == 0


def test_a_failed_attempt_is_counted_and_leaves_the_last_success_as_it_was() -> None:
    passes = Passes()
    failed = {"attempt": {"count": 1, "lastFailureTime": "2026-11-24T12:30:00Z"}}
    passes.decided(
        resource(**{**FINISHED, **failed, **condition("Healthy", "False", "Unreachable")}), failed_class="Unreachable"
    )

    shown = passes.shown()
    assert (shown["healthy"], shown["runs_totalUnreachable"]) == (0, 1)
    assert shown["last_attempt_timestamp_seconds"] - shown["last_success_timestamp_seconds"] == 1800


def test_a_repositorys_size_and_the_lock_that_stops_a_run_are_shown_while_they_are_known() -> None:
    passes, at = Passes(), NOW.timestamp()
    size = {"bytes": 5_000_000, "time": "2026-11-24T12:00:00Z"}
    lock = {"lockHolder": "process 7 on there", "lockedSince": EARLIER}
    held = {"attempt": {"count": 1, "lastFailureTime": EARLIER, **lock}}
    known = {"repositoryHash": "0123456789abcdef", "repositorySize": size}
    passes.decided(resource(**{**FINISHED, **held, "restic": known}))
    shown = passes.shown()
    assert (shown["repository_size_bytes"], shown["repository_size_timestamp_seconds"]) == (5_000_000, at)
    assert shown["repository_locked_since_timestamp_seconds"] == at - 60
    text = passes.metrics.objects.expose().decode()
    assert len(re.findall('volsync_py_repository_.*repository="0123456789abcdef"', text)) == 3
    assert "process 7" not in text

    passes.decided(resource(**FINISHED))
    assert not [name for name in passes.shown() if name.startswith("repository_")]


def test_a_run_that_could_not_read_everything_is_counted_by_what_it_says() -> None:
    passes = Passes()
    passes.decided(resource(**{**FINISHED, **condition("Healthy", "True", "Partial")}), finished=Sync(1.0))
    assert passes.shown()["runs_totalPartial"] == 1


@pytest.mark.parametrize(
    "status",
    [
        {},
        {"lastSyncTime": "yesterday", "restic": None, "attempt": None, "conditions": None},
        {"restic": {"lastSnapshot": None, "snapshots": {"count": "many"}}},
        condition("Healthy", "Unknown", "NotYetRun"),
    ],
)
def test_what_a_status_does_not_say_has_no_series(status: dict[str, Any]) -> None:
    passes = Passes()
    passes.decided(resource(**status))
    assert not {"healthy", "snapshots", "last_success_timestamp_seconds"} & set(passes.shown())


def test_a_turn_that_came_at_once_took_no_time_and_a_later_one_the_time_since_the_start() -> None:
    passes = Passes()
    running = {"lastSyncStartTime": EARLIER}
    waiting = resource(**running, **condition("Synchronizing", "True", "WaitingForMover"))
    begun = resource(**running, **condition("Synchronizing", "True", "SyncInProgress"))

    passes.decided(begun)
    assert passes.shown()["mover_wait_seconds"] == 0

    passes.before = resource()
    passes.decided(waiting)
    passes.decided(begun)
    assert passes.shown()["mover_wait_seconds"] == 60


def test_a_resource_that_is_being_deleted_begins_no_series() -> None:
    passes, going = Passes(), resource()
    going["metadata"]["deletionTimestamp"] = EARLIER
    passes.decided(going)
    assert passes.shown() == {}


def labels_of_failing(passes: Passes) -> list[tuple[str, str, str, float]]:
    return [
        (sample.labels["condition"], sample.labels["reason"], sample.labels["repository"], sample.value)
        for family in text_string_to_metric_families(passes.metrics.objects.expose().decode())
        for sample in family.samples
        if sample.name == "volsync_py_failing_since_timestamp_seconds"
    ]


def test_what_is_wrong_is_shown_with_its_reason_its_repository_and_since_when() -> None:
    passes = Passes()
    healthy = {"type": "Healthy", "status": "False", "reason": "Unreachable", "lastTransitionTime": EARLIER}
    maintained = {"type": "Maintained", "status": "False", "reason": "RepositoryLocked", "lastTransitionTime": EARLIER}
    hashed = {"restic": {"repositoryHash": "0123456789abcdef"}}

    passes.decided(resource(conditions=[healthy, maintained], **hashed))
    since = NOW.timestamp() - 60
    assert labels_of_failing(passes) == [
        ("Healthy", "Unreachable", "0123456789abcdef", since),
        ("Maintained", "RepositoryLocked", "0123456789abcdef", since),
    ]

    passes.decided(resource(**FINISHED))
    assert labels_of_failing(passes) == []


# Whatever somebody writes: it would be found in a scrape that had it.
WRITTEN = st.text().map(lambda text: f"written-{text}")
SPECS = st.fixed_dictionaries(
    {},
    optional={
        "trigger": st.fixed_dictionaries(
            {}, optional={"schedule": WRITTEN | st.just("0 * * * *"), "manual": WRITTEN, "timeZone": WRITTEN}
        ),
        "sourcePVC": WRITTEN,
        "restic": st.fixed_dictionaries(
            {},
            optional={
                "repository": WRITTEN,
                "host": WRITTEN,
                "tags": st.lists(WRITTEN, max_size=3),
                "copyMethod": WRITTEN | st.just("Direct"),
                "storageClassName": WRITTEN,
                "customCA": st.fixed_dictionaries({"secretName": WRITTEN, "key": WRITTEN}),
                "verification": st.fixed_dictionaries({}, optional={"schedule": WRITTEN, "command": st.lists(WRITTEN)}),
            },
        ),
    },
)


@given(SPECS, WRITTEN, st.sampled_from(["True", "False"]))
def test_whatever_stands_in_a_spec_no_label_is_made_of_it(spec: dict[str, Any], reason: str, status: str) -> None:
    passes = Passes()
    passes.before["spec"] = spec
    told = resource(conditions=[{"type": "Healthy", "status": status, "reason": reason, "lastTransitionTime": EARLIER}])
    passes.decided(told, finished=Sync(1.0), failed_class=reason)

    text = passes.metrics.objects.expose().decode()
    assert "written-" not in text
    labels = [s.labels for family in text_string_to_metric_families(text) for s in family.samples]
    assert {one["obj_name"] for one in labels} == {"data"}
    assert {one.get("result", "Other") for one in labels} <= {*REASONS, "Other"}


@given(st.text(), st.text(), st.sampled_from(["True", "False"]))
def test_whatever_stands_in_a_status_no_label_is_made_of_it(reason: str, hashed: str, status: str) -> None:
    passes = Passes()
    conditions = [{"type": "Healthy", "status": status, "reason": reason, "lastTransitionTime": EARLIER}]
    attempt = {"lockHolder": reason, "lockedSince": EARLIER}
    restic = {"repositoryHash": hashed, "repositorySize": {"bytes": 1, "time": EARLIER}}
    told = resource(conditions=conditions, restic=restic, attempt=attempt)
    passes.decided(told, finished=Sync(1.0))

    text = passes.metrics.objects.expose().decode()
    made = {label: set(re.findall(f'{label}="(.*?)"', text)) for label in ("result", "reason", "repository")}
    assert made["result"] | made["reason"] <= {*REASONS, "Other"}
    assert made["repository"] <= {""}


def test_each_reason_that_the_program_gives_is_known_to_the_metrics() -> None:
    given = set()
    for path in Path("volsync_py").resolve().rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Trouble":
                first = call.args[0]
                if isinstance(first, ast.Constant):
                    given.add(first.value)
    assert given
    assert given <= REASONS


@pytest.mark.parametrize(
    ("spec", "status", "hours"),
    [
        ({"trigger": {"schedule": "0 * * * *"}}, {}, 2),
        ({"trigger": {"schedule": "0 * * * *"}}, {"lastSyncTime": "2026-11-24T11:59:00Z"}, 13),
        ({"trigger": {"schedule": "0 * * * *"}, "paused": True}, {}, None),
        ({"trigger": {"manual": "once"}}, {}, None),
        ({}, {}, None),
    ],
    ids=["never synchronized", "synchronized", "paused", "manual", "always"],
)
def test_a_resource_is_overdue_from_the_second_slot_on_that_passes(
    spec: dict[str, Any], status: dict[str, Any], hours: int | None
) -> None:
    passes = Passes()
    passes.before = resource(**status)
    passes.before["spec"] |= spec
    passes.decided(passes.before)
    midnight = datetime(2026, 11, 24, tzinfo=UTC).timestamp()
    expected = None if hours is None else midnight + hours * 3600
    assert passes.shown().get("overdue_timestamp_seconds") == expected
