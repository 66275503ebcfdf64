"""The page of `volsync-py doctor` has a row for each check, and for each wrong setup that a test makes."""

from __future__ import annotations

from pathlib import Path

from tests.integration.commands.wrong_clusters import WRONG_CLUSTERS
from tests.integration.commands.wrong_repositories import WRONG_REPOSITORIES
from tests.integration.commands.wrong_setups import WRONG
from volsync_py.commands.checkups.finding import failed, noted, warned
from volsync_py.commands.checkups.report import Report
from volsync_py.commands.checkups.table import CHECKS

PAGE = (Path(__file__).parents[3] / "docs" / "doctor.md").read_text(encoding="utf-8")


def test_each_wrong_setup_of_the_tests_has_its_row_and_no_other_is_promised() -> None:
    expected = [
        f"| {one.title} | `{one.check}` | {one.verdict} | … {one.why} … | … {one.next_step} … |"
        for one in (*WRONG_CLUSTERS, *WRONG, *WRONG_REPOSITORIES)
    ]
    assert [line for line in PAGE.splitlines() if line.endswith(" … |")] == expected


def test_each_check_is_told_with_what_holds_where_it_finds_nothing() -> None:
    expected = [f"| `{check.name}` | {check.fine} |" for check in CHECKS]
    assert [line for line in PAGE.splitlines() if line.startswith("| `")] == expected


def test_the_first_line_of_a_look_at_one_source_counts_the_verdicts() -> None:
    """The page of commands shows it."""
    worst = [[failed("", "")], [warned("", "")], *([noted("")] for _ in CHECKS[2:])]
    report = Report(list(zip(CHECKS, worst, strict=True)), "media/photos")
    assert report.verdict() == "media/photos: 31 checks, 1 FAIL, 1 warn, 29 ok"
