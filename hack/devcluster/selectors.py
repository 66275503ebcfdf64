"""Label and field selectors of lists and watches."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Object = dict[str, Any]
Match = Callable[[Object], bool]

_SET = re.compile(r"([^\s,!=()]+)\s+(in|notin)\s+\(([^)]*)\)")


def label_match(text: str) -> Match:
    """Return a test for a label selector."""
    tests: list[Callable[[dict[str, str]], bool]] = []
    for key, how, values in _SET.findall(text):
        wanted = {v.strip() for v in values.split(",")}
        negative = how == "notin"
        tests.append(lambda labels, k=key, w=wanted, n=negative: (labels.get(k) in w) != n)  # type: ignore[misc]
    for part in filter(None, (p.strip() for p in _SET.sub("", text).split(","))):
        tests.append(_simple(part))
    return lambda obj: all(test(obj["metadata"].get("labels") or {}) for test in tests)


def _simple(part: str) -> Callable[[dict[str, str]], bool]:
    if "!=" in part:
        key, value = part.split("!=", 1)
        return lambda labels: labels.get(key.strip()) != value.strip()
    if "=" in part:
        key, value = re.split("==?", part, maxsplit=1)
        return lambda labels: labels.get(key.strip()) == value.strip()
    if part.startswith("!"):
        return lambda labels: part[1:].strip() not in labels
    return lambda labels: part in labels


def field_match(text: str) -> Match:
    """Return a test for a field selector."""
    tests: list[Match] = []
    for part in filter(None, (p.strip() for p in text.split(","))):
        negative = "!=" in part
        key, value = re.split("!=|==?", part, maxsplit=1)
        path = key.split(".")
        tests.append(lambda obj, p=path, v=value, n=negative: (_field(obj, p) == v) != n)  # type: ignore[misc]
    return lambda obj: all(test(obj) for test in tests)


def _field(obj: Any, path: list[str]) -> str:
    for key in path:
        obj = obj.get(key) if isinstance(obj, dict) else None
    return "" if obj is None else str(obj)
