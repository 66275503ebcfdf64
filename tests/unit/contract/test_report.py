"""The report fits into a termination message and survives the way through it."""

from __future__ import annotations

import json

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from volsync_py.contract.report import (
    ErrorClass,
    Outcome,
    Report,
    RestoredFacts,
    SnapshotCounts,
    SnapshotFacts,
    StepReport,
)

FULL = Report(
    outcome=Outcome.WARNING,
    error_class=ErrorClass.PARTIAL,
    message="3 files could not be read",
    steps=(StepReport("backup", Outcome.WARNING, "Partial", "3 files", 1.25),),
    snapshot=SnapshotFacts("0245abcd", "2026-11-24T04:24:42Z", 1, 2, 3, 4, 5, 3),
    items=("a", "b"),
    log="processed 3 files\nsnapshot 0245abcd saved",
)


def test_a_report_that_fits_comes_back_as_it_was() -> None:
    assert Report.from_json(FULL.to_json()) == FULL


@pytest.mark.parametrize(
    "report",
    [
        Report(Outcome.SUCCEEDED, restored=RestoredFacts("0245abcd", "2026-11-24T04:24:42Z", 20, 10)),
        Report(Outcome.WARNING, ErrorClass.NO_ELIGIBLE_SNAPSHOT, "none", nothing_to_restore=True),
    ],
)
def test_a_run_that_fails_after_its_restore_proves_nothing(report: Report) -> None:
    failed = report.failed(ErrorClass.INTERRUPTED, "told to stop", 130)
    assert failed == Report(Outcome.FAILED, ErrorClass.INTERRUPTED, "told to stop", 130)


@given(
    log=st.lists(st.text(max_size=300), max_size=60).map("\n".join),
    items=st.lists(st.text(max_size=600), max_size=40),
    message=st.text(max_size=3000),
)
def test_no_content_makes_a_report_too_long_or_unreadable(log: str, items: list[str], message: str) -> None:
    text = Report(Outcome.FAILED, "Unknown", message, log=log, items=tuple(items)).to_json()
    assert len(text.encode()) <= 4096
    again = Report.from_json(text)
    assert again is not None
    assert again.error_class == "Unknown"


STEPS = st.lists(
    st.builds(
        StepReport,
        st.sampled_from(["unlock", "init", "backup", "forget", "history", "prune", "check", "restore", "verify"]),
        st.sampled_from(Outcome),
        st.sampled_from(["", *(str(c) for c in ErrorClass)]),
        st.text(max_size=600) | st.just("\x01" * 250) | st.just("\U0001f4be" * 500),
        st.floats(0, 10**6),
    ),
    max_size=9,
).map(tuple)


@given(
    steps=STEPS,
    log=st.lists(st.text(max_size=300), max_size=60).map("\n".join),
    items=st.lists(st.text(max_size=300) | st.just("\x01" * 250), max_size=20).map(tuple),
    message=st.text(max_size=600) | st.just("\x01" * 500),
)
def test_whatever_is_said_how_each_step_ended_is_kept(
    steps: tuple[StepReport, ...], log: str, items: tuple[str, ...], message: str
) -> None:
    decides = evolve(FULL, repository_id="a" * 64, snapshots=SnapshotCounts(3, "2026", "2027"), initialized=True)
    text = evolve(decides, steps=steps, log=log, items=items, message=message).to_json()
    assert len(text.encode()) <= 4096
    again = Report.from_json(text)
    assert again is not None
    assert [(s.name, s.outcome, s.error_class) for s in again.steps] == [
        (s.name, s.outcome, s.error_class) for s in steps
    ]
    assert (again.snapshot, again.snapshots, again.repository_id) == (FULL.snapshot, decides.snapshots, "a" * 64)
    assert (again.outcome, again.error_class, again.initialized) == (FULL.outcome, FULL.error_class, True)


def test_one_name_of_control_characters_takes_no_step_away() -> None:
    name = "\x01" * 250
    partial = StepReport("backup", Outcome.WARNING, "Partial", f"1 items could not be read; the first: {name}")
    steps = (
        partial,
        StepReport("forget", Outcome.SUCCEEDED),
        StepReport("check", Outcome.FAILED, "RepositoryDamaged", name),
    )
    again = Report.from_json(evolve(FULL, message=partial.message, steps=steps, items=(name,) * 3).to_json())
    assert again is not None
    assert [(s.name, s.error_class) for s in again.steps][-1] == ("check", "RepositoryDamaged")
    assert again.message.startswith("1 items could not be read; the first: ")


def test_a_log_that_is_too_long_loses_whole_lines_from_its_beginning_and_says_so() -> None:
    log = "\n".join(f"line {n}" for n in range(2000))
    again = Report.from_json(Report(Outcome.SUCCEEDED, log=log).to_json())
    assert again is not None
    assert again.log_truncated
    assert log.endswith("\n" + again.log)


def test_a_long_list_of_items_gives_way_to_the_lines_that_people_look_for() -> None:
    items = tuple(f"library/{number}/" + "x" * 160 for number in range(20))
    noise = [f"error: {item}: permission denied" for item in items]
    log = ["Starting container", *noise, "processed 3 files, 1 MiB in 0:01", "snapshot 0245abcd saved", *noise]
    log.append("Restic completed in 1s")
    again = Report.from_json(Report(Outcome.WARNING, "Partial", items=items, log="\n".join(log)).to_json())
    assert again is not None
    assert "snapshot 0245abcd saved" in again.log.splitlines()
    assert "processed 3 files, 1 MiB in 0:01" in again.log.splitlines()
    assert again.log.splitlines()[-1] == "Restic completed in 1s"
    assert again.log_truncated
    assert len(again.items) == 5


@pytest.mark.parametrize("text", ["", "killed", "[]", "{}", '{"version":1}', '{"version":1,"outcome":"Odd"}'])
def test_what_is_no_report_is_none(text: str) -> None:
    assert Report.from_json(text) is None


def test_odd_values_of_a_report_count_as_absent() -> None:
    text = json.dumps({"version": 9, "outcome": "Failed", "steps": [1, {"outcome": "x"}], "snapshot": 3, "log": 4})
    assert Report.from_json(text) == Report(Outcome.FAILED)
