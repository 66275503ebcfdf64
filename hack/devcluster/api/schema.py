"""Structural schemas of CRDs: pruning, defaults and validation.

Guarantees: whatever a client sends gives an object that fits, or 422 with every cause.
"""

from __future__ import annotations

import copy
import re
from datetime import datetime
from typing import Any

from hack.devcluster.api.errors import invalid_for

_KEEP = "x-kubernetes-preserve-unknown-fields"
_TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
}


def admit(schema: dict[str, Any], obj: dict[str, Any], what: str) -> list[str]:
    """Prune and default `obj` in place, and return what was unknown; raise 422 with every cause if it does not fit."""
    causes: list[dict[str, str]] = []
    unknown: list[str] = []
    properties = schema.get("properties") or {}
    for part in list(obj):
        if part in ("apiVersion", "kind", "metadata"):
            continue
        if obj[part] is None or (part not in properties and not schema.get(_KEEP)):
            if obj[part] is not None:
                unknown.append(part)
            del obj[part]
        elif part in properties:
            _visit(properties[part], obj[part], part, causes, unknown)
    for part in schema.get("required") or []:
        if part not in obj and part != "status":
            causes.append({"reason": "FieldValueRequired", "message": "Required value", "field": part})
    if causes:
        raise invalid_for(what, obj["metadata"].get("name", ""), causes)
    return unknown


def _visit(  # noqa: C901 - one branch for each keyword
    schema: dict[str, Any], value: Any, path: str, causes: list[dict[str, str]], unknown: list[str]
) -> None:
    def cause(message: str) -> None:
        causes.append({"reason": "FieldValueInvalid", "message": message, "field": path})

    if schema.get("x-kubernetes-int-or-string"):
        if isinstance(value, bool) or not isinstance(value, int | str):
            cause("must be an integer or a string")
        elif isinstance(value, str):
            _check_text(schema, value, cause)
        return
    kind = schema.get("type")
    if kind in _TYPES and (
        not isinstance(value, _TYPES[kind]) or (kind in ("integer", "number") and isinstance(value, bool))
    ):
        cause(f"Invalid value: {type(value).__name__}: must be of type {kind}")
        return
    if "enum" in schema and value not in schema["enum"]:
        cause(f"Unsupported value: {value!r}: supported values: {', '.join(map(repr, schema['enum']))}")
    if isinstance(value, str):
        _check_text(schema, value, cause)
    elif isinstance(value, int | float):
        if "minimum" in schema and value < schema["minimum"]:
            cause(f"Invalid value: {value}: should be greater than or equal to {schema['minimum']}")
        if "maximum" in schema and value > schema["maximum"]:
            cause(f"Invalid value: {value}: should be less than or equal to {schema['maximum']}")
    elif isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            cause(f"Invalid value: {len(value)}: should have at least {schema['minItems']} items")
        if len(value) > schema.get("maxItems", len(value)):
            cause(f"Too many: {len(value)}: must have at most {schema['maxItems']} items")
            return
        for index, item in enumerate(value):
            _visit(schema.get("items") or {}, item, f"{path}[{index}]", causes, unknown)
    elif isinstance(value, dict):
        if len(value) > schema.get("maxProperties", len(value)):
            cause(f"Too many: {len(value)}: must have at most {schema['maxProperties']} items")
            return
        _visit_object(schema, value, path, causes, unknown)


def _check_text(schema: dict[str, Any], value: str, cause: Any) -> None:
    if len(value) > schema.get("maxLength", len(value)):
        cause(f"Too long: may not be more than {schema['maxLength']} bytes")
        return
    if "pattern" in schema and not re.search(schema["pattern"], value):
        cause(f"Invalid value: {value!r}: should match '{schema['pattern']}'")
    if schema.get("format") == "date-time":
        try:
            if "T" not in value or datetime.fromisoformat(value).tzinfo is None:
                raise ValueError
        except ValueError:
            cause(f"Invalid value: {value!r}: must be of type date-time")


def _visit_object(
    schema: dict[str, Any], value: dict[str, Any], path: str, causes: list[dict[str, str]], unknown: list[str]
) -> None:
    properties = schema.get("properties") or {}
    extra = schema.get("additionalProperties")
    for name in [n for n, v in value.items() if v is None and not (properties.get(n) or {}).get("nullable")]:
        # Null is as good as left out.
        del value[name]
    for name in schema.get("required") or []:
        if name not in value:
            causes.append({"reason": "FieldValueRequired", "message": "Required value", "field": f"{path}.{name}"})
    for name, inner in properties.items():
        if name not in value and "default" in inner:
            value[name] = copy.deepcopy(inner["default"])
    for name in list(value):
        if value[name] is None:
            continue
        if name in properties:
            _visit(properties[name], value[name], f"{path}.{name}", causes, unknown)
        elif isinstance(extra, dict):
            _visit(extra, value[name], f"{path}.{name}", causes, unknown)
        elif not schema.get(_KEEP) and not extra:
            unknown.append(f"{path}.{name}")
            del value[name]
