"""In which order the actions of a pass are carried out."""

from __future__ import annotations

from typing import Any

from volsync_py.controllers.replication import in_order, until_job
from volsync_py.core.actions import Action, Create, PatchStatus, Ref

STARTED = "2026-11-24T00:00:00Z"
SOURCE = Ref("volsync.backube/v1alpha1", "ReplicationSource", "ns", "backup")
STATUS = PatchStatus(SOURCE, {"lastSyncStartTime": STARTED}, "7")


def create(kind: str) -> Create:
    return Create({"kind": kind, "metadata": {"name": "x", "labels": {}}}, "uid")


def status(reason: str, **more: Any) -> dict[str, Any]:
    return {"conditions": [{"type": "Synchronizing", "status": "False", "reason": reason}], **more}


def test_the_status_is_written_before_what_it_announces() -> None:
    actions: tuple[Action, ...] = (STATUS, create("Job"))
    assert in_order({}, actions) == actions
    assert in_order(status("WaitingForManual"), actions) == actions
    assert in_order(status("SyncInProgress", lastSyncStartTime=STARTED), actions) == actions


def test_a_run_that_is_not_on_record_is_put_there_first_even_after_an_error() -> None:
    actions: tuple[Action, ...] = (STATUS, create("Job"))
    assert in_order(status("Error"), actions) == actions


def test_the_status_takes_an_error_back_only_after_what_was_refused_has_been_done() -> None:
    refused = status("Error", lastSyncStartTime=STARTED, observedGeneration=1)
    claim, job = create("PersistentVolumeClaim"), create("Job")
    assert in_order(refused, (STATUS, claim, job)) == (claim, job, STATUS)


def test_nothing_comes_before_a_status_of_which_it_is_not_known_that_it_is_kept() -> None:
    actions: tuple[Action, ...] = (STATUS, create("Job"))
    assert in_order(status("Error", lastSyncStartTime=STARTED), actions) == actions


def test_the_job_is_the_last_that_is_created_and_alone_under_its_lock() -> None:
    claim, job = create("PersistentVolumeClaim"), create("Job")
    assert until_job((STATUS, claim, job)) == ((STATUS, claim), job.object)
    assert until_job((STATUS, claim)) == ((STATUS, claim), None)
