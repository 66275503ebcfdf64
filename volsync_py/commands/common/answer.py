"""An answer as it comes from a pod, and whether what has come is what was sent. Without I/O."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import click
from attrs import define, field

from volsync_py.contract.questions import TOO_LATE, Ending
from volsync_py.health.words import plain

# The end of what was said on standard error holds the ending.
_KEPT_ERROR_BYTES = 64 * 1024


class AnswerError(click.ClickException):
    """The repository did not answer as asked; `error_class` is one of those that `explain` knows, or ""."""

    def __init__(self, error_class: str, message: str) -> None:
        more = f"; volsync-py explain {error_class} says more" if error_class and error_class != "Unknown" else ""
        super().__init__(f"{error_class + ': ' if error_class else ''}{plain(message)}{more}")
        self.error_class, self.said = error_class, plain(message)


@define
class Answer:
    """One answer; its pieces are handed on."""

    to: Callable[[bytes], object]
    size: int = 0
    _hash: hashlib._Hash = field(factory=hashlib.sha256)
    _error: bytearray = field(factory=bytearray)

    def output(self, chunk: bytes) -> None:
        """Take a piece of what was asked for."""
        self._hash.update(chunk)
        self.size += len(chunk)
        self.to(chunk)

    def error(self, chunk: bytes) -> None:
        """Take a piece of what was said about it."""
        self._error.extend(chunk)
        del self._error[:-_KEPT_ERROR_BYTES]

    def ended(self, code: int | None) -> Ending | None:
        """Return the ending, or None if the pod does not answer any more; AnswerError if not all has come."""
        if code == TOO_LATE and not self.size:
            return None
        said = self._error.decode(errors="replace")
        ending = Ending.of(said.rstrip())
        if ending is None:
            raise AnswerError("", f"the pod has not answered to the end (code {code}): {said.strip()[-400:]}")
        if code or ending.error_class:
            raise AnswerError(ending.error_class, ending.message)
        if self._hash.hexdigest() != ending.sha256 or self.size != ending.bytes:
            raise AnswerError("", "what has arrived is not what was sent: try once more")
        return ending
