"""Refusals of the API, as the Status bodies that Kubernetes answers with."""

from __future__ import annotations

from typing import Any


class StatusError(Exception):
    """A refusal: HTTP code, reason, message and details of the Status object."""

    def __init__(self, code: int, reason: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code, self.reason, self.message, self.details = code, reason, message, details or {}

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


def already_exists(what: str, name: str, why: str = "") -> StatusError:
    """The name is taken."""
    return StatusError(409, "AlreadyExists", f'{why}{what} "{name}" already exists', _details(what, name))


def not_found(what: str, name: str) -> StatusError:
    """The object is not there."""
    return StatusError(404, "NotFound", f'{what} "{name}" not found', _details(what, name))


def conflict(what: str, name: str, why: str) -> StatusError:
    """Somebody else wrote in between, or a precondition does not hold."""
    text = f'Operation cannot be fulfilled on {what} "{name}": {why}'
    return StatusError(409, "Conflict", text, _details(what, name))


def invalid(what: str, name: str, field: str, why: str) -> StatusError:
    """A field has a value that it must not have."""
    causes = [{"reason": "FieldValueInvalid", "message": why, "field": field}]
    text = f'{what} "{name}" is invalid: {field}: {why}'
    return StatusError(422, "Invalid", text, {"name": name, "kind": what, "causes": causes})
