"""What a source's status has on record of its verifications: `status.restic.verification`, read as anybody may have
written it.

`status.restic.lastVerified` is the last proof, and nothing but a proof replaces it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from attrs import frozen

from volsync_py.api.fields import LONGEST_TEXT
from volsync_py.bounded_json import number_of, text_of
from volsync_py.contract.report import LONGEST_MESSAGE, ErrorClass
from volsync_py.core.objects import Object, mapping
from volsync_py.core.times import instant, past
from volsync_py.movers.restic.outcome import known, trouble

# An attempt that fails, or that a backup has ended, is made again so often: with the doubling pause, a night.
MOST_ATTEMPTS = 6
# The first pause is this many times that of a failed run, the longest this many times its longest: five minutes to two
# hours by default. Nobody waits for a verification as for a backup.
FIRST_FACTOR, LONGEST_FACTOR = 30, 4
_NOT_YET = ("Unknown", "NotYetVerified", "No backup has been verified yet")


@frozen
class VerificationRecord:
    """The record; times are RFC 3339, "" where there is none."""

    # Since when the section is there, and when the last one came to its end: proved, or given up.
    since: str = ""
    last_time: str = ""
    # When the one that goes on was begun, if nothing else outlives its Job and says so.
    start_time: str = ""
    attempts: int = 0
    next_at: str = ""
    error_class: str = ""
    message: str = ""
    # The last annotation that was served, and the one that the attempts are made for.
    served: str = ""
    tried: str = ""
    generation: int = 0
    # The UIDs of Job and claim of the last attempt that is on record here.
    job: str = ""
    claim: str = ""
    seconds: int = 0
    waiting: str = ""

    @classmethod
    def of(cls, status: Object) -> VerificationRecord:
        """Return what a status has on record."""
        stored = mapping(status, "restic", "verification")
        error = mapping(stored, "lastError")
        return cls(
            since=text_of(stored, "since"),
            last_time=text_of(stored, "lastTime"),
            start_time=text_of(stored, "startTime"),
            attempts=number_of(stored, "attempts", most=MOST_ATTEMPTS),
            next_at=text_of(stored, "nextAttemptTime"),
            error_class=known(text_of(error, "class")),
            message=text_of(error, "message", most=LONGEST_MESSAGE),
            served=text_of(stored, "lastProveNow", most=LONGEST_TEXT),
            tried=text_of(stored, "triedProveNow", most=LONGEST_TEXT),
            generation=number_of(stored, "observedGeneration"),
            job=text_of(stored, "job"),
            claim=text_of(stored, "claim"),
            seconds=number_of(stored, "seconds"),
            waiting=text_of(stored, "waiting"),
        )

    def last(self, now: datetime) -> datetime:
        """Return from when on the next slot counts; a schedule that is new waits for the first one of its own."""
        return max((past(time, now) for time in (self.since, self.last_time) if time), default=now)

    def due_again(self, now: datetime, longest: timedelta) -> datetime:
        """Return when the next attempt may begin; later than any pause makes it, it is of a clock that was wrong."""
        due = instant(self.next_at, now) if self.next_at else now
        return due if due <= now + longest else now


def is_mended(said: Object, record: VerificationRecord) -> bool:
    """Return whether the condition `said` tells of a section that can be used by now: it is of no verification."""
    told = (said.get("status"), said.get("reason"))
    return told == ("False", ErrorClass.CONFIGURATION) and record.error_class != ErrorClass.CONFIGURATION


def stands(status: Object) -> tuple[str, str, str]:
    """Return the condition of the last verification that is on record: status, reason and message."""
    record, last = VerificationRecord.of(status), mapping(status, "restic", "lastVerified")
    if record.error_class and not record.attempts:
        told = trouble(record.error_class, record.message)
        return "False", told.reason, told.text
    if text_of(last, "snapshot"):
        return "True", "Succeeded", f"snapshot {text_of(last, 'snapshot')[:8]} came back whole"
    return _NOT_YET
