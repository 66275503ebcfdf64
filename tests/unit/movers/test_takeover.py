"""What is decided about each state that VolSync's own manager leaves behind, at the first look."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.movers.objects import secret, source
from tests.unit.movers.recorded import STATES, load
from tests.unit.movers.seen import decision_on, status_of, words
from tests.unit.movers.simulated import Simulation
from tests.unit.movers.test_grants import grants
from tests.unit.movers.test_stuck_jobs import UNSCHEDULED
from volsync_py.core.actions import Patch, Ref
from volsync_py.core.merge import merged
from volsync_py.core.result import Decision

REMOVED = ["delete Job/volsync-src-backup", "delete PersistentVolumeClaim/volsync-backup-src"]
REMOVED += ["delete VolumeSnapshot/volsync-backup-src"]
# The one status write adds our own fields and conditions, once; the one patch of a Job, the label of its repository.
EXPECTED: dict[str, list[str]] = {
    "01-source-snapshot-idle": [],
    "02a-source-snapshot-being-made": [],
    "02b-source-pvc-from-snapshot-being-made": ["patch Job/volsync-src-backup"],
    "03-source-snapshot-job-running": ["patch Job/volsync-src-backup"],
    # Of eight attempts that VolSync's Job makes by itself.
    "04-source-job-failed-some-times": ["patch Job/volsync-src-backup"],
    "05a-source-cleaning-up": REMOVED,
    "05b-source-job-complete-unnoticed": REMOVED,
    "05c-destination-cleaning-up": [
        "patch PersistentVolumeClaim/volsync-restore-dest",
        "delete Job/volsync-dst-restore",
    ],
    # VolSync's mover leaves no proof of what it restored, so it is restored again before anything is published.
    "05d-destination-job-complete-unnoticed": ["delete Job/volsync-dst-restore", "event NoReport"],
    "06-source-direct-manual-done": [],
    "07a-source-clone-job-running": ["patch Job/volsync-src-backup"],
    "07b-source-clone-being-made": ["patch Job/volsync-src-backup"],
    "08a-source-paused-in-run": ["patch Job/volsync-src-backup"],
    "08b-source-paused-idle": [],
    "09-destination-snapshot-idle": [],
    "10a-destination-restoring-first": ["patch Job/volsync-dst-restore"],
    "10b-destination-restoring-again": ["patch Job/volsync-dst-restore"],
    "11-destination-direct-existing-pvc-done": [],
    "12-populator-midway": [],
    "13-populator-finished": [],
    # Each source of the claim says that it waits.
    "14a-source-copy-trigger-waiting": ["patch PersistentVolumeClaim/data"],
    "14b-source-copy-trigger-completed": [],
    "15-source-unlock-prune-done": [],
    "16-source-long-name-job-running": ["patch Job/volsync-src-39ea41a1"],
    "17-source-privileged-job-running": ["patch Job/volsync-src-backup"],
}


def test_every_state_is_tried() -> None:
    assert set(STATES) == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_state_of_volsync_is_gone_on_with(name: str) -> None:
    objects, now = load(name)
    assert words(decision_on(objects, now)) == ["status", *EXPECTED[name]]


@pytest.mark.parametrize("name", [name for name, a in EXPECTED.items() if all("patch Job" in word for word in a)])
def test_our_own_fields_are_written_once(name: str) -> None:
    objects, now = load(name)
    decision = decision_on(objects, now)
    for obj in objects:
        if obj["kind"] in ("ReplicationSource", "ReplicationDestination"):
            obj["status"] = merged(obj["status"], status_of(decision))
    patched(objects, decision)
    assert words(decision_on(objects, now)) == []


def patched(objects: list[dict[str, Any]], decision: Decision) -> dict[str, Any] | None:
    """Carry out the patches of the Job, and return it; None if there is none."""
    job = next((obj for obj in objects if obj["kind"] == "Job"), None)
    for action in decision.actions:
        if isinstance(action, Patch) and job is not None and action.ref == Ref.of(job):
            job |= merged(job, action.changes)
    return job


@pytest.mark.parametrize("changed", [False, True])
def test_a_running_job_of_volsync_counts_for_the_turn_of_its_own_repository(changed: bool) -> None:
    objects, now = load("03-source-snapshot-job-running")
    if changed:
        # The spec names another repository by now, where the mover that runs does not work.
        (given,) = (obj for obj in objects if obj["kind"] == "ReplicationSource")
        given["spec"]["restic"]["repository"] = "another"
    job = patched(objects, decision_on(objects, now))
    assert job is not None
    (held,) = (obj for obj in objects if obj["kind"] == "Secret")
    assert grants([*beside(held), job]) == (False, False)


def beside(held: dict[str, Any]) -> list[dict[str, Any]]:
    """Return another source whose Secret says the same."""
    one = secret()
    one["data"] |= held["data"]
    return source(one)


def test_a_label_that_is_refused_is_told_and_keeps_no_run_from_its_end() -> None:
    objects, now = load("03-source-snapshot-job-running")
    (patch,) = (a for a in decision_on(objects, now).actions if isinstance(a, Patch))
    assert patch.refused is not None
    assert patch.refused.reason == "JobNotLabelled"


def test_a_job_that_is_deleted_as_it_was_seen_is_not_labelled_first() -> None:
    objects, now = load("03-source-snapshot-job-running")
    for obj in objects:
        if obj["kind"] == "Pod":
            obj["status"] = {"phase": "Pending", **UNSCHEDULED}
        elif obj["kind"] == "Job":
            obj["status"]["ready"] = 0
    later = now + timedelta(minutes=5)
    assert words(decision_on(objects, later)) == ["status", "delete Job/volsync-src-backup", "event NotScheduled"]


def test_a_job_whose_secret_is_gone_is_gone_on_with_unlabelled() -> None:
    objects, now = load("03-source-snapshot-job-running")
    assert words(decision_on([o for o in objects if o["kind"] != "Secret"], now)) == ["status"]


def test_a_run_that_volsync_finished_counts_as_one() -> None:
    objects, now = load("05b-source-job-complete-unnoticed")
    status = status_of(decision_on(objects, now))
    assert status["lastSyncStartTime"] is None
    assert status["lastSyncTime"]
    healthy = next(c for c in status["conditions"] if c["type"] == "Healthy")
    assert (healthy["status"], healthy["reason"]) == ("True", "Succeeded")


def finished(args: list[str], log: str = "", **restic: Any) -> dict[str, Any]:
    """Return what the status says of the repository after a Job of VolSync's with these arguments."""
    objects, now = load("05b-source-job-complete-unnoticed")
    for obj in objects:
        if obj["kind"] == "Job":
            obj["spec"]["template"]["spec"]["containers"][0]["args"] = args
        elif obj["kind"] == "Pod":
            obj["log"] = log
        elif obj["kind"] == "ReplicationSource":
            obj["spec"]["restic"] |= restic
    told: dict[str, Any] = status_of(decision_on(objects, now)).get("restic") or {}
    return told


