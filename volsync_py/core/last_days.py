"""How the last thirty days went: `status.lastDays`, one letter for each, the last one for the day `until`.

A letter says first whether a run of that day ended well, then the worst that came with it: a retry that helped is told,
and does not hide the backup. It is read as it was stored, by whoever: what is not as we write it counts as nothing.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from attrs import frozen

from volsync_py.core.objects import Object, mapping

# A month at a glance; and a status is read by everybody's watches.
MOST_DAYS = 30
# Of a date such as 2026-11-30.
DATE_CHARACTERS = 10
# No clock that works says an earlier day, and a month before it is still a date.
_FIRST_DAY = date(1970, 1, 1)


class DayResult(StrEnum):
    """What became of a day."""

    # No run ended.
    NONE = "."
    # A run ended well, and no attempt failed.
    GOOD = "o"
    # A run ended well, and an attempt failed as well.
    RETRIED = "r"
    # A run ended well, and deserves a look, as for files that could not be read.
    WARNED = "w"
    # Attempts failed, and the next ones may help.
    FAILED = "f"
    # Attempts failed, and only a change helps.
    STOPPED = "c"

    def and_then(self, later: DayResult) -> DayResult:
        """Return what becomes of a day of which more is known."""
        if DayResult.NONE in (self, later):
            return later if self is DayResult.NONE else self
        if DayResult.WARNED in (self, later):
            return DayResult.WARNED
        if self in _FAILURES and later in _FAILURES:
            return later
        return DayResult.GOOD if self is later is DayResult.GOOD else DayResult.RETRIED


_FAILURES = frozenset({DayResult.FAILED, DayResult.STOPPED})
_LETTERS = frozenset(map(str, DayResult))


@frozen
class LastDays:
    """The letters of at most thirty days; `until` is the day of the last one, None if there is none."""

    until: date | None = None
    results: str = ""

    @classmethod
    def of(cls, status: Object) -> LastDays:
        """Return what a status has on record."""
        stored = mapping(status, "lastDays")
        until, results = _date(stored.get("until")), stored.get("results")
        if until is None or not isinstance(results, str):
            return cls()
        known = results[-MOST_DAYS:]
        if not _LETTERS.issuperset(known):
            known = "".join(c if c in _LETTERS else DayResult.NONE for c in known)
        return cls(until, known) if known else cls()

    def with_result(self, day: date, result: DayResult, today: date) -> LastDays:
        """Return the record with what became of a run of a day; what is to come yet is of a clock that was wrong."""
        day = min(day, today)
        known = self
        if self.until is not None and self.until > today:
            letters = self.days_until(today).lstrip(DayResult.NONE)
            known = LastDays(today, letters) if letters else LastDays()
        until = day if known.until is None else max(known.until, day)
        results = [DayResult(letter) for letter in known.days_until(until)]
        place = MOST_DAYS - 1 - (until - day).days
        if place < 0:
            return known
        results[place] = results[place].and_then(result)
        return LastDays(until, "".join(results).lstrip(DayResult.NONE))

    def days_until(self, last: date) -> str:
        """Return thirty letters, of which the last is of the day `last`."""
        letters = self.results
        if self.until is not None:
            gap = (last - self.until).days
            letters = letters + DayResult.NONE * min(gap, MOST_DAYS) if gap >= 0 else letters[:gap]
        return letters[-MOST_DAYS:].rjust(MOST_DAYS, DayResult.NONE)

    def as_json(self) -> Object:
        """Return what is stored."""
        return {"until": self.until.isoformat(), "results": self.results} if self.until is not None else {}


def _date(value: object) -> date | None:
    """Return a date in the one form that we write, None for anything else."""
    if not isinstance(value, str) or len(value) != DATE_CHARACTERS:
        return None
    try:
        found = date.fromisoformat(value)
    except ValueError:
        return None
    return found if found.isoformat() == value and found >= _FIRST_DAY else None
