"""A door in front of the S3 server that can be shut: requests wait behind it, and so do the movers that make them.

Nothing is refused and no connection ends, so a mover is held in the middle of its run for as long as a test wants, and
goes on where it was.
"""

from __future__ import annotations

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
        self._waiting = 0
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def waiting(self) -> int:
        """How many connections have something that is held back."""
        with self._lock:
            return self._waiting

    def shut(self) -> None:
        """Let nothing through any more."""
        self._open.clear()

    def open(self) -> None:
        """Let everything through."""
        self._open.set()

    def stop(self) -> None:
        """End it."""
        self.open()
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                inner, _ = self._listener.accept()
                threading.Thread(target=self._connect, args=(inner,), daemon=True).start()

    def _connect(self, inner: socket.socket) -> None:
        with inner, suppress(OSError), socket.create_connection(("127.0.0.1", self._target)) as outer:
            answers = threading.Thread(target=_carry, args=(outer, inner, lambda: None), daemon=True)
            answers.start()
            _carry(inner, outer, self._pass)
            answers.join()

    def _pass(self) -> None:
        if self._open.is_set():
            return
        with self._lock:
            self._waiting += 1
        self._open.wait()
        with self._lock:
            self._waiting -= 1


def _carry(source: socket.socket, target: socket.socket, before: Callable[[], None]) -> None:
    """Carry one direction to its end, which ends the other one."""
    with suppress(OSError):
        while chunk := source.recv(_CHUNK_BYTES):
            before()
            target.sendall(chunk)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
