"""The pod that waits for questions about a repository: it ends by itself, whatever becomes of who asks.

Each question is answered by a program of its own in this container (`answering.py`), which holds a connection to a
socket here for as long as it works, and says at its end how long the pod is to wait after it. A program that dies lets
go of its connection, as does one whose command was killed: its standard input ends then. Nothing is asked of a pod that
has decided to end, because nobody listens to its socket any more. Whoever ends it says only that it need not wait any
more: who is being answered for another command is not cut off.
"""

from __future__ import annotations

import selectors
import socket
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from attrs import define, field

from volsync_py.bounded_json import Unreadable, read_json
from volsync_py.contract.questions import ASK, BY_ANOTHER, FIRST_WAIT, LONGEST_WAIT_SECONDS, SOCKET
from volsync_py.pod.signals import Stop

# Who has started the pod sees it run within a second or two, and has a program started in it a few round trips later;
# who was killed meanwhile never does, and the pod is to be gone five seconds after that.
_FIRST_SECONDS = 2.5
# A program that has been started, and has not said yet that it asks, is still being loaded on a busy node.
_LOADING_SECONDS = 30.0
# A command may have several questions, one right after the other: a few round trips, and then a program is loaded.
# A program that has answered needs no longer to end.
_BETWEEN_SECONDS = 1.0
# How often is looked whether a signal has come; a signal cuts a wait short only where its handler raises.
_LOOK_SECONDS = 0.25
# More questions at once than a person has.
_MOST_WAITING = 64
_LONGEST_WORD_BYTES = 64


def wait(environ: Mapping[str, str], stop: Stop, path: str = SOCKET, processes: str = "/proc") -> int:
    """Wait until nobody asks any more, and return the exit code."""
    first = _seconds(environ.get(FIRST_WAIT, "0")) or _FIRST_SECONDS
    unheard = f"{path}.new"
    for one in (path, unheard):
        Path(one).unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener, selectors.DefaultSelector() as selector:
        listener.bind(unheard)
        listener.listen(_MOST_WAITING)
        # Nobody is refused by a socket that is not listened to yet.
        Path(unheard).rename(path)
        listener.setblocking(False)
        selector.register(listener, selectors.EVENT_READ)
        sys.stdout.write("waiting for questions\n")
        sys.stdout.flush()
        _Waiting(listener, selector, first, Path(processes)).until_the_end(stop)
    return 0


@define
class Patience:
    """Until when another question is waited for, as long as none is being answered; times are seconds of one clock."""

    begun: float
    first_seconds: float = _FIRST_SECONDS
    until: float = field(init=False)
    # Who has answered is given until then to say so, and to end, before it is ended with the pod.
    leaves: float = field(init=False, default=0.0)
    # Whether others are to be answered by another pod, whoever is answered still.
    over: bool = field(init=False, default=False)
    # What an earlier question has asked for holds, whatever a later one says.
    _kept_until: float = field(init=False, default=0.0)

    def __attrs_post_init__(self) -> None:
        self.until = self.begun + self.first_seconds

    def ended(self, now: float, seconds: float) -> None:
        """Take note that a question has its answer, after which the pod is to wait for so long, or no longer if < 0."""
        self.over = self.over or seconds == BY_ANOTHER
        kept = max(self._kept_until, now + seconds) if seconds >= 0 else now
        self._kept_until = min(kept, self.begun + LONGEST_WAIT_SECONDS)
        self.leaves = now + _BETWEEN_SECONDS
        self.until = now if self.over or seconds < 0 else max(self._kept_until, self.leaves)

    def waits(self, now: float, is_loading: Callable[[], bool]) -> bool:
        """Return whether another question is waited for, also one whose program has been started and is loading."""
        if now < self.until:
            return True
        return self.hears(now) and now < self.until + _LOADING_SECONDS and is_loading()

    def hears(self, now: float) -> bool:
        """Return whether another question is taken: none by a pod that is to end, or that is old."""
        return not self.over and now < self.begun + LONGEST_WAIT_SECONDS


class _Waiting:
    """The questions that are being answered, and until when another one is waited for."""

    def __init__(
        self, listener: socket.socket, selector: selectors.BaseSelector, first_seconds: float, processes: Path
    ) -> None:
        self._listener, self._selector, self._processes = listener, selector, processes
        self._asking: dict[socket.socket, float] = {}
        self._patience = Patience(time.monotonic(), first_seconds)

    def until_the_end(self, stop: Stop) -> None:
        """Return when it is time to end."""
        while not stop.told and (self._asking or self._patience.waits(time.monotonic(), self._is_loading)):
            if not self._patience.hears(time.monotonic()):
                self._take_no_more()
            for key, _ in self._selector.select(_LOOK_SECONDS):
                if key.fileobj is self._listener:
                    self._begin()
                else:
                    self._hear(key.fileobj)  # type: ignore[arg-type]
        self._take_no_more()
        while not stop.told and time.monotonic() < self._patience.leaves:
            time.sleep(_LOOK_SECONDS)

    def _is_loading(self) -> bool:
        """Return whether a program that answers is there."""
        return any(_is_to_answer(one) for one in self._processes.glob("[0-9]*/cmdline"))

    def _take_no_more(self) -> None:
        """Refuse further questions: whoever asks them is answered by another pod."""
        if self._listener.fileno() >= 0:
            self._selector.unregister(self._listener)
            self._listener.close()

    def _begin(self) -> None:
        try:
            asking, _ = self._listener.accept()
        except OSError:
            return
        asking.setblocking(False)
        self._asking[asking] = 0.0
        self._selector.register(asking, selectors.EVENT_READ)

    def _hear(self, asking: socket.socket) -> None:
        """Take note of how long the pod is to wait after a question, or of the question's end."""
        try:
            said = asking.recv(_LONGEST_WORD_BYTES)
        except OSError:
            said = b""
        if said:
            self._asking[asking] = _seconds(said.decode(errors="replace"))
            return
        self._selector.unregister(asking)
        asking.close()
        self._patience.ended(time.monotonic(), self._asking.pop(asking))


def _is_to_answer(command_line: Path) -> bool:
    try:
        words = command_line.read_bytes().split(b"\0")
    except OSError:
        # It has just ended.
        return False
    return words[-2:] == [ASK.encode(), b""]


def _seconds(text: str) -> float:
    """Return a number of seconds, 0 for what is none, and less where the pod need not wait any more."""
    try:
        found = read_json(text, most=_LONGEST_WORD_BYTES)
    except Unreadable:
        return 0.0
    fits = isinstance(found, int | float) and not isinstance(found, bool)
    return min(max(float(found), BY_ANOTHER), LONGEST_WAIT_SECONDS) if fits else 0.0
