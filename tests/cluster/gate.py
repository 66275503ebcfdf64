"""A door in front of the S3 server that can be shut: requests wait behind it, and so do the movers that make them.

Nothing is refused and no connection ends, so a mover is held in the middle of its run for as long as a test wants, and
goes on where it was. What a mover that has ended meanwhile had asked for is never passed on.
"""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

_CHUNK_BYTES = 65536


class Gate:
    """Carries connections to a port of 127.0.0.1, while it is open."""

    def __init__(self, port: int, target: int) -> None:
        self._target = target
        self._open = threading.Event()
        self._open.set()
        self._lock = threading.Lock()
        self._held: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def waiting(self) -> int:
        """How many connections have something that is held back, and somebody who waits for it."""
        with self._lock:
            return sum(not _is_left(one) for one in self._held)

    def shut(self) -> None:
        """Let nothing through any more."""
        self._open.clear()

    def open(self) -> None:
        """Let everything through for which somebody waits."""
        self._open.set()

    def stop(self) -> None:
        """End it."""
        self.open()
        # Who waits for a connection keeps the port until he is told.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                inner, _ = self._listener.accept()
                threading.Thread(target=self._connect, args=(inner,), daemon=True).start()

    def _connect(self, inner: socket.socket) -> None:
        with inner, suppress(OSError), socket.create_connection(("127.0.0.1", self._target)) as outer:
            answers = threading.Thread(target=_carry, args=(outer, inner, lambda: True), daemon=True)
            answers.start()
            _carry(inner, outer, lambda: self._may_pass(inner))
            answers.join()

    def _may_pass(self, inner: socket.socket) -> bool:
        """Wait for the gate to be open; return whether somebody still waits for the answer."""
        if self._open.is_set():
            return True
        with self._lock:
            self._held.add(inner)
        self._open.wait()
        with self._lock:
            self._held.discard(inner)
        return not _is_left(inner)


def _is_left(inner: socket.socket) -> bool:
    """Return whether the other side has ended the connection, although what it sent may not have been read yet."""
    poll = select.poll()
    poll.register(inner, select.POLLRDHUP)
    return bool(poll.poll(0))


def _carry(source: socket.socket, target: socket.socket, may_pass: Callable[[], bool]) -> None:
    """Carry one direction to its end, which ends the other one."""
    with suppress(OSError):
        while (chunk := source.recv(_CHUNK_BYTES)) and may_pass():
            target.sendall(chunk)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
