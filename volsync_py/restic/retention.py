"""Whether a retention policy would remove anything: restic's rules, for the snapshots that are on record.

The answer "nothing" must be right, because forget is then not run at all; "something" may be wrong, and costs one
process. So where restic is generous (its months are as long as the calendar says, the oldest snapshot is kept while a
rule has counts left), this is not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from attrs import frozen

from volsync_py.restic.selection import parse_snapshot_time

_WITHIN_PART = re.compile(r"([0-9]+)([ymwdh])")
# No unit of the calendar is shorter than this.
_SHORTEST = {
    "y": timedelta(days=365),
    "m": timedelta(days=28),
    "w": timedelta(days=7),
    "d": timedelta(hours=23),
    "h": timedelta(hours=1),
}
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


def keeps_all(policy: Iterable[tuple[str, str]], snapshots: Iterable[Kept]) -> bool:
    """Tell whether the policy, as (option without `--keep-`, value), certainly keeps every one of the snapshots."""
    newest_first = sorted(((parse_snapshot_time(s.time), s.tags) for s in snapshots), reverse=True)
    if not newest_first:
        return True
    times = [time for time, _ in newest_first]
    kept: set[int] = set()
    for option, value in policy:
        if option == "tag":
            wanted = set(value.split(","))
            kept |= {i for i, (_, tags) in enumerate(newest_first) if wanted <= set(tags)}
        elif option == "within":
            kept |= _recent(times, value)
        elif option.startswith("within-"):
            recent = sorted(_recent(times, value))
            kept |= _bucketed([times[i] for i in recent], option.removeprefix("within-"), len(recent))
        else:
            kept |= _bucketed(times, option, int(value) if value.isdigit() else 0)
    return len(kept) == len(newest_first)


def _recent(times: list[datetime], text: str) -> set[int]:
    span = sum((int(n) * _SHORTEST[unit] for n, unit in _WITHIN_PART.findall(text)), timedelta(0))
    return {i for i, time in enumerate(times) if time > times[0] - span}


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
