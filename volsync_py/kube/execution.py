"""A program that is run in a container, over a websocket: its input, its outputs, and how it ended.

The API server takes the same request as kubectl's; of its two protocols the newer one can end the input by itself.
Every wait has a deadline, and every failure is a `kube.errors.KubeError`. One thread uses one `Execution`.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

import websocket

from volsync_py.bounded_json import read_stored
from volsync_py.kube import errors

STDOUT, STDERR = 1, 2
_STDIN, _STATUS, _CLOSE = 0, 3, 255
_PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
# A handshake with a loaded server, and the kubelet behind it.
_CONNECT_SECONDS = 30.0


class Execution:
    """One program that runs; leaving it ends the connection, and with it the program's input."""

    def __init__(self, connected: websocket.WebSocket) -> None:
        self._socket = connected
        # Set at the end: the program's exit code.
        self.code: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with suppress(Exception):
            self._socket.close(timeout=1)
        # The library lets go of a connection that the other side has ended, and does not close it.
        with suppress(Exception):
            self._socket.shutdown()  # type: ignore[no-untyped-call]

    def write(self, data: bytes) -> None:
        """Send input."""
        try:
            self._socket.send_binary(bytes([_STDIN]) + data)
        except (websocket.WebSocketException, OSError) as error:
            raise errors.Unreachable(f"the connection to the pod was cut off: {error}") from error

    def end_input(self) -> None:
        """Say that this was all of the input, where the protocol can."""
        if self._socket.getsubprotocol() == _PROTOCOLS[0]:
            with suppress(websocket.WebSocketException, OSError):
                self._socket.send_binary(bytes([_CLOSE, _STDIN]))

    def outputs(self, silence_seconds: float) -> Iterator[tuple[int, bytes]]:
        """Return what the program writes, each piece with its channel, until it ends; then `code` says how."""
        self._socket.settimeout(silence_seconds)
        while True:
            frame = self._next(silence_seconds)
            if not frame:
                break
            channel, data = frame[0], frame[1:]
            if channel == _STATUS:
                self.code = _code_of(data)
            elif channel in (STDOUT, STDERR) and data:
                yield channel, data
        if self.code is None:
            raise errors.Unreachable("the connection to the pod was cut off before the program ended")

    def _next(self, silence_seconds: float) -> bytes:
        """Return the next frame, b"" at the end."""
        try:
            kind, data = self._socket.recv_data()
        except websocket.WebSocketTimeoutException:
            raise errors.Unreachable(f"nothing was heard of the pod for {silence_seconds:g} s") from None
        except websocket.WebSocketConnectionClosedException:
            return b""
        except (websocket.WebSocketException, OSError) as error:
            # Who has said how it ended may be gone before it hears a goodbye.
            if self.code is not None:
                return b""
            raise errors.Unreachable(f"the connection to the pod was cut off: {error}") from error
        if kind == websocket.ABNF.OPCODE_CLOSE:
            return b""
        return data if isinstance(data, bytes) else str(data).encode()


def open_execution(
    connection: socket.socket, url: str, command: Sequence[str], container: str, headers: Mapping[str, str]
) -> Execution:
    """Start a program in a container, over a connection to the server that nobody else uses."""
    words = [("command", word) for word in command]
    query = urlencode([*words, ("container", container), ("stdin", "1"), ("stdout", "1"), ("stderr", "1")])
    made = websocket.WebSocket(enable_multithread=True)
    connection.settimeout(_CONNECT_SECONDS)
    given = {key: value for key, value in headers.items() if key != "Accept"}
    try:
        # The library's own way to a server knows less of TLS and of proxies than that of all other requests.
        made.connect(  # type: ignore[no-untyped-call]
            f"{url}?{query}",
            header=given,
            subprotocols=list(_PROTOCOLS),
            suppress_origin=True,
            socket=connection,
            redirect_limit=0,
        )
    except websocket.WebSocketBadStatusException as error:
        connection.close()
        raise _refusal(error) from None
    except (websocket.WebSocketException, OSError, ValueError) as error:
        connection.close()
        raise errors.Unreachable(f"exec: {error}") from None
    return Execution(made)


def _refusal(error: websocket.WebSocketBadStatusException) -> errors.ApiError:
    try:
        body = read_stored(error.resp_body or b"")
    except ValueError:
        body = None
    return errors.from_status(error.status_code, body)


def _code_of(data: bytes) -> int:
    """Return the exit code in the Status at the end; a program that could not be started is an error."""
    try:
        read = read_stored(data)
    except ValueError:
        read = None
    status = read if isinstance(read, dict) else {}
    if status.get("status") == "Success":
        return 0
    causes = (status.get("details") or {}).get("causes") or []
    for cause in causes:
        if isinstance(cause, dict) and cause.get("reason") == "ExitCode" and str(cause.get("message")).isdigit():
            return int(cause["message"])
    raise errors.from_status(int(status.get("code") or 500), status)
