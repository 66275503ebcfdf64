"""What is kept of many lines: the first, which name the cause, and the last, which name the end.

A request that succeeds after all was no error; what was said of it is forgotten.
"""

from __future__ import annotations

from collections import deque

from volsync_py.pod.messages import failure_of

# Hundreds of errors of one kind tell no more than these.
MOST_LINES = 200
# The first ones name the cause, the last ones the end.
_FIRST_LINES = 50


class KeptLines:
    """The first and the last lines of many."""

    def __init__(self) -> None:
        self._first: list[str] = []
        self._last: deque[str] = deque(maxlen=MOST_LINES - _FIRST_LINES)

    def append(self, line: str) -> None:
        """Keep a line."""
        (self._first if len(self._first) < _FIRST_LINES else self._last).append(line)

    def extend_last(self, line: str) -> None:
        """Add a line to the message that came last."""
        kept = self._last or self._first
        if kept:
            kept[-1] += f"\n{line}"

    def without(self, request: str) -> None:
        """Forget what was said of a request."""
        mine = [line for line in self.all() if not _is_of(line, request)]
        self._first = mine[:_FIRST_LINES]
        self._last = deque(mine[_FIRST_LINES:], maxlen=self._last.maxlen)

    def all(self) -> tuple[str, ...]:
        """Return what is kept, in the order in which it was said."""
        return (*self._first, *self._last)


def _is_of(line: str, request: str) -> bool:
    failure = failure_of(line)
    return failure is not None and failure.request == request
