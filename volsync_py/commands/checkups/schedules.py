"""Checks of specs and schedules: what is wrong, never comes, comes all at once, or has been stopped. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from volsync_py.api.fields import Problem
from volsync_py.api.spec import Replication
from volsync_py.commands.checkups.facts import Facts, key_of
from volsync_py.commands.checkups.finding import Finding, failed, warned
from volsync_py.commands.checkups.manager import limit_of_movers
from volsync_py.core.labels import Annotation
from volsync_py.core.objects import annotations_of, mapping, status_of
from volsync_py.core.stored_times import time_in
from volsync_py.core.trigger import TriggerKind
from volsync_py.health.words import lasting
from volsync_py.kube.resources import DEPLOYMENTS

# So many movers that read, compress and send at once are felt on a link and on a storage server of usual size.
_CROWD = 10
# Work on an application takes hours; who pauses a backup for longer than a week has mostly forgotten it.
_FORGOTTEN = timedelta(days=7)
_OF_SCHEDULES = ("spec.trigger.schedule", "spec.trigger.timeZone", "spec.restic.verification.schedule")


def specs(facts: Facts) -> Iterator[Finding]:
    """Find fields that the manager cannot use."""
    for one in facts.replications():
        for problem in _problems(one):
            if problem.path not in _OF_SCHEDULES:
                yield _told(problem, one, facts)


def never(facts: Facts) -> Iterator[Finding]:
    """Find schedules that cannot be read or never come."""
    for one in facts.replications():
        for problem in _problems(one):
            if problem.path in _OF_SCHEDULES:
                yield _told(problem, one, facts)


def _problems(one: Replication) -> list[Problem]:
    """Return what is wrong with a spec, for its runs or for its verifications; a zone is of both."""
    return list(dict.fromkeys((*one.problems, *one.verification.problems)))


def _told(problem: Problem, one: Replication, facts: Facts) -> Finding:
    return failed(f"{problem.path}: {problem.message}", problem.next_step, facts.title(one.object))


def crowded(facts: Facts) -> Iterator[Finding]:
    """Find sources that all begin at one minute."""
    slots: dict[datetime, list[Replication]] = {}
    for one in facts.all_sources():
        slot = None if one.paused else one.trigger.slot_after(facts.now)
        if slot is not None:
            slots.setdefault(slot.replace(second=0), []).append(one)
    # Of the next slots the one with the most: a schedule of each hour meets all others.
    slot, most = max(slots.items(), key=lambda item: (len(item[1]), item[0]), default=(facts.now, []))
    if len(most) < _CROWD or not any(facts.is_chosen(one.object) for one in most):
        return
    limit = limit_of_movers(list(facts.of(DEPLOYMENTS)))
    if 0 < limit <= _CROWD:
        return
    text = f"{len(most)} sources begin at the same minute, next at {slot:%H:%M} UTC"
    yield warned(
        f"{text}, and nothing limits how many run at once",
        "set spec.trigger.jitter, such as 10m, in each, or --max-movers of the manager",
    )


def paused(facts: Facts) -> Iterator[Finding]:
    """Find what was stopped and is still."""
    for one in facts.replications():
        title, space = facts.title(one.object), key_of(one.object)[0]
        if annotations_of(one.object).get(Annotation.DEBUG_MOVER) is not None:
            text = f"its annotation {Annotation.DEBUG_MOVER} has its mover wait instead of work"
            kind = str(one.object["kind"]).lower()
            yield warned(text, f"kubectl annotate {kind} {one.name} -n {space} {Annotation.DEBUG_MOVER}-", title)
        if not one.paused or one.trigger.kind is TriggerKind.MANUAL:
            continue
        last = time_in(status_of(one.object), "lastSyncTime") or time_in(
            mapping(one.object, "metadata"), "creationTimestamp"
        )
        if last is not None and facts.now - last > _FORGOTTEN:
            text = f"it is paused, and its last run was {lasting(facts.now - last)} ago"
            yield warned(text, f"volsync-py resume {one.name} -n {space}", title)
