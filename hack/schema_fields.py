"""How a field is said in a schema of the CustomResourceDefinitions.

Each text, list and map has an end, because whoever writes one makes everybody's manager read it. The ends are those
that `api.fields` reads by, and far beyond what is of use, so that what VolSync accepts is accepted.
"""

from __future__ import annotations

from typing import Any

from attrs import AttrsInstance

from hack import kubernetes_types
from volsync_py.api import fields
from volsync_py.contract import options

Schema = dict[str, Any]
NUMBER = r"(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))"
QUANTITY = rf"^(\+|-)?{NUMBER}(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?{NUMBER}))?$"


def text(description: str, **more: Any) -> Schema:
    """A string."""
    return {"type": "string", "description": description, "maxLength": fields.LONGEST_TEXT, **more}


def number(description: str) -> Schema:
    """A 32-bit integer."""
    return {"type": "integer", "format": "int32", "description": description}


def count(description: str) -> Schema:
    """A 64-bit integer."""
    return {"type": "integer", "format": "int64", "description": description}


def flag(description: str) -> Schema:
    """A boolean."""
    return {"type": "boolean", "description": description}


def time(description: str) -> Schema:
    """An RFC 3339 time."""
    return text(description, format="date-time")


def quantity(description: str) -> Schema:
    """A size."""
    return {
        "anyOf": [{"type": "integer"}, {"type": "string"}],
        "pattern": QUANTITY,
        "maxLength": fields.LONGEST_TEXT,
        "x-kubernetes-int-or-string": True,
        "description": description,
    }


def texts(description: str, **more: Any) -> Schema:
    """A list of strings."""
    item = {"type": "string", "maxLength": fields.LONGEST_TEXT}
    return {"type": "array", "items": item, "maxItems": fields.MOST_ITEMS, "description": description, **more}


def mapping(description: str) -> Schema:
    """A map of strings."""
    values = {"type": "string", "maxLength": fields.LONGEST_TEXT}
    return {
        "type": "object",
        "additionalProperties": values,
        "maxProperties": fields.MOST_ITEMS,
        "description": description,
    }


def anything(description: str) -> Schema:
    """An object whose fields are somebody else's."""
    return {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "description": description}


def kubernetes(name: str, description: str) -> Schema:
    """An object of a type of Kubernetes' own."""
    size = {key: value for key, value in quantity("").items() if key != "description"}
    return kubernetes_types.schema_of(name, description, quantity=size)


def group(description: str, /, **properties: Schema) -> Schema:
    """An object with these fields."""
    return {"type": "object", "description": description, "properties": properties}


def of_options(record: type[AttrsInstance], section: str = "") -> dict[str, Schema]:
    """The fields of a record's options; `section` is the group that they stand in."""
    found = {}
    for _, default, option in options.options_of(record):
        where, _, name = option.path.rpartition(".")
        if where == section:
            found[name] = of_option(default, option)
    return found


def of_option(default: Any, option: options.Option) -> Schema:
    """One option."""
    if isinstance(default, bool):
        return flag(option.description)
    if isinstance(default, int):
        bounds = {"minimum": option.least, "maximum": option.most}
        return {**number(option.description), **{name: value for name, value in bounds.items() if value is not None}}
    if isinstance(default, tuple):
        return texts(option.description)
    more = {"pattern": option.pattern, "enum": list(option.values)}
    return text(option.description, **{name: value for name, value in more.items() if value})
