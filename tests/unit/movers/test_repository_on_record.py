"""What the status has on record of a repository: damage stays until it is shown to be mended, and losses are told."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from tests.unit.movers.objects import env_of, secret, source
from tests.unit.movers.seen import decision_on, words
from tests.unit.movers.simulated import Simulation
from volsync_py.contract.report import ErrorClass, Outcome, Report, SnapshotFacts, StepReport
from volsync_py.contract.run_document import History
from volsync_py.movers.restic.repository_on_record import history, subset_due

DAMAGED = ErrorClass.REPOSITORY_DAMAGED
FIRST, SECOND, THIRD = (digit * 64 for digit in "123")
CHECKED = {"intervalDays": 1, "readData": "1/3"}


def backed_up(*steps: StepReport, snapshot: str = FIRST, **more: Any) -> Report:
    return Report(Outcome.SUCCEEDED, steps=steps, snapshot=SnapshotFacts(snapshot, "2026-11-24T12:00:00Z"), **more)


def step(name: str, error_class: str = "", message: str = "") -> StepReport:
    return StepReport(name, Outcome.FAILED if error_class else Outcome.SUCCEEDED, error_class, message)


def document(one: Simulation) -> dict[str, Any]:
    """Return what the Job that runs tells its mover."""
    job = one.job()
    assert job is not None
    env = {e["name"]: e.get("value") for e in job["spec"]["template"]["spec"]["containers"][0]["env"]}
    told: dict[str, Any] = json.loads(env["VOLSYNC_PY_RUN"].replace("$$", "$"))
    return told


def run(one: Simulation, report: Report) -> dict[str, Any]:
    """Make one run a day later, and return what its mover was told."""
    one.now += timedelta(days=1, minutes=1)
    one.resource["spec"]["trigger"]["manual"] += "+"
    one.settle()
    told = document(one)
    one.end_job(report)
    return told


def begun(report: Report, **restic: Any) -> Simulation:
    one = Simulation(source(check=CHECKED, retain={"last": "1"}, pruneIntervalDays=1, **restic))
    one.settle()
    one.end_job(report)
    return one


# ---- size


def test_the_size_that_a_prune_has_told_stays_until_the_next_one_and_goes_with_the_repository() -> None:
    one = begun(backed_up())
    assert "repositorySize" not in one.status["restic"]
    run(one, backed_up(step("prune"), repository_bytes=700))
    told = one.status["restic"]["repositorySize"]
    assert told == {"bytes": 700, "time": one.status["restic"]["lastPruned"]}
    run(one, backed_up())
    assert one.status["restic"]["repositorySize"] == told
    run(one, backed_up(step("prune"), repository_bytes=900))
    assert one.status["restic"]["repositorySize"]["bytes"] == 900
    one.resource["status"]["restic"]["repositoryHash"] = "that of another place"
    run(one, backed_up())
    assert "repositorySize" not in one.status["restic"]
    run(one, backed_up(step("prune"), repository_bytes=900))
    run(one, backed_up(step("history", ErrorClass.BACKUPS_GONE)))
    assert "repositorySize" not in one.status["restic"]


# ---- damage


def test_a_check_of_something_else_does_not_mend_what_was_found_damaged() -> None:
    one = begun(backed_up())
    assert run(one, backed_up(step("check")))["check"] == {"subset": "1/3"}
    assert run(one, backed_up(step("check", DAMAGED)))["check"] == {"subset": "2/3"}
    for _ in range(2):
        told = run(one, backed_up(step("check", DAMAGED)))
        assert (told["check"], told["grants"]["forget"]) == ({"subset": "2/3"}, False)
    # A check that could not be made shows nothing, and neither does a run without one.
    run(one, backed_up(step("check", "Unreachable")))
    run(one, backed_up())
    told = run(one, backed_up(step("check")))
    assert (told["check"], told["grants"]["forget"]) == ({"subset": "2/3"}, False)
    assert one.status["restic"]["lastCheckResult"] == "Succeeded"
    told = run(one, backed_up(step("check")))
    assert (told["check"], told["grants"]["forget"]) == ({"subset": "3/3"}, True)


@pytest.mark.parametrize(
    ("read_data", "last", "expected"),
    [
        ("1/3", "2/3", "2/3"),
        ("5%", "5%", "100%"),
        ("", "", ""),
        ("1/3", "", "1/3"),
        ("100%", "2/3", "100%"),
        ("1/1", "2/3", "1/1"),
        ("1/7", "2/3", "2/3"),
        ("", "2/3", "2/3"),
        ("", "5%", "100%"),
        ("1/3", "100%", "100%"),
        ("1/3", "what somebody wrote", "100%"),
        ("1/3", 7, "1/3"),
    ],
)
def test_a_damaged_repository_is_checked_where_it_was_found_damaged(read_data: str, last: Any, expected: str) -> None:
    assert subset_due(read_data, {"lastCheckResult": DAMAGED.value, "lastCheckSubset": last}) == expected


@pytest.mark.parametrize("name", ["backup", "forget", "prune"])
def test_damage_that_another_step_has_met_stays_until_a_check_is_clean(name: str) -> None:
    one = begun(backed_up())
    run(one, backed_up(step(name, DAMAGED)))
    assert one.status["restic"]["lastCheckResult"] == DAMAGED
    told = run(one, backed_up(step("check")))
    assert told["grants"]["forget"] is False
    assert told["check"] == {"subset": "100%" if name == "prune" else "1/3"}
    assert run(one, backed_up())["grants"]["forget"] is True


@pytest.mark.parametrize("result", [None, 7, ["RepositoryDamaged"], {}, "Succeeded"])
def test_odd_words_in_a_status_are_no_damage(result: Any) -> None:
    objects = source(check=CHECKED)
    objects[0]["status"] = {"restic": {"lastCheckResult": result, "lastCheckSubset": {}}}
    assert json.loads(env_of(objects)["VOLSYNC_PY_RUN"])["grants"]["forget"] is True


# ---- what was backed up


def test_the_mover_is_told_what_is_on_record_of_its_repository() -> None:
    one = begun(backed_up(repository_id="a" * 64))
    assert run(one, backed_up(step("backup", "Partial"), snapshot=SECOND))["history"] == {
        "repositoryID": "a" * 64,
        "lastSnapshot": FIRST,
        "completeSnapshot": FIRST,
    }
    assert run(one, backed_up(snapshot=THIRD))["history"]["completeSnapshot"] == FIRST
    assert run(one, backed_up())["history"]["completeSnapshot"] == THIRD


def test_a_snapshot_of_a_damaged_repository_is_not_on_record_as_complete() -> None:
    one = begun(backed_up())
    run(one, backed_up(step("check", DAMAGED)))
    run(one, backed_up(snapshot=SECOND))
    assert one.status["restic"]["completeSnapshot"] == FIRST


def test_a_status_of_an_older_version_tells_what_was_complete() -> None:
    last = {"id": FIRST, "filesFailed": 0}
    assert history({"lastSnapshot": last}, "place") == History("", FIRST, FIRST)
    assert history({"lastSnapshot": {**last, "filesFailed": 2}}, "place") == History("", FIRST, "")
    assert history({"lastSnapshot": "odd", "repositoryID": 7}, "place") == History()


def test_an_incomplete_first_run_of_this_version_keeps_what_an_older_one_had_on_record() -> None:
    objects = source()
    objects[0]["status"] = {"restic": {"lastSnapshot": {"id": FIRST, "filesFailed": 0}}}
    one = Simulation(objects)
    one.settle()
    one.end_job(backed_up(step("backup", "Partial"), snapshot=SECOND))
    assert one.status["restic"]["completeSnapshot"] == FIRST


def test_a_repository_at_another_place_has_no_past() -> None:
    one = begun(backed_up(repository_id="a" * 64))
    other = secret(RESTIC_REPOSITORY="s3:http://s/other")
    one.objects = [other if o["kind"] == "Secret" else o for o in one.objects]
    assert run(one, backed_up(step("backup", "Partial"), snapshot=SECOND))["history"] == {
        "repositoryID": "",
        "lastSnapshot": "",
        "completeSnapshot": "",
    }
    assert "completeSnapshot" not in one.status["restic"]


def test_backups_that_are_gone_are_a_condition_and_an_event_and_are_not_counted() -> None:
    gone = StepReport("history", Outcome.WARNING, ErrorClass.BACKUPS_GONE, "it was made anew")
    one = begun(backed_up())
    one.status["restic"]["snapshots"] = {"count": 4}
    one.resource["spec"]["trigger"]["manual"] = "again"
    one.settle()
    job = one.job()
    assert job is not None
    partial = StepReport("backup", Outcome.WARNING, ErrorClass.PARTIAL, "2 items")
    report = evolve(backed_up(partial, gone), outcome=Outcome.WARNING, error_class=ErrorClass.BACKUPS_GONE)
    pod = one.add_pod("pod", "Succeeded")
    terminated = {"exitCode": 0, "message": report.to_json()}
    pod["status"]["containerStatuses"] = [{"name": "restic", "state": {"terminated": terminated}}]
    job["status"] = {"conditions": [{"type": "Complete", "status": "True"}]}
    assert "event BackupsGone" in words(decision_on(one.objects, one.now))
    one.settle()
    status, reason, message = one.conditions()["Healthy"]
    assert (status, reason) == ("True", "BackupsGone")
    assert "made anew" in message
    assert "snapshots" not in one.status["restic"]


# ---- Maintained


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ((step("prune", "Unreachable"),), ("True", "Unreachable")),
        ((step("forget", "Unreachable"), step("check", DAMAGED)), ("False", "RepositoryDamaged")),
        ((step("prune", "WrongPassword"),), ("False", "WrongPassword")),
        ((step("forget"),), ("True", "Succeeded")),
    ],
    ids=lambda value: " ".join(s.name for s in value) if isinstance(value[0], StepReport) else value[1],
)
def test_upkeep_that_failed_once_calls_for_nobody_unless_it_cannot_pass(
    steps: tuple[StepReport, ...], expected: tuple[str, str]
) -> None:
    one = begun(backed_up(step("forget")))
    one.resource["spec"]["restic"] |= {"pruneIntervalDays": 7, "check": {"intervalDays": 7}}
    run(one, backed_up(*steps))
    assert one.conditions()["Maintained"][:2] == expected


@pytest.mark.parametrize(("name", "runs"), [("forget", 2), ("prune", 14), ("check", 14)])
def test_upkeep_that_is_overdue_by_a_second_interval_calls_for_somebody(name: str, runs: int) -> None:
    one = begun(backed_up(step("forget")))
    one.now = one.now.replace(day=1)
    one.resource["metadata"]["creationTimestamp"] = "2026-11-01T12:00:00Z"
    one.resource["spec"]["restic"] |= {"pruneIntervalDays": 7, "check": {"intervalDays": 7}}
    said = []
    for _ in range(runs):
        run(one, backed_up(step(name, "Unreachable", "refused")))
        said.append(one.conditions()["Maintained"][0])
    assert said == ["True"] * (runs - 1) + ["False"]