def test_a_prune_and_an_unlock_of_volsyncs_job_are_recorded_and_not_made_again() -> None:
    status = finished(["unlock", "backup", "prune"], unlock="now")
    assert status["lastPruned"]
    assert status["lastUnlocked"] == "now"


def test_what_volsyncs_job_was_not_told_to_do_is_not_recorded() -> None:
    status = finished(["backup"], unlock="now")
    assert "lastPruned" not in status
    assert "lastUnlocked" not in status


def test_a_prune_that_volsyncs_mover_did_not_come_to_is_not_recorded() -> None:
    assert "lastPruned" not in finished(["backup", "prune"], "== Directory is empty skipping backup ===")


def test_a_job_of_volsync_serves_the_tag_of_the_spec_as_with_volsync() -> None:
    objects, now = load("05b-source-job-complete-unnoticed")
    for obj in objects:
        if obj["kind"] == "ReplicationSource":
            obj["spec"]["trigger"] = {"manual": "another"}
            obj["metadata"]["generation"] = 7
    assert status_of(decision_on(objects, now))["lastManualSync"] == "another"


def test_a_paused_job_of_volsync_goes_on_as_it_is() -> None:
    objects, now = load("08a-source-paused-in-run")
    for obj in objects:
        if obj["kind"] == "ReplicationSource":
            obj["spec"]["paused"] = False
    job = patched(objects, decision_on(objects, now))
    assert job is not None
    assert job["spec"]["parallelism"] == 1
    assert job["metadata"]["labels"]["volsync-py/repository"]


def test_a_source_that_volsync_has_backed_up_is_not_said_never_to_have_run() -> None:
    one = Simulation(source(secret()))
    one.resource["spec"]["trigger"] = {"manual": "two"}
    one.resource["status"] = {"lastSyncTime": "2026-11-24T10:00:00Z", "lastManualSync": "one"}
    one.settle()
    assert one.job() is not None
    assert one.conditions()["Healthy"][:2] == ("True", "Succeeded")
