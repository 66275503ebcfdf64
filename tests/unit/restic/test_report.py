"""The report fits into a termination message and survives the way through it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volsync_py.restic.report import ErrorClass, Outcome, Report, SnapshotFacts, StepReport

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
