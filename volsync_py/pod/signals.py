"""Being told to stop: noticed from the first moment on, acted on when there is something to act on.

The mover is process 1 of its container, and the kernel takes a signal from process 1 that has no handler of its own.
So the handler is there before anything else is imported, and this module imports nothing of ours.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stop:
    """Whether the mover was told to stop, and what is to be done then."""

    def __init__(self) -> None:
        self.told = False
        self._then: list[Callable[[], None]] = []

    def listen(self) -> None:
        """Notice signals from now on."""
        for number in _SIGNALS:
            signal.signal(number, self._handle)

    def ignore(self) -> None:
        """Ignore signals from now on: the end has been reached."""
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    def then(self, do: Callable[[], None]) -> None:
        """Do something when told to stop; at once if that has been."""
        self._then.append(do)
        if self.told:
            do()

    def _handle(self, number: int, frame: Any) -> None:
        self.told = True
        for do in self._then:
            do()
