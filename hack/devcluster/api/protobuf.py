"""Objects as kubectl's own commands send them: Kubernetes' protobuf, read into what JSON would have said.

Guarantees: what is no such message is ProtobufError, whatever the bytes are. Which fields there are is generated from
Kubernetes' Go types (`python -m hack.protobuf_fields`). Nothing is ever written in this form: whoever sends it takes
JSON for an answer.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

MEDIA = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
# A number of 64 bits, seven in each byte.
_MOST_VARINT_BYTES = 10

Wire = tuple[int, int | bytes]
Field = tuple[str, str, str]


class ProtobufError(ValueError):
    """The bytes are no message, or one of a kind that is not known here."""


def decoded(raw: bytes) -> dict[str, Any]:
    """Return the object in an envelope."""
    if not raw.startswith(_MAGIC):
        raise ProtobufError("it does not begin as Kubernetes' protobuf does")
    envelope = dict(_fields(raw[len(_MAGIC) :]))
    names = dict(_fields(_bytes(envelope.get(1, b""))))
    api_version, kind = (_text(names.get(number, b"")) for number in (1, 2))
    message = _table()[0].get(f"{api_version} {kind}")
    if message is None:
        raise ProtobufError(
            f"{kind} of {api_version} is not known in this form here: write it down as YAML (--dry-run=client -o yaml) "
            "and apply that"
        )
    return {"apiVersion": api_version, "kind": kind, **_message(message, _bytes(envelope.get(2, b"")))}


@cache
def _table() -> tuple[dict[str, str], dict[str, dict[int, Field]]]:
    """Return the messages of kinds, and by message and number: name in JSON, what the value is, and a mark.

    `inline` means that JSON has the fields of that message among those around it, `pointer` that a value which is
    nothing, such as 0, was meant: others are sent whether they are set or not.
    """
    data = json.loads(Path(__file__).with_suffix("").with_name("protobuf_fields.json").read_text(encoding="utf-8"))
    messages = {
        label: {number: (name, value, mark) for number, name, value, mark in fields}
        for label, fields in data["messages"].items()
    }
    return data["kinds"], messages


def _message(label: str, raw: bytes) -> dict[str, Any]:
    known = _table()[1][label]
    made: dict[str, Any] = {}
    for number, sent in _fields(raw):
        if number not in known:
            continue
        name, what, mark = known[number]
        if what.startswith("[]"):
            made.setdefault(name, []).append(_value(what.removeprefix("[]"), sent))
        elif what.startswith("map:"):
            entry = dict(_fields(_bytes(sent)))
            value = _value(what.removeprefix("map:"), entry.get(2, b""))
            made.setdefault(name, {})[_text(entry.get(1, b""))] = value
        elif mark == "inline":
            made |= _message(what, _bytes(sent))
        else:
            value = _value(what, sent)
            if value is not None and (value or mark == "pointer"):
                made[name] = value
    return made


def _value(what: str, sent: int | bytes) -> Any:
    if what == "int":
        return _signed(sent)
    if what == "bool":
        return bool(_signed(sent))
    raw = _bytes(sent)
    if what == "string":
        return _text(raw)
    if what == "bytes":
        return base64.b64encode(raw).decode()
    if what in _SPECIAL:
        return _SPECIAL[what](dict(_fields(raw)))
    return _message(what, raw)


def _time(parts: dict[int, int | bytes]) -> str | None:
    seconds, nanos = (_signed(parts.get(number, 0)) for number in (1, 2))
    if not parts:
        return None
    try:
        moment = datetime.fromtimestamp(0, UTC) + timedelta(seconds=seconds)
    except OverflowError:
        raise ProtobufError("a time is out of range") from None
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + (f".{nanos // 1000:06}" if nanos else "") + "Z"


def _int_or_string(parts: dict[int, int | bytes]) -> int | str:
    return _text(parts.get(3, b"")) if _signed(parts.get(1, 0)) else _signed(parts.get(2, 0))


def _quantity(parts: dict[int, int | bytes]) -> str:
    return _text(parts.get(1, b""))


def _json(parts: dict[int, int | bytes]) -> Any:
    try:
        return json.loads(_bytes(parts.get(1, b"")) or b"null")
    except (ValueError, RecursionError):
        raise ProtobufError("what should be JSON is not") from None


_SPECIAL = {"time": _time, "int-or-string": _int_or_string, "quantity": _quantity, "json": _json}


# ---- the wire format: https://protobuf.dev/programming-guides/encoding


def _fields(raw: bytes) -> Iterator[Wire]:
    """Iterate over number and content of the fields of a message."""
    at = 0
    while at < len(raw):
        key, at = _varint(raw, at)
        kind, length = key & 7, 0
        if kind == _VARINT:
            number, at = _varint(raw, at)
            yield key >> 3, number
            continue
        if kind == _BYTES:
            length, at = _varint(raw, at)
        elif kind in (_FIXED64, _FIXED32):
            length = 8 if kind == _FIXED64 else 4
        else:
            raise ProtobufError("a field is of no known form")
        if at + length > len(raw):
            raise ProtobufError("it ends in the middle of a field")
        yield key >> 3, raw[at : at + length]
        at += length


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    number = 0
    for place in range(_MOST_VARINT_BYTES):
        if at + place >= len(raw):
            break
        byte = raw[at + place]
        number |= (byte & 0x7F) << (7 * place)
        if not byte & 0x80:
            return number, at + place + 1
    raise ProtobufError("a number does not end")


def _signed(sent: int | bytes) -> int:
    if isinstance(sent, bytes):
        raise ProtobufError("a number is none")
    number = sent & (1 << 64) - 1
    return number - (1 << 64) if number >> 63 else number


def _bytes(sent: int | bytes) -> bytes:
    if isinstance(sent, int):
        raise ProtobufError("a number stands where none belongs")
    return sent


def _text(sent: int | bytes) -> str:
    try:
        return _bytes(sent).decode()
    except UnicodeDecodeError:
        raise ProtobufError("a text is not UTF-8") from None
