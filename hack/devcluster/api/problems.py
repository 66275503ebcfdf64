"""A list of what is wrong with an object, in the words of Kubernetes' field errors."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from hack.devcluster.api.errors import StatusError, invalid_for
from hack.devcluster.api.resources import Resource

_QUANTITY = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?\d+)?")


class Problems:
    """What validation finds; paths are relative to where it looks."""

    def __init__(self) -> None:
        self.causes: list[dict[str, str]] = []

    def _add(self, reason: str, field: str, message: str) -> None:
        self.causes.append({"reason": reason, "message": message, "field": field})

    def required(self, field: str, why: str = "") -> None:
        """The field has to be there."""
        self._add("FieldValueRequired", field, f"Required value{': ' if why else ''}{why}")

    def invalid(self, field: str, value: Any, why: str) -> None:
        """The value cannot be."""
        self._add("FieldValueInvalid", field, f"Invalid value: {json.dumps(value)}: {why}")

    def unsupported(self, field: str, value: Any, supported: Iterable[str]) -> None:
        """The value is none of those there are."""
        known = ", ".join(json.dumps(one) for one in sorted(supported))
        self._add("FieldValueNotSupported", field, f"Unsupported value: {json.dumps(value)}: supported values: {known}")

    def duplicate(self, field: str, value: str) -> None:
        """The value is there twice."""
        self._add("FieldValueDuplicate", field, f"Duplicate value: {json.dumps(value)}")

    def missing(self, field: str, value: str) -> None:
        """The value names something that is not there."""
        self._add("FieldValueNotFound", field, f"Not found: {json.dumps(value)}")

    def forbidden(self, field: str, why: str) -> None:
        """The field may not be set so."""
        self._add("FieldValueForbidden", field, f"Forbidden: {why}")

    # ---- common checks

    def text(self, field: str, value: Any, why: str) -> None:
        """Note a sentence about a value, if there is one."""
        if why:
            self.invalid(field, value, why)

    def at_least(self, field: str, value: int | None, least: int) -> None:
        """Check a number that may be left out."""
        if value is not None and value < least:
            why = "must be greater than or equal to 0" if least == 0 else "must be greater than 0"
            self.invalid(field, value, why)

    def one_of(self, field: str, value: str | None, supported: Iterable[str]) -> None:
        """Check a word that may be left out."""
        if value is not None and value not in supported:
            self.unsupported(field, value, supported)

    def quantity(self, field: str, value: Any) -> bool:
        """Check an amount, and return whether it is one."""
        fits = bool(_QUANTITY.fullmatch(str(value)))
        if not fits:
            self.invalid(field, value, f"quantities must match the regular expression '{_QUANTITY.pattern}'")
        return fits

    def refuse(self, res: Resource, name: str) -> None:
        """Raise 422 if anything was found."""
        if self.causes:
            raise self.refusal(res, name)

    def refusal(self, res: Resource, name: str) -> StatusError:
        """Return the 422."""
        return invalid_for(f"{res.kind}.{res.group}" if res.group else res.kind, name, self.causes)
