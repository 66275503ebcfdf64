"""The overview of `volsync-py status`: a verdict, what isn't well and what to do about it. Pure: lines of text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from textwrap import wrap
from typing import Any

from attrs import evolve, frozen

from volsync_py.core.times import format_rfc3339
from volsync_py.health.columns import Column, flowed, table
from volsync_py.health.state import NOT_WELL, Health, State
from volsync_py.health.words import ago, count, lasting, listed

# What a day's backup is: the usual schedule is a daily one.
_RECENT = timedelta(hours=24)
# What fits on a screen one by one; with more, those of one cause and repository are told together.
_MOST_ALONE = 20
# Of so many that have one cause, the names are told; the others are counted.
_MOST_NAMES = 12
# More names than that are no part of a sentence.
_MOST_PAUSED = 3
_INDENT = "    "
# A name is known by its two ends, and a reason is one of ours, mostly.
_COLUMNS = (
    Column("NAME", least=20),
    Column("STATE"),
    Column("LAST"),
    Column("NEXT", leaves=2),
    Column("ATTEMPTS", leaves=1),
    Column("REASON", least=12),
)

# Gives a word of a state its colour.
Paint = Callable[[str, State], str]


@frozen
class Case:
    """What isn't well of one resource, or of several that have one cause: then they have `names`."""

    head: str
    state: State
    facts: Sequence[str]
    cause: str
    next_step: str
    names: str = ""


@frozen
class Overview:
    """What was found, in one namespace or in all of them."""

    found: Sequence[Health]
    now: datetime
    # "namespace media", or "any namespace".
    where: str
    with_namespace: bool

    @property
    def needs_you(self) -> bool:
        """Whether anything needs somebody."""
        return any(one.needs_you for one in self.found)

    def verdict(self) -> str:
        """Return the first line: how many are backed up, how fresh that is, and whether anybody is needed."""
        sources = [one for one in self.found if one.is_source]
        needing = sum(one.needs_you for one in self.found)
        parts = []
        if sources:
            recent = sum(one.last is not None and self.now - one.last <= _RECENT for one in sources)
            parts.append(f"{recent} of {len(sources)} backed up in the last 24 h")
            newest = max((one.last for one in sources if one.last is not None), default=None)
            if newest is not None:
                parts.append(f"newest {ago(min(newest, self.now), self.now)}")
        elif self.found:
            parts.append("no sources, " + count(len(self.found), "destination"))
        else:
            return f"no sources and no destinations in {self.where}"
        for state in (State.RUNNING, State.PAUSED, State.NEW):
            names = sorted(self._name(one) for one in self.found if one.state is state)
            # Of what is paused nobody is told in any other way.
            told = f" ({', '.join(names)})" if state is State.PAUSED and len(names) <= _MOST_PAUSED else ""
            if names:
                parts.append(f"{len(names)} {state}{told}")
        needs = count(needing, "needs you", "need you") if needing else "nothing needs you"
        return ", ".join([*parts, needs])

    def cases(self, most_alone: int = _MOST_ALONE) -> Iterator[Case]:
        """Return what isn't well, the worst first; if it is more than `most_alone`, those of one cause together."""
        bad = sorted((one for one in self.found if one.state in NOT_WELL), key=self._order)
        groups = self._groups(bad) if len(bad) > most_alone else [[one] for one in bad]
        return map(self._case, groups)

    def lines(self, width: int, paint: Paint = lambda word, state: word) -> Iterator[str]:
        """Return the verdict, and what isn't well, the worst first, each with the next step."""
        yield from flowed(self.verdict(), width, "", "  ")
        for case in self.cases():
            yield ""
            yield from _painted(case, width, paint)
            for told, mark in ((case.cause, ""), (case.next_step, "→ "), (case.names, "")):
                if told:
                    yield from _wrapped(told, width, mark)

    def table(self, width: int, paint: Paint = lambda word, state: word) -> Iterator[str]:
        """Return a line for each, in the order of their names, and what a wider terminal shows."""
        rows = []
        ordered = sorted(self.found, key=lambda one: (one.namespace, not one.is_source, one.name))
        for one in ordered:
            last = ago(one.last, self.now) if one.last else "-"
            following = None if one.state is State.PAUSED else one.next_attempt or one.next
            upcoming = ago(following, self.now) if following else "-"
            rows.append((self._name(one), one.state, last, upcoming, str(one.attempts or "-"), one.reason or "-"))
        fits = table(_COLUMNS, rows, width)
        head, *lines = fits.rows
        painted = [
            (name, paint(state, one.state), *more) for one, (name, state, *more) in zip(ordered, lines, strict=True)
        ]
        yield from evolve(fits, rows=[head, *painted]).lines()
        if fits.left_out:
            yield fits.hint()

    def as_json(self) -> dict[str, Any]:
        """Return all of it for programs."""
        return {"verdict": self.verdict(), "needsYou": self.needs_you, "items": [_as_json(one) for one in self.found]}

    def _groups(self, bad: Iterable[Health]) -> list[list[Health]]:
        groups: dict[tuple[State, str, str], list[Health]] = {}
        for one in bad:
            groups.setdefault((one.state, one.reason, one.repository), []).append(one)
        return list(groups.values())

    def _case(self, group: Sequence[Health]) -> Case:
        one = group[0]
        facts = [one.reason] if one.reason.lower() != one.state else []
        since = min((other.since for other in group if other.since is not None), default=None)
        if since is not None:
            facts.append(f"for {lasting(self.now - since)}")
        if one.attempts:
            facts.append(count(one.attempts, "attempt"))
        if one.next_attempt is not None:
            facts.append(f"next {ago(one.next_attempt, self.now)}")
        names = [self._name(other) for other in group] if len(group) > 1 else []
        head = f"{len(group)} of one repository" if names else self._name(one)
        return Case(head, one.state, facts, one.cause, one.next_step, listed(names, _MOST_NAMES))

    def _name(self, one: Health) -> str:
        name = f"{one.namespace}/{one.name}" if self.with_namespace else one.name
        return name if one.is_source else f"{name} (destination)"

    def _order(self, one: Health) -> tuple[int, str, str, str]:
        return list(State).index(one.state), one.reason, one.namespace, one.name


def _painted(case: Case, width: int, paint: Paint) -> list[str]:
    """Return the first sentence of a case, with its state in colour."""
    text = "\n".join(flowed(f"{case.head}: {', '.join([case.state, *case.facts])}", width, "", _INDENT))
    # Behind the name, which may have the same word in it, and be in several lines.
    before, state, after = text[: len(case.head)], str(case.state), text[len(case.head) :]
    return f"{before}{after.replace(state, paint(state, case.state), 1)}".split("\n")


def _wrapped(text: str, width: int, mark: str) -> list[str]:
    return wrap(
        text,
        width,
        initial_indent=_INDENT + mark,
        subsequent_indent=_INDENT + " " * len(mark),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _as_json(one: Health) -> dict[str, Any]:
    times = {"since": one.since, "nextAttempt": one.next_attempt, "last": one.last, "next": one.next}
    return {
        "kind": one.kind,
        "namespace": one.namespace,
        "name": one.name,
        "state": str(one.state),
        "needsYou": one.needs_you,
        "reason": one.reason,
        "cause": one.cause,
        "nextStep": one.next_step,
        "attempts": one.attempts,
        **{name: format_rfc3339(time) if time else None for name, time in times.items()},
    }
