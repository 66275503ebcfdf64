"""The record of a run's last failed attempt: `status.attempt`, which lasts until a run succeeds.

It is read as it was stored, by whoever: what is not as we write it counts as absent, and nothing raises.
"""

from __future__ import annotations

from typing import Any

from attrs import frozen

from volsync_py.core.objects import Object, mapping
from volsync_py.core.times import parse_rfc3339

# The status is no place for a log.
MESSAGE_CHARACTERS = 500
# At the longest pace of retries, that is half a century.
_MOST_COUNT = 1_000_000
# A century.
_MOST_SECONDS = 100 * 365 * 86_400


@frozen
class Attempt:
    """The record; times are RFC 3339, and "" where there is none. Without an attempt that failed, it is empty."""

    count: int = 0
    error_class: str = ""
    message: str = ""
    failed_at: str = ""
    next_at: str = ""
    generation: int | None = None
    secret_version: str = ""
    custom_ca_version: str = ""
    target_size: str = ""
    run_now: str = ""
    locked_by: str = ""
    # Whose lock it was, since when that has been known to be there, and how long it had not been renewed.
    lock_holder: str = ""
    locked_since: str = ""
    lock_age_seconds: int = 0

    @classmethod
    def of(cls, status: Object) -> Attempt:
        """Return what a status has on record."""
        stored = mapping(status, "attempt")
        if not stored:
            return cls()
        error = mapping(stored, "lastError")
        return cls(
            count=min(max(_int(stored.get("count")) or 0, 0), _MOST_COUNT),
            # A class that is no text was not written by us, but says that an attempt has failed.
            error_class=str(error.get("class") or "")[:MESSAGE_CHARACTERS],
            message=_text(error.get("message"))[:MESSAGE_CHARACTERS],
            failed_at=_time(stored.get("lastFailureTime")),
            # A time that cannot be read counts as come.
            next_at=_text(stored.get("nextAttemptTime")),
            generation=_int(stored.get("observedGeneration")),
            secret_version=_text(stored.get("secretVersion")),
            custom_ca_version=_text(stored.get("customCAVersion")),
            target_size=_text(stored.get("targetSize")),
            run_now=_text(stored.get("runNow")),
            locked_by=_text(stored.get("lockedBy")),
            lock_holder=_text(stored.get("lockHolder")),
            locked_since=_time(stored.get("lockedSince")),
            lock_age_seconds=min(max(_int(stored.get("lockAgeSeconds")) or 0, 0), _MOST_SECONDS),
        )

    def __bool__(self) -> bool:
        """Return whether an attempt has failed."""
        return self != _NONE

    def as_json(self) -> Object:
        """Return what is stored, as a merge patch over the record of another attempt."""
        return {
            "count": self.count,
            "lastError": {"class": self.error_class, "message": self.message[:MESSAGE_CHARACTERS]},
            "lastFailureTime": self.failed_at,
            "nextAttemptTime": self.next_at or None,
            "observedGeneration": self.generation,
            "secretVersion": self.secret_version,
            "customCAVersion": self.custom_ca_version or None,
            "targetSize": self.target_size or None,
            "runNow": self.run_now,
            "lockedBy": self.locked_by or None,
            "lockHolder": self.lock_holder or None,
            "lockedSince": self.locked_since or None,
            "lockAgeSeconds": self.lock_age_seconds or None,
        }


_NONE = Attempt()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _int(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _time(value: Any) -> str:
    try:
        return value if isinstance(value, str) and parse_rfc3339(value) else ""
    except ValueError:
        return ""
