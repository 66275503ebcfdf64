"""Work that is followed on a terminal: below the lines of its log, one that moves says how far it is, or for how long.

restic counts as it prunes: `[0:02] 41.67%  5 / 12 packs repacked`. Of a check that says what it has come to in JSON, it
tells nothing before.
"""

from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import click
from attrs import define, field, frozen

from volsync_py.commands.common.progress_bar import Line, columns, fitted
from volsync_py.health.words import lasting, shortened

_COUNTED = re.compile(
    r"\[(?:(?P<hours>\d{1,4}):)?(?P<minutes>\d{1,2}):(?P<seconds>\d\d)\] +\d{1,3}\.\d\d%  "
    r"(?P<done>\d{1,15}) / (?P<all>\d{1,15}) (?P<what>[a-z ]{1,40})"
)
# People see that it moves, and a terminal at the end of a slow line does not feel it.
_MOVE_SECONDS = 1.0


@frozen
class Counted:
    """So many of so many, and in how many seconds."""

    done: int
    all: int
    what: str
    seconds: int

    def line(self, name: str, width: int) -> str:
        """Return it as a bar that is narrower than a width."""
        parts = [f"{self.done} of {self.all} {self.what}"]
        if self.seconds and 0 < self.done < self.all:
            left = timedelta(seconds=self.seconds * (self.all - self.done) / self.done)
            parts.append(f"{lasting(left)} left")
        percent = 100 * min(self.done, self.all) // max(self.all, 1)
        return fitted(name, percent, [parts, parts[1:], []], width)


def counted(line: str) -> Counted | None:
    """Return what a line of restic's counts, None if it is about something else."""
    found = _COUNTED.fullmatch(line.strip())
    if found is None:
        return None
    seconds = (int(found["hours"] or 0) * 60 + int(found["minutes"])) * 60 + int(found["seconds"])
    return Counted(int(found["done"]), int(found["all"]), found["what"].strip(), seconds)


@define
class MovingLine:
    """Says on standard error how work goes; what is no terminal gets the lines of the log alone."""

    name: str
    on_terminal: bool = field(factory=lambda: sys.stderr.isatty())
    clock: Callable[[], float] = time.monotonic
    _line: Line = field(factory=Line)
    _since: float = field(init=False)
    _counted: Counted | None = None
    # A log is read in one thread, and time passes in another.
    _lock: threading.Lock = field(factory=threading.Lock)

    @_since.default
    def _now(self) -> float:
        return self.clock()

    def say(self, text: str) -> None:
        """Take a line of the log, or another one."""
        with self._lock:
            self._counted = counted(text) if self.on_terminal else None
            if self._counted is None:
                self._line.clear()
                click.echo(text, err=True)
            if self.on_terminal:
                self._move()

    def move(self) -> None:
        """Show that time has passed."""
        with self._lock:
            self._move()

    @contextmanager
    def moving(self) -> Iterator[None]:
        """Let it move until the work has ended, or nobody waits any more."""
        if not self.on_terminal:
            yield
            return
        ended = threading.Event()
        mover = threading.Thread(target=self._move_until, args=(ended,), daemon=True)
        mover.start()
        try:
            yield
        finally:
            ended.set()
            mover.join()
            self._line.clear()

    def _move_until(self, ended: threading.Event) -> None:
        self.move()
        while not ended.wait(_MOVE_SECONDS):
            self.move()

    def _move(self) -> None:
        width = columns()
        if self._counted is not None:
            self._line.draw(self._counted.line(self.name, width))
        else:
            lasted = f", for {lasting(timedelta(seconds=self.clock() - self._since))}"
            self._line.draw(f"{shortened(self.name, max(width - 1 - len(lasted), 1))}{lasted}")
