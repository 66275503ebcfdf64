"""What is said of a run that was asked for."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.commands.resources import HOUR_AGO, SUCCEEDED, WRONG_PASSWORD, said, source
from volsync_py.cli import main
from volsync_py.commands.runs.asked_run import doing, ended, refused

SNAPSHOT: dict[str, Any] = {
    "id": "9f3c" * 16,
    "filesNew": 2,
    "filesUnmodified": 1198,
    "bytesProcessed": 5 * 2**30,
    "bytesAdded": 1536,
}
DONE: dict[str, Any] = {"lastRunNow": "mine", "lastSyncDuration": "41.5s", "restic": {"lastSnapshot": SNAPSHOT}}
FAILED: dict[str, Any] = {"conditions": [WRONG_PASSWORD], "latestMoverStatus": {"result": "Failed"}}
PARTIAL = said("Healthy", "True", "Partial", "2 files cannot be read")


def attempt(run_now: str, count: int = 1) -> dict[str, Any]:
    return {"count": count, "lastError": {"class": "WrongPassword"}, "runNow": run_now}


@pytest.mark.parametrize(
    ("obj", "well", "text"),
    [
        (source(**DONE), True, "snapshot 9f3c9f3c, 1200 files, 5.0 GiB, 1.5 KiB added, in 41.5s"),
        (source(**DONE, conditions=[PARTIAL]), True, "in 41.5s; Partial: 2 files cannot be read"),
        (source(**{**DONE, "restic": {}}), True, "ended well without a new snapshot, in 41.5s; the log says why"),
        (source(**FAILED, attempt=attempt("mine", 3)), False, "failed after 3 attempts: WrongPassword: restic: wrong"),
        (source(spec={"paused": True}), False, "volsync-py resume db"),
    ],
    ids=["made", "made, but lacks files", "nothing to be made", "given up", "paused"],
)
def test_its_end_is_a_sentence(obj: dict[str, Any], well: bool, text: str) -> None:
    found = ended(obj, "mine", "another")
    assert found is not None
    assert found.well is well
    assert text in found.text


def test_the_snapshot_of_before_is_not_told_as_the_new_one() -> None:
    found = ended(source(**DONE), "mine", SNAPSHOT["id"])
    assert found is not None
    assert found.text.startswith("ended well without a new snapshot")


@pytest.mark.parametrize(
    ("obj", "text"),
    [
        (source(lastRunNow="another"), "waits for the operator"),
        (source(**FAILED, attempt=attempt("another", 3)), "waits for the operator"),
        (
            source(conditions=[WRONG_PASSWORD], attempt=attempt("mine")),
            "attempt 1 failed, WrongPassword: restic: wrong",
        ),
        (
            source(conditions=[SUCCEEDED, said("Synchronizing", "True", "SyncInProgress", "waits for a node")]),
            "waits for a node",
        ),
    ],
    ids=["not begun", "another one failed", "tried again", "under way"],
)
def test_until_then_it_is_said_what_it_does(obj: dict[str, Any], text: str) -> None:
    assert ended(obj, "mine", "") is None
    assert doing(obj, "mine").startswith(text)


def test_a_spec_that_lets_no_run_begin_is_known_by_its_error() -> None:
    error = said("Synchronizing", "False", "Error", "spec.restic: none", HOUR_AGO)
    configuration = said("Healthy", "False", "Configuration", "spec.restic: none")
    assert refused(source(conditions=[error, configuration])) == "Configuration: spec.restic: none"
    assert refused(source()) == ""


def test_each_class_of_failure_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "wrongpassword"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("WrongPassword\n")
    assert "correct RESTIC_PASSWORD" in told
    assert "after a change" in told
    assert main(["explain"]) == 0
    assert "WrongPassword " in capsys.readouterr().out
    assert main(["explain", "Nothing"]) == 1
    assert "volsync-py explain lists them" in capsys.readouterr().err
