"""Records as JSON objects, under the names of their attributes in camelCase: one way to write them, two to read them.

What manager and mover say to each other are frozen attrs classes of texts, numbers, flags, enumerations, tuples and
further such records. The mover reads strictly, because doing half of what was asked is worse than nothing; the manager
reads leniently and within bounds, because a pod may say anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from functools import cache
from types import UnionType
from typing import Any, Final, TypeVar, get_args, get_origin

import attrs
from attrs import NOTHING, AttrsInstance

from volsync_py.bounded_json import LARGEST, LONGEST_WORD, list_of, number_of, real_of, text_of, writable

T = TypeVar("T", bound=AttrsInstance)
_KEY, _MOST, _KNOWN, _INNER = "key", "most", "known", "inner"
# The value of an attribute that has none, and so of a record that is none.
_MISSING: Final = object()


def wire(
    default: Any = NOTHING,
    *,
    key: str = "",
    most: int | None = None,
    inner: int | None = None,
    known: type[Enum] | None = None,
    more: Mapping[str, Any] | None = None,
) -> Any:
    """Return an attribute with a bound for the lenient reader.

    `key` is its name in JSON, if not its own. `most` bounds a text's characters, a number, or the items of a list,
    whose texts `inner` bounds; a word that is not `known` is read as Unknown. `more` is metadata for others.
    """
    return attrs.field(default=default, metadata={_KEY: key, _MOST: most, _INNER: inner, _KNOWN: known, **(more or {})})


def as_json(record: AttrsInstance) -> dict[str, Any]:
    """Return a record as a JSON object."""
    return {key: _plain(getattr(record, name)) for name, key in _keys(type(record))}


def _plain(value: Any) -> Any:
    if attrs.has(type(value)):
        return as_json(value)
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value.value if isinstance(value, Enum) else value


@cache
def _keys(kind: type[AttrsInstance]) -> tuple[tuple[str, str], ...]:
    return tuple((attribute.name, _key(attribute)) for attribute in attrs.fields(kind))


def _key(attribute: attrs.Attribute[Any]) -> str:
    first, *words = attribute.name.split("_")
    return attribute.metadata.get(_KEY) or first + "".join(word.capitalize() for word in words)


# ---- read leniently


def read(kind: type[T], data: Any) -> T | None:
    """Return the record in a value; None if it is no object, or lacks a text or a word of those that it must have."""
    if not isinstance(data, dict):
        return None
    values = {name: reader(data) for name, reader in _readers(kind)}
    if any(value is _MISSING for value in values.values()):
        return None
    return kind(**values)


@cache
def _readers(kind: type[AttrsInstance]) -> tuple[tuple[str, Callable[[dict[str, Any]], Any]], ...]:
    return tuple((attribute.name, _reader(attribute)) for attribute in attrs.fields(attrs.resolve_types(kind)))


def _reader(attribute: attrs.Attribute[Any]) -> Callable[[dict[str, Any]], Any]:
    """Return what reads an attribute off an object; texts and enumerations without a default must be there."""
    kind: Any = attribute.type
    key, meta = _key(attribute), attribute.metadata
    most, known = meta.get(_MOST), meta.get(_KNOWN)
    if kind is bool:
        return lambda data: data.get(key) is True
    if kind is int:
        return lambda data: number_of(data, key, most=LARGEST if most is None else most)
    if kind is float:
        return lambda data: float(real_of(data, key))
    if kind is str and known is not None:
        return lambda data: _known(text_of(data, key), known)
    if kind is str:
        absent = _MISSING if attribute.default is NOTHING else ""
        return lambda data: text_of(data, key, most=LONGEST_WORD if most is None else most) or absent
    if get_origin(kind) is tuple:
        item, longest = get_args(kind)[0], meta.get(_INNER) or LONGEST_WORD
        return lambda data: tuple(_items(item, list_of(data, key, most=most or 0), longest))
    if isinstance(kind, UnionType):
        record = _record_of(kind)
        return lambda data: read(record, data.get(key))
    if isinstance(kind, type) and issubclass(kind, Enum):
        words = {str(one.value): one for one in kind}
        return lambda data: words.get(str(data.get(key)), _MISSING)
    raise TypeError(f"{attribute.name}: {kind} cannot be read")


def _record_of(optional: UnionType) -> Any:
    return next(one for one in get_args(optional) if attrs.has(one))


def _known(text: str, known: type[Enum]) -> str:
    return text if not text or text in {one.value for one in known} else "Unknown"


def _items(kind: Any, values: list[Any], longest: int) -> Iterator[Any]:
    for value in values:
        if kind is str:
            if isinstance(value, str):
                yield writable(value[:longest])
        elif (record := read(kind, value)) is not None:
            yield record


# ---- read strictly


class Unfit(ValueError):
    """An object is not what its record says; the text names the attribute and the types."""


def read_strictly(kind: type[T], data: Any, where: str = "") -> T:
    """Return the record in a value; what it does not name is ignored, what it lacks has its default."""
    if not isinstance(data, dict):
        raise Unfit(f"{where} is no object")
    values = {}
    for attribute in attrs.fields(attrs.resolve_types(kind)):
        key = _key(attribute)
        if key in data:
            values[attribute.name] = _checked(f"{where}.{key}".lstrip("."), data[key], attribute)
    return kind(**values)


def _checked(where: str, value: Any, attribute: attrs.Attribute[Any]) -> Any:
    """Return a value that is of its attribute's type."""
    kind: Any = attribute.type
    if isinstance(kind, UnionType):
        return read_strictly(_record_of(kind), value, where) if value else None
    if attrs.has(kind):
        return read_strictly(kind, value or {}, where)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = {
        bool: isinstance(value, bool),
        int: number and isinstance(value, int),
        float: number,
        str: _is_word(value),
        tuple: isinstance(value, list) and all(map(_is_word, value)),
    }
    plain = get_origin(kind) or kind
    if not fits[plain]:
        raise Unfit(f"{where} is {type(value).__name__}, not {'list' if plain is tuple else plain.__name__}")
    return tuple(value) if plain is tuple else value


def _is_word(value: Any) -> bool:
    """Return whether a value can be an argument of a program."""
    return isinstance(value, str) and "\0" not in value and writable(value) == value
