"""The strip of thirty days: what each of them was, as letters, words and a picture."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import groupby

from volsync_py.core.cronspec import ScheduleError, split_zone
from volsync_py.core.last_days import MOST_DAYS, DayResult, LastDays
from volsync_py.core.objects import Object, mapping
from volsync_py.core.stored_times import time_in
from volsync_py.health.state import State
from volsync_py.health.words import count
from volsync_py.page.markup import Html, tag, together

# A day of the schedule on which no run ended.
MISSED = "m"
# A day begins last where the clock is this far behind UTC.
_LAST_ZONE = timedelta(hours=12)
# A day of which nothing is on record: before the first one that is.
UNKNOWN = " "
WORDS = {
    DayResult.GOOD: "ended well",
    DayResult.RETRIED: "ended well, an attempt failed as well",
    DayResult.WARNED: "ended well, with a warning",
    DayResult.FAILED: "failed, and tried again",
    DayResult.STOPPED: "failed, and waits for a change",
    MISSED: "no run ended on a day of the schedule",
    DayResult.NONE: "no run",
}
# The worst first: whoever stands for several is as the worst of them.
_WORST = (MISSED, "c", "f", "w", "r", "o", ".", UNKNOWN)
_BAD = frozenset({MISSED, "c", "f"})
_FAILED = frozenset({"c", "f"})
# A day in the picture's units, and its middle; blocks of a day with a backup are twice as high as those of others.
_WIDTH, _HEIGHT = 8, 20
# Where a stroke's middle has to be so that all stand on one line.
_MIDDLE = {"o": 10, "r": 10, "w": 10, "f": 14, "c": 14, MISSED: 16.5, "d": 16.5}
# A schedule that names none of these runs on each day; so do the words.
_EACH_DAY = frozenset({"@daily", "@midnight", "@hourly"})


def letters_of(obj: Object, last: date, now: datetime, state: State) -> str:
    """Return thirty letters up to the day `last`: what is on record, and which days lack a run."""
    status = mapping(obj.get("status"))
    days = LastDays.of(status)
    found = days.days_until(last)
    if days.until is None:
        return UNKNOWN * MOST_DAYS
    first = days.until - timedelta(days=len(days.results) - 1)
    known = min(max((last - first).days + 1, 0), MOST_DAYS)
    letters = found[MOST_DAYS - known :]
    if state is not State.PAUSED and _runs_each_day(mapping(mapping(obj.get("spec")).get("trigger"))):
        over = now.date() if state is State.OVERDUE else _last_day_that_is_over(status, now)
        passed = max(len(letters) - (last - over).days, 0)
        letters = letters[:passed].replace(DayResult.NONE, MISSED) + letters[passed:]
    return UNKNOWN * (MOST_DAYS - len(letters)) + letters


def _last_day_that_is_over(status: Object, now: datetime) -> date:
    """Return the last day whose runs have all ended, in whatever zone its slots are.

    The days on record are those of the schedule's zone, which may be the operator's; a run counts for the day on which
    it began.
    """
    began = time_in(status, "lastSyncStartTime")
    until = now if began is None else min(began, now)
    return (until.astimezone(UTC) - _LAST_ZONE).date() - timedelta(days=1)


def _runs_each_day(trigger: Object) -> bool:
    """Return whether there is a run on each day; read by its looks, for a calendar would take too long."""
    if trigger.get("manual"):
        return False
    schedule = trigger.get("schedule")
    if not isinstance(schedule, str):
        return not schedule
    try:
        expression = split_zone(schedule)[1].strip()
    except ScheduleError:
        return False
    return expression in _EACH_DAY or expression.split()[2:] == ["*"] * 3


def worst_of(several: Sequence[str]) -> str:
    """Return for each day the worst of several."""
    return "".join(min(set(day), key=_WORST.index) for day in zip(*several, strict=True))


def bad_days(letters: str) -> int:
    """Return how many days failed, and how many have passed without a run since the last one that had one.

    What lacks a run before that may be of another schedule, or of a pause.
    """
    since = letters[len(letters.rstrip(MISSED + DayResult.NONE)) :]
    return sum(map(letters.count, _FAILED)) + since.count(MISSED)


def said(letters: str, last: date) -> str:
    """Return the strip in words."""
    known = letters.lstrip(UNKNOWN)
    if not known:
        return "nothing on record yet"
    parts = []
    for letter in sorted(set(known), key=_WORST.index):
        parts.append(f"{WORDS[letter]} on {count(known.count(letter), 'day')}{_when(letters, letter, last)}")
    return "; ".join(parts)


def _when(letters: str, letter: str, last: date) -> str:
    at = [index for index, one in enumerate(letters) if one == letter]
    if letter not in _BAD:
        return ""
    day = last - timedelta(days=MOST_DAYS - 1 - at[-1])
    return f", {'last on ' if len(at) > 1 else ''}{day:%-d %b}"


def strip(letters: str, last: date, *, big: bool = False) -> Html:
    """Return the picture: one stroke for each kind of days, dashed into days."""
    return tag(
        "svg",
        *strokes(letters),
        class_="strip big" if big else "strip",
        viewBox=f"0 0 {MOST_DAYS * _WIDTH} {_HEIGHT}",
        role="img",
        aria_label=said(letters, last),
        preserveAspectRatio="none" if big else None,
    )


def strokes(letters: str) -> list[Html]:
    """Return the strokes of a strip."""
    pieces: dict[str, list[str]] = {}
    at = 0
    for letter, same in groupby(letters):
        length = len(list(same))
        if letter != UNKNOWN:
            kind = "d" if letter == DayResult.NONE else letter
            pieces.setdefault(kind, []).append(f"M{at * _WIDTH} {_MIDDLE[kind]}h{length * _WIDTH}")
        at += length
    return [tag("path", class_=kind, d="".join(found)) for kind, found in pieces.items()]


def legend() -> Html:
    """Return what each kind of block means."""
    keys = [
        tag("li", tag("svg", *strokes(letter), class_="key", viewBox="0 0 8 20", aria_hidden="true"), words)
        for letter, words in WORDS.items()
    ]
    return tag("ul", together(*keys), class_="legend")
