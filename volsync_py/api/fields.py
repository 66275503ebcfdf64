"""Reading a spec field by field: what is odd is collected as a problem, nothing is raised.

The API server checks most of this, but its schema accepts some values that make no sense, and an older
schema may be installed than the one that came with this program.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import define, field, frozen

from volsync_py.core.quantity import parse_quantity
from volsync_py.core.result import Trouble

# The API's numbers are integers of 32 bits.
LARGEST = 2**31 - 1
# The longest text: a path may have as many characters; names have 253, tags are dates and hashes.
LONGEST_TEXT = 4096
# The longest list or map: a user may have many patterns; a pod has a few volumes and tolerations.
MOST_ITEMS = 1000
# How much of a value a message quotes.
LONGEST_QUOTE = 100


@frozen
class Problem:
    """One field that cannot be used: its path, the cause, and what to do."""

    path: str
    message: str
    next_step: str

    @property
    def text(self) -> str:
        """Return one sentence."""
        return f"{self.path}: {self.message} – {self.next_step}"


def trouble_of(problems: Sequence[Problem]) -> Trouble | None:
    """Return the first of the problems, and where the others are; None if there is none."""
    if not problems:
        return None
    first, *others = problems
    more = f" (and {len(others)} more: {', '.join(p.path for p in others)})" if others else ""
    return Trouble("Configuration", f"{first.path}: {first.message}{more}", first.next_step)


@define
class Fields:
    """One object of a spec, and the problems found in it so far."""

    path: str
    data: dict[str, Any]
    problems: list[Problem] = field(factory=list)

    def problem(self, name: str, message: str, next_step: str) -> None:
        """Note a problem with a field, once."""
        found = Problem(f"{self.path}.{name}", message, next_step)
        if found not in self.problems:
            self.problems.append(found)

    def section(self, name: str) -> Fields:
        """Return a sub-object; problems in it are collected here."""
        return Fields(f"{self.path}.{name}", self._typed(name, dict, {}, "an object"), self.problems)

    def has(self, name: str) -> bool:
        """Return whether a field is set."""
        return self.data.get(name) is not None

    def text(self, name: str, *, most: int = LONGEST_TEXT) -> str:
        """Return a string, "" if unset."""
        value = str(self._typed(name, str, "", "a string"))
        if len(value) > most:
            self.problem(name, f"has {len(value)} characters", f"give at most {most}")
            return ""
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        """Return a boolean."""
        return bool(self._typed(name, bool, default, "true or false"))

    def number(self, name: str, *, least: int = 0, most: int = LARGEST) -> int | None:
        """Return an integer that is neither too small nor too large, or None if unset."""
        value = self.data.get(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            self.problem(name, f"{_short(value)} is no whole number", "give a number")
            return None
        if value < least:
            self.problem(name, f"{value} is less than {least}", f"give a number of at least {least}")
            return None
        if value > most:
            self.problem(name, f"{value} is more than {most}", f"give a number of at most {most}")
            return None
        return value

    def quantity(self, name: str) -> Any:
        """Return a size as it was written, or None if unset."""
        value = self.data.get(name)
        if value is None:
            return None
        if isinstance(value, str) and value and not self.text(name):
            return None
        try:
            amount = parse_quantity(value)
        except ValueError as error:
            self.problem(name, str(error)[-LONGEST_QUOTE:], "give a size such as 10Gi")
            return None
        if amount <= 0:
            self.problem(name, f"{value!r} is no size", "give a size above zero")
            return None
        return value

    def texts(self, name: str) -> list[str]:
        """Return a list of strings, [] if unset."""
        value = self._list(name)
        if not all(isinstance(v, str) for v in value):
            self.problem(name, "is no list of strings", "give strings")
            return []
        if any(len(v) > LONGEST_TEXT for v in value):
            self.problem(name, f"holds an entry of more than {LONGEST_TEXT} characters", "shorten it")
            return []
        return list(value)

    def objects(self, name: str) -> list[dict[str, Any]]:
        """Return a list of objects, [] if unset."""
        value = self._list(name)
        if not all(isinstance(v, dict) for v in value):
            self.problem(name, "is no list of objects", "see the description of the field")
            return []
        return list(value)

    def object(self, name: str) -> dict[str, Any] | None:
        """Return an object as it is, or None if unset."""
        return self._typed(name, dict, None, "an object") if self.has(name) else None

    def _list(self, name: str) -> list[Any]:
        value: list[Any] = self._typed(name, list, [], "a list")
        if len(value) > MOST_ITEMS:
            self.problem(name, f"has {len(value)} entries", f"give at most {MOST_ITEMS}")
            return []
        return value

    def _typed(self, name: str, kind: type, default: Any, what: str) -> Any:
        value = self.data.get(name)
        if value is None:
            return default
        if not isinstance(value, kind):
            self.problem(name, f"{_short(value)} is not {what}", f"give {what}")
            return default
        return value


def _short(value: Any) -> str:
    """Return a value for a message."""
    text = repr(value)
    return text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}…"
