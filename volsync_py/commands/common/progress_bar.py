"""How far a mover is, from the lines of its own log: a bar on a terminal, and lines elsewhere.

What restic has done comes as `progress: 20 %, 9 of 46 files, 115.000 MiB of 572.000 MiB` (`pod/humanlog.py`).
"""

from __future__ import annotations

import re
import shutil
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta

import click
from attrs import define, field, frozen

from volsync_py.commands.common.called import say
from volsync_py.health.words import count, lasting, shortened, size

_LINE = re.compile(
    r"progress: (?P<percent>\d{1,3}) %, (?P<files>\d{1,15}) of (?P<all_files>\d{1,15}) files, "
    r"(?P<done>\d{1,15}(?:\.\d{3})? [KMGT]?i?B) of (?P<all>\d{1,15}(?:\.\d{3})? [KMGT]?i?B)"
)
_UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
# A mover says where it is each five seconds; a rate of half a minute neither jumps nor lags behind.
_RATE_SECONDS = 30.0
_BAR = 20
# With fewer cells it says nothing beside the percentage; a name is known by its beginning.
_LEAST_BAR, _LEAST_NAME = 4, 12
_FRAME = " []"
# What a terminal of no known width has.
_WIDTH = 80


@frozen
class Progress:
    """What is done, of what there is."""

    percent: int
    files: int
    all_files: int
    done: int
    all: int


def parse(line: str) -> Progress | None:
    """Return what a line of a mover's log says of its progress, None if it is about something else."""
    found = _LINE.fullmatch(line.strip())
    if found is None:
        return None
    done, every = _bytes(found["done"]), _bytes(found["all"])
    if done is None or every is None:
        return None
    return Progress(min(int(found["percent"]), 100), int(found["files"]), int(found["all_files"]), done, every)


def rate(samples: deque[tuple[float, int]]) -> float | None:
    """Return bytes a second between the first and the last sample of (seconds, bytes); None if nobody can say."""
    if len(samples) < 2 or samples[-1][0] <= samples[0][0]:
        return None
    moved = (samples[-1][1] - samples[0][1]) / (samples[-1][0] - samples[0][0])
    return moved if moved > 0 else None


def drawn(name: str, progress: Progress, bytes_a_second: float | None, width: int) -> str:
    """Return the bar as one line that is narrower than a width.

    What people wait for is when it ends: where there is no room, the files are left out first, then the bytes.
    """
    files = f"{progress.files} of {count(progress.all_files, 'file')}"
    when = _when(progress, bytes_a_second)
    parts = [f"{size(progress.done)} of {size(progress.all)}", files, *when]
    return fitted(name, progress.percent, [parts, [parts[0], *when], when, when[1:]], width)


def fitted(name: str, percent: int, choices: Iterable[Sequence[str]], width: int) -> str:
    """Return a bar that is narrower than a width, with the first of the choices that fits behind it.

    The bar is shortened first, then the name; no word is cut.
    """
    room = width - 1
    for choice in choices:
        tail = f" {percent:3d} %" + (f"  {', '.join(choice)}" if choice else "")
        left = room - len(tail)
        if left >= min(len(name), _LEAST_NAME) + _LEAST_BAR + len(_FRAME):
            called = shortened(name, left - _LEAST_BAR - len(_FRAME))
            return f"{called} [{_filled(percent, left - len(called) - len(_FRAME))}]{tail}"
    return f"{percent} %"


def _when(progress: Progress, bytes_a_second: float | None) -> list[str]:
    if bytes_a_second is None:
        return []
    left = timedelta(seconds=max(progress.all - progress.done, 0) / bytes_a_second)
    return [f"{size(int(bytes_a_second))}/s", f"{lasting(left)} left"]


def _filled(percent: int, most: int) -> str:
    cells = min(most, _BAR)
    filled = cells * percent // 100
    return "#" * filled + "-" * (cells - filled)


@define
class Line:
    """The last line of a terminal, which is written again and again."""

    _is_drawn: bool = False

    def draw(self, text: str) -> None:
        """Show a text in place of the last one."""
        # What is left of a longer line is erased; that is no colour, and a terminal of any kind does it.
        click.echo(f"\r{text}\x1b[K", nl=False, err=True, color=True)
        self._is_drawn = True

    def clear(self) -> None:
        """Take it away, so that something else can be said."""
        if self._is_drawn:
            click.echo("\r\x1b[K", nl=False, err=True, color=True)
            self._is_drawn = False


def columns() -> int:
    """Return how wide the terminal is."""
    return shutil.get_terminal_size((_WIDTH, 0)).columns


@define
class Display:
    """Says on standard error how one run goes: nothing twice, and progress in place where that is a terminal."""

    name: str
    on_terminal: bool = field(factory=lambda: sys.stderr.isatty())
    clock: Callable[[], float] = time.monotonic
    # By who says it.
    _told: dict[str, str] = field(factory=dict)
    _samples: deque[tuple[float, int]] = field(factory=deque)
    _line: Line = field(factory=Line)

    def tell(self, text: str, whose: str = "") -> None:
        """Say something that is new of it."""
        # The condition and the log take turns; what one of them says is not new because the other spoke meanwhile.
        if not text or text in self._told.values():
            return
        self._told[whose] = text
        progress = parse(text) if self.on_terminal else None
        if progress is None:
            self.clear()
            say(f"{self.name}: {text}", err=True)
        else:
            self._draw(progress)

    def clear(self) -> None:
        """Take the bar away, so that something else can be said."""
        self._line.clear()

    def _draw(self, progress: Progress) -> None:
        now = self.clock()
        if self._samples and progress.done < self._samples[-1][1]:
            # Another attempt has begun.
            self._samples.clear()
        self._samples.append((now, progress.done))
        while now - self._samples[0][0] > _RATE_SECONDS and len(self._samples) > 2:
            self._samples.popleft()
        self._line.draw(drawn(self.name, progress, rate(self._samples), columns()))


def _bytes(text: str) -> int | None:
    number, unit = text.split(" ")
    return int(float(number) * _UNITS[unit]) if unit in _UNITS else None
