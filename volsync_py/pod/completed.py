"""How a restic command ended, and what it said."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from attrs import field, frozen

from volsync_py.contract.report import ErrorClass
from volsync_py.pod.classify import Output, judge
from volsync_py.pod.messages import RETRY_LINE, told

Message = dict[str, Any]
# restic's last line counts its errors, which it has reported before.
_COUNTED_ERRORS = re.compile(r"There were \d+ errors|repository contains errors")
# How restic begins when it ends because of its cache: it has not looked at anything else of the repository by then.
_NO_CACHE = "unable to open cache: "
# How a check says that it found errors; locks, passwords and signals have exit codes of their own.
_MAY_BE_DAMAGE = (ErrorClass.REPOSITORY_DAMAGED, ErrorClass.UNKNOWN)


@frozen
class CompletedRestic:
    """How a restic command ended."""

    code: int
    said: Output = field(factory=Output)
    # Set when the mover ended it, with the reason.
    stopped: ErrorClass | None = None
    # The last message of each kind, and those of `ls`.
    latest: dict[str, Message] = field(factory=dict)
    nodes: tuple[str, ...] = ()
    document: Any = None
    # The items for which errors were reported: the first, each once, and how many there were in all.
    items: tuple[str, ...] = ()
    failed: int = 0
    # Those that were asked about and that a verbose restore names, as often as it does.
    found: tuple[str, ...] = ()
    missing_bucket: bool = False
    damaged: bool = False
    # What the mover adds to what restic said.
    note: str = ""
    # When the mover ended it: its own reason, and what can be done about it.
    why: str = ""
    advice: str = ""
    # The first errors of items, each with the whole name of its item.
    failures: tuple[tuple[str, str], ...] = ()
    # Bytes that a prune has left in the repository.
    left: int | None = None
    # Masks secrets in a text before it is cut, because half a secret is not recognised.
    redact: Callable[[str], str] = field(default=str, eq=False, repr=False)

    @property
    def ok(self) -> bool:
        """Whether it succeeded."""
        return self.code == 0 and self.stopped is None

    @property
    def error_class(self) -> ErrorClass:
        """The class of the failure."""
        return self.stopped or judge(self.code, self.said)[0]

    @property
    def without_cache(self) -> bool:
        """Whether it ended because its cache could not be opened, though there is room for one.

        A command with another code has done something, and a server may have said the words; one that was stopped is
        not to have its deadlines once more.
        """
        said = any(line.startswith(_NO_CACHE) for line in self.said.lines)
        return said and self.code == 1 and self.stopped is None and self.error_class != ErrorClass.CACHE_FULL

    @property
    def found_damage(self) -> bool:
        """Whether it is a check that has found the repository damaged.

        One that was stopped counts the requests that it was kept from as errors, and so does one that was refused, or
        could not reach the server.
        """
        if self.ok or self.stopped is not None or not self.message("summary").get("num_errors"):
            return False
        return self.said.trouble is None and judge(self.code, self.said)[0] in _MAY_BE_DAMAGE

    @property
    def cause(self) -> str:
        """What went wrong, in one line, and what can be done if that is known here."""
        advice = self._advice_when_stopped() if self.stopped else judge(self.code, self.said)[1]
        return "; ".join(part for part in (self._cause(), advice, self.note) if part)

    def _advice_when_stopped(self) -> str:
        trouble = self.said.trouble
        of_trouble = trouble.advice if trouble is not None and trouble.error_class is self.stopped else ""
        return self.advice or of_trouble

    def _cause(self) -> str:
        retried = [line for line in self.said.lines if RETRY_LINE.search(line)]
        if self.why:
            return self.why
        if self.stopped is not None and retried:
            # Messages after a signal are its effect and not the cause.
            return self._told(RETRY_LINE.sub("failed", retried[-1]))
        fatal = str(self.message("exit_error").get("message") or "")
        first = next(iter((*self.said.errors, *self.said.lines)), "")
        if fatal and _COUNTED_ERRORS.search(fatal) and first != fatal:
            return f"{self._told(fatal)}; the first: {self._told(first)}"
        last = next(iter((*self.said.lines[::-1], *self.said.errors[::-1])), "")
        return self._told(fatal or last or f"restic exited with {self.code}")

    def _told(self, text: str) -> str:
        return told(self.redact(text))

    @property
    def text(self) -> str:
        """Everything that was said about the failure."""
        fatal = str(self.message("exit_error").get("message") or "")
        return "\n".join([fatal, *self.said.lines, *self.said.errors])

    def message(self, kind: str) -> Message:
        """Return the last message of a kind, or {}."""
        return self.latest.get(kind, {})
