"""The check of what the operator itself says: what fails, is overdue, or is looked at by nobody. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from volsync_py.commands.checkups.facts import Facts
from volsync_py.commands.checkups.finding import Finding, Verdict
from volsync_py.commands.checkups.volumes import FULL
from volsync_py.contract.report import ErrorClass
from volsync_py.health.state import Health, State, health_of
from volsync_py.health.words import lasting
from volsync_py.movers.restic.outcome import CLASSES, info

# Told by checks of their own.
_ELSEWHERE = FULL | {ErrorClass.REPOSITORY_LOCKED.value}
_LATE = frozenset({State.OVERDUE, State.UNSERVED})


def failing(facts: Facts) -> Iterator[Finding]:
    """Find runs, or upkeep, that failed or ended with a warning."""
    for one, title in _all(facts):
        if one.state in (State.FAILING, State.UPKEEP, State.WARNING) and one.reason not in _ELSEWHERE:
            yield _told(one, title, facts)


def late(facts: Facts) -> Iterator[Finding]:
    """Find what is overdue, or was never looked at."""
    for one, title in _all(facts):
        if one.state in _LATE:
            yield _told(one, title, facts)


def _all(facts: Facts) -> Iterator[tuple[Health, str]]:
    return ((health_of(one.object, facts.now), facts.title(one.object)) for one in facts.replications())


def _told(one: Health, title: str, facts: Facts) -> Finding:
    since = f" for {lasting(facts.now - one.since)}" if one.since else ""
    known = info(one.reason).next_step if one.reason in CLASSES else ""
    verdict = Verdict.FAIL if one.needs_you else Verdict.WARN
    reason = f"{one.reason}{since}: " if one.reason else ""
    step = one.next_step or known or f"volsync-py status {one.name} -n {one.namespace}"
    return Finding(verdict, f"{reason}{one.cause}", step, title)
