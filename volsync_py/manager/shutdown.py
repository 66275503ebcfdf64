"""How a process that was told to end does so: noticed whatever it is at, and in time whatever hangs.

Knows neither Kubernetes nor what is to be ended.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, NoReturn


def stop_at_signals() -> threading.Event:
    """Return an event that SIGTERM and SIGINT set; for the main thread.

    A handler runs in between two steps of the main thread, where setting an event on whose lock that thread has its
    hand would never return. So the handler does nothing, and a thread is woken through a pipe.
    """
    stop = threading.Event()
    reader, writer = os.pipe()
    # set_wakeup_fd demands it: a handler that waits for room in the pipe would block the main thread.
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)

    def wait() -> None:
        os.read(reader, 1)
        stop.set()

    threading.Thread(target=wait, name="signals", daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _ignore)
    return stop


def _ignore(_number: int, _frame: Any) -> None:
    """Leave it to the pipe."""


class Deadline:
    """A moment by which several things together have to be done."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    @property
    def seconds_left(self) -> float:
        """How long there still is; 0 afterwards."""
        return max(self._at - time.monotonic(), 0.0)


def done_within(seconds: float, work: Callable[[], object]) -> bool:
    """Do something in a thread that may be left behind; return whether it was done in time."""
    thread = threading.Thread(target=work, name="last", daemon=True)
    thread.start()
    thread.join(seconds)
    return not thread.is_alive()


def leave(code: int) -> NoReturn:
    """End the process with whatever its threads are at."""
    # Interpreter shutdown may wait for, or fail on, a thread in the middle of a request or of a log line.
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)
