"""Everything about one resource on a page: `volsync-py status NAME`. Pure: lines of text."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from textwrap import wrap

from volsync_py.core.objects import Object
from volsync_py.health.facts import conditions_of, facts_of, log_of
from volsync_py.health.state import NO_CONDITION_TELLS, NOT_WELL, Health
from volsync_py.health.verdict import Paint
from volsync_py.health.words import lasting

# The end of the log that a status keeps; all of it is told by `volsync-py logs`.
_LOG_LINES = 10
# The longest name of a row.
_NAMES = 15


def page(
    obj: Object, health: Health, now: datetime, width: int, paint: Paint = lambda word, state: word
) -> Iterator[str]:
    """Return what is known of a resource in this state; what is not known is left out."""
    yield f"{health.kind} {health.namespace}/{health.name}: {paint(health.state, health.state)}"
    if health.state in NO_CONDITION_TELLS:
        yield from _row("what is wrong", health.cause, width)
    if health.state in NOT_WELL and health.next_step:
        yield from _row("what to do", health.next_step, width)
    for name, text in facts_of(obj, health, now):
        yield from _row(name, text, width)
    for one in conditions_of(obj):
        when = f", for {lasting(now - one.since)}" if one.since else ""
        yield from _row(one.type, f"{one.status} ({one.reason}{when}): {one.message}", width)
    log = log_of(obj)
    if log:
        yield "log of the last mover:"
        yield from (f"  {line}" for line in log[-_LOG_LINES:])


def _row(name: str, text: str, width: int) -> list[str]:
    lines = wrap(text, max(width - _NAMES - 3, 20), break_long_words=False, break_on_hyphens=False)
    heads = [name, *[""] * (len(lines) - 1)]
    return [f"  {head:{_NAMES}} {line}" for head, line in zip(heads, lines, strict=True)]
