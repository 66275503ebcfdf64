"""What a request can end in besides an answer.

An `ApiError` is the server's refusal, `Unreachable` means that nobody knows whether the request was
carried out. Nothing of the HTTP library leaks out of `kube`.
"""

from __future__ import annotations

from typing import Any


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
    """429; `retry_after_seconds` is what the server asks for."""

    retry_after_seconds: float = 1.0


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
    details = data.get("details")
    error = kind(status, reason, message, details if isinstance(details, dict) else None)
    if isinstance(error, TooManyRequests):
        error.retry_after_seconds = float(retry_after) if retry_after.isdigit() else 1.0
    return error
