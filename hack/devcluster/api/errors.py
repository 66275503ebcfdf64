"""Refusals of the API, as the Status bodies that Kubernetes answers with."""

from __future__ import annotations

from typing import Any

REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    410: "Expired",
    413: "RequestEntityTooLarge",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


class StatusError(Exception):
    """A refusal: HTTP code, reason, message and details of the Status object."""

    def __init__(self, code: int, reason: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code, self.reason, self.message, self.details = code, reason, message, details or {}
        self.headers: dict[str, str] = {}

    def body(self) -> dict[str, Any]:
        """Return the Status object."""
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "details": self.details,
            "code": self.code,
        }


def _details(title: str, name: str) -> dict[str, Any]:
    """Return what a Status says of the object; `title` is `plural` or `plural.group`."""
    plural, _, group = title.partition(".")
    return {"name": name, **({"group": group} if group else {}), "kind": plural}


def bad_request(message: str) -> StatusError:
    """The request makes no sense."""
    return StatusError(400, "BadRequest", message)


def already_exists(what: str, name: str, why: str = "") -> StatusError:
    """The name is taken."""
    return StatusError(409, "AlreadyExists", f'{why}{what} "{name}" already exists', _details(what, name))


def not_found(what: str, name: str) -> StatusError:
    """The object is not there."""
    return StatusError(404, "NotFound", f'{what} "{name}" not found', _details(what, name))


def no_such_path() -> StatusError:
    """Nothing is served there."""
    return StatusError(404, "NotFound", "the server could not find the requested resource")


def expired(message: str) -> StatusError:
    """What is asked for is no longer kept."""
    return StatusError(410, "Expired", message)


def conflict(what: str, name: str, why: str) -> StatusError:
    """Somebody else wrote in between, or a precondition does not hold."""
    text = f'Operation cannot be fulfilled on {what} "{name}": {why}'
    return StatusError(409, "Conflict", text, _details(what, name))


def invalid(what: str, name: str, field: str, why: str) -> StatusError:
    """A field has a value that it must not have."""
    return invalid_for(what, name, [{"reason": "FieldValueInvalid", "message": why, "field": field}])


def invalid_for(what: str, name: str, causes: list[dict[str, str]]) -> StatusError:
    """Several fields have values that they must not have."""
    texts = [f"{cause['field']}: {cause['message']}" for cause in causes]
    text = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    kind, _, group = what.partition(".")
    details = {"name": name, **({"group": group} if group else {}), "kind": kind, "causes": causes}
    return StatusError(422, "Invalid", f'{what} "{name}" is invalid: {text}', details)
