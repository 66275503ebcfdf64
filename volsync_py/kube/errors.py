"""What a request can end in besides an answer.

An `ApiError` is the server's refusal, `Unreachable` means that nobody knows whether the request was
carried out. Nothing of the HTTP library leaks out of `kube`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

# For a 429 without Retry-After: what client-go takes for the server's own default.
_UNSAID_SECONDS = 1.0
# A longer Retry-After is a mistake of the server or of a proxy; one request a minute is no burden.
_LONGEST_SECONDS = 60.0


class KubeError(Exception):
    """Anything that a request fails with."""


class Unreachable(KubeError):
    """No answer: refused, timed out, cut off, or shutting down."""


class ApiError(KubeError):
    """A Status object with a failure."""

    def __init__(self, status: int, reason: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status, self.reason, self.message, self.details = status, reason, message, details or {}


class NotFound(ApiError):
    """404."""


class AlreadyExists(ApiError):
    """409 to a create."""


class Conflict(ApiError):
    """409: a precondition does not hold."""


class Invalid(ApiError):
    """422 or 400."""


class Forbidden(ApiError):
    """403: rights, quota, admission or Pod Security."""


class Unauthorized(ApiError):
    """401."""


class Expired(ApiError):
    """410: the resource version is too old to watch from."""


class TooManyRequests(ApiError):
    """429; `retry_after_seconds` is what the server asks for, a minute at most."""

    retry_after_seconds: float = _UNSAID_SECONDS


class ServerError(ApiError):
    """5xx."""


_BY_STATUS: dict[int, type[ApiError]] = {
    400: Invalid,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Expired,
    422: Invalid,
    429: TooManyRequests,
}


def from_status(status: int, body: Any, *, retry_after: str = "") -> ApiError:
    """Return the error for an answer; `body` is the Status object, or whatever came instead."""
    data = body if isinstance(body, dict) else {}
    reason = str(data.get("reason") or "")
    message = str(data.get("message") or f"HTTP {status}")
    kind = AlreadyExists if reason == "AlreadyExists" else _BY_STATUS.get(status)
    if kind is None:
        kind = ServerError if status >= 500 else ApiError
    found = data.get("details")
    details: dict[str, Any] = found if isinstance(found, dict) else {}
    error = kind(status, reason, message, details)
    if isinstance(error, TooManyRequests):
        error.retry_after_seconds = _seconds(retry_after or str(details.get("retryAfterSeconds") or ""))
    return error


def _seconds(retry_after: str) -> float:
    """Read a Retry-After header: seconds, or the date of RFC 9110."""
    try:
        wanted: float = int(retry_after)
    except ValueError:
        # Imported here: the start of a command does without, and it brings sockets and calendars.
        from email.utils import parsedate_to_datetime

        try:
            until = parsedate_to_datetime(retry_after)
        except ValueError:
            return _UNSAID_SECONDS
        # A date of "-0000" comes without a zone, and means UTC.
        wanted = (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(max(wanted, 0.0), _LONGEST_SECONDS)
