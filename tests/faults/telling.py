"""What a test has tried, told at the end of the run: what it prints stays in the process that it runs in."""

from __future__ import annotations

from collections.abc import Callable

import pytest

# Takes a title and a line.
Tell = Callable[[str, str], None]


def told(reporter: pytest.TerminalReporter) -> dict[str, list[str]]:
    """Return by title the lines of all tests that have ended."""
    lines: dict[str, list[str]] = {}
    for report in (*reporter.getreports("passed"), *reporter.getreports("failed")):
        for title, line in report.user_properties:
            lines.setdefault(str(title), []).append(str(line))
    return lines
