"""Nothing waits, fails or is skipped in silence, and nothing is said that is over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.movers.objects import destination, source
from tests.unit.movers.seen import decision_on, status_of, words
from tests.unit.movers.simulated import Simulation
from tests.unit.movers.test_stuck_jobs import NO_IMAGE
from volsync_py.contract.report import ErrorClass, Outcome, Report, RestoredFacts, SnapshotFacts, StepReport
from volsync_py.core.times import format_rfc3339

SNAPSHOT = SnapshotFacts("0" * 64, "2026-11-24T12:00:00Z")
FIRST_WORD = Report(Outcome.FAILED, ErrorClass.INTERRUPTED, "the mover died without a last word", 137)
SKIPPED = StepReport("forget", Outcome.SKIPPED, message="the repository is damaged")


def backed_up(*steps: StepReport) -> Report:
    return Report(Outcome.SUCCEEDED, steps=steps, snapshot=SNAPSHOT)


# ---- Maintained


def maintained(damaged: bool, *steps: StepReport) -> tuple[str, str] | None:
    """Return the condition after a run of a source that had been told to be damaged, or not."""
    objects = source(check={"intervalDays": 7})
    result = "RepositoryDamaged" if damaged else "Succeeded"
    checked = {"lastChecked": "2026-11-24T11:59:00Z", "lastCheckResult": result}
    said = {"type": "Maintained", "status": "False", "reason": "RepositoryDamaged", "message": "check: 3 errors"}
    said |= {"lastTransitionTime": "2026-11-24T11:59:00Z"}
    objects[0]["status"] = {"restic": checked, "conditions": [said]}
    one = Simulation(objects)
    one.settle()
    one.end_job(backed_up(*steps))
    return one.conditions()["Maintained"][:2]


def test_retention_that_is_off_because_of_damage_does_not_take_back_the_damage() -> None:
    assert maintained(True, SKIPPED) == ("False", "RepositoryDamaged")


def test_retention_that_had_nothing_to_remove_is_up_to_date() -> None:
    assert maintained(False, StepReport("forget", Outcome.SKIPPED)) == ("True", "Succeeded")


def test_a_prune_that_was_skipped_says_nothing() -> None:
    assert maintained(False, StepReport("prune", Outcome.SKIPPED)) == ("False", "RepositoryDamaged")


# ---- the log


def ended(one: Simulation, message: str, reason: str = "Error") -> None:
    pod = one.add_pod("pod", "Failed")
    terminated = {"exitCode": 137, "reason": reason, "message": message}
    pod["status"]["containerStatuses"] = [{"name": "restic", "state": {"terminated": terminated}}]
    pod["log"] = "processed 3 files\nKilled"
    job = one.job()
    assert job is not None
    failed = {"type": "Failed", "status": "True", "lastTransitionTime": format_rfc3339(one.now)}
    job["status"] = {"conditions": [failed]}


@pytest.mark.parametrize("reason", ["Error", "OOMKilled"])
@pytest.mark.parametrize("message", ["", FIRST_WORD.to_json()], ids=["no report", "the report it began with"])
def test_the_log_of_a_mover_that_was_killed_is_in_the_status(message: str, reason: str) -> None:
    one = Simulation(source())
    one.settle()
    ended(one, message, reason)
    one.settle()
    assert one.status["latestMoverStatus"]["logs"] == "processed 3 files\nKilled"


# ---- pods without a Job


def orphan(one: Simulation, phase: str) -> dict[str, Any]:
    pod = one.add_pod("orphan", phase)
    one.objects = [o for o in one.objects if o["kind"] != "Job"]
    return pod


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_pod_that_has_ended_without_its_job_is_in_nobodys_way(phase: str) -> None:
    one = Simulation(source())
    one.settle()
    orphan(one, phase)
    one.settle()
    assert one.job() is not None
    one.end_job(backed_up())
    assert one.status["lastManualSync"] == "m"
    assert one.status["restic"]["lastSnapshot"]["id"] == "0" * 64


def test_a_pod_that_has_ended_without_its_job_keeps_no_next_run_waiting() -> None:
    one = Simulation(source())
    one.settle()
    pod = orphan(one, "Succeeded")
    one.settle()
    one.end_job(backed_up())
    one.objects.append(pod)
    one.change(trigger={"manual": "two"})
    one.settle()
    assert one.job() is not None


@pytest.mark.parametrize("phase", ["Pending", "Running", "Unknown"])
def test_a_pod_that_may_still_work_without_its_job_is_named(phase: str) -> None:
    one = Simulation(source())
    one.settle()
    pod = orphan(one, phase)
    one.settle()
    assert one.job() is None
    status, reason, message = one.conditions()["Healthy"]
    assert (status, reason) == ("False", "ObjectInTheWay")
    assert "Pod/orphan" in message
    pod["metadata"]["deletionTimestamp"] = format_rfc3339(one.now + timedelta(seconds=90))
    one.settle()
    assert one.delay == 91
    assert one.conditions()["Synchronizing"][1:] == (
        "SyncInProgress",
        "Waiting for the end of Pod/orphan, the mover of an earlier Job",
    )
    pod["status"]["phase"] = "Succeeded"
    one.settle()
    assert one.job() is not None


def test_the_pod_of_an_earlier_job_does_not_speak_for_this_one() -> None:
    one = Simulation(source())
    one.settle()
    earlier = one.add_pod("earlier", "Failed")
    earlier["metadata"]["labels"]["controller-uid"] = "earlier"
    message = Report(Outcome.FAILED, ErrorClass.WRONG_PASSWORD, "wrong").to_json()
    terminated = {"exitCode": 12, "message": message}
    earlier["status"]["containerStatuses"] = [{"name": "restic", "state": {"terminated": terminated}}]
    job = one.job()
    assert job is not None
    failed = {"type": "Failed", "status": "True", "lastTransitionTime": format_rfc3339(one.now)}
    job["status"] = {"conditions": [failed]}
    decision = decision_on(one.objects, one.now + timedelta(minutes=1))
    assert status_of(decision)["attempt"]["lastError"]["class"] == "Interrupted"


# ---- Healthy


def test_a_trouble_of_a_retry_that_is_over_gives_way_to_the_failure_that_is_retried() -> None:
    one = Simulation(source())
    one.settle()
    one.end_job(Report(Outcome.FAILED, ErrorClass.UNREACHABLE, "no route"))
    one.now += timedelta(seconds=11)
    one.settle()
    pod = one.add_pod(**NO_IMAGE)
    one.now += timedelta(seconds=121)
    told = [c for c in status_of(decision_on(one.objects, one.now))["conditions"] if c["type"] == "Healthy"]
    assert told[0]["reason"] == "ImageUnavailable"
    one.resource["status"]["conditions"] = told
    pod["status"] = {"phase": "Running"}
    one.settle()
    status, reason, message = one.conditions()["Healthy"]
    assert (status, reason) == ("False", "Unreachable")
    assert message.startswith("no route – ")
    one.end_job(backed_up())
    assert one.conditions()["Healthy"][:2] == ("True", "Succeeded")


# ---- a source without data


def test_an_empty_source_that_was_skipped_is_a_success_that_says_so() -> None:
    objects = source(pruneIntervalDays=0)
    one = Simulation(objects)
    one.settle()
    assert "prune" in str(one.job())
    one.end_job(Report(Outcome.SUCCEEDED, skipped_empty=True))
    status, reason, message = one.conditions()["Healthy"]
    assert (status, reason) == ("True", "SourceEmpty")
    assert "nothing was backed up" in message
    assert one.status["lastManualSync"] == "m"
    assert "lastPruned" not in one.status["restic"]
    assert "Maintained" not in one.conditions()


def test_a_backup_that_finds_damage_is_a_success_that_names_it() -> None:
    one = Simulation(source())
    one.settle()
    damage = StepReport("backup", Outcome.WARNING, ErrorClass.REPOSITORY_DAMAGED, "tree 1234 is not known")
    one.end_job(backed_up(damage))
    status, reason, message = one.conditions()["Healthy"]
    assert (status, reason) == ("True", "RepositoryDamaged")
    assert "tree 1234 is not known" in message
    assert one.status["lastManualSync"] == "m"


def test_a_restore_that_found_only_others_snapshots_says_so() -> None:
    one = Simulation(destination())
    one.settle()
    text = "none of the repository's snapshots is eligible; there are those of host nas"
    one.end_job(Report(Outcome.WARNING, ErrorClass.NO_ELIGIBLE_SNAPSHOT, text, nothing_to_restore=True))
    status, reason, message = one.conditions()["Healthy"]
    assert (status, reason) == ("True", "NoEligibleSnapshot")
    assert "host nas" in message


def test_a_restore_that_left_something_out_is_a_success_that_names_it() -> None:
    one = Simulation(destination())
    one.settle()
    text = "1 device nodes were left out, which the mover may not make (exclude them): 'dev/null'"
    restored = RestoredFacts(SNAPSHOT.id, SNAPSHOT.time, 2)
    one.end_job(Report(Outcome.WARNING, ErrorClass.PARTIAL, text, restored=restored))
    assert one.conditions()["Healthy"] == ("True", "Partial", text)
    assert one.status["restic"]["restored"]["files"] == 2


def test_a_prune_without_a_word_of_the_mover_is_made_again() -> None:
    one = Simulation(source(pruneIntervalDays=0))
    one.settle()
    job = one.job()
    assert job is not None
    done = {"type": "Complete", "status": "True", "lastTransitionTime": format_rfc3339(one.now)}
    job["status"] = {"conditions": [done]}
    one.now += timedelta(minutes=1)
    one.settle()
    assert one.status["lastManualSync"] == "m"
    assert "lastPruned" not in one.status["restic"]


def test_a_waiting_source_writes_nothing_again() -> None:
    one = Simulation(source())
    one.settle()
    orphan(one, "Running")
    one.settle()
    assert words(decision_on(one.objects, one.now + timedelta(minutes=5))) == []


# ---- how the last attempt ended


@pytest.mark.parametrize(
    ("error_class", "results"),
    [
        (ErrorClass.UNREACHABLE, [None, None, "Failed", "Failed"]),
        (ErrorClass.WRONG_PASSWORD, ["Failed"]),
        (ErrorClass.INTERRUPTED, [None, None, "Failed"]),
    ],
)
def test_a_run_has_failed_after_three_attempts_or_when_only_a_change_can_help(
    error_class: str, results: list[str | None]
) -> None:
    one = Simulation(source())
    one.settle()
    one.end_job(backed_up())
    assert one.status["latestMoverStatus"]["result"] == "Successful"
    one.change(trigger={"manual": "two"})
    found = []
    for number in range(len(results)):
        one.settle()
        one.end_job(Report(Outcome.FAILED, error_class, "no", log=f"log {number}"))
        found.append(one.status["latestMoverStatus"].get("result"))
        assert one.status["latestMoverStatus"]["logs"] == f"log {number}"
        assert one.status["attempt"]["count"] == number + 1
        one.now += timedelta(minutes=3)
    assert found == results
