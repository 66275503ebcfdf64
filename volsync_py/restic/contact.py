"""Whether the repository still answers, judged by what restic says of its requests.

restic tries each request again for a quarter of an hour and tells so; it also tells when one has succeeded after all.
Of those that succeed at once it says nothing, so silence is a good sign, and an old complaint is none at all.
"""

from __future__ import annotations

import re

from volsync_py.core.durations import parse_go_duration
from volsync_py.restic.report import ErrorClass
from volsync_py.restic.run import Deadlines

RETRY_LINE = re.compile(r"returned error, retrying after( [^:]+)?")
_MENDED_LINE = re.compile(r"operation successful after \d+ retries")
# The first thing that restic asks of a repository; when that hangs, nothing has ever answered.
_FIRST_REQUEST_HUNG = re.compile(r"<config/>.*request timeout")
# The next complaint comes when the pause and the request are over, and on a busy machine a little later.
_LATE_SECONDS = 10.0


class Contact:
    """What is known of the repository's answers in one restic process; times are those of a monotonic clock."""

    def __init__(self, deadlines: Deadlines, now: float) -> None:
        self._deadlines, self._started, self._moved = deadlines, now, now
        self._bytes = 0
        self._first: float | None = None
        self._next_due = now

    def said(self, line: str, now: float) -> None:
        """Take note of a line of restic's."""
        retry = RETRY_LINE.search(line)
        if retry:
            if self._first is None or now > self._next_due:
                self._first = self._started if _FIRST_REQUEST_HUNG.search(line) else now
            self._next_due = now + _pause(retry[1] or "") + self._deadlines.stuck_seconds + _LATE_SECONDS
        elif _MENDED_LINE.search(line):
            self._first = None

    def moved(self, count: int, now: float) -> None:
        """Take note of how many bytes have been read or written so far."""
        if count > self._bytes:
            self._bytes, self._moved, self._first = count, now, None

    def verdict(self, now: float) -> ErrorClass | None:
        """Return what the repository is, once a deadline has passed, or None."""
        if self._first is None or now > self._next_due:
            return None
        if now - self._first > self._deadlines.contactSeconds and not self._bytes:
            return ErrorClass.UNREACHABLE
        return ErrorClass.STALLED if now - max(self._moved, self._first) > self._deadlines.stallSeconds else None


def _pause(text: str) -> float:
    """Return how long restic says that it waits."""
    try:
        return parse_go_duration(text.strip()).total_seconds()
    except ValueError:
        return 0.0
