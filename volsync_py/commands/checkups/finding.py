"""What a check has found."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum

from attrs import frozen

from volsync_py.commands.checkups.facts import Facts


class Verdict(StrEnum):
    """What is said of it, the worst first; somebody is needed where it is FAIL."""

    FAIL = "FAIL"
    WARN = "warn"
    OK = "ok"


@frozen
class Finding:
    """One thing, and of what it is true: `media/photos`, or "" where it is of the cluster."""

    verdict: Verdict
    why: str
    next_step: str = ""
    about: str = ""


@frozen
class Check:
    """One check: its name, what is true where it finds nothing, and how it finds it."""

    name: str
    fine: str
    find: Callable[[Facts], Iterable[Finding]]


def failed(why: str, next_step: str, about: str = "") -> Finding:
    """Return what somebody has to mend."""
    return Finding(Verdict.FAIL, why, next_step, about)


def warned(why: str, next_step: str, about: str = "") -> Finding:
    """Return what somebody should know of."""
    return Finding(Verdict.WARN, why, next_step, about)


def noted(why: str, about: str = "") -> Finding:
    """Return what is well, told more exactly than the check's own words do."""
    return Finding(Verdict.OK, why, "", about)
