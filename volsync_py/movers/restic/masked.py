"""What a mover tells, without the passwords of URLs: it may be older than the manager, or somebody else's image.

The mover hides what it was given; the manager has read nothing of it, and knows only what a URL looks like.
"""

from __future__ import annotations

import re

from attrs import evolve

from volsync_py.contract.log_lines import one_line
from volsync_py.movers.restic.job_state import JobState

# Up to the last @ before white space or a quote, because a password may hold an @ or a slash.
_PASSWORD = re.compile(r"(://[^/\s:@\"'\\]*:)(?!\d+(?:/|$))[^\s\"']*@")


def masked(text: str) -> str:
    """Return a text without the passwords of its URLs."""
    return _PASSWORD.sub(r"\1***@", text)


def without_passwords(state: JobState) -> JobState:
    """Return the judgement of a Job without the passwords of URLs."""
    report = state.report
    if report is not None:
        steps = tuple(evolve(step, message=masked(step.message)) for step in report.steps)
        items = tuple(map(masked, report.items))
        report = evolve(report, message=masked(report.message), log=masked(report.log), steps=steps, items=items)
        report = evolve(report, lock_holder=one_line(masked(report.lock_holder)))
    return evolve(state, message=masked(state.message), report=report)
