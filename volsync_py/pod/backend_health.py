"""Whether the repository still answers, judged by what restic says of its requests.

restic tries each request again for a quarter of an hour and tells so; it also tells when one has succeeded after all.
Of those that succeed at once it says nothing, so silence is a good sign, and an old complaint is none at all. Several
requests are on the way at once, and that one succeeds says nothing of the others.
"""

from __future__ import annotations

from attrs import frozen

from volsync_py.contract.report import ErrorClass
from volsync_py.contract.run_document import Deadlines
from volsync_py.core.durations import parse_go_duration
from volsync_py.pod.messages import failure_of, mended_request

# How long restic lets one request hang, which is its own default: 128 KiB at 1 KiB a second, or an answer after two
# minutes, is no loss of the server.
STUCK_REQUEST_SECONDS = 300
# restic complains again after its pause and the next request, on a busy machine a little later.
_LATE_SECONDS = 10.0


@frozen
class _Complaint:
    """Since when a request fails, when that was said last, and until when it is to be heard of again."""

    since: float
    last: float
    next_due: float


class Contact:
    """What is known of the repository's answers in one restic process; times are those of a monotonic clock."""

    def __init__(self, deadlines: Deadlines, now: float) -> None:
        self._deadlines, self._started, self._moved = deadlines, now, now
        self._bytes = 0
        self._failing: dict[str, _Complaint] = {}

    def said(self, line: str, now: float) -> None:
        """Take note of a line of restic's."""
        failure = failure_of(line)
        if failure is None:
            self._failing.pop(mended_request(line), None)
            return
        before = self._failing.pop(failure.request, None)
        if not failure.retried:
            return
        self._failing = {request: one for request, one in self._failing.items() if now <= one.next_due}
        since = before.since if before is not None and now <= before.next_due else now
        if before is None and failure.is_first and "request timeout" in failure.reason:
            # The first request of restic hangs, so the server has never answered.
            since = self._started
        next_due = now + _pause(failure.pause) + STUCK_REQUEST_SECONDS + _LATE_SECONDS
        self._failing[failure.request] = _Complaint(since, now, next_due)

    def moved(self, count: int, now: float) -> None:
        """Take note of how many bytes have been read or written so far."""
        if count > self._bytes:
            self._bytes, self._moved = count, now
            self._failing.clear()

    def verdict(self, now: float, *, heard: bool = False) -> ErrorClass | None:
        """Return what the repository is, once a deadline has passed, or None.

        Once it has been `heard` of, a request that is tried again may take as long as any other to be answered.
        """
        failing = [one for one in self._failing.values() if now <= one.next_due]
        if not failing:
            return None
        since = min(one.since for one in failing)
        longest = max((one.last if heard else now) - one.since for one in failing)
        if longest > self._deadlines.contact_seconds and not self._bytes:
            return ErrorClass.UNREACHABLE
        return ErrorClass.STALLED if now - max(self._moved, since) > self._deadlines.stall_seconds else None


def _pause(text: str) -> float:
    """Return how long restic says that it waits."""
    try:
        return parse_go_duration(text).total_seconds()
    except ValueError:
        return 0.0
