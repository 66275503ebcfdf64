"""Whether a retention policy would remove anything: restic's rules, for the snapshots that are on record.

The answer "nothing" must be right, because forget is then not run at all; "something" may be wrong, and costs one
process. So where restic is generous (the oldest snapshot is kept while a rule has counts left), or where it depends on
restic's time zone, this is not; and what cannot be reckoned is not proved.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from attrs import frozen

from volsync_py.core.selection import parse_snapshot_time

_WITHIN_PART = re.compile(r"([0-9]+)([ymdh])")
# Clocks are set back and forth by an hour, and in Antarctica by two.
_MOST_OF_A_CLOCK_CHANGE = timedelta(hours=2)
_BUCKETS: dict[str, Callable[[datetime], object]] = {
    "last": lambda t: object(),
    "hourly": lambda t: (t.date(), t.hour),
    "daily": lambda t: t.date(),
    "weekly": lambda t: tuple(t.isocalendar())[:2],
    "monthly": lambda t: (t.year, t.month),
    "yearly": lambda t: t.year,
}


@frozen
class Kept:
    """A snapshot on record; `time` as restic writes it, in the zone in which it was made."""

    time: str
    tags: tuple[str, ...] = ()
    id: str = ""
    # Whether it holds all that was to be backed up, as far as is known.
    complete: bool = True


def keeps_all(policy: Iterable[tuple[str, str]], snapshots: Iterable[Kept]) -> bool:
    """Return whether the policy, as (option without `--keep-`, value), certainly keeps every one of the snapshots."""
    try:
        return _keeps_all(policy, snapshots)
    except (ValueError, OverflowError):
        # Of times beyond the calendar, and of words that are no times.
        return False


def is_newest(one: Kept, among: Iterable[Kept]) -> bool:
    """Return whether no other is certain, or may be, of a later time."""
    try:
        return parse_snapshot_time(one.time) >= max(parse_snapshot_time(other.time) for other in among)
    except (ValueError, OverflowError):
        return False


def _keeps_all(policy: Iterable[tuple[str, str]], snapshots: Iterable[Kept]) -> bool:
    newest_first = sorted(((parse_snapshot_time(s.time), s.tags) for s in snapshots), reverse=True)
    if not newest_first:
        return True
    times = [time for time, _ in newest_first]
    kept: set[int] = set()
    rules = list(policy)
    for wanted in (set(value.split(",")) for option, value in rules if option == "tag"):
        kept |= {i for i, (_, tags) in enumerate(newest_first) if wanted <= set(tags)}
    # Of a rule that is there twice, restic takes the last one.
    for option, value in {option: value for option, value in rules if option != "tag"}.items():
        if option == "within":
            kept |= _recent(times, value)
        elif option.startswith("within-"):
            recent = sorted(_recent(times, value))
            kept |= _bucketed([times[i] for i in recent], option.removeprefix("within-"), len(recent))
        else:
            kept |= _bucketed(times, option, int(value) if value.isdigit() else 0)
    return len(kept) == len(newest_first)


def _recent(times: list[datetime], text: str) -> set[int]:
    limit = _before(times[0], text)
    return {i for i, time in enumerate(times) if time > limit}


def _before(newest: datetime, text: str) -> datetime:
    """Return what restic takes off the newest time; ValueError or OverflowError beyond the calendar.

    Of a unit that is there twice, the last one counts. The day of a month that is too short is one of the next month.
    """
    parts = _WITHIN_PART.findall(text)
    if "".join(number + unit for number, unit in parts) != text:
        raise ValueError(text)
    numbers = {unit: int(number) for number, unit in parts}
    years, months, days, hours = (numbers.get(unit, 0) for unit in "ymdh")
    month = newest.year * 12 + newest.month - 1 - years * 12 - months
    day = newest.replace(year=month // 12, month=month % 12 + 1, day=1) + timedelta(days=newest.day - 1 - days)
    # restic reckons days in its own zone, in which the clocks may have been changed between the two.
    return day - timedelta(hours=hours) + (_MOST_OF_A_CLOCK_CHANGE if years or months or days else timedelta(0))


def _bucketed(times: list[datetime], name: str, count: int) -> set[int]:
    bucket = _BUCKETS.get(name)
    kept: set[int] = set()
    last: object = None
    for index, time in enumerate(times):
        if bucket is None or len(kept) == count:
            break
        value = bucket(time)
        if value != last:
            kept.add(index)
            last = value
    return kept
