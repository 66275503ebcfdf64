"""The end of a program in a container is known from what was said, not from how the connection went away."""

from __future__ import annotations

import socket
import struct

import pytest
import websocket

from volsync_py.kube.errors import Unreachable
from volsync_py.kube.execution import STDOUT, Execution

SUCCESS = b'\x03{"status": "Success"}'


def frame(kind: int, data: bytes) -> bytes:
    return bytes([0x80 | kind, len(data)]) + data


def heard(sent: bytes) -> tuple[list[tuple[int, bytes]], int | None]:
    """Return what is heard of a server that says this and is gone before it hears anything."""
    ours, theirs = socket.socketpair()
    connected = websocket.WebSocket(enable_multithread=True)
    connected.sock, connected.connected = ours, True
    # A goodbye to who has gone ends in a broken pipe, as it does over TCP.
    theirs.sendall(sent)
    theirs.close()
    with Execution(connected) as running:
        said = list(running.outputs(5))
        return said, running.code


def test_a_server_that_is_gone_after_it_has_told_the_end_is_no_failure() -> None:
    said = frame(2, bytes([STDOUT]) + b"hello") + frame(2, SUCCESS) + frame(8, struct.pack("!H", 1000))
    assert heard(said) == ([(STDOUT, b"hello")], 0)


def test_a_server_that_is_gone_before_it_has_told_the_end_is_a_failure() -> None:
    with pytest.raises(Unreachable):
        heard(frame(2, bytes([STDOUT]) + b"hello") + frame(8, struct.pack("!H", 1000)))
