"""Options read from a spec by what `contract.options` says of them: types, bounds and rules."""

from __future__ import annotations

from typing import Any, TypeVar

from attrs import AttrsInstance

from volsync_py.api.fields import LARGEST, Fields
from volsync_py.contract.options import Option, options_of

T = TypeVar("T", bound=AttrsInstance)


def read_options(record: type[T], restic: Fields) -> T:
    """Return a record with the options of `spec.restic`; one that cannot be used is noted, and has its default."""
    return record(**{name: _value(one, default, restic) for name, default, one in options_of(record)})


def _value(one: Option, default: Any, fields: Fields) -> Any:
    *sections, name = one.path.split(".")
    for section in sections:
        fields = fields.section(section)
    if isinstance(default, bool):
        return fields.flag(name, default)
    if isinstance(default, int):
        return fields.number(name, least=one.least, most=LARGEST if one.most is None else one.most) or default
    if isinstance(default, tuple):
        return _texts(one, fields, name)
    value = one.clean(fields.text(name))
    return value if value and _is_fit(one, fields, name, value) else default


def _texts(one: Option, fields: Fields, name: str) -> tuple[str, ...]:
    values = fields.texts(name)
    if any(not value.strip() or "\0" in value for value in values):
        fields.problem(name, "holds an empty entry", "remove it")
        return ()
    cleaned = tuple(map(one.clean, values))
    return cleaned if all(_is_fit(one, fields, name, value) for value in cleaned) else ()


def _is_fit(one: Option, fields: Fields, name: str, value: str) -> bool:
    if one.values and value not in one.values:
        fields.problem(name, f"{value!r} is not known", f"use one of {', '.join(one.values)}")
        return False
    complaint = one.rule(value) if one.rule is not None else None
    if complaint is not None:
        fields.problem(name, *complaint)
    return complaint is None
