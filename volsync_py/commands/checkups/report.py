"""How findings are told: the verdict first, then what is wrong, what to know of, and what is well. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from textwrap import wrap
from typing import Any

from attrs import frozen

from volsync_py.commands.checkups.finding import Check, Finding, Verdict
from volsync_py.health.words import count, listed, plain

# Of so many that have one cause, the names are told; the others are counted.
_MOST_NAMES = 8
# The longest name of a check, and a gap.
_COLUMN = 13

# Gives a word of a verdict its colour.
Paint = Callable[[str, Verdict], str]


@frozen
class _Cause:
    """What is told in one paragraph; `check` is "" where several may tell it."""

    why: str
    step: str
    names: tuple[str, ...]
    check: str


@frozen
class Report:
    """What all checks have found."""

    found: Sequence[tuple[Check, Sequence[Finding]]]
    # "media/photos", "the namespace media", "all namespaces".
    where: str

    @property
    def failed(self) -> bool:
        """Whether something has to be mended."""
        return any(one.verdict is Verdict.FAIL for _, findings in self.found for one in findings)

    def verdict(self) -> str:
        """Return the first line."""
        worst = [min((one.verdict for one in findings), key=_rank) for _, findings in self.found]
        numbers = [f"{worst.count(verdict)} {verdict}" for verdict in Verdict if verdict in worst]
        said = "" if self.failed else ", nothing has to be mended"
        return f"{self.where}: {count(len(worst), 'check')}, {', '.join(numbers)}{said}"

    def lines(self, width: int, paint: Paint = lambda word, verdict: word) -> Iterator[str]:
        """Return a paragraph for each cause, the worst first, those of one cause together; what is well has a line."""
        for verdict in Verdict:
            if any(one.verdict is verdict for _, findings in self.found for one in findings):
                yield ""
            for check, others, cause in self._causes(verdict):
                also = f" (also: {', '.join(others)})" if others else ""
                yield from _paragraph(verdict, check, _named(cause.names), cause.why + also, cause.step, width, paint)

    def _causes(self, verdict: Verdict) -> Iterator[tuple[str, Sequence[str], _Cause]]:
        """Return each cause once: the first check that found it, the others that found the same of the same, and it."""
        told: dict[_Cause, list[str]] = {}
        for check, findings in self.found:
            causes: dict[tuple[str, str], list[str]] = {}
            for one in findings:
                if one.verdict is verdict:
                    causes.setdefault((one.why, one.next_step), []).append(one.about)
            for (why, step), names in causes.items():
                # What is well is told by each check.
                which = check.name if verdict is Verdict.OK else ""
                told.setdefault(_Cause(why, step, tuple(names), which), []).append(check.name)
        return ((checks[0], checks[1:], cause) for cause, checks in told.items())

    def as_json(self) -> dict[str, Any]:
        """Return all of it for programs."""
        checks = [
            {
                "check": check.name,
                "verdict": str(one.verdict),
                "about": one.about,
                "why": plain(one.why),
                "nextStep": plain(one.next_step),
            }
            for check, findings in self.found
            for one in findings
        ]
        return {"verdict": self.verdict(), "failed": self.failed, "findings": checks}


def _rank(verdict: Verdict) -> int:
    return list(Verdict).index(verdict)


def _named(names: Sequence[str]) -> str:
    known = [name for name in dict.fromkeys(names) if name]
    return f"{listed(known, _MOST_NAMES)}: " if known else ""


def _paragraph(
    verdict: Verdict, check: str, names: str, why: str, step: str, width: int, paint: Paint
) -> Iterator[str]:
    head = f"{verdict:4}  {check:{_COLUMN}}"
    for index, line in enumerate(_wrapped(plain(names + why), width, len(head), "")):
        yield (f"{paint(f'{verdict:4}', verdict)}{head[4:]}" if index == 0 else " " * len(head)) + line
    if step:
        yield from (" " * len(head) + line for line in _wrapped(plain(step), width, len(head), "→ "))


def _wrapped(text: str, width: int, indent: int, mark: str) -> list[str]:
    # A narrow window gets longer lines, not one word a line.
    room = max(width - indent, 40)
    return wrap(
        text,
        room,
        initial_indent=mark,
        subsequent_indent=" " * len(mark),
        break_long_words=False,
        break_on_hyphens=False,
    )
