"""What is told of a change between VolSync and this operator: findings, notes and steps, and how they look. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap
from typing import Any

from attrs import frozen

from volsync_py.health.words import count

_INDENT = "   "


@frozen
class Finding:
    """One touch point that concerns this cluster: a finding if something is to be done before, else a note."""

    touch: str
    text: str
    # What is to be done before; "" where there is nothing to be done.
    step: str = ""


@frozen
class Changeover:
    """All that is told, for one of the two directions."""

    here: Sequence[str]
    findings: Sequence[Finding]
    notes: Sequence[Finding]
    steps: Sequence[str]
    # Why there is nothing to switch from, and what to do; "" where there is.
    instead: str = ""

    @classmethod
    def of(cls, here: Sequence[str], touched: Iterable[Finding], steps: Sequence[str], instead: str = "") -> Changeover:
        """Tell what is to be done apart from what is to be known."""
        found = list(touched)
        return cls(here, [one for one in found if one.step], [one for one in found if not one.step], steps, instead)

    def verdict(self) -> str:
        """Return the first line."""
        if self.findings:
            return f"{count(len(self.findings), 'finding')}: see to {'it' if len(self.findings) == 1 else 'them'} first"
        return self.instead or "0 findings: switch"

    def lines(self, width: int) -> Iterator[str]:
        """Return the lines to print."""
        yield self.verdict()
        yield ""
        for text in self.here:
            yield from _wrapped(text, width, "", "  ")
        for number, one in enumerate(self.findings, 1):
            yield ""
            yield from _wrapped(f"{one.touch}: {one.text}", width, f"{number}. ", _INDENT)
            yield from _wrapped(one.step, width, f"{_INDENT}→ ", f"{_INDENT}  ")
        if self.notes:
            yield from ("", "To know:")
            for one in self.notes:
                yield from _wrapped(f"{one.touch}: {one.text}", width, "- ", "  ")
        yield from ("", "Then:" if self.findings else "The steps:")
        for number, step in enumerate(self.steps, 1):
            # Commands are to be copied, so they stay on a line of their own.
            first, *commands = step.split("\n")
            yield from _wrapped(first, width, f"{number}. ", _INDENT)
            yield from (f"{_INDENT}{command}" for command in commands)

    def as_json(self) -> dict[str, Any]:
        """Return all of it for programs."""
        return {
            "verdict": self.verdict(),
            "here": list(self.here),
            "findings": [{"touchPoint": one.touch, "text": one.text, "nextStep": one.step} for one in self.findings],
            "notes": [{"touchPoint": one.touch, "text": one.text} for one in self.notes],
            "steps": list(self.steps),
        }


def unread(texts: Iterable[str]) -> Iterator[Finding]:
    """Return what nobody knows, because it may not be read."""
    for text in texts:
        yield Finding("not seen", text, "let somebody with this right run it, so that nothing is left out")


def _wrapped(text: str, width: int, first: str, others: str) -> list[str]:
    return wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )
