"""What the API server's clock says, told by the `Date` of its answers.

What the server stamps is compared with its own clock: ours may be an hour ahead, and everything would be late then. The
header has whole seconds, and an answer takes its time, so a difference that these explain counts as none.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

# A difference beyond this means that one of the two clocks was never set.
_LONGEST = timedelta(days=3650)
# The Date header has whole seconds.
_SECOND = timedelta(seconds=1)


class ServerClock:
    """How far the server's clock is from ours; assigned as a whole, so it needs no lock."""

    def __init__(self) -> None:
        self.offset = timedelta(0)

    def take(self, headers: Mapping[str, str], asked: datetime, answered: datetime) -> None:
        """Take note of an answer to what was asked at one time of our clock and answered at another."""
        said = _date(headers)
        if said is None or asked > answered:
            return
        least, most = said - answered, said + _SECOND - asked
        offset = max(least, min(most, timedelta(0)))
        if abs(offset) <= _LONGEST:
            self.offset = offset


def _date(headers: Mapping[str, str]) -> datetime | None:
    """Return the date of an answer that no cache has kept, or None."""
    if headers.get("Age"):
        return None
    try:
        said = parsedate_to_datetime(headers.get("Date", ""))
    except (TypeError, ValueError, OverflowError):
        return None
    return said.astimezone(UTC) if said.tzinfo is not None else None
