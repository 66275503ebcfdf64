"""The cluster's side of the runtime's socket.

Guarantees: calls return at once; each container's end and each task's end is reported exactly once, on the
reader's thread, and so is the runtime's own end, unless it was asked for; closing kills everything the runtime
started and returns when it is gone.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Killing processes and unmounting takes milliseconds; a machine under load gets this long.
_CLOSE_SECONDS = 20.0


class Unusable(Exception):
    """This machine lets nobody make namespaces: neither root nor user namespaces are to be had."""


class RuntimeClient:
    """Starts the runtime and talks to it."""

    def __init__(self, on_event: Callable[[dict[str, Any]], None], on_lost: Callable[[], None]) -> None:
        self._on_event = on_event
        self._on_lost = on_lost
        self._closing = False
        self._done: dict[str, Callable[[str], None]] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._channel, theirs = socket.socketpair()
        command = [sys.executable, "-S", "-m", "hack.devcluster.node.runtime", str(theirs.fileno())]
        folder = Path(__file__).resolve().parents[3]
        self._process = subprocess.Popen(
            command, cwd=folder, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, env={"LANG": "C.UTF-8"}
        )
        theirs.close()
        self._file = self._channel.makefile("rb")
        first = json.loads(self._file.readline() or b"{}")
        if first.get("event") != "ready":
            self.close()
            raise Unusable(first.get("message", "the runtime did not start"))
        self.user_namespace: bool = first["userNamespace"]
        self._reader = threading.Thread(target=self._read, name="runtime-reader", daemon=True)
        self._reader.start()

    def run(self, name: str, spec: dict[str, Any]) -> None:
        """Start a container; `started` or `failed`, then `exited`, come as events with this id."""
        self._send(op="run", id=name, spec=spec)

    def execute(self, name: str, container: str, words: list[str], address: str) -> None:
        """Start a program in a container; it connects to the address, and events come as for a container."""
        self._send(op="execute", id=name, container=container, words=words, address=address)

    def signal(self, name: str, number: int, *, everybody: bool = False) -> None:
        """Send a signal to a container's first process or to all its processes."""
        self._send(op="signal", id=name, number=number, everybody=everybody)

    def task(self, name: str, done: Callable[[str], None], **args: Any) -> None:
        """Start file work; `done` gets the error, or an empty text."""
        number = f"task-{next(self._numbers)}"
        with self._lock:
            self._done[number] = done
        self._send(op="task", id=number, name=name, args=args)

    def call(self, name: str, *, timeout_seconds: float = 60.0, **args: Any) -> None:
        """Do file work and wait for its end; never from the reader's thread."""
        ended = threading.Event()
        errors: list[str] = []

        def done(error: str) -> None:
            errors.append(error)
            ended.set()

        self.task(name, done, **args)
        if not ended.wait(timeout_seconds):
            raise OSError(f"{name} did not end in {timeout_seconds:.0f} s")
        if errors[0]:
            raise OSError(errors[0])

    def close(self) -> None:
        """Kill everything and wait for the runtime's end."""
        self._closing = True
        with contextlib.suppress(OSError):
            self._channel.shutdown(socket.SHUT_RDWR)
        try:
            self._process.wait(_CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._file.close()
        self._channel.close()

    def _send(self, **request: Any) -> None:
        data = json.dumps(request).encode() + b"\n"
        with self._lock:
            try:
                self._channel.sendall(data)
            except OSError:
                return

    def _read(self) -> None:
        try:
            for line in self._file:
                event = json.loads(line)
                if event["event"] == "done":
                    with self._lock:
                        done = self._done.pop(event["id"])
                    done(event["error"])
                else:
                    self._on_event(event)
        except (OSError, ValueError):
            pass
        with self._lock:
            waiting, self._done = list(self._done.values()), {}
        for done in waiting:
            done("the runtime has ended")
        if not self._closing:
            self._on_lost()
