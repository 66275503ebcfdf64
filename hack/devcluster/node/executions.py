"""Programs that somebody runs in a container beside its own: started, joined to three sockets, and awaited.

Guarantees: the program is in all namespaces of the container and has its user and rights; it ends with the container;
its end is known when both of its outputs have been read.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
import uuid
from typing import Any

from hack.devcluster.node.runtime_client import RuntimeClient

_STDIN, _STDOUT, _STDERR = range(3)
# A container's process starts within milliseconds; a machine under load gets this long.
_START_SECONDS = 20.0


class Program:
    """One program that runs."""

    def __init__(self) -> None:
        self.code, self.error = 0, ""
        self._sockets: dict[int, socket.socket] = {}
        self._ended, self._copied = threading.Event(), threading.Event()

    def join(self, listener: socket.socket) -> None:
        """Take the three connections of the program."""
        listener.settimeout(_START_SECONDS)
        for _ in range(3):
            one, _ = listener.accept()
            one.settimeout(None)
            self._sockets[one.recv(1)[0]] = one

    def ended(self, event: dict[str, Any]) -> bool:
        """Take note of an event; return whether it was the last."""
        if event["event"] == "failed":
            self.error = event["message"]
        elif event["event"] == "exited":
            self.code = event["code"]
            self._ended.set()
            return True
        return False

    def output(self, channel: int) -> socket.socket:
        """Return an output; who reads it closes it."""
        return self._sockets[channel]

    def copied(self, channel: int) -> None:
        """Take note that an output has been handed on to its end."""
        if channel == _STDERR:
            self._copied.set()

    def wait(self) -> None:
        """Wait for the end."""
        self._copied.wait()
        self._ended.wait()
        self.end_input()
        self._sockets[_STDIN].close()

    def write(self, data: bytes) -> None:
        """Give the program input; one that has ended takes none."""
        with contextlib.suppress(OSError):
            self._sockets[_STDIN].sendall(data)

    def end_input(self) -> None:
        """End the program's input."""
        with contextlib.suppress(OSError):
            self._sockets[_STDIN].shutdown(socket.SHUT_WR)


class Executions:
    """All of a node."""

    def __init__(self) -> None:
        self._programs: dict[str, Program] = {}
        self._numbers = itertools.count(1)

    def start(self, runtime: RuntimeClient, process: str, words: list[str]) -> Program:
        """Start a program in the container whose process has that id."""
        program, name = Program(), f"exec-{next(self._numbers)}"
        # An address in no folder: the runtime sees other mounts than we do.
        address = f"devcluster-{uuid.uuid4()}"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"\0{address}")
            listener.listen(3)
            self._programs[name] = program
            runtime.execute(name, process, words, address)
            program.join(listener)
        return program

    def take(self, event: dict[str, Any]) -> bool:
        """Return whether an event was about one of them."""
        program = self._programs.get(event["id"])
        if program is not None and program.ended(event):
            del self._programs[event["id"]]
        return program is not None
