"""Label and field selectors of lists and watches.

Guarantees: what does not follow the grammar is 400, never a selector that selects something else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from hack.devcluster.api.errors import bad_request
from hack.devcluster.api.objects import Object

Match = Callable[[Object], bool]
Labels = dict[str, str]

_KEY, _VALUE = r"[A-Za-z0-9][-A-Za-z0-9_./]*", r"[-A-Za-z0-9_.]*"
_REQUIREMENT = re.compile(
    rf"\s*(?:(?P<absent>!)\s*(?P<missing>{_KEY})"
    rf"|(?P<key>{_KEY})\s*(?:\s(?P<set>in|notin)\s*\((?P<values>[^()]*)\)|(?P<equal>!=|==?)\s*(?P<value>{_VALUE}))?)"
    r"\s*(?:,|$)"
)


def label_match(text: str) -> Match:
    """Return a test for a label selector."""
    tests: list[Callable[[Labels], bool]] = []
    at = 0
    while text[at:].strip():
        found = _REQUIREMENT.match(text, at)
        if found is None:
            raise bad_request(f'unable to parse requirement: found "{text[at:]}" in selector "{text}"')
        tests.append(_test(found))
        at = found.end()
    return lambda obj: all(test(obj["metadata"].get("labels") or {}) for test in tests)


def _test(found: re.Match[str]) -> Callable[[Labels], bool]:
    key = found["key"] or found["missing"]
    if found["absent"]:
        return lambda labels: key not in labels
    if found["set"]:
        wanted, negative = {v.strip() for v in found["values"].split(",")}, found["set"] == "notin"
        return lambda labels: (labels.get(key) in wanted) != negative
    if found["equal"]:
        value, differs = found["value"], found["equal"] == "!="
        return lambda labels: (labels.get(key) == value) != differs
    return lambda labels: key in labels


def field_match(text: str) -> Match:
    """Return a test for a field selector."""
    tests: list[Match] = []
    for part in filter(None, (p.strip() for p in text.split(","))):
        words = re.split("!=|==?", part, maxsplit=1)
        if len(words) != 2:
            raise bad_request(f'invalid selector: "{text}"; can\'t understand "{part}"')
        tests.append(_field_test(words[0].split("."), words[1], negative="!=" in part))
    return lambda obj: all(test(obj) for test in tests)


def _field_test(path: list[str], value: str, *, negative: bool) -> Match:
    return lambda obj: (_field(obj, path) == value) != negative


def _field(obj: Any, path: list[str]) -> str:
    for key in path:
        obj = obj.get(key) if isinstance(obj, dict) else None
    return "" if obj is None else str(obj)
